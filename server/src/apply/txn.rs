//! Transactions: conditions, then the operations of one branch, all in one revision.
//!
//! As in etcd, the conditions of nested transactions are decided together with those of the outermost
//! one, before any write: the way through the branches is fixed first, then everything on it that could
//! fail is checked, and only then is it executed. So a transaction that fails has written nothing.

use std::cmp::Ordering;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::etcdserverpb::{
    Compare, RangeRequest, RangeResponse, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::KeyValue;

use super::applier::Run;
use super::kv;
use crate::mvcc::{Marks, MvccError, Snapshot, Store, StoreWriter};

/// Whether the transaction only reads, so that it needs no place in the log. A nested transaction counts
/// as a write, as in etcd.
pub fn is_read_only(request: &TxnRequest) -> bool {
    let reads = |op: &RequestOp| matches!(op.request, Some(Request::RequestRange(_)));
    request.success.iter().chain(&request.failure).all(reads)
}

/// Whether a read-only transaction may be answered from local state. One without operations may.
pub fn is_serializable(request: &TxnRequest) -> bool {
    let local =
        |op: &RequestOp| matches!(&op.request, Some(Request::RequestRange(range)) if range.serializable);
    request.success.iter().chain(&request.failure).all(local)
}

/// Answers a read-only transaction from local state, all of it at one revision.
pub fn read_only(store: &Store, request: &TxnRequest) -> Result<TxnResponse, MvccError> {
    let view = store.snapshot();
    let plan = Plan::of(&view, request)?;
    let mut responses = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let Step::Op(Request::RequestRange(range)) = step else { continue };
        check_range(view.marks(), range)?;
        let response = Response::ResponseRange(view.range(range)?);
        responses.push(ResponseOp { response: Some(response) });
    }
    Ok(TxnResponse { header: kv::header(view.marks().revision), succeeded: plan.succeeded, responses })
}

/// Applies a transaction.
pub(super) fn txn(run: &mut Run<'_, '_>, request: &TxnRequest) -> Result<TxnResponse, MvccError> {
    let plan = Plan::of(&run.writer, request)?;
    check(run, &plan, &mut Vec::new())?;
    let mut response = execute(run, &plan)?;
    response.header = kv::header(run.writer.read_revision());
    Ok(response)
}

/// What a plan is made from.
trait View {
    fn read(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError>;
}

impl View for StoreWriter<'_> {
    fn read(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError> {
        self.range(request)
    }
}

impl View for Snapshot<'_> {
    fn read(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError> {
        self.range(request)
    }
}

/// The way through a transaction.
struct Plan<'r> {
    succeeded: bool,
    steps: Vec<Step<'r>>,
}

enum Step<'r> {
    Op(&'r Request),
    Nested(Plan<'r>),
    /// An operation without content; the edge refuses it.
    Empty,
}

impl<'r> Plan<'r> {
    /// Decides all conditions. Nesting is bounded by the decoder, which refuses more than 100 levels.
    fn of(view: &impl View, request: &'r TxnRequest) -> Result<Self, MvccError> {
        let mut succeeded = true;
        for compare in &request.compare {
            if !holds(view, compare)? {
                succeeded = false;
                break;
            }
        }
        let branch = if succeeded { &request.success } else { &request.failure };
        let steps = branch.iter().map(|op| match &op.request {
            Some(Request::RequestTxn(nested)) => Ok(Step::Nested(Plan::of(view, nested)?)),
            Some(request) => Ok(Step::Op(request)),
            None => Ok(Step::Empty),
        });
        Ok(Plan { succeeded, steps: steps.collect::<Result<_, MvccError>>()? })
    }
}

/// What an operation before may have done to a key.
enum Effect<'r> {
    Put(&'r Bytes),
    Delete(KeyRange),
}

impl Effect<'_> {
    fn touches(&self, key: &[u8]) -> bool {
        match self {
            Effect::Put(put) => put.as_ref() == key,
            Effect::Delete(range) => range.contains(key),
        }
    }
}

