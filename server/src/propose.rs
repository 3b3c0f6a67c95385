//! Admission of writes: from a request to an applied log entry.
//!
//! A server that takes in more than it can apply helps nobody: memory grows, every request times out,
//! and none of them can be told from one that took effect. So what cannot be carried is refused at the
//! door, with an error that says it was not executed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest};
use prost::Message;
use tokio::time::{Instant, timeout_at};

use crate::backend::Backend;
use crate::command::{Applied, Caller, Command, Operation};
use crate::raft::{ProposeError, RaftNode};

/// Committed entries that may wait to be applied, as in etcd.
const APPLY_LAG_MAX: u64 = 5_000;

/// Bytes of requests that may be on their way through consensus: enough for thousands of usual requests,
/// and for dozens of the largest.
const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What an entry of etcd carries besides the request: a request id. Counted so that the largest value
/// accepted is the same.
const ENTRY_OVERHEAD_BYTES: usize = 14;

/// What a key costs besides its bytes and its value's, as etcd estimates it.
const KEY_OVERHEAD_BYTES: u64 = 256;

/// What a lease costs, as etcd estimates it.
const LEASE_BYTES: u64 = 64;

/// Why a write was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// An error of the API, from admission or from the state machine.
    #[error(transparent)]
    Api(#[from] EtcdError),
    /// The log cannot be written any more. Nothing is acknowledged from now on; what was, is safe.
    #[error(
        "etcdserver: storage failed, writes are refused until the cause is removed and the server restarted: {0}"
    )]
    Storage(String),
}

/// Bounds on what is admitted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a request.
    pub request_bytes_max: usize,
    /// Stored bytes at which writes are refused.
    pub quota_bytes: Option<u64>,
    /// The longest a request waits.
    pub timeout: Duration,
}

/// Takes writes to consensus. Cheap to clone.
#[derive(Clone)]
pub struct Proposer {
    shared: Arc<Shared>,
}

struct Shared {
    raft: RaftNode,
    backend: Backend,
    limits: Limits,
    stopped: AtomicBool,
    pending_bytes: AtomicUsize,
    /// Bytes stored when last measured, and the cost of what was admitted since.
    stored_bytes: AtomicU64,
}

impl Proposer {
    /// A proposer on this node; `backend` is asked for its size.
    pub fn new(raft: RaftNode, backend: Backend, limits: Limits) -> Self {
        let shared = Shared {
            raft,
            backend,
            limits,
            stopped: AtomicBool::new(false),
            pending_bytes: AtomicUsize::new(0),
            stored_bytes: AtomicU64::new(0),
        };
        Proposer { shared: Arc::new(shared) }
    }

    /// Returns when the command has been applied, with the state machine's answer.
    ///
    /// An error of admission means that nothing happened. A timeout, or a caller that stops waiting, leaves
    /// open whether the command takes effect.
    pub async fn propose(&self, operation: Operation) -> Result<Applied, ProposalError> {
        self.propose_for(None, operation).await
    }

    /// As [`Self::propose`], for a caller whose rights are asked again when the command is applied.
    pub async fn propose_for(
        &self,
        caller: Option<Caller>,
        operation: Operation,
    ) -> Result<Applied, ProposalError> {
        self.admit_cost(cost(&operation))?;
        let command = Command { operation: Some(operation), caller };
        let bytes = command.encoded_len() + ENTRY_OVERHEAD_BYTES;
        if bytes > self.shared.limits.request_bytes_max {
            return Err(EtcdError::RequestTooLarge.into());
        }
        let _pending = self.admit(bytes)?;
        let deadline = Instant::now() + self.shared.limits.timeout;
        match timeout_at(deadline, self.to_leader(command)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(EtcdError::Timeout.into()),
        }
    }

