//! Admission of writes: from a request to an applied log entry.
//!
//! A server that takes in more than it can apply helps nobody: memory grows, every request times out,
//! and none of them can be told from one that took effect. So what cannot be carried is refused at the
//! door, with an error that says it was not executed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{AlarmRequest, AlarmType};
use prometheus::IntGauge;
use prost::Message;
use tokio::time::{Instant, timeout_at};

use crate::alarm::Alarms;
use crate::backend::Backend;
use crate::command::{Applied, Caller, Command, Operation, Outcome};
use crate::forward::{ForwardError, Forwarder};
use crate::metrics::Metrics;
use crate::raft::{ProposeError, RaftNode};

/// Committed entries that may wait to be applied, as in etcd.
const APPLY_LAG_MAX: u64 = 5_000;

/// Bytes of requests that may be on their way through consensus: enough for thousands of usual requests,
/// and for dozens of the largest.
const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Pause before a leader is looked for again where nothing tells that there is a new one: it may have been cut off from
/// the others, or this member from it, for a moment.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// What an entry of etcd carries besides the request: a request id. Counted so that the largest value
/// accepted is the same.
const ENTRY_OVERHEAD_BYTES: usize = 14;

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

impl ProposalError {
    /// Whether consensus gave no answer, rather than the state machine a bad one.
    fn is_of_consensus(&self) -> bool {
        match self {
            ProposalError::Storage(_) => true,
            ProposalError::Api(error) => {
                matches!(error, EtcdError::Timeout | EtcdError::TimeoutLeaderFailure | EtcdError::Stopped)
            }
        }
    }
}

/// Bounds on what is admitted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a request.
    pub request_bytes_max: usize,
    /// This member, for the alarms it raises.
    pub member_id: u64,
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
    forwarder: Forwarder,
    backend: Backend,
    alarms: Arc<Alarms>,
    limits: Limits,
    stopped: AtomicBool,
    pending_bytes: AtomicUsize,
    /// Bytes stored when last measured, and the cost of what was admitted since.
    stored_bytes: AtomicU64,
}

impl Proposer {
    /// A proposer on this node; `backend` is asked for its size.
    pub(crate) fn new(forwarder: Forwarder, backend: Backend, alarms: Arc<Alarms>, limits: Limits) -> Self {
        let shared = Shared {
            raft: forwarder.raft.clone(),
            forwarder,
            backend,
            alarms,
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
        self.admit_cost(operation.stored_cost()).await?;
        self.submit(Command { operation: Some(operation), caller }).await
    }

    async fn submit(&self, command: Command) -> Result<Applied, ProposalError> {
        let bytes = command.encoded_len() + ENTRY_OVERHEAD_BYTES;
        if bytes > self.shared.limits.request_bytes_max {
            return Err(EtcdError::RequestTooLarge.into());
        }
        let _pending = self.admit(bytes)?;
        let name = command.operation.as_ref().map_or("unknown", Operation::name);
        let requests = &self.metrics().requests;
        let begun = Instant::now();
        let waiting = Waiting::of(&requests.proposals_pending);
        let outcome = timeout_at(begun + self.shared.limits.timeout, self.to_leader(command)).await;
        drop(waiting);
        let outcome = outcome.unwrap_or_else(|_elapsed| Err(EtcdError::Timeout.into()));
        // The state machine's own answer, good or bad, is no failure of the proposal.
        let failed = matches!(&outcome, Err(error) if error.is_of_consensus());
        requests.proposals_failed.inc_by(u64::from(failed));
        requests.request.observe(name, !failed, begun.elapsed());
        outcome
    }

    /// Where requests are counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        self.shared.backend.metrics()
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

    /// Refuses what would not fit, and raises the alarm that keeps refusing it until somebody has looked.
    async fn admit_cost(&self, cost: u64) -> Result<(), ProposalError> {
        if self.fits(cost) {
            return Ok(());
        }
        if !self.shared.alarms.is_raised(AlarmType::Nospace) {
            let alarm = AlarmRequest {
                action: AlarmAction::Activate as i32,
                member_id: self.shared.limits.member_id,
                alarm: AlarmType::Nospace as i32,
            };
            // What stops the alarm stops the write too, and says so.
            let command = Command { operation: Some(Operation::Alarm(alarm)), caller: None };
            self.submit(command).await?;
        }
        Err(EtcdError::NoSpace.into())
    }

    fn fits(&self, cost: u64) -> bool {
        let (Some(quota), false) = (self.shared.limits.quota_bytes, cost == 0) else {
            return true;
        };
        let stored = self.shared.stored_bytes.fetch_add(cost, Ordering::Relaxed);
        if stored.saturating_add(cost) < quota {
            return true;
        }
        self.shared.stored_bytes.fetch_sub(cost, Ordering::Relaxed);
        false
    }

    fn admit(&self, bytes: usize) -> Result<Pending<'_>, ProposalError> {
        if self.shared.stopped.load(Ordering::Acquire) {
            return Err(EtcdError::Stopped.into());
        }
        if self.is_busy() {
            return Err(EtcdError::TooManyRequests.into());
        }
        let pending = Pending { shared: &self.shared, bytes };
        let others = self.shared.pending_bytes.fetch_add(bytes, Ordering::Relaxed);
        if others > 0 && others + bytes > PENDING_BYTES_MAX {
            return Err(EtcdError::TooManyRequests.into());
        }
        Ok(pending)
    }

