//! What goes through the replicated log, and what comes out of applying it.
//!
//! A command is all that apply may depend on: times and ids are chosen when it is proposed and travel
//! in it, so that every member computes the same state from the same log.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest,
    AuthRoleDeleteRequest, AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest,
    AuthUserAddRequest, AuthUserChangePasswordRequest, AuthUserDeleteRequest, AuthUserGrantRoleRequest,
    AuthUserRevokeRoleRequest, CompactionRequest, CompactionResponse, DeleteRangeRequest,
    DeleteRangeResponse, LeaseGrantResponse, LeaseRevokeResponse, PutRequest, PutResponse, RequestOp,
    TxnRequest, TxnResponse,
};

/// One entry of the log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Command {
    /// What to do.
    #[prost(oneof = "Operation", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub operation: Option<Operation>,
    /// Who asked for it, where authentication is on.
    #[prost(message, optional, tag = "16")]
    pub caller: Option<Caller>,
}

/// Somebody whose credentials were recognised.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Caller {
    /// The user.
    #[prost(string, tag = "1")]
    pub user: String,
    /// The auth revision that the credentials are good for.
    #[prost(uint64, tag = "2")]
    pub revision: u64,
}

/// The operations of the replicated state machine.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Operation {
    /// Write one key.
    #[prost(message, tag = "1")]
    Put(PutRequest),
    /// Delete a range of keys.
    #[prost(message, tag = "2")]
    DeleteRange(DeleteRangeRequest),
    /// Run a transaction.
    #[prost(message, tag = "3")]
    Txn(TxnRequest),
    /// Drop history.
    #[prost(message, tag = "4")]
    Compact(CompactionRequest),
    /// Create a lease.
    #[prost(message, tag = "5")]
    LeaseGrant(LeaseGrant),
    /// End a lease, on request or because its time is up.
    #[prost(message, tag = "6")]
    LeaseRevoke(LeaseRevoke),
    /// Change users, roles or the switch of authentication. Boxed, so that a put stays small.
    #[prost(message, tag = "7")]
    Auth(Box<AuthCommand>),
    /// Raise or clear an alarm.
    #[prost(message, tag = "8")]
    Alarm(AlarmRequest),
    /// Change what the cluster knows about itself.
    #[prost(message, tag = "9")]
    Cluster(Box<ClusterCommand>),
}

/// What a key costs besides its bytes and its value's, as etcd estimates it.
const KEY_OVERHEAD_BYTES: u64 = 256;

/// What a lease costs, as etcd estimates it.
const LEASE_BYTES: u64 = 64;

impl Operation {
    /// What etcd calls such a request in its metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Put(_) => "Put",
            Operation::DeleteRange(_) => "DeleteRange",
            Operation::Txn(_) => "Txn",
            Operation::Compact(_) => "Compaction",
            Operation::LeaseGrant(_) => "LeaseGrant",
            Operation::LeaseRevoke(_) => "LeaseRevoke",
            Operation::Alarm(_) => "Alarm",
            Operation::Auth(command) => command.name(),
            Operation::Cluster(command) => command.name(),
        }
    }

    /// What the command may add to the stored bytes, as etcd estimates it. Deleting and compacting are free, so that a
    /// full server can be emptied.
    pub fn stored_cost(&self) -> u64 {
        match self {
            Operation::Put(put) => put_cost(put),
            Operation::Txn(txn) => txn_cost(txn),
            Operation::LeaseGrant(_) => LEASE_BYTES,
            Operation::DeleteRange(_)
            | Operation::Compact(_)
            | Operation::LeaseRevoke(_)
            | Operation::Auth(_)
            | Operation::Alarm(_)
            | Operation::Cluster(_) => 0,
        }
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

/// A command about the cluster itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterCommand {
    /// What to do.
    #[prost(oneof = "ClusterOperation", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub operation: Option<ClusterOperation>,
}