    /// Refuses everything from now on.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
    }

    /// Reads how much is stored. Called now and then, because an engine counts its pages for it.
    pub fn measure(&self) {
        if let Ok(size) = self.shared.backend.size() {
            self.shared.stored_bytes.store(size.total_bytes, Ordering::Relaxed);
        }
    }

    fn admit_cost(&self, cost: u64) -> Result<(), ProposalError> {
        let (Some(quota), false) = (self.shared.limits.quota_bytes, cost == 0) else {
            return Ok(());
        };
        let stored = self.shared.stored_bytes.fetch_add(cost, Ordering::Relaxed);
        if stored.saturating_add(cost) < quota {
            return Ok(());
        }
        self.shared.stored_bytes.fetch_sub(cost, Ordering::Relaxed);
        Err(EtcdError::NoSpace.into())
    }

    fn admit(&self, bytes: usize) -> Result<Pending<'_>, ProposalError> {
        if self.shared.stopped.load(Ordering::Acquire) {
            return Err(EtcdError::Stopped.into());
        }
        if self.shared.raft.apply_backlog() > APPLY_LAG_MAX {
            return Err(EtcdError::TooManyRequests.into());
        }
        let pending = Pending { shared: &self.shared, bytes };
        let others = self.shared.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        if others > 0 && others + bytes > PENDING_BYTES_MAX {
            return Err(EtcdError::TooManyRequests.into());
        }
        Ok(pending)
    }

    /// Proposes, and waits for a leader where there is none: without one nothing has been logged.
    async fn to_leader(&self, command: Command) -> Result<Applied, ProposalError> {
        let mut changes = self.shared.raft.changes();
        loop {
            changes.mark_unchanged();
            match self.shared.raft.propose(command.clone()).await {
                Ok(outcome) => return Ok(outcome?),
                Err(ProposeError::NotLeader { .. }) => {
                    if changes.changed().await.is_err() {
                        return Err(EtcdError::Stopped.into());
                    }
                }
                Err(ProposeError::LeaderChanged { .. }) => return Err(EtcdError::TimeoutLeaderFailure.into()),
                Err(ProposeError::Stopped) => return Err(EtcdError::Stopped.into()),
                Err(ProposeError::Storage(cause)) => return Err(ProposalError::Storage(cause)),
            }
        }
    }
}

/// Gives the bytes back when the request is answered or given up.
struct Pending<'a> {
    shared: &'a Shared,
    bytes: usize,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.shared.pending_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What a command may add to the stored bytes. Deleting and compacting are free, so that a full server
/// can be emptied.
fn cost(operation: &Operation) -> u64 {
    match operation {
        Operation::Put(put) => put_cost(put),
        Operation::Txn(txn) => txn_cost(txn),
        Operation::LeaseGrant(_) => LEASE_BYTES,
        Operation::DeleteRange(_)
        | Operation::Compact(_)
        | Operation::LeaseRevoke(_)
        | Operation::Auth(_) => 0,
    }
}

fn put_cost(put: &PutRequest) -> u64 {
    KEY_OVERHEAD_BYTES + put.key.len() as u64 + put.value.len() as u64
}

fn txn_cost(txn: &TxnRequest) -> u64 {
    branch_cost(&txn.success).max(branch_cost(&txn.failure))
}

fn branch_cost(branch: &[RequestOp]) -> u64 {
    branch
        .iter()
        .map(|op| match &op.request {
            Some(Request::RequestPut(put)) => put_cost(put),
            Some(Request::RequestTxn(txn)) => txn_cost(txn),
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn put(key: &'static str, value: &'static str) -> RequestOp {
        let put = PutRequest { key: Bytes::from(key), value: Bytes::from(value), ..Default::default() };
        RequestOp { request: Some(Request::RequestPut(put)) }
    }

    #[test]
    fn the_dearer_branch_of_a_transaction_counts_with_all_in_it() {
        let nested = TxnRequest { compare: vec![], success: vec![put("abc", "")], failure: vec![] };
        let txn = TxnRequest {
            compare: vec![],
            success: vec![put("a", "1")],
            failure: vec![put("a", "12"), RequestOp { request: Some(Request::RequestTxn(nested)) }],
        };
        assert_eq!(cost(&Operation::Txn(txn)), 256 + 3 + 256 + 3);
    }
}
