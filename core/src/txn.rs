//! Transactions: compare, then do one thing or the other, in one revision.

use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::key_range::prefix_end;
use pb::compare::{CompareTarget, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;

pub use pb::compare::CompareResult as CompareOp;

use crate::kv::{DeleteOptions, DeleteResponse, GetOptions, GetResponse, PutOptions, PutResponse};

/// A condition on a key, or on every key of a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare(pb::Compare);

impl Compare {
    fn new(key: impl Into<Vec<u8>>, cmp: CompareOp, target: CompareTarget, value: TargetUnion) -> Self {
        Self(pb::Compare {
            result: cmp as i32,
            target: target as i32,
            key: key.into().into(),
            range_end: bytes::Bytes::new(),
            target_union: Some(value),
        })
    }

    /// Compares the version of a key; 0 for a key that does not exist.
    pub fn version(key: impl Into<Vec<u8>>, cmp: CompareOp, version: i64) -> Self {
        Self::new(key, cmp, CompareTarget::Version, TargetUnion::Version(version))
    }

    /// Compares the create revision of a key; 0 for a key that does not exist.
    pub fn create_revision(key: impl Into<Vec<u8>>, cmp: CompareOp, revision: i64) -> Self {
        Self::new(key, cmp, CompareTarget::Create, TargetUnion::CreateRevision(revision))
    }

    /// Compares the revision of a key's last change; 0 for a key that does not exist.
    pub fn mod_revision(key: impl Into<Vec<u8>>, cmp: CompareOp, revision: i64) -> Self {
        Self::new(key, cmp, CompareTarget::Mod, TargetUnion::ModRevision(revision))
    }

    /// Compares the value of a key. Never true for a key that does not exist.
    pub fn value(key: impl Into<Vec<u8>>, cmp: CompareOp, value: impl Into<Vec<u8>>) -> Self {
        Self::new(key, cmp, CompareTarget::Value, TargetUnion::Value(value.into().into()))
    }

    /// Compares the lease of a key; 0 for a key without one.
    pub fn lease(key: impl Into<Vec<u8>>, cmp: CompareOp, lease: i64) -> Self {
        Self::new(key, cmp, CompareTarget::Lease, TargetUnion::Lease(lease))
    }

    /// Makes the condition hold for every key in `[key, end)`.
    #[must_use]
    pub fn with_range(mut self, end: impl Into<Vec<u8>>) -> Self {
        self.0.range_end = end.into().into();
        self
    }

    /// Makes the condition hold for every key that starts with the key.
    #[must_use]
    pub fn with_prefix(mut self) -> Self {
        self.0.range_end = prefix_end(&self.0.key).into();
        self
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct TxnOp(Request);

impl TxnOp {
    /// Writes a key.
    pub fn put(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>, options: Option<PutOptions>) -> Self {
        Self(Request::RequestPut(options.unwrap_or_default().request(key.into(), value.into())))
    }

    /// Reads a key or a range of keys.
    pub fn get(key: impl Into<Vec<u8>>, options: Option<GetOptions>) -> Self {
        Self(Request::RequestRange(options.unwrap_or_default().request(key.into())))
    }

    /// Deletes a key or a range of keys.
    pub fn delete(key: impl Into<Vec<u8>>, options: Option<DeleteOptions>) -> Self {
        Self(Request::RequestDeleteRange(options.unwrap_or_default().request(key.into())))
    }

    /// Runs a transaction inside the transaction.
    pub fn txn(txn: Txn) -> Self {
        Self(Request::RequestTxn(txn.into_request()))
    }

    fn only_reads(&self) -> bool {
        request_only_reads(&self.0)
    }
}

fn request_only_reads(request: &Request) -> bool {
    match request {
        Request::RequestRange(_) => true,
        Request::RequestTxn(txn) => txn.success.iter().chain(&txn.failure).all(op_only_reads),
        Request::RequestPut(_) | Request::RequestDeleteRange(_) => false,
    }
}

pub(crate) fn op_only_reads(op: &pb::RequestOp) -> bool {
    op.request.as_ref().is_none_or(request_only_reads)
}

/// A transaction: when all comparisons hold, one list of operations, else the other.
///
/// ```
/// use etcdkit::{Compare, CompareOp, Txn, TxnOp};
/// let transfer = Txn::new()
///     .when([Compare::value("owner", CompareOp::Equal, "alice")])
///     .and_then([TxnOp::put("owner", "bob", None)])
///     .or_else([TxnOp::get("owner", None)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Txn {
    compares: Vec<Compare>,
    success: Vec<TxnOp>,
    failure: Vec<TxnOp>,
}

impl Txn {
    /// An empty transaction, which always succeeds.
    pub const fn new() -> Self {
        Self { compares: Vec::new(), success: Vec::new(), failure: Vec::new() }
    }

    /// The conditions; all must hold.
    #[must_use]
    pub fn when(mut self, compares: impl Into<Vec<Compare>>) -> Self {
        self.compares = compares.into();
        self
    }

    /// What to do when the conditions hold.
    #[must_use]
    pub fn and_then(mut self, operations: impl Into<Vec<TxnOp>>) -> Self {
        self.success = operations.into();
        self
    }

    /// What to do when they do not.
    #[must_use]
    pub fn or_else(mut self, operations: impl Into<Vec<TxnOp>>) -> Self {
        self.failure = operations.into();
        self
    }

    pub(crate) fn only_reads(&self) -> bool {
        self.success.iter().chain(&self.failure).all(TxnOp::only_reads)
    }

    pub(crate) fn into_request(self) -> pb::TxnRequest {
        let ops = |ops: Vec<TxnOp>| ops.into_iter().map(|op| pb::RequestOp { request: Some(op.0) }).collect();
        pb::TxnRequest {
            compare: self.compares.into_iter().map(|compare| compare.0).collect(),
            success: ops(self.success),
            failure: ops(self.failure),
        }
    }
}

/// The answer to one operation.
#[derive(Clone, Debug, PartialEq)]
pub enum TxnOpResponse {
    /// To a put.
    Put(PutResponse),
    /// To a read.
    Get(GetResponse),
    /// To a deletion.
    Delete(DeleteResponse),
    /// To a transaction inside the transaction.
    Txn(TxnResponse),
}

impl TxnOpResponse {
    fn from_wire(op: pb::ResponseOp) -> Option<Self> {
        Some(match op.response? {
            Response::ResponseRange(get) => TxnOpResponse::Get(get.into()),
            Response::ResponsePut(put) => TxnOpResponse::Put(put.into()),
            Response::ResponseDeleteRange(delete) => TxnOpResponse::Delete(delete.into()),
            Response::ResponseTxn(txn) => TxnOpResponse::Txn(txn.into()),
        })
    }
}

/// Answer to a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnResponse {
    header: Option<crate::ResponseHeader>,
    succeeded: bool,
    responses: Vec<TxnOpResponse>,
}

impl TxnResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// Whether the conditions held.
    pub fn succeeded(&self) -> bool {
        self.succeeded
    }

    /// The answers to the operations that ran, in their order.
    pub fn op_responses(&self) -> Vec<TxnOpResponse> {
        self.responses.clone()
    }

    /// The same, moved out.
    pub fn into_op_responses(self) -> Vec<TxnOpResponse> {
        self.responses
    }
}

impl From<pb::TxnResponse> for TxnResponse {
    fn from(message: pb::TxnResponse) -> Self {
        let header = message.header.map(crate::ResponseHeader);
        let responses = message.responses.into_iter().filter_map(TxnOpResponse::from_wire).collect();
        Self { header, succeeded: message.succeeded, responses }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_only_reads_when_no_branch_at_any_depth_writes() {
        let reading = Txn::new().and_then([TxnOp::get("a", None)]);
        assert!(reading.only_reads());
        assert!(Txn::new().or_else([TxnOp::txn(reading)]).only_reads());
        let hidden = Txn::new().or_else([TxnOp::delete("a", None)]);
        assert!(!Txn::new().and_then([TxnOp::txn(hidden)]).only_reads());
    }
}
