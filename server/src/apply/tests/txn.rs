//! Transactions, and above all those that must do nothing.

use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::response_op::Response;

use super::*;

fn when(key: &str, target: CompareTarget, result: CompareResult, value: Option<TargetUnion>) -> Compare {
    Compare {
        key: bytes(key),
        target: target.into(),
        result: result.into(),
        target_union: value,
        range_end: Bytes::new(),
    }
}

fn then(success: Vec<Request>) -> TxnRequest {
    TxnRequest { success: success.into_iter().map(op).collect(), ..TxnRequest::default() }
}

#[test]
fn operations_see_those_before_and_share_one_revision() {
    let mut machine = Machine::new();
    let response = machine
        .txn(then(vec![
            Request::RequestPut(put("a", "1")),
            Request::RequestRange(range("a", "")),
            Request::RequestTxn(then(vec![Request::RequestPut(put("b", "2"))])),
            Request::RequestDeleteRange(delete("a", "c")),
        ]))
        .unwrap();
    assert_eq!(response.header.unwrap().revision, 2);
    let Some(Response::ResponseRange(read)) = &response.responses[1].response else { panic!() };
    assert_eq!((read.kvs[0].value.clone(), read.header.unwrap().revision), (bytes("1"), 2));
    let Some(Response::ResponseTxn(nested)) = &response.responses[2].response else { panic!() };
    assert_eq!(nested.header, Some(ResponseHeader::default()));
    let Some(Response::ResponseDeleteRange(deleted)) = &response.responses[3].response else { panic!() };
    assert_eq!(deleted.deleted, 2);
    assert_eq!(machine.store.revision(), 2);
}

#[test]
fn conditions_of_nested_transactions_are_decided_before_any_write() {
    let mut machine = Machine::new();
    let nested = TxnRequest {
        compare: vec![when("a", CompareTarget::Version, CompareResult::Greater, None)],
        ..then(vec![Request::RequestPut(put("late", "1"))])
    };
    let request = then(vec![Request::RequestPut(put("a", "1")), Request::RequestTxn(nested)]);
    let response = machine.txn(request).unwrap();
    let Some(Response::ResponseTxn(nested)) = &response.responses[1].response else { panic!() };
    assert!(!nested.succeeded);
    assert!(machine.get("late").is_none());
}

#[test]
fn a_missing_key_has_zero_numbers_and_no_value() {
    let mut machine = Machine::new();
    let mut holds = |compare| {
        machine.txn(TxnRequest { compare: vec![compare], ..TxnRequest::default() }).unwrap().succeeded
    };
    assert!(holds(when("k", CompareTarget::Create, CompareResult::Equal, None)));
    assert!(!holds(when("k", CompareTarget::Mod, CompareResult::Greater, None)));
    for result in [CompareResult::Equal, CompareResult::NotEqual, CompareResult::Less] {
        assert!(!holds(when("k", CompareTarget::Value, result, Some(TargetUnion::Value(bytes("x"))))));
    }
}

#[test]
fn a_right_hand_side_of_another_kind_counts_as_zero() {
    let mut machine = Machine::new();
    machine.put("k", "v");
    let compare =
        when("k", CompareTarget::Version, CompareResult::Greater, Some(TargetUnion::ModRevision(100)));
    assert!(machine.txn(TxnRequest { compare: vec![compare], ..TxnRequest::default() }).unwrap().succeeded);
}

#[test]
fn a_condition_on_a_range_must_hold_for_every_key() {
    let mut machine = Machine::new();
    machine.put("a", "x");
    machine.put("b", "y");
    let compare = |end: &str| Compare {
        range_end: bytes(end),
        ..when("a", CompareTarget::Value, CompareResult::Equal, Some(TargetUnion::Value(bytes("x"))))
    };
    let mut holds = |end: &str| {
        let request = TxnRequest { compare: vec![compare(end)], ..TxnRequest::default() };
        machine.txn(request).unwrap().succeeded
    };
    assert!(holds(""));
    assert!(holds("b"));
    assert!(!holds("c"));
    assert!(!holds("\0"));
}

#[test]
fn a_transaction_that_fails_has_written_nothing() {
    let mut machine = Machine::new();
    machine.put("k", "v");
    machine.compact(2).unwrap();
    let failing = [
        (Request::RequestRange(RangeRequest { revision: 9, ..range("k", "") }), EtcdError::FutureRevision),
        (Request::RequestRange(RangeRequest { revision: 1, ..range("k", "") }), EtcdError::Compacted),
        (Request::RequestRange(RangeRequest { revision: -1, ..range("k", "") }), EtcdError::Compacted),
        (Request::RequestPut(PutRequest { lease: 5, ..put("x", "") }), EtcdError::LeaseNotFound),
        (Request::RequestPut(PutRequest { ignore_value: true, ..put("x", "") }), EtcdError::KeyNotFound),
    ];
    for (last, error) in failing {
        let nested = then(vec![last]);
        let request = then(vec![Request::RequestPut(put("a", "1")), Request::RequestTxn(nested)]);
        assert_eq!(machine.txn(request), Err(error));
        assert_eq!((machine.store.revision(), machine.get("a")), (2, None));
    }
}

/// These crash etcd 3.7.1, whose check for duplicate keys does not see such ranges.
#[test]
fn keeping_the_value_of_a_key_deleted_before_is_an_error() {
    let mut machine = Machine::new();
    machine.put("k", "v");
    let keep = PutRequest { ignore_value: true, ..put("k", "") };
    let request =
        then(vec![Request::RequestDeleteRange(delete("a", "\0")), Request::RequestPut(keep.clone())]);
    assert_eq!(machine.txn(request), Err(EtcdError::KeyNotFound));
    // An inverted range deletes nothing.
    let request = then(vec![Request::RequestDeleteRange(delete("z", "a")), Request::RequestPut(keep)]);
    assert!(machine.txn(request).is_ok());
    assert_eq!(machine.get("k").unwrap().value, "v");
}

#[test]
fn empty_operations_and_ranges_do_no_harm() {
    let mut machine = Machine::new();
    let request = TxnRequest { success: vec![RequestOp { request: None }], ..TxnRequest::default() };
    assert_eq!(machine.txn(request).unwrap().responses, [ResponseOp { response: None }]);
    assert_eq!(machine.delete("", "").deleted, 0);
    assert_eq!(machine.delete("b", "a").deleted, 0);
    assert_eq!(machine.range(range("", "\0")).count, 0);
}

#[test]
fn a_read_only_transaction_reads_one_revision() {
    let mut machine = Machine::new();
    machine.put("a", "1");
    let request = then(vec![Request::RequestRange(range("a", "")), Request::RequestRange(range("b", ""))]);
    assert!(super::super::txn::is_read_only(&request));
    let response = super::super::txn::read_only(&machine.store, &request).unwrap();
    assert_eq!((response.header.unwrap().revision, response.responses.len()), (2, 2));
    assert_eq!(machine.txn(request).unwrap(), response);
}
