//! One member of a cluster, as the rest of the server sees it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ClientWriteError, Fatal, LinearizableReadError, RaftError};
use openraft::{Config, Instant, Raft, ReadPolicy, SnapshotPolicy};
use tokio::sync::watch;

use super::TypeConfig;
use super::applied::AppliedIndex;
use super::encoding::Logged;
use super::founding::Founder;
use super::log_store::LogStore;
use super::network::Network;
use super::proposal::Proposal;
use super::standing_alone::stand_alone;
use super::state_machine::Applying;
use super::witness::Witness;
use crate::apply::{ApplyError, Snapshots, StateMachine};
use crate::cluster::RaftMembers;
use crate::command::{Command, Outcome};
use crate::io::Io;
use crate::metrics::Metrics;
use crate::transport::Peers;
use crate::wal::{Wal, WalError, WalOptions};

/// Entries kept behind a snapshot for members that lag; as in etcd.
const CATCH_UP_ENTRIES: u64 = 5_000;

/// Entries purged at once. Each purge is a record and perhaps a file to delete, so not one at a time.
const PURGE_ENTRIES_MIN: u64 = 1_000;

/// Entries sent to a follower at once; their bytes are bounded by the log.
const APPEND_ENTRIES_MAX: u64 = 4_096;

/// A single node elects itself and replays its log; should that take longer than this, something is
/// wrong that waiting does not mend.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(600);

/// How to run a member.
#[derive(Clone, Debug)]
pub struct RaftOptions {
    /// Id of this member; never zero, never reused.
    pub node_id: u64,
    /// The members of the cluster that is founded, with their peer URLs; the same on all of them. None joins a cluster
    /// that exists, whose leader then sends what there is. Only asked when there is no log.
    pub founders: Option<BTreeMap<u64, Vec<String>>>,
    /// Goes on alone with these peer URLs: the other members are lost. Only where there is a log.
    pub stand_alone: Option<Vec<String>>,
    /// The connections to other members.
    pub(crate) peers: Arc<Peers>,
    /// The file system.
    pub io: Arc<dyn Io>,
    /// Directory of the write-ahead log; created when absent.
    pub wal_dir: PathBuf,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
    /// Time without a heartbeat after which a follower stands for election; at least five heartbeat intervals.
    pub election_timeout: Duration,
    /// Entries after which the log is purged up to what the backend holds durably.
    pub snapshot_count: u64,
    /// Where the log and changes of the leader are counted.
    pub metrics: Arc<Metrics>,
}

impl RaftOptions {
    /// etcd's defaults: a heartbeat each 100 ms, an election after 1 s, a snapshot each 10,000 entries.
    pub fn new(node_id: u64, io: Arc<dyn Io>, wal_dir: impl Into<PathBuf>) -> RaftOptions {
        RaftOptions {
            node_id,
            founders: Some(BTreeMap::from([(node_id, Vec::new())])),
            stand_alone: None,
            peers: Arc::new(Peers::new(0, node_id, None)),
            io,
            wal_dir: wal_dir.into(),
            heartbeat_interval: Duration::from_millis(100),
            election_timeout: Duration::from_millis(1000),
            snapshot_count: 10_000,
            metrics: Arc::default(),
        }
    }
}

/// Why a member does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be opened.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The state cannot be read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The timing does not fit together.
    #[error("the raft settings do not fit together: {0}")]
    Settings(String),
    /// Consensus stopped at once.
    #[error("consensus did not start: {0}")]
    Consensus(String),
}

/// Why a command was not applied, or why nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This member does not lead; the command is not in the log.
    #[error("this member is not the leader")]
    NotLeader {
        /// Who leads, when known.
        leader: Option<u64>,
    },
    /// Another leader took over: the command may still be applied.
    #[error("the leader changed; the command may or may not be applied")]
    LeaderChanged {
        /// Who leads, when known.
        leader: Option<u64>,
    },
    /// The member is stopping or stopped: the command may be applied at the next start.
    #[error("the server is stopped")]
    Stopped,
    /// The disk failed: the command may be applied at the next start. No more writes are taken.
    #[error("the server stopped taking writes: {0}")]
    Storage(String),
}

/// Why a read cannot be made linearizable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// This member does not lead.
    #[error("this member is not the leader")]
    NotLeader {
        /// Who leads, when known.
        leader: Option<u64>,
    },
    /// Too few members answer.
    #[error("a majority of the members does not answer")]
    NoQuorum,
    /// The member is stopping or stopped.
    #[error("the server is stopped")]
    Stopped,
    /// The disk failed.
    #[error("the server stopped: {0}")]
    Storage(String),
}