impl ClusterCommand {
    /// What etcd calls such a request in its metrics.
    pub fn name(&self) -> &'static str {
        match self.operation {
            Some(
                ClusterOperation::PeerUrls(_)
                | ClusterOperation::Attributes(_)
                | ClusterOperation::AddMember(_)
                | ClusterOperation::RemoveMember(_)
                | ClusterOperation::PromoteMember(_),
            ) => "ClusterMemberAttrSet",
            Some(ClusterOperation::Downgrade(_) | ClusterOperation::CancelDowngrade(_)) => "DowngradeInfoSet",
            None => "unknown",
        }
    }
}

/// What can be changed about a cluster.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum ClusterOperation {
    /// The addresses at which other members reach one.
    #[prost(message, tag = "1")]
    PeerUrls(PeerUrls),
    /// Note that a downgrade is under way.
    #[prost(message, tag = "2")]
    Downgrade(DowngradeTarget),
    /// Note that it is not.
    #[prost(message, tag = "3")]
    CancelDowngrade(CancelDowngrade),
    /// What a member tells of itself when it has started.
    #[prost(message, tag = "4")]
    Attributes(MemberAttributes),
    /// A new member.
    #[prost(message, tag = "5")]
    AddMember(NewMember),
    /// A member goes, for good.
    #[prost(message, tag = "6")]
    RemoveMember(MemberId),
    /// A learner becomes a voter.
    #[prost(message, tag = "7")]
    PromoteMember(MemberId),
}

/// Addresses of a member.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PeerUrls {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Its addresses, as they were given.
    #[prost(string, repeated, tag = "2")]
    pub urls: Vec<String>,
}

/// A member by its id.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MemberId {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
}

/// What a member tells of itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MemberAttributes {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Where clients reach it.
    #[prost(string, repeated, tag = "3")]
    pub client_urls: Vec<String>,
}

/// A member to be. Its id was chosen by the proposer and is nobody's.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NewMember {
    /// Its id.
    #[prost(uint64, tag = "1")]
    pub member_id: u64,
    /// Where other members will reach it.
    #[prost(string, repeated, tag = "2")]
    pub peer_urls: Vec<String>,
    /// Whether it has no vote at first.
    #[prost(bool, tag = "3")]
    pub learner: bool,
    /// Learners allowed at the same time.
    #[prost(uint32, tag = "4")]
    pub learners_max: u32,
}

/// The version to downgrade to.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DowngradeTarget {
    /// Such as `3.6.0`.
    #[prost(string, tag = "1")]
    pub version: String,
}

/// The end of a downgrade.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct CancelDowngrade {}

/// A command about users and roles.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AuthCommand {
    /// What to do.
    #[prost(oneof = "AuthOperation", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    pub operation: Option<AuthOperation>,
}

impl AuthCommand {
    /// What etcd calls such a request in its metrics.
    pub fn name(&self) -> &'static str {
        match self.operation {
            Some(AuthOperation::Enable(_)) => "AuthEnable",
            Some(AuthOperation::Disable(_)) => "AuthDisable",
            Some(AuthOperation::Authenticate(_)) => "Authenticate",
            Some(AuthOperation::UserAdd(_)) => "AuthUserAdd",
            Some(AuthOperation::UserDelete(_)) => "AuthUserDelete",
            Some(AuthOperation::UserChangePassword(_)) => "AuthUserChangePassword",
            Some(AuthOperation::UserGrantRole(_)) => "AuthUserGrantRole",
            Some(AuthOperation::UserRevokeRole(_)) => "AuthUserRevokeRole",
            Some(AuthOperation::RoleAdd(_)) => "AuthRoleAdd",
            Some(AuthOperation::RoleDelete(_)) => "AuthRoleDelete",
            Some(AuthOperation::RoleGrantPermission(_)) => "AuthRoleGrantPermission",
            Some(AuthOperation::RoleRevokePermission(_)) => "AuthRoleRevokePermission",
            None => "unknown",
        }
    }
}

