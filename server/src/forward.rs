//! The way to the leader: what a follower cannot decide itself, it asks there.
//!
//! Three things are told apart with care. A request that was not sent, or that the other member refused because it does
//! not lead, was not executed, and is sent again when there is a leader. One that was sent and not answered may have
//! been executed, and is never sent again. And an answer counts here only once the local state has reached it, so that
//! a client finds what it wrote on the member that it wrote to.

mod batches;

use std::sync::Arc;
use std::time::Duration;

use prost::Message;

use batches::Batches;

use crate::command::{Command, Outcome};
use crate::raft::{ProposeError, RaftNode, ReadError, Witness};
use crate::transport::wire::{self, FailureKind, LeaderFailure};
use crate::transport::{Call, CallError, Peers};

/// Asks the leader. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Forwarder {
    pub(crate) raft: RaftNode,
    pub(crate) peers: Arc<Peers>,
    /// The longest an answer is waited for.
    pub(crate) timeout: Duration,
    batches: Batches,
}

/// Why the leader did not answer as one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ForwardError {
    /// Nothing was done: there is no leader, or the one that was asked is none, or could not be reached.
    #[error("the leader could not be asked")]
    NoLeader,
    /// A majority does not answer the leader; nothing was done.
    #[error("a majority of the members does not answer")]
    NoQuorum,
    /// The leader has too much to do; nothing was done.
    #[error("the leader is busy")]
    Busy,
    /// The leader lost its office meanwhile: it may have been done.
    #[error("the leader changed")]
    LeaderChanged,
    /// The answer did not come: it may have been done.
    #[error("the answer of the leader was lost: {0}")]
    Lost(String),
}

impl Forwarder {
    /// A way from this member, whose answers are waited for no longer than `timeout`.
    pub(crate) fn new(raft: RaftNode, peers: Arc<Peers>, timeout: Duration) -> Self {
        Forwarder { raft, peers, timeout, batches: Batches::default() }
    }

    /// Has the leader put a command into the log; returns when it has been applied here.
    pub(crate) async fn propose(&self, leader: u64, command: &Command) -> Result<Outcome, ForwardError> {
        let (answered, carry) = self.batches.join(leader, command.encode_to_vec().into());
        if carry {
            tokio::spawn(self.clone().carry(leader));
        } else if !self.leads(leader) {
            // It changed before the command was in the queue, and nobody else will say so.
            self.batches.turn_away(leader);
        }
        let stops = || ForwardError::Lost("this member stops".to_owned());
        let (index, outcome) = answered.await.unwrap_or_else(|_dropped| Err(stops()))?;
        self.raft.applied(index).await;
        Ok(outcome)
    }

    /// Sends what waits until nothing does. A leader may be paused or cut off and not answer; who has not been sent does
    /// not wait for it once there is another.
    async fn carry(self, leader: u64) {
        let mut changes = self.raft.changes();
        while let Some(mut batch) = self.batches.take(leader) {
            let request = wire::ProposeRequest { commands: std::mem::take(&mut batch.commands) };
            let asked = self.ask(leader, Call::Propose, request);
            tokio::pin!(asked);
            let asked = loop {
                tokio::select! {
                    asked = &mut asked => break asked,
                    Ok(()) = changes.changed() => if !self.leads(leader) {
                        self.batches.turn_away(leader);
                    },
                }
            };
            batch.answer(asked.map(|response: wire::ProposeResponse| response.answers));
        }
    }

    /// Whether that is whom this member follows.
    fn leads(&self, leader: u64) -> bool {
        self.raft.changes().borrow().leader == Some(leader)
    }

    /// Returns when the local state holds all that was acknowledged anywhere before the call.
    pub(crate) async fn read_index(&self, leader: u64) -> Result<(), ForwardError> {
        let Witness { member_id, voted_term } = self.raft.witness();
        let request = wire::ReadIndexRequest { member_id, voted_term };
        let asked = self.ask(leader, Call::ReadIndex, request).await;
        let response: wire::ReadIndexResponse = asked?;
        if let Some(failure) = response.failure {
            return Err(failed(failure));
        }
        self.raft.applied(response.index).await;
        Ok(())
    }

    /// Asks the leader about a lease, or to renew it.
    pub(crate) async fn lease(
        &self,
        leader: u64,
        id: i64,
        renew: bool,
    ) -> Result<wire::LeaseResponse, ForwardError> {
        let request = wire::LeaseRequest { id, renew };
        let mut response: wire::LeaseResponse = self.ask(leader, Call::Lease, request).await?;
        match response.failure.take() {
            Some(failure) => Err(failed(failure)),
            None => Ok(response),
        }
    }

    /// Asks the leader how far a member has followed.
    pub(crate) async fn following(
        &self,
        leader: u64,
        member_id: u64,
    ) -> Result<wire::FollowingResponse, ForwardError> {
        let request = wire::FollowingRequest { member_id };
        let mut response: wire::FollowingResponse = self.ask(leader, Call::Following, request).await?;
        match response.failure.take() {
            Some(failure) => Err(failed(failure)),
            None => Ok(response),
        }
    }

    async fn ask<Req, Res>(&self, leader: u64, call: Call, request: Req) -> Result<Res, ForwardError>
    where
        Req: Message + 'static,
        Res: Message + Default + 'static,
    {
        self.peers.ask(leader, call, request, self.timeout).await.map_err(|error| match error {
            CallError::Unsent { .. } | CallError::Refused { .. } => {
                tracing::debug!(%error, "the leader could not be asked");
                ForwardError::NoLeader
            }
            CallError::Lost { reason, .. } => ForwardError::Lost(reason),
        })
    }
}

fn failed(failure: LeaderFailure) -> ForwardError {
    match failure.kind() {
        FailureKind::NotLeader => ForwardError::NoLeader,
        FailureKind::NoQuorum => ForwardError::NoQuorum,
        FailureKind::Busy => ForwardError::Busy,
        FailureKind::LeaderChanged => ForwardError::LeaderChanged,
        FailureKind::Stopped | FailureKind::Storage | FailureKind::Unknown => {
            ForwardError::Lost(failure.reason)
        }
    }
}

/// What a leader tells one that asked it to propose.
pub(crate) fn propose_failure(error: ProposeError) -> LeaderFailure {
    let reason = error.to_string();
    let (kind, leader) = match error {
        ProposeError::NotLeader { leader } => (FailureKind::NotLeader, leader),
        ProposeError::LeaderChanged { leader } => (FailureKind::LeaderChanged, leader),
        ProposeError::Stopped => (FailureKind::Stopped, None),
        ProposeError::Storage(_) => (FailureKind::Storage, None),
    };
    LeaderFailure { kind: kind as i32, leader: leader.unwrap_or(0), reason }
}

/// What a leader tells one that asked for its position.
pub(crate) fn read_failure(error: ReadError) -> LeaderFailure {
    let reason = error.to_string();
    let (kind, leader) = match error {
        ReadError::NotLeader { leader } => (FailureKind::NotLeader, leader),
        ReadError::NoQuorum => (FailureKind::NoQuorum, None),
        ReadError::Stopped => (FailureKind::Stopped, None),
        ReadError::Storage(_) => (FailureKind::Storage, None),
    };
    LeaderFailure { kind: kind as i32, leader: leader.unwrap_or(0), reason }
}
