//! The gate that makes reads linearizable.
//!
//! A read may answer from local state once that state holds everything acknowledged before the read
//! came. Asking consensus for that costs a round; the answer is as good for every read that was already
//! waiting when the round began. So one round runs at a time, and all reads that arrive meanwhile share
//! the next.

use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::EtcdError;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::forward::Forwarder;
use crate::metrics::Metrics;
use crate::raft::ReadError;

/// Pause before a leader is asked again where nothing tells that there is a new one.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// How often all others go on, and the sockets are looked at, before a round begins that asks other members: that costs
/// more than a read does, and who has sent one by then comes along. With none to go on it takes no time.
const TURNS: usize = 2;

/// Lets reads pass when local state is new enough. Cheap to clone.
#[derive(Clone)]
pub struct ReadGate {
    shared: Arc<Shared>,
}

struct Shared {
    forwarder: Forwarder,
    /// Whether the leader may be another member.
    anywhere: bool,
    timeout: Duration,
    rounds: Mutex<Rounds>,
    metrics: Arc<Metrics>,
}

/// Rounds are told apart by the channel on which their outcome is sent.
#[derive(Default)]
struct Rounds {
    /// Whether a round is under way, and with it the task that starts the next.
    running: bool,
    /// The round that reads arriving now wait for; none while nobody waits.
    next: Option<watch::Sender<Option<Result<(), GateError>>>>,
}

/// Why a read was not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// No leader in time, or no server any more.
    #[error(transparent)]
    Api(#[from] EtcdError),
    /// The disk failed.
    #[error("etcdserver: storage failed: {0}")]
    Storage(String),
}

impl ReadGate {
    /// A gate in front of the state that this node applies. Reads give up after `timeout`.
    pub(crate) fn new(forwarder: Forwarder, timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self::over(forwarder, timeout, true, metrics)
    }

    /// A gate that opens only while this member leads: for what only the leader knows. Else it fails with
    /// [`EtcdError::NotLeader`].
    pub(crate) fn of_leader(forwarder: Forwarder, timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self::over(forwarder, timeout, false, metrics)
    }

    fn over(forwarder: Forwarder, timeout: Duration, anywhere: bool, metrics: Arc<Metrics>) -> Self {
        ReadGate {
            shared: Arc::new(Shared { forwarder, anywhere, timeout, rounds: Mutex::default(), metrics }),
        }
    }

    /// Returns when local state holds all that was acknowledged before the call.
    pub async fn pass(&self) -> Result<(), GateError> {
        let mut outcome = self.join();
        let waited = tokio::time::timeout(self.shared.timeout, outcome.wait_for(Option::is_some)).await;
        match waited {
            Err(_elapsed) => Err(EtcdError::Timeout.into()),
            Ok(Err(_closed)) => Err(EtcdError::Stopped.into()),
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(EtcdError::Stopped.into())),
        }
    }

    fn join(&self) -> watch::Receiver<Option<Result<(), GateError>>> {
        let mut rounds = self.shared.rounds.lock();
        let next = rounds.next.get_or_insert_with(|| watch::Sender::new(None));
        let outcome = next.subscribe();
        if !rounds.running {
            rounds.running = true;
            tokio::spawn(run_rounds(Arc::clone(&self.shared)));
        }
        outcome
    }
}

/// Runs rounds until nobody waits any more.
async fn run_rounds(shared: Arc<Shared>) {
    loop {
        if shared.forwarder.raft.status().voters > 1 {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        let round = {
            let mut rounds = shared.rounds.lock();
            match rounds.next.take() {
                Some(round) => round,
                None => {
                    rounds.running = false;
                    return;
                }
            }
        };
        // The timeout keeps a round that hangs from holding up those who come later and would find a
        // working leader.
        let outcome = tokio::time::timeout(shared.timeout, run_round(&shared)).await;
        let outcome = outcome.unwrap_or_else(|_elapsed| {
            shared.metrics.requests.slow_read_indexes.inc();
            Err(EtcdError::Timeout.into())
        });
        if outcome.is_err() {
            shared.metrics.requests.read_indexes_failed.inc();
        }
        round.send_replace(Some(outcome));
    }
}

/// Asks consensus, here or at the leader, and again until there is a leader with a majority: a read may always be
/// repeated.
async fn run_round(shared: &Shared) -> Result<(), GateError> {
    let forwarder = &shared.forwarder;
    let mut changes = forwarder.raft.changes();
    loop {
        let leadership = *changes.borrow_and_update();
        match leadership.leader.filter(|_| !leadership.is_leader) {
            Some(_) if !shared.anywhere => return Err(EtcdError::NotLeader.into()),
            None => match forwarder.raft.read_index().await {
                Ok(()) => return Ok(()),
                Err(ReadError::Stopped) => return Err(EtcdError::Stopped.into()),
                Err(ReadError::Storage(cause)) => return Err(GateError::Storage(cause)),
                Err(ReadError::NotLeader { .. }) if !shared.anywhere => {
                    return Err(EtcdError::NotLeader.into());
                }
                Err(ReadError::NotLeader { .. } | ReadError::NoQuorum) => {}
            },
            Some(leader) => {
                // A leader that was paused or cut off is not waited for when there is another.
                let asked = tokio::select! {
                    asked = forwarder.read_index(leader) => Some(asked),
                    _ = changes.changed() => None,
                };
                match asked {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(error)) => tracing::debug!(%error, "the leader told no position to read at"),
                    None => continue,
                }
            }
        }
        if let Ok(Err(_stopped)) = tokio::time::timeout(LEADER_PAUSE, changes.changed()).await {
            return Err(EtcdError::Stopped.into());
        }
    }
}