/// What can be done with users and roles. In requests that carry a password it has been replaced by its bcrypt hash,
/// in the field `hashed_password`, in the usual text form.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum AuthOperation {
    /// Switch on.
    #[prost(message, tag = "1")]
    Enable(AuthEnableRequest),
    /// Switch off.
    #[prost(message, tag = "2")]
    Disable(AuthDisableRequest),
    /// Give a token to a user whose password was right.
    #[prost(message, tag = "3")]
    Authenticate(Authenticate),
    /// Add a user.
    #[prost(message, tag = "4")]
    UserAdd(AuthUserAddRequest),
    /// Delete a user.
    #[prost(message, tag = "5")]
    UserDelete(AuthUserDeleteRequest),
    /// Change a password.
    #[prost(message, tag = "6")]
    UserChangePassword(AuthUserChangePasswordRequest),
    /// Give a role to a user.
    #[prost(message, tag = "7")]
    UserGrantRole(AuthUserGrantRoleRequest),
    /// Take a role from a user.
    #[prost(message, tag = "8")]
    UserRevokeRole(AuthUserRevokeRoleRequest),
    /// Add a role.
    #[prost(message, tag = "9")]
    RoleAdd(AuthRoleAddRequest),
    /// Delete a role.
    #[prost(message, tag = "10")]
    RoleDelete(AuthRoleDeleteRequest),
    /// Give a right to a role.
    #[prost(message, tag = "11")]
    RoleGrantPermission(AuthRoleGrantPermissionRequest),
    /// Take a right from a role.
    #[prost(message, tag = "12")]
    RoleRevokePermission(AuthRoleRevokePermissionRequest),
}

/// A user whose password was right.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Authenticate {
    /// The user.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The random part of a simple token; empty where tokens are of another kind.
    #[prost(string, tag = "2")]
    pub token_prefix: String,
}

/// A lease as granted: the id and the TTL are final, chosen by the proposer.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct LeaseGrant {
    /// Never zero.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Seconds.
    #[prost(int64, tag = "2")]
    pub ttl: i64,
}

/// The end of a lease.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct LeaseRevoke {
    /// The lease.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// For an expiry, the raft term of the leader that decided it: a command of an older leader is void,
    /// because its clock no longer counts. Zero for a revocation that a client asked for.
    #[prost(uint64, tag = "2")]
    pub expired_in_term: u64,
}

/// The answer of the state machine. Headers carry the revision alone; the edge fills in the rest.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// For entries without an operation.
    Nothing,
    /// Answer to [`Operation::Put`].
    Put(PutResponse),
    /// Answer to [`Operation::DeleteRange`].
    DeleteRange(DeleteRangeResponse),
    /// Answer to [`Operation::Txn`].
    Txn(TxnResponse),
    /// Answer to [`Operation::Compact`].
    Compact(CompactionResponse),
    /// Answer to [`Operation::LeaseGrant`].
    LeaseGrant(LeaseGrantResponse),
    /// Answer to [`Operation::LeaseRevoke`].
    LeaseRevoke(LeaseRevokeResponse),
    /// Answer to [`Operation::Alarm`]: the alarm it was about, if any.
    Alarm(Vec<AlarmMember>),
    /// An [`Operation::Cluster`] was done.
    Cluster,
    /// An [`Operation::Auth`] was done.
    Auth,
    /// Answer to [`AuthOperation::Authenticate`].
    Authenticated {
        /// The simple token; empty where tokens are of another kind.
        token: String,
        /// The auth revision.
        revision: u64,
    },
}

/// The outcome of one command: an error of the API is an outcome too, the same on every member.
pub type Outcome = Result<Applied, EtcdError>;

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
        assert_eq!(Operation::Txn(txn).stored_cost(), 256 + 3 + 256 + 3);
    }
}