    /// Whether this member has too much to apply to take more.
    pub(crate) fn is_busy(&self) -> bool {
        self.shared.raft.apply_backlog() > APPLY_LAG_MAX
    }

    /// Puts a command into the log of this member for another one that believes that it leads.
    pub(crate) async fn propose_here(&self, command: Command) -> Result<(u64, Outcome), ProposeError> {
        self.shared.raft.place(command).await
    }

    /// Proposes here or at the leader, and waits for a leader where there is none: without one nothing has been logged.
    async fn to_leader(&self, command: Command) -> Result<Applied, ProposalError> {
        let mut changes = self.shared.raft.changes();
        loop {
            let leadership = *changes.borrow_and_update();
            match leadership.leader.filter(|_| !leadership.is_leader) {
                None => match self.shared.raft.propose(command.clone()).await {
                    Ok(outcome) => return Ok(outcome?),
                    Err(ProposeError::NotLeader { .. }) => {}
                    Err(ProposeError::LeaderChanged { .. }) => {
                        return Err(EtcdError::TimeoutLeaderFailure.into());
                    }
                    Err(ProposeError::Stopped) => return Err(EtcdError::Stopped.into()),
                    Err(ProposeError::Storage(cause)) => return Err(ProposalError::Storage(cause)),
                },
                Some(leader) => match self.shared.forwarder.propose(leader, &command).await {
                    Ok(outcome) => return Ok(outcome?),
                    Err(ForwardError::NoLeader | ForwardError::NoQuorum) => {}
                    Err(ForwardError::Busy) => return Err(EtcdError::TooManyRequests.into()),
                    Err(ForwardError::LeaderChanged) => return Err(EtcdError::TimeoutLeaderFailure.into()),
                    Err(ForwardError::Lost(reason)) => {
                        tracing::debug!(reason, "a forwarded write was not answered");
                        return Err(EtcdError::TimeoutConnectionLost.into());
                    }
                },
            }
            if let Ok(Err(_stopped)) = tokio::time::timeout(LEADER_PAUSE, changes.changed()).await {
                return Err(EtcdError::Stopped.into());
            }
        }
    }
}

/// Counts as waiting as long as it lives.
struct Waiting<'a>(&'a IntGauge);

impl<'a> Waiting<'a> {
    fn of(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Waiting(gauge)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.dec();
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
