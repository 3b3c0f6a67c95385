//! What a request must look like before it may cost anything: the rules that need no state.
//!
//! They run before quorum and on both branches of a transaction, so a request that is malformed anywhere
//! is refused whole, whichever branch would have run. The order of the checks is part of the contract:
//! it decides which of several errors a client sees.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};
use tonic::Status;

/// Range: a key, and sort options that exist.
pub(crate) fn range(request: &RangeRequest) -> Result<(), EtcdError> {
    if request.key.is_empty() {
        return Err(EtcdError::EmptyKey);
    }
    if SortOrder::try_from(request.sort_order).is_err() || SortTarget::try_from(request.sort_target).is_err()
    {
        return Err(EtcdError::InvalidSortOption);
    }
    Ok(())
}

/// RangeStream: a range in native key order without revision filters, because chunks are sent as they
/// are read.
pub(crate) fn range_stream(request: &RangeRequest) -> Result<(), Status> {
    range(request)?;
    let native_order = match (request.sort_order(), request.sort_target()) {
        (SortOrder::None, _) => true,
        (SortOrder::Ascend, target) => target == SortTarget::Key,
        (SortOrder::Descend, _) => false,
    };
    if !native_order {
        return Err(Status::unimplemented("RangeStream does not support custom sort orders"));
    }
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    if filters.iter().any(|filter| *filter != 0) {
        return Err(Status::unimplemented("RangeStream does not support revision filters"));
    }
    Ok(())
}

/// Put: a key, and nothing that contradicts "keep what is there".
pub(crate) fn put(request: &PutRequest) -> Result<(), EtcdError> {
    if request.key.is_empty() {
        return Err(EtcdError::EmptyKey);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(EtcdError::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(EtcdError::LeaseProvided);
    }
    Ok(())
}

/// DeleteRange: a key.
pub(crate) fn delete_range(request: &DeleteRangeRequest) -> Result<(), EtcdError> {
    if request.key.is_empty() {
        return Err(EtcdError::EmptyKey);
    }
    Ok(())
}

/// Txn: every operation of both branches, then keys written twice.
pub(crate) fn txn(request: &TxnRequest, ops_max: usize) -> Result<(), EtcdError> {
    txn_shape(request, ops_max)?;
    Writes::of(&request.success)?;
    Writes::of(&request.failure)?;
    Ok(())
}

/// A nested transaction gets what its parent leaves of the budget. The recursion is bounded by the
/// decoder, which refuses messages nested deeper than 100.
fn txn_shape(request: &TxnRequest, ops_max: usize) -> Result<(), EtcdError> {
    let ops = request.compare.len().max(request.success.len()).max(request.failure.len());
    if ops > ops_max {
        return Err(EtcdError::TooManyOperations);
    }
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(EtcdError::EmptyKey);
    }
    request.success.iter().chain(&request.failure).try_for_each(|op| op_shape(op, ops_max - ops))
}

fn op_shape(op: &RequestOp, ops_max: usize) -> Result<(), EtcdError> {
    match &op.request {
        Some(Request::RequestRange(request)) => range(request),
        Some(Request::RequestPut(request)) => put(request),
        Some(Request::RequestDeleteRange(request)) => delete_range(request),
        Some(Request::RequestTxn(request)) => txn_shape(request, ops_max),
        None => Err(EtcdError::KeyNotFound),
    }
}

/// What one branch of a transaction writes.
///
/// No key may be put twice, nor put and deleted, in operations that can both run. Deletes may overlap.
/// Like etcd, the check goes level by level: deletes of a level first, then its nested transactions in
/// order, then its own puts; so a put in one nested transaction is not held against a delete in a later one.
#[derive(Default)]
struct Writes<'a> {
    puts: HashSet<&'a [u8]>,
    deletes: Spans<'a>,
}