/// Checks everything on the way that may fail, against the state before the transaction.
fn check<'r>(run: &Run<'_, '_>, plan: &Plan<'r>, before: &mut Vec<Effect<'r>>) -> Result<(), MvccError> {
    for step in &plan.steps {
        match step {
            Step::Op(Request::RequestRange(range)) => {
                let marks = Marks { revision: run.writer.revision(), compacted: run.writer.compacted() };
                check_range(marks, range)?;
            }
            Step::Op(Request::RequestPut(put)) => {
                kv::check_put(run, put)?;
                // etcd misses this case and crashes when it keeps the value of a key that an earlier
                // operation has deleted.
                let last = before.iter().rev().find(|effect| effect.touches(&put.key));
                if kv::keeps_previous(put) && matches!(last, Some(Effect::Delete(_))) {
                    return Err(EtcdError::KeyNotFound.into());
                }
                before.push(Effect::Put(&put.key));
            }
            Step::Op(Request::RequestDeleteRange(delete)) => {
                before.push(Effect::Delete(KeyRange::new(delete.key.clone(), delete.range_end.clone())));
            }
            Step::Nested(nested) => check(run, nested, before)?,
            Step::Op(Request::RequestTxn(_)) | Step::Empty => {}
        }
    }
    Ok(())
}

/// Any revision but zero counts as asked for, also a negative one, as in etcd.
fn check_range(marks: Marks, range: &RangeRequest) -> Result<(), EtcdError> {
    match range.revision {
        0 => Ok(()),
        revision if revision > marks.revision => Err(EtcdError::FutureRevision),
        revision if revision < marks.compacted => Err(EtcdError::Compacted),
        _ => Ok(()),
    }
}

fn execute(run: &mut Run<'_, '_>, plan: &Plan<'_>) -> Result<TxnResponse, MvccError> {
    let mut responses = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let response = match step {
            Step::Op(Request::RequestRange(range)) => Some(Response::ResponseRange(run.writer.range(range)?)),
            Step::Op(Request::RequestPut(put)) => Some(Response::ResponsePut(kv::put_checked(run, put)?)),
            Step::Op(Request::RequestDeleteRange(delete)) => {
                Some(Response::ResponseDeleteRange(kv::delete_range(run, delete)?))
            }
            Step::Nested(nested) => Some(Response::ResponseTxn(execute(run, nested)?)),
            Step::Op(Request::RequestTxn(_)) | Step::Empty => None,
        };
        responses.push(ResponseOp { response });
    }
    // The header of a nested answer is there and empty, as in etcd.
    Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded: plan.succeeded, responses })
}

/// Whether a condition holds for its key, or for every key of its range.
fn holds(view: &impl View, compare: &Compare) -> Result<bool, MvccError> {
    let target = CompareTarget::try_from(compare.target);
    let from_record = matches!(target, Ok(CompareTarget::Value | CompareTarget::Lease));
    let read = RangeRequest {
        key: compare.key.clone(),
        range_end: compare.range_end.clone(),
        keys_only: !from_record,
        ..RangeRequest::default()
    };
    let kvs = view.read(&read)?.kvs;
    if kvs.is_empty() {
        // Nothing has no value, not even an empty one; its numbers are zero.
        let by_value = target == Ok(CompareTarget::Value);
        return Ok(!by_value && holds_for(compare, &KeyValue::default()));
    }
    Ok(kvs.iter().all(|kv| holds_for(compare, kv)))
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let union = compare.target_union.as_ref();
    // A right-hand side of another kind than the target counts as zero.
    let order = match (CompareTarget::try_from(compare.target), union) {
        (Ok(CompareTarget::Version), Some(TargetUnion::Version(value))) => kv.version.cmp(value),
        (Ok(CompareTarget::Version), _) => kv.version.cmp(&0),
        (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(value))) => {
            kv.create_revision.cmp(value)
        }
        (Ok(CompareTarget::Create), _) => kv.create_revision.cmp(&0),
        (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(value))) => kv.mod_revision.cmp(value),
        (Ok(CompareTarget::Mod), _) => kv.mod_revision.cmp(&0),
        (Ok(CompareTarget::Value), Some(TargetUnion::Value(value))) => kv.value.cmp(value),
        (Ok(CompareTarget::Value), _) => kv.value.as_ref().cmp(&[]),
        (Ok(CompareTarget::Lease), Some(TargetUnion::Lease(value))) => kv.lease.cmp(value),
        (Ok(CompareTarget::Lease), _) => kv.lease.cmp(&0),
        (Err(_), _) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order.is_eq(),
        Ok(CompareResult::NotEqual) => order.is_ne(),
        Ok(CompareResult::Greater) => order.is_gt(),
        Ok(CompareResult::Less) => order.is_lt(),
        // A result that etcd does not know holds.
        Err(_) => true,
    }
}