/// Who leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// Term of the vote of this member.
    pub term: u64,
    /// Who leads in it, when known.
    pub leader: Option<u64>,
    /// Whether that is this member.
    pub is_leader: bool,
}

/// Where a member stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaftStatus {
    /// Who leads.
    pub leadership: Leadership,
    /// Index of the last entry in the log.
    pub last_log_index: u64,
    /// Index of the last entry known to be committed.
    pub committed_index: u64,
    /// Index of the last entry applied.
    pub applied_index: u64,
    /// Voters in effect.
    pub voters: usize,
}

/// A running member. Clones share it; usable from any thread within a tokio runtime.
#[derive(Clone)]
pub struct RaftNode {
    pub(super) id: u64,
    pub(super) raft: Raft<TypeConfig, Applying>,
    pub(super) wal: Arc<Wal<Logged>>,
    leadership: watch::Receiver<Leadership>,
    applied: Arc<AppliedIndex>,
    pub(super) members: watch::Receiver<Arc<RaftMembers>>,
    /// Gives the state to others and takes theirs.
    pub(super) snapshots: Arc<dyn Snapshots>,
    /// Held while a snapshot is received.
    pub(super) receiving: Arc<tokio::sync::Mutex<()>>,
    /// When a leader last said something.
    pub(super) heard: Arc<Heard>,
    /// Who took part when this member was started.
    former: Arc<RaftMembers>,
    /// Age of the last sign of a majority beyond which a leader does not call itself one.
    quorum_patience: Duration,
}

