//! `etcdserverpb.Maintenance`: the state of this member.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{
    AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse, HashKvRequest,
    HashKvResponse, HashRequest, HashResponse, MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest,
    SnapshotResponse, StatusRequest, StatusResponse,
};
use futures::Stream;
use tonic::Status;

use super::access::{Access, Credentials};
use super::error::mismatched;
use super::header::Headers;
use super::snapshot;
use super::version::{ETCD_VERSION, STORAGE_VERSION};
use crate::alarm::{self, Alarms};
use crate::backend::Backend;
use crate::cluster::ClusterState;
use crate::command::{Applied, Operation};
use crate::config::QUOTA_BYTES_DEFAULT;
use crate::mvcc::{MvccError, Store};
use crate::propose::Proposer;
use crate::raft::RaftNode;
use crate::read::ReadGate;

/// The Maintenance service.
pub(crate) struct Maintenance {
    pub(crate) headers: Headers,
    pub(crate) access: Access,
    pub(crate) member_id: u64,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) cluster: Arc<ClusterState>,
    pub(crate) proposer: Proposer,
    pub(crate) gate: ReadGate,
    pub(crate) raft: RaftNode,
    pub(crate) store: Store,
    pub(crate) backend: Backend,
    /// The longest a change of leader is waited for.
    pub(crate) transfer_timeout: Duration,
    /// As configured: 0 is the default, negative no limit.
    pub(crate) quota_bytes: i64,
}

impl Maintenance {
    /// Lists, raises or clears alarms.
    pub(crate) async fn alarm(
        &self,
        by: &Credentials,
        request: AlarmRequest,
    ) -> Result<AlarmResponse, Status> {
        self.access.check(by, |checker| match request.action() {
            AlarmAction::Get => checker.known(),
            AlarmAction::Activate | AlarmAction::Deactivate => checker.admin(),
        })?;
        let alarms = match request.action() {
            AlarmAction::Get => {
                self.gate.pass().await?;
                self.alarms.list(request.alarm())
            }
            AlarmAction::Activate | AlarmAction::Deactivate => {
                match self.proposer.propose(Operation::Alarm(request)).await? {
                    Applied::Alarm(alarms) => alarms,
                    _ => return Err(mismatched()),
                }
            }
        };
        self.note_alarms();
        Ok(AlarmResponse { header: Some(self.headers.now()), alarms })
    }

    /// Tells the metrics which alarms are raised: when that changes, since one may be gone before somebody asks.
    pub(crate) fn note_alarms(&self) {
        let raised = self.alarms.list(AlarmType::None);
        let raised =
            raised.iter().map(|alarm| (format!("{:x}", alarm.member_id), alarm.alarm().as_str_name()));
        self.backend.metrics().state.raised(raised.collect());
    }

    /// Gives free space back to the file system.
    pub(crate) async fn defragment(&self, _request: DefragmentRequest) -> Result<DefragmentResponse, Status> {
        let (backend, begun) = (self.backend.clone(), Instant::now());
        tracing::info!("starting defragment");
        off_the_runtime(move || Ok(backend.compact()?)).await?;
        tracing::info!(took_ms = begun.elapsed().as_millis(), "finished defragment");
        Ok(DefragmentResponse { header: None })
    }

    /// Streams the whole store.
    pub(crate) async fn snapshot(
        &self,
        _request: SnapshotRequest,
    ) -> Result<impl Stream<Item = Result<SnapshotResponse, Status>> + Send + use<>, Status> {
        Ok(snapshot::stream(self.backend.clone()))
    }

    /// Gives the leadership to another member, and waits until it leads.
    pub(crate) async fn move_leader(&self, request: MoveLeaderRequest) -> Result<MoveLeaderResponse, Status> {
        if !self.raft.status().leadership.is_leader {
            return Err(EtcdError::NotLeader.into());
        }
        let target = request.target_id;
        let members = self.raft.members().borrow().clone();
        if !members.nodes.get(&target).is_some_and(|node| node.votes) {
            return Err(EtcdError::BadLeaderTransferee.into());
        }
        if target == self.member_id {
            return Ok(MoveLeaderResponse { header: None });
        }
        self.raft.transfer_leadership(target).await.map_err(|_stopped| EtcdError::Stopped)?;
        let mut changes = self.raft.changes();
        let moved = changes.wait_for(|leadership| leadership.leader == Some(target));
        match tokio::time::timeout(self.transfer_timeout, moved).await {
            Ok(Ok(_)) => Ok(MoveLeaderResponse { header: None }),
            Ok(Err(_stopped)) => Err(EtcdError::Stopped.into()),
            Err(_elapsed) => {
                Err(Status::unavailable("etcdserver: request timed out, leader transfer took too long"))
            }
        }
    }

    pub(crate) async fn status(&self, _request: StatusRequest) -> Result<StatusResponse, Status> {
        let size = self.backend.size().map_err(MvccError::from)?;
        let raft = self.raft.status();
        let no_leader = raft.leadership.leader.is_none().then(|| EtcdError::NoLeader.message().to_owned());
        let alarms = self.alarms.list(AlarmType::None);
        let errors = no_leader.into_iter().chain(alarms.iter().map(alarm::as_text)).collect();
        Ok(StatusResponse {
            header: Some(self.headers.now()),
            version: ETCD_VERSION.to_owned(),
            db_size: to_i64(size.total_bytes),
            db_size_in_use: to_i64(size.in_use_bytes),
            db_size_quota: self.quota(),
            leader: raft.leadership.leader.unwrap_or(0),
            raft_index: raft.committed_index,
            raft_applied_index: raft.applied_index,
            raft_term: raft.leadership.term,
            errors,
            is_learner: !self.raft.votes(self.member_id),
            storage_version: STORAGE_VERSION.to_owned(),
            downgrade_info: Some(self.downgrade_info()),
        })
    }

    /// Stored bytes at which writes are refused; negative without a limit.
    pub(crate) fn quota(&self) -> i64 {
        if self.quota_bytes == 0 { QUOTA_BYTES_DEFAULT } else { self.quota_bytes }
    }

    pub(crate) async fn hash(&self, _request: HashRequest) -> Result<HashResponse, Status> {
        let store = self.store.clone();
        let hash = off_the_runtime(move || store.hash()).await?;
        Ok(HashResponse { header: Some(self.headers.now()), hash })
    }

    pub(crate) async fn hash_kv(&self, request: HashKvRequest) -> Result<HashKvResponse, Status> {
        let store = self.store.clone();
        let hashed = off_the_runtime(move || store.hash_kv(request.revision)).await?;
        Ok(HashKvResponse {
            header: Some(self.headers.at(hashed.current_revision)),
            hash: hashed.hash,
            compact_revision: hashed.compact_revision,
            hash_revision: hashed.hash_revision,
        })
    }
}

/// Reads the whole store on a thread that may block.
async fn off_the_runtime<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, MvccError> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(read).await {
        Ok(outcome) => Ok(outcome?),
        Err(_stopped) => Err(EtcdError::Stopped.into()),
    }
}

fn to_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
