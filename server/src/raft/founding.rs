//! The first election of a cluster.
//!
//! A founder that has written down who the members are stands for election at once. Founders are usually started at the
//! same time: each would vote for itself, and it would take timeouts until one of them wins; and one that is a moment
//! earlier than the others would ask nobody and wait for its timeout. So a founder first waits until a majority is there,
//! and then for its turn, in the order of ids, so that the first one leads before the second one stands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{InitializeError, RaftError};
use openraft::{BasicNode, Raft};
use tokio::time::Instant;

use super::state_machine::Applying;
use super::{TypeConfig, node_of};
use crate::transport::wire::{ProbeRequest, ProbeResponse};
use crate::transport::{Call, Peers};

/// Pause before a founder that was not there is asked again.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

/// Time it has to answer.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);

/// Turns in one election timeout. An election takes two answers and two disk writes; a turn leaves time for several.
const TURNS_PER_ELECTION: u32 = 5;

/// A founder that has no log yet.
pub(super) struct Founder {
    pub(super) id: u64,
    pub(super) founders: BTreeMap<u64, Vec<String>>,
    pub(super) raft: Raft<TypeConfig, Applying>,
    pub(super) peers: Arc<Peers>,
    /// The longest that others are waited for: a founder that is alone stands too, in case the others only hear and do
    /// not ask.
    pub(super) election_timeout: Duration,
}

impl Founder {
    /// Waits for the others and for its turn, then writes down who the members are, unless somebody leads by then.
    pub(super) async fn found_in_turn(self) {
        for (id, urls) in self.founders.iter().filter(|(id, _)| **id != self.id) {
            self.peers.place(*id, urls);
        }
        let there = tokio::time::timeout(self.election_timeout, self.majority()).await;
        if there.is_err() {
            tracing::info!("waiting for the other founders of the cluster");
        }
        let rank = self.founders.keys().take_while(|id| **id < self.id).count();
        let turn = self.election_timeout / TURNS_PER_ELECTION * u32::try_from(rank).unwrap_or(u32::MAX);
        if self.led_before(Instant::now() + turn).await {
            return;
        }
        if let Err(error) = self.found().await {
            tracing::error!(error, "the cluster cannot be founded");
        }
    }

    /// Writes down who the members are, and stands for election.
    pub(super) async fn found(&self) -> Result<(), String> {
        let members: BTreeMap<u64, BasicNode> =
            self.founders.iter().map(|(id, urls)| (*id, node_of(urls))).collect();
        match self.raft.initialize(members).await {
            // Another founder was faster, and has sent its log.
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Returns when more than half of the founders are there.
    async fn majority(&self) {
        let others = self.founders.keys().filter(|id| **id != self.id);
        let mut answers: FuturesUnordered<_> = others.map(|id| self.answered(*id)).collect();
        let mut there = 1;
        while there * 2 <= self.founders.len() && answers.next().await.is_some() {
            there += 1;
        }
    }

    /// Returns when a founder has answered.
    async fn answered(&self, id: u64) {
        loop {
            let asked =
                self.peers.ask::<_, ProbeResponse>(id, Call::Probe, ProbeRequest {}, LOOK_TIMEOUT).await;
            if asked.is_ok() {
                return;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Whether somebody leads before this time, which is waited for otherwise.
    async fn led_before(&self, deadline: Instant) -> bool {
        let mut metrics = self.raft.server_metrics();
        loop {
            if metrics.borrow_and_update().current_leader.is_some() {
                return true;
            }
            match tokio::time::timeout_at(deadline, metrics.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_stopped)) => return true,
                Err(_elapsed) => return false,
            }
        }
    }
}