impl<'a> Writes<'a> {
    fn of(branch: &'a [RequestOp]) -> Result<Self, EtcdError> {
        let mut writes = Writes::default();
        for op in branch {
            if let Some(Request::RequestDeleteRange(delete)) = &op.request {
                writes.deletes.insert(&delete.key, &delete.range_end);
            }
        }
        for op in branch {
            if let Some(Request::RequestTxn(nested)) = &op.request {
                writes.join(Writes::of(&nested.success)?, Writes::of(&nested.failure)?)?;
            }
        }
        for op in branch {
            if let Some(Request::RequestPut(put)) = &op.request {
                writes.check(&put.key)?;
                writes.puts.insert(&put.key);
            }
        }
        Ok(writes)
    }

    fn check(&self, key: &[u8]) -> Result<(), EtcdError> {
        if self.puts.contains(key) || self.deletes.contains(key) {
            return Err(EtcdError::DuplicateKey);
        }
        Ok(())
    }

    /// Takes in a nested transaction: its branches exclude each other, so they may write the same key.
    fn join(&mut self, mut success: Writes<'a>, failure: Writes<'a>) -> Result<(), EtcdError> {
        success.puts.iter().chain(&failure.puts).try_for_each(|key| self.check(key))?;
        // The larger set stays in place, so that a deep chain of transactions costs no copy per level.
        if success.puts.len() > self.puts.len() {
            std::mem::swap(&mut self.puts, &mut success.puts);
        }
        self.puts.extend(success.puts.into_iter().chain(failure.puts));
        self.deletes.join(success.deletes);
        self.deletes.join(failure.deletes);
        Ok(())
    }
}

/// A set of key intervals, kept disjoint so that a lookup sees one neighbour. The end is an absent
/// bound, or exclusive; a single key ends right after itself.
#[derive(Default)]
struct Spans<'a> {
    by_start: BTreeMap<&'a [u8], End<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End<'a> {
    /// For a single key the key itself with `after` set: the end is the next possible key.
    bound: &'a [u8],
    after: bool,
}

impl End<'_> {
    fn is_beyond(&self, key: &[u8]) -> bool {
        key < self.bound || (self.after && key == self.bound)
    }
}

impl<'a> Spans<'a> {
    /// Inverted ranges, "everything from this key" among them, are not seen: etcd's check does not see
    /// them either, and accepts transactions that programs may rely on.
    fn insert(&mut self, start: &'a [u8], range_end: &'a [u8]) {
        let end = if range_end.is_empty() {
            End { bound: start, after: true }
        } else {
            End { bound: range_end, after: false }
        };
        if end.is_beyond(start) {
            self.insert_span(start, end);
        }
    }

    fn insert_span(&mut self, mut start: &'a [u8], mut end: End<'a>) {
        if let Some((left, left_end)) =
            self.by_start.range::<[u8], _>((Bound::Unbounded, Bound::Included(start))).next_back()
            && left_end.is_beyond(start)
        {
            start = left;
            end = end.max(*left_end);
        }
        loop {
            let next = self.by_start.range::<[u8], _>((Bound::Included(start), Bound::Unbounded)).next();
            match next {
                Some((right, right_end)) if end.is_beyond(right) => {
                    end = end.max(*right_end);
                    let right = *right;
                    self.by_start.remove(right);
                }
                _ => break,
            }
        }
        self.by_start.insert(start, end);
    }

    fn contains(&self, key: &[u8]) -> bool {
        let left = self.by_start.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        left.is_some_and(|(_, end)| end.is_beyond(key))
    }