impl std::fmt::Debug for RaftNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftNode").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl RaftNode {
    /// Opens the log, brings the state machine up to it and starts. A member without a log founds its cluster, or waits
    /// for the one it joins. A cluster of one returns when every write acknowledged before is visible in the state.
    pub async fn start(options: RaftOptions, machine: Box<dyn StateMachine>) -> Result<RaftNode, StartError> {
        let config = config(&options)?;
        let wal_options = WalOptions {
            metrics: Arc::clone(&options.metrics),
            ..WalOptions::new(options.io.clone(), &options.wal_dir)
        };
        let (own, alone) = (options.node_id, options.stand_alone.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let wal = Wal::open(wal_options)?;
            match alone {
                Some(peer_urls) => stand_alone(&wal, own, &peer_urls).map(|()| wal),
                None => Ok(wal),
            }
        });
        let wal = opened.await.map_err(|error| StartError::Consensus(error.to_string()))??;
        let wal = Arc::new(wal);
        let snapshots = machine.snapshots();
        let applying = Applying::new(machine)?;
        let (applied, members) = (applying.index(), applying.members());
        let former = members.borrow().clone();
        let log = LogStore::new(wal.clone());
        let network = Network::new(options.peers.clone(), options.election_timeout);
        let raft = Raft::new(options.node_id, config, network, log, applying)
            .await
            .map_err(|error| StartError::Consensus(error.to_string()))?;
        let leadership = watch_leadership(&raft, options.node_id, Arc::clone(&options.metrics));
        let quorum_patience = options.election_timeout;
        let (receiving, heard) = (Arc::default(), Arc::new(Heard::new()));
        let node = RaftNode {
            id: options.node_id,
            raft,
            wal,
            leadership,
            applied,
            members,
            snapshots,
            receiving,
            heard,
            former,
            quorum_patience,
        };
        node.begin(&options).await?;
        Ok(node)
    }

    /// Founds the cluster if that is to be done, beside the start, since others have to be reached for it. A member that is
    /// alone does it at once, and stands for election without waiting for a timeout: it needs nobody's consent.
    async fn begin(&self, options: &RaftOptions) -> Result<(), StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Consensus(error.to_string());
        let begun = self.raft.is_initialized().await.map_err(|error| failed(&error))?;
        let alone = if begun {
            let mut voters = self.raft.voter_ids();
            voters.next() == Some(options.node_id) && voters.next().is_none()
        } else {
            let Some(founders) = &options.founders else { return Ok(()) };
            let founder = Founder {
                id: options.node_id,
                founders: founders.clone(),
                raft: self.raft.clone(),
                peers: Arc::clone(&options.peers),
                election_timeout: options.election_timeout,
            };
            if founders.len() > 1 {
                tokio::spawn(founder.found_in_turn());
                return Ok(());
            }
            founder.found().await.map_err(|error| failed(&error))?;
            true
        };
        if !alone {
            return Ok(());
        }
        if begun && !self.raft.is_leader() {
            self.raft.trigger().elect(false).await.map_err(|error| failed(&error))?;
        }
        self.raft.wait_for_recovery(Some(RECOVERY_TIMEOUT)).await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Puts a command into the log and waits until it is durable and applied.
    pub async fn propose(&self, command: Command) -> Result<Outcome, ProposeError> {
        self.place(command).await.map(|(_, outcome)| outcome)
    }

    /// As [`Self::propose`]; tells the position in the log too.
    pub(crate) async fn place(&self, command: Command) -> Result<(u64, Outcome), ProposeError> {
        match self.raft.client_write(Proposal::new(command)).await {
            Ok(response) => Ok((response.log_id.index, response.data)),
            Err(RaftError::Fatal(fatal)) => Err(match self.stop_reason(&fatal) {
                Some(reason) => ProposeError::Storage(reason),
                None => ProposeError::Stopped,
            }),
            Err(RaftError::APIError(error)) => Err(match error {
                ClientWriteError::ForwardToLeader(forward) => {
                    ProposeError::NotLeader { leader: forward.leader_id }
                }
                _ => ProposeError::LeaderChanged { leader: self.status().leadership.leader },
            }),
        }
    }

    /// Waits until a read of the state sees every write acknowledged before this call.
    pub async fn read_index(&self) -> Result<(), ReadError> {
        self.raft
            .ensure_linearizable(ReadPolicy::ReadIndex)
            .await
            .map(drop)
            .map_err(|error| self.no_read(error))
    }

    /// Up to where a member must have applied the log for its reads to see every write acknowledged before it asked.
    pub(crate) async fn read_position(&self, witness: Witness) -> Result<u64, ReadError> {
        if let Some(index) = self.position_by(witness).await {
            return Ok(index);
        }
        let linearizer = self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
        linearizer.map(|linearizer| linearizer.read_log_id().index()).map_err(|error| self.no_read(error))
    }

    fn no_read(&self, error: RaftError<TypeConfig, LinearizableReadError<TypeConfig>>) -> ReadError {
        match error {
            RaftError::Fatal(fatal) => match self.stop_reason(&fatal) {
                Some(reason) => ReadError::Storage(reason),
                None => ReadError::Stopped,
            },
            RaftError::APIError(LinearizableReadError::ForwardToLeader(forward)) => {
                ReadError::NotLeader { leader: forward.leader_id }
            }
            RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => ReadError::NoQuorum,
        }
    }

    /// Returns when this member has applied the log up to `index`.
    pub(crate) async fn applied(&self, index: u64) {
        self.applied.reach(index).await;
    }

    /// Follows who votes and who learns, as applied here.
    pub(crate) fn members(&self) -> watch::Receiver<Arc<RaftMembers>> {
        self.members.clone()
    }

    /// Whether a member has a vote, as applied here. One that was added without being a learner gets it when it has caught
    /// up.
    pub(crate) fn votes(&self, member_id: u64) -> bool {
        self.members.borrow().nodes.get(&member_id).is_some_and(|node| node.votes)
    }

    /// Who took part when this member was started, as far as it had applied the log.
    pub(crate) fn former_members(&self) -> Vec<u64> {
        self.former.nodes.keys().copied().collect()
    }

    /// Where this member stands. Cheap.
    pub fn status(&self) -> RaftStatus {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let voters = metrics.membership_config.voter_ids().count();
        let is_leader = metrics.current_leader == Some(metrics.id) && metrics.state.is_leader();
        // A leader that has not heard of a majority for so long may have been replaced.
        let cut_off = is_leader
            && voters > 1
            && metrics.last_quorum_acked.is_none_or(|acked| acked.elapsed() > self.quorum_patience);
        // So may one that a follower has not heard of.
        let cut_off =
            cut_off || (!is_leader && voters > 1 && self.heard.age() > self.quorum_patience * 3 / 2);
        RaftStatus {
            leadership: Leadership {
                term: metrics.current_term,
                leader: metrics.current_leader.filter(|_| !cut_off),
                is_leader: is_leader && !cut_off,
            },
            last_log_index: metrics.last_log_index.unwrap_or(0),
            committed_index: index_of(metrics.local_committed.as_ref()),
            applied_index: index_of(metrics.last_applied.as_ref()),
            voters,
        }
    }

    /// Entries committed and not yet applied. Asked for each proposal, so it looks at nothing else.
    pub fn apply_backlog(&self) -> u64 {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        index_of(metrics.local_committed.as_ref()).saturating_sub(index_of(metrics.last_applied.as_ref()))
    }

    /// Follows who leads.
    pub fn changes(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Tells when the log stopped because of a disk error, and which: from then on no write is taken.
    pub fn storage_failure(&self) -> watch::Receiver<Option<Arc<WalError>>> {
        self.wal.failure()
    }

    /// Index up to which the log was purged.
    #[cfg(test)]
    pub(super) fn wal_purged(&self) -> Option<u64> {
        self.wal.purged().map(|purged| purged.index)
    }

    /// Stops: what was submitted is written, nothing more is taken.
    pub async fn shutdown(self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(%error, "consensus did not stop in order");
        }
        let wal = self.wal;
        if let Err(error) = tokio::task::spawn_blocking(move || wal.close()).await {
            tracing::error!(%error, "the write-ahead log did not stop in order");
        }
    }

    /// The error of the disk that stopped consensus, if one did.
    pub(super) fn stop_reason(&self, fatal: &Fatal<TypeConfig>) -> Option<String> {
        if let Some(error) = self.wal.failure().borrow().as_ref() {
            return Some(error.to_string());
        }
        match fatal {
            Fatal::StorageError(error) => Some(error.to_string()),
            Fatal::Panicked => Some("an internal error; see the log".into()),
            Fatal::Stopped => None,
        }
    }
}

