//! What goes through the replicated log, and what comes out of applying it.
//!
//! A command is all that apply may depend on: times and ids are chosen when it is proposed and travel
//! in it, so that every member computes the same state from the same log.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest,
    AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest, AuthUserAddRequest,
    AuthUserChangePasswordRequest, AuthUserDeleteRequest, AuthUserGrantRoleRequest,
    AuthUserRevokeRoleRequest, CompactionRequest, CompactionResponse, DeleteRangeRequest,
    DeleteRangeResponse, LeaseGrantResponse, LeaseRevokeResponse, PutRequest, PutResponse, TxnRequest,
    TxnResponse,
};

/// One entry of the log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Command {
    /// What to do.
    #[prost(oneof = "Operation", tags = "1, 2, 3, 4, 5, 6, 7")]
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
}

/// A command about users and roles.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AuthCommand {
    /// What to do.
    #[prost(oneof = "AuthOperation", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    pub operation: Option<AuthOperation>,
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
