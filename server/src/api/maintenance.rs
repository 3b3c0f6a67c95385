//! `etcdserverpb.Maintenance`: the state of this member.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{
    AlarmRequest, AlarmResponse, DowngradeInfo, HashKvRequest, HashKvResponse, HashRequest, HashResponse,
    StatusRequest, StatusResponse,
};
use tonic::Status;

use super::access::{Access, Credentials};
use super::header::Headers;
use crate::backend::Backend;
use crate::config::QUOTA_BYTES_DEFAULT;
use crate::mvcc::{MvccError, Store};
use crate::raft::RaftNode;

/// The version whose behaviour this server has. Clients read it to decide what they may ask for, so it is
/// etcd's and not this product's.
pub const ETCD_VERSION: &str = "3.7.1";

/// The version of the stored format that etcd of that version reports.
const STORAGE_VERSION: &str = "3.7.0";

/// The Maintenance service.
pub(crate) struct Maintenance {
    pub(crate) headers: Headers,
    pub(crate) access: Access,
    pub(crate) raft: RaftNode,
    pub(crate) store: Store,
    pub(crate) backend: Backend,
    /// As configured: 0 is the default, negative no limit.
    pub(crate) quota_bytes: i64,
}

impl Maintenance {
    /// Lists the alarms, which `etcdctl endpoint health` asks for. This version raises none: it refuses each write
    /// beyond the quota by itself.
    pub(crate) async fn alarm(
        &self,
        by: &Credentials,
        request: AlarmRequest,
    ) -> Result<AlarmResponse, Status> {
        self.access.check(by, |checker| match request.action() {
            AlarmAction::Get => checker.known(),
            AlarmAction::Activate | AlarmAction::Deactivate => checker.admin(),
        })?;
        match request.action() {
            AlarmAction::Get => Ok(AlarmResponse { header: Some(self.headers.now()), alarms: Vec::new() }),
            AlarmAction::Activate | AlarmAction::Deactivate => Err(Status::unimplemented(
                "etcdkit: raising and clearing alarms is not supported by this version",
            )),
        }
    }

    pub(crate) async fn status(&self, _request: StatusRequest) -> Result<StatusResponse, Status> {
        let size = self.backend.size().map_err(MvccError::from)?;
        let raft = self.raft.status();
        let errors = match raft.leadership.leader {
            Some(_) => vec![],
            None => vec![EtcdError::NoLeader.message().to_owned()],
        };
        Ok(StatusResponse {
            header: Some(self.headers.now()),
            version: ETCD_VERSION.to_owned(),
            db_size: to_i64(size.total_bytes),
            db_size_in_use: to_i64(size.in_use_bytes),
            db_size_quota: if self.quota_bytes == 0 { QUOTA_BYTES_DEFAULT } else { self.quota_bytes },
            leader: raft.leadership.leader.unwrap_or(0),
            raft_index: raft.committed_index,
            raft_applied_index: raft.applied_index,
            raft_term: raft.leadership.term,
            errors,
            is_learner: false,
            storage_version: STORAGE_VERSION.to_owned(),
            downgrade_info: Some(DowngradeInfo::default()),
        })
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
