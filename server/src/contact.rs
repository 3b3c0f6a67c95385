//! Who of the members is there, and since when: asked by those who change the members, lest a change take away a
//! majority that is just there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::raft::RaftNode;
use crate::transport::wire::{ProbeRequest, ProbeResponse};
use crate::transport::{Call, Peers};

/// How often the others are asked.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// Time they have to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Since when each member has answered every time.
#[derive(Debug)]
pub(crate) struct Contact {
    member_id: u64,
    raft: RaftNode,
    peers: Arc<Peers>,
    since: Mutex<HashMap<u64, Instant>>,
}

impl Contact {
    /// Nobody has been asked yet. The id is that of this member.
    pub(crate) fn new(member_id: u64, raft: RaftNode, peers: Arc<Peers>) -> Self {
        Contact { member_id, raft, peers, since: Mutex::default() }
    }

    /// Asks until `stopping`. A cluster of one asks nobody.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(PROBE_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut members = self.raft.members();
        loop {
            let others: Vec<u64> = members
                .borrow_and_update()
                .nodes
                .keys()
                .filter(|id| **id != self.member_id)
                .copied()
                .collect();
            self.since.lock().retain(|id, _| others.contains(id));
            let round = async {
                if others.is_empty() {
                    let _ = members.changed().await;
                    return;
                }
                futures::future::join_all(others.iter().map(|id| self.probe(*id))).await;
                tick.tick().await;
            };
            tokio::select! {
                () = stopping.cancelled() => return,
                () = round => {}
            }
        }
    }

    async fn probe(&self, id: u64) {
        let asked = self.peers.ask::<_, ProbeResponse>(id, Call::Probe, ProbeRequest {}, PROBE_TIMEOUT).await;
        let mut since = self.since.lock();
        match asked {
            Ok(_) => {
                since.entry(id).or_insert_with(Instant::now);
            }
            Err(error) => {
                if since.remove(&id).is_some() {
                    tracing::warn!(remote_peer_id = format!("{id:x}"), %error, "lost contact with a member");
                }
            }
        }
    }

    /// Whether a member answers.
    pub(crate) fn is_there(&self, id: u64) -> bool {
        id == self.member_id || self.since.lock().contains_key(&id)
    }

    /// How many of these have been there for at least `period`.
    pub(crate) fn there_for(&self, ids: &[u64], period: Duration) -> usize {
        let since = self.since.lock();
        let there =
            |id: &&u64| **id == self.member_id || since.get(*id).is_some_and(|at| at.elapsed() >= period);
        ids.iter().filter(there).count()
    }
}
