//! Operations on one member or on the storage as a whole.

use etcdkit_proto::etcdserverpb as pb;

pub use pb::AlarmType;
pub use pb::alarm_request::AlarmAction;

use crate::answers::Answers;
use crate::core::Core;
use crate::error::Result;
use crate::method;
use crate::response::response;

/// Client of the maintenance service.
#[derive(Clone)]
pub struct MaintenanceClient {
    core: Core,
}

impl MaintenanceClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// Lists, raises or clears alarms.
    pub async fn alarm(
        &self,
        alarm_action: AlarmAction,
        alarm_type: AlarmType,
        options: Option<AlarmOptions>,
    ) -> Result<AlarmResponse> {
        let member_id = options.unwrap_or_default().member;
        let request = pb::AlarmRequest { action: alarm_action as i32, member_id, alarm: alarm_type as i32 };
        let method = if alarm_action == AlarmAction::Get { &method::ALARM_GET } else { &method::ALARM };
        Ok(self.core.unary(method, request).await?.into())
    }

    /// Tells how a member is doing.
    pub async fn status(&self) -> Result<StatusResponse> {
        Ok(self.core.unary(&method::STATUS, pb::StatusRequest {}).await?.into())
    }

    /// Gives free storage of a member back to the file system. The member does not answer meanwhile.
    pub async fn defragment(&self) -> Result<DefragmentResponse> {
        Ok(self.core.unary(&method::DEFRAGMENT, pb::DefragmentRequest {}).await?.into())
    }

    /// Hashes the whole storage of a member.
    pub async fn hash(&self) -> Result<HashResponse> {
        Ok(self.core.unary(&method::HASH, pb::HashRequest {}).await?.into())
    }

    /// Hashes the keys up to a revision; 0 is the newest.
    pub async fn hash_kv(&self, revision: i64) -> Result<HashKvResponse> {
        Ok(self.core.unary(&method::HASH_KV, pb::HashKvRequest { revision }).await?.into())
    }

    /// Streams a copy of a member's storage.
    pub async fn snapshot(&self) -> Result<SnapshotStreaming> {
        let stream = self.core.server_streaming(&method::SNAPSHOT, pb::SnapshotRequest {}).await?;
        Ok(SnapshotStreaming { stream })
    }

    /// Hands leadership to another member. Only the leader does that.
    pub async fn move_leader(&self, target_id: u64) -> Result<MoveLeaderResponse> {
        Ok(self.core.unary(&method::MOVE_LEADER, pb::MoveLeaderRequest { target_id }).await?.into())
    }

    /// Prepares, starts or cancels a downgrade of the cluster version.
    pub async fn downgrade(
        &self,
        action: DowngradeAction,
        version: impl Into<String>,
    ) -> Result<DowngradeResponse> {
        let request = pb::DowngradeRequest { action: action as i32, version: version.into() };
        Ok(self.core.unary(&method::DOWNGRADE, request).await?.into())
    }
}

pub use pb::downgrade_request::DowngradeAction;

/// Options of `alarm`.
#[derive(Clone, Debug, Default)]
pub struct AlarmOptions {
    member: u64,
}

impl AlarmOptions {
    /// Every member.
    pub const fn new() -> Self {
        Self { member: 0 }
    }

    /// Restricts the request to one member.
    pub const fn with_member(&mut self, member: u64) {
        self.member = member;
    }
}

/// Alarms of a member.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmMember {
    member_id: u64,
    alarm: AlarmType,
}

impl AlarmMember {
    /// The member.
    pub fn member_id(&self) -> u64 {
        self.member_id
    }

    /// What is wrong.
    pub fn alarm(&self) -> AlarmType {
        self.alarm
    }
}

/// Answer to `alarm`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlarmResponse {
    header: Option<crate::ResponseHeader>,
    alarms: Vec<AlarmMember>,
}

impl AlarmResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// The alarms.
    pub fn alarms(&self) -> &[AlarmMember] {
        &self.alarms
    }
}

impl From<pb::AlarmResponse> for AlarmResponse {
    fn from(message: pb::AlarmResponse) -> Self {
        let wrap =
            |member: pb::AlarmMember| AlarmMember { member_id: member.member_id, alarm: member.alarm() };
        let alarms = message.alarms.into_iter().map(wrap).collect();
        Self { header: message.header.map(crate::ResponseHeader), alarms }
    }
}

response! {
    /// Answer to `status`.
    StatusResponse(pb::StatusResponse)
}

impl StatusResponse {
    /// The etcd version the server speaks as.
    pub fn version(&self) -> &str {
        &self.message.version
    }

    /// Bytes the storage takes on disk.
    pub fn db_size(&self) -> i64 {
        self.message.db_size
    }

    /// The leader; 0 when there is none.
    pub fn leader(&self) -> u64 {
        self.message.leader
    }

    /// Last raft log entry.
    pub fn raft_index(&self) -> u64 {
        self.message.raft_index
    }

    /// Raft term.
    pub fn raft_term(&self) -> u64 {
        self.message.raft_term
    }

    /// Last applied raft log entry.
    pub fn raft_applied_index(&self) -> u64 {
        self.message.raft_applied_index
    }

    /// Alarms and other troubles.
    pub fn errors(&self) -> &[String] {
        &self.message.errors
    }

    /// Bytes of the storage that hold data.
    pub fn raft_used_db_size(&self) -> i64 {
        self.message.db_size_in_use
    }

    /// Whether the member follows without a vote.
    pub fn is_learner(&self) -> bool {
        self.message.is_learner
    }

    /// Version of the storage format.
    pub fn storage_version(&self) -> &str {
        &self.message.storage_version
    }

    /// Storage quota in bytes.
    pub fn db_size_quota(&self) -> i64 {
        self.message.db_size_quota
    }
}

response! {
    /// Answer to `defragment`.
    DefragmentResponse(pb::DefragmentResponse)
}
response! {
    /// Answer to `hash`.
    HashResponse(pb::HashResponse)
}
response! {
    /// Answer to `hash_kv`.
    HashKvResponse(pb::HashKvResponse)
}
response! {
    /// Answer to `move_leader`.
    MoveLeaderResponse(pb::MoveLeaderResponse)
}
response! {
    /// Answer to `downgrade`.
    DowngradeResponse(pb::DowngradeResponse)
}
response! {
    /// A part of a snapshot.
    SnapshotResponse(pb::SnapshotResponse)
}

impl HashResponse {
    /// The hash.
    pub fn hash(&self) -> u32 {
        self.message.hash
    }
}

impl HashKvResponse {
    /// The hash.
    pub fn hash(&self) -> u32 {
        self.message.hash
    }

    /// Revision compacted up to; -1 before the first compaction.
    pub fn compact_version(&self) -> i64 {
        self.message.compact_revision
    }

    /// The revision that was hashed.
    pub fn hash_revision(&self) -> i64 {
        self.message.hash_revision
    }
}

impl SnapshotResponse {
    /// What is still to come after this part.
    pub fn remaining_bytes(&self) -> u64 {
        self.message.remaining_bytes
    }

    /// The part.
    pub fn blob(&self) -> &[u8] {
        &self.message.blob
    }
}

/// A snapshot on its way.
#[derive(Debug)]
pub struct SnapshotStreaming {
    stream: Answers<pb::SnapshotResponse>,
}

impl SnapshotStreaming {
    /// The next part, or `None` at the end.
    pub async fn message(&mut self) -> Result<Option<SnapshotResponse>> {
        Ok(self.stream.message().await?.map(SnapshotResponse::from))
    }
}
