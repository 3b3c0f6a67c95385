//! What goes through the replicated log, and what comes out of applying it.
//!
//! A command is all that apply may depend on: times and ids are chosen when it is proposed and travel
//! in it, so that every member computes the same state from the same log.

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, LeaseGrantResponse,
    LeaseRevokeResponse, PutRequest, PutResponse, TxnRequest, TxnResponse,
};

/// One entry of the log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Command {
    /// What to do.
    #[prost(oneof = "Operation", tags = "1, 2, 3, 4, 5, 6")]
    pub operation: Option<Operation>,
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
}

/// The outcome of one command: an error of the API is an outcome too, the same on every member.
pub type Outcome = Result<Applied, EtcdError>;