/// When a leader last said something to this member.
#[derive(Debug)]
pub(super) struct Heard {
    started: std::time::Instant,
    /// Milliseconds after the start.
    at_ms: AtomicU64,
}

impl Heard {
    fn new() -> Self {
        Heard { started: std::time::Instant::now(), at_ms: AtomicU64::new(0) }
    }

    /// It did, just now.
    pub(super) fn note(&self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.at_ms.store(now_ms, Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.at_ms.load(Ordering::Relaxed)))
    }
}

/// The index of a position; 0, which no entry has, before the first.
fn index_of(id: Option<&super::LogId>) -> u64 {
    id.map_or(0, |id| id.index)
}

fn config(options: &RaftOptions) -> Result<Arc<Config>, StartError> {
    let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let election = milliseconds(options.election_timeout);
    let longest = election.saturating_mul(3) / 5;
    let config = Config {
        cluster_name: "etcdkit".into(),
        heartbeat_interval: milliseconds(options.heartbeat_interval),
        // openraft waits for a leader's lease, which is the longest timeout, and then for a random one: together between
        // 1 and 1.2 of the timeout asked for, where etcd has between 1 and 2.
        election_timeout_min: election.saturating_mul(2) / 5,
        election_timeout_max: longest,
        // A leader that has lost its majority keeps still for as long as it takes the others to elect one.
        quorum_loss_probe_interval: Some(longest.saturating_mul(2)),
        max_payload_entries: APPEND_ENTRIES_MAX,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(options.snapshot_count),
        max_in_snapshot_log_to_keep: CATCH_UP_ENTRIES.min(options.snapshot_count),
        purge_batch_size: PURGE_ENTRIES_MIN.min(options.snapshot_count),
        enable_pre_vote: Some(true),
        // A leader that comes back must not go on in its term, as openraft would let it. Followers may have committed an
        // entry that the leader had sent and not yet on disk; after a kill it would give the same place in the log to
        // another, which they would take for the one they have. The robustness runs have found it do so.
        enable_leader_restore: Some(false),
        ..Config::default()
    };
    let config = config.validate().map_err(|error| StartError::Settings(error.to_string()))?;
    Ok(Arc::new(config))
}

/// Derives who leads from openraft's metrics; ends with it.
fn watch_leadership(
    raft: &Raft<TypeConfig, Applying>,
    node_id: u64,
    counted: Arc<Metrics>,
) -> watch::Receiver<Leadership> {
    let mut metrics = raft.server_metrics();
    let (sender, receiver) = watch::channel(Leadership::default());
    tokio::spawn(async move {
        loop {
            let now = {
                let metrics = metrics.borrow_and_update();
                Leadership {
                    term: metrics.vote.leader_id.term,
                    leader: metrics.current_leader,
                    is_leader: metrics.current_leader == Some(node_id) && metrics.state.is_leader(),
                }
            };
            sender.send_if_modified(|leadership| {
                let modified = *leadership != now;
                if now.leader.is_some() && now.leader != leadership.leader {
                    counted.requests.leader_changes.inc();
                }
                *leadership = now;
                modified
            });
            if metrics.changed().await.is_err() {
                return;
            }
        }
    });
    receiver
}