    fn join(&mut self, mut other: Spans<'a>) {
        if other.by_start.len() > self.by_start.len() {
            std::mem::swap(self, &mut other);
        }
        for (start, end) in other.by_start {
            self.insert_span(start, end);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;
    use etcdkit_proto::etcdserverpb::Compare;

    use super::*;

    fn key(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn put_op(name: &str) -> RequestOp {
        op(Request::RequestPut(PutRequest { key: key(name), ..Default::default() }))
    }

    fn delete_op(start: &str, end: &str) -> RequestOp {
        op(Request::RequestDeleteRange(DeleteRangeRequest {
            key: key(start),
            range_end: key(end),
            prev_kv: false,
        }))
    }

    fn range_op(start: &str) -> RequestOp {
        op(Request::RequestRange(RangeRequest { key: key(start), ..Default::default() }))
    }

    fn txn_op(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
        op(Request::RequestTxn(TxnRequest { compare: vec![], success, failure }))
    }

    fn op(request: Request) -> RequestOp {
        RequestOp { request: Some(request) }
    }

    fn check_branch(success: Vec<RequestOp>) -> Result<(), EtcdError> {
        txn(&TxnRequest { compare: vec![], success, failure: vec![] }, 128)
    }

    #[test]
    fn a_range_needs_a_key_and_known_sort_options() {
        let valid = RangeRequest { key: key("a"), ..Default::default() };
        let table = [
            (valid.clone(), Ok(())),
            (RangeRequest { key: Bytes::new(), sort_order: 9, ..valid.clone() }, Err(EtcdError::EmptyKey)),
            (RangeRequest { sort_order: 3, ..valid.clone() }, Err(EtcdError::InvalidSortOption)),
            (RangeRequest { sort_target: -1, ..valid.clone() }, Err(EtcdError::InvalidSortOption)),
            (RangeRequest { sort_order: 2, sort_target: 4, limit: -5, ..valid }, Ok(())),
        ];
        for (request, expected) in table {
            assert_eq!(range(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn a_stream_takes_native_order_only() {
        let with = |order, target| RangeRequest {
            key: key("a"),
            sort_order: order as i32,
            sort_target: target as i32,
            ..Default::default()
        };
        assert!(range_stream(&with(SortOrder::None, SortTarget::Key)).is_ok());
        assert!(range_stream(&with(SortOrder::Ascend, SortTarget::Key)).is_ok());
        let refused = range_stream(&with(SortOrder::Descend, SortTarget::Key)).unwrap_err();
        assert_eq!(refused.message(), "RangeStream does not support custom sort orders");
        assert!(range_stream(&with(SortOrder::Ascend, SortTarget::Mod)).is_err());
        let filtered = RangeRequest { min_mod_revision: 1, ..with(SortOrder::None, SortTarget::Key) };
        let refused = range_stream(&filtered).unwrap_err();
        assert_eq!(refused.message(), "RangeStream does not support revision filters");
        assert_eq!(refused.code(), tonic::Code::Unimplemented);
    }

    #[test]
    fn a_put_must_not_contradict_itself() {
        let valid = PutRequest { key: key("a"), value: key("v"), lease: 7, ..Default::default() };
        let table = [
            (valid.clone(), Ok(())),
            (PutRequest { key: Bytes::new(), ..valid.clone() }, Err(EtcdError::EmptyKey)),
            (
                PutRequest { ignore_value: true, ignore_lease: true, ..valid.clone() },
                Err(EtcdError::ValueProvided),
            ),
            (PutRequest { ignore_lease: true, ..valid.clone() }, Err(EtcdError::LeaseProvided)),
            (PutRequest { ignore_value: true, value: Bytes::new(), ..valid }, Ok(())),
        ];
        for (request, expected) in table {
            assert_eq!(put(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn the_largest_of_the_three_lists_counts() {
        let ops = |count: usize| (0..count).map(|index| range_op(&format!("k{index}"))).collect::<Vec<_>>();
        let compares = |count| vec![Compare { key: key("a"), ..Default::default() }; count];
        let request = |compare, success, failure| TxnRequest { compare, success, failure };
        assert_eq!(txn(&request(compares(128), ops(128), ops(128)), 128), Ok(()));
        assert_eq!(txn(&request(compares(129), ops(0), ops(0)), 128), Err(EtcdError::TooManyOperations));
        assert_eq!(txn(&request(compares(0), ops(0), ops(129)), 128), Err(EtcdError::TooManyOperations));
    }

    #[test]
    fn a_nested_transaction_has_what_its_parent_leaves() {
        let nested =
            |count: usize| txn_op((0..count).map(|index| range_op(&format!("k{index}"))).collect(), vec![]);
        assert_eq!(check_branch(vec![nested(127)]), Ok(()));
        assert_eq!(check_branch(vec![nested(128)]), Err(EtcdError::TooManyOperations));
        assert_eq!(check_branch(vec![nested(126), range_op("x")]), Ok(()));
        assert_eq!(check_branch(vec![nested(127), range_op("x")]), Err(EtcdError::TooManyOperations));
    }

    #[test]
    fn each_operation_is_checked_before_duplicates() {
        assert_eq!(
            check_branch(vec![put_op("a"), put_op("a"), RequestOp { request: None }]),
            Err(EtcdError::KeyNotFound)
        );
        assert_eq!(check_branch(vec![put_op("a"), put_op("a"), put_op("")]), Err(EtcdError::EmptyKey));
        let compare = vec![Compare::default()];
        let request = TxnRequest { compare, success: vec![RequestOp { request: None }], failure: vec![] };
        assert_eq!(txn(&request, 128), Err(EtcdError::EmptyKey));
        let failure = TxnRequest { compare: vec![], success: vec![], failure: vec![put_op("")] };
        assert_eq!(txn(&failure, 128), Err(EtcdError::EmptyKey));
    }

    #[test]
    fn no_key_is_written_twice() {
        let duplicate = Err(EtcdError::DuplicateKey);
        let table: Vec<(Vec<RequestOp>, Result<(), EtcdError>)> = vec![
            (vec![put_op("a"), put_op("b")], Ok(())),
            (vec![put_op("a"), put_op("a")], duplicate),
            (vec![put_op("a"), range_op("a")], Ok(())),
            (vec![put_op("b"), delete_op("a", "c")], duplicate),
            (vec![delete_op("a", "c"), put_op("b")], duplicate),
            (vec![delete_op("a", "c"), put_op("c")], Ok(())),
            (vec![delete_op("a", ""), put_op("a")], duplicate),
            (vec![delete_op("a", ""), put_op("a\0")], Ok(())),
            (vec![delete_op("a", "c"), delete_op("b", "d"), delete_op("a", "")], Ok(())),
            (vec![delete_op("a", "c"), delete_op("b", "d"), put_op("c")], duplicate),
            (vec![delete_op("a", "\0"), put_op("b")], Ok(())),
            (vec![delete_op("c", "a"), put_op("b")], Ok(())),
            (vec![txn_op(vec![put_op("a")], vec![put_op("a")])], Ok(())),
            (vec![txn_op(vec![put_op("a")], vec![]), put_op("a")], duplicate),
            (vec![txn_op(vec![], vec![put_op("a")]), put_op("a")], duplicate),
            (vec![txn_op(vec![put_op("a")], vec![]), txn_op(vec![put_op("a")], vec![])], duplicate),
            (vec![txn_op(vec![put_op("a")], vec![]), delete_op("a", "b")], duplicate),
            (vec![txn_op(vec![delete_op("a", "b")], vec![]), put_op("a")], duplicate),
            (vec![txn_op(vec![delete_op("a", "b")], vec![]), txn_op(vec![put_op("a")], vec![])], duplicate),
            (vec![txn_op(vec![put_op("a")], vec![]), txn_op(vec![delete_op("a", "b")], vec![])], Ok(())),
            (vec![txn_op(vec![txn_op(vec![put_op("a")], vec![])], vec![]), put_op("a")], duplicate),
        ];
        for (branch, expected) in table {
            assert_eq!(check_branch(branch.clone()), expected, "{branch:?}");
        }
    }

    #[test]
    fn spans_merge_into_disjoint_intervals() {
        let mut spans = Spans::default();
        for (start, end) in [("d", "f"), ("a", "b"), ("b", "d"), ("x", ""), ("c", "e")] {
            spans.insert(start.as_bytes(), end.as_bytes());
        }
        for (key, inside) in
            [("a", true), ("b", true), ("e\x7f", true), ("f", false), ("x", true), ("x\0", false)]
        {
            assert_eq!(spans.contains(key.as_bytes()), inside, "{key}");
        }
    }
}
