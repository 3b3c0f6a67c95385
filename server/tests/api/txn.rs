use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::etcdserverpb::{Compare, RangeRequest, RequestOp, TxnRequest};
use tonic::Code;

use crate::fixture::{Fixture, assert_status, put, text};

fn put_op(key: &str, value: &str) -> RequestOp {
    RequestOp { request: Some(Request::RequestPut(put(key, value))) }
}

fn get_op(key: &str) -> RequestOp {
    RequestOp { request: Some(Request::RequestRange(RangeRequest { key: text(key), ..Default::default() })) }
}

fn value_is(key: &str, value: &str) -> Compare {
    Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Value as i32,
        key: text(key),
        target_union: Some(TargetUnion::Value(text(value))),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_branch_sees_its_own_writes_in_one_revision() {
    let server = Fixture::memory().await;
    server.put("user1", "bad").await;
    let request = TxnRequest {
        compare: vec![value_is("user1", "bad")],
        success: vec![put_op("user1", "good"), get_op("user1"), put_op("user2", "x")],
        failure: vec![get_op("user1")],
    };
    let done = server.kv().txn(request.clone()).await.unwrap().into_inner();
    assert!(done.succeeded);
    assert_eq!((done.header.unwrap().revision, done.responses.len()), (3, 3));
    let Some(Response::ResponseRange(seen)) = &done.responses[1].response else { panic!("{done:?}") };
    assert_eq!((seen.kvs[0].value.clone(), seen.kvs[0].mod_revision), (text("good"), 3));
    let inner = seen.header.unwrap();
    assert_eq!((inner.revision, inner.cluster_id, inner.member_id, inner.raft_term), (3, 0, 0, 0));
    let again = server.kv().txn(request).await.unwrap().into_inner();
    assert!(!again.succeeded);
    assert_eq!(again.header.unwrap().revision, 3);
}

#[tokio::test]
async fn malformed_transactions_change_nothing() {
    let server = Fixture::memory().await;
    let txn = |success, failure| TxnRequest { compare: vec![], success, failure };
    let table = [
        (
            txn(vec![put_op("a", "1"), put_op("a", "2")], vec![]),
            "etcdserver: duplicate key given in txn request",
        ),
        (txn(vec![put_op("a", "1")], vec![put_op("", "")]), "etcdserver: key is not provided"),
        (txn(vec![put_op("a", "1"), RequestOp::default()], vec![]), "etcdserver: key not found"),
        (txn(vec![get_op("a"); 129], vec![]), "etcdserver: too many operations in txn request"),
    ];
    for (request, message) in table {
        assert_status(server.kv().txn(request).await, Code::InvalidArgument, message);
    }
    assert_eq!(server.get("a").await.header.unwrap().revision, 1);
}

#[tokio::test]
async fn a_read_in_the_future_fails_the_whole_transaction() {
    let server = Fixture::memory().await;
    let future = RangeRequest { key: text("a"), revision: 9, ..Default::default() };
    let read = RequestOp { request: Some(Request::RequestRange(future)) };
    let message = "etcdserver: mvcc: required revision is a future revision";
    let writing = TxnRequest { success: vec![put_op("a", "1"), read.clone()], ..Default::default() };
    assert_status(server.kv().txn(writing).await, Code::OutOfRange, message);
    let reading = TxnRequest { success: vec![read], ..Default::default() };
    assert_status(server.kv().txn(reading).await, Code::OutOfRange, message);
    assert_eq!(server.get("a").await.count, 0);
}
