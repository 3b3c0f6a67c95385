//! What is told of a request to whoever follows its call: etcd's names of the work and of the facts about it. Never a
//! value, a password or a token.

use std::any::Any;

use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest,
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchRequest,
};

use crate::apply::txn::is_read_only;
use crate::span::{Fact, Part, Span, Value};

/// The work on a request begins, if it is one that is told of.
pub(super) fn begin(span: &dyn Span, request: &dyn Any) -> Option<Box<dyn Part>> {
    let (name, facts) = told(request)?;
    Some(span.part(name, facts))
}

fn told(request: &dyn Any) -> Option<(&'static str, Vec<Fact>)> {
    if let Some(range) = request.downcast_ref::<RangeRequest>() {
        return Some(("range", of_range(range)));
    }
    if let Some(put) = request.downcast_ref::<PutRequest>() {
        return Some(("put", vec![("key", text(&put.key))]));
    }
    if let Some(txn) = request.downcast_ref::<TxnRequest>() {
        return Some(("txn", of_txn(txn)));
    }
    if let Some(delete) = request.downcast_ref::<DeleteRangeRequest>() {
        let facts = vec![("range_begin", text(&delete.key)), ("range_end", text(&delete.range_end))];
        return Some(("delete_range", facts));
    }
    if let Some(compact) = request.downcast_ref::<CompactionRequest>() {
        let facts =
            vec![("is_physical", Value::Truth(compact.physical)), ("rev", Value::Number(compact.revision))];
        return Some(("compact", facts));
    }
    if let Some(grant) = request.downcast_ref::<LeaseGrantRequest>() {
        return Some((
            "lease_grant",
            vec![("id", Value::Number(grant.id)), ("ttl", Value::Number(grant.ttl))],
        ));
    }
    if let Some(revoke) = request.downcast_ref::<LeaseRevokeRequest>() {
        return Some(("lease_revoke", vec![("id", Value::Number(revoke.id))]));
    }
    if let Some(renew) = request.downcast_ref::<LeaseKeepAliveRequest>() {
        return Some(("lease_renew", vec![("id", Value::Number(renew.id))]));
    }
    match &request.downcast_ref::<WatchRequest>()?.request_union {
        Some(RequestUnion::CreateRequest(create)) => Some((
            "watch",
            vec![
                ("key", text(&create.key)),
                ("range_end", text(&create.range_end)),
                ("start_rev", Value::Number(create.start_revision)),
                ("progress_notify", Value::Truth(create.progress_notify)),
                ("prev_kv", Value::Truth(create.prev_kv)),
                ("fragment", Value::Truth(create.fragment)),
            ],
        )),
        _ => None,
    }
}

fn of_range(range: &RangeRequest) -> Vec<Fact> {
    vec![
        ("range_begin", text(&range.key)),
        ("range_end", text(&range.range_end)),
        ("rev", Value::Number(range.revision)),
        ("limit", Value::Number(range.limit)),
        ("count_only", Value::Truth(range.count_only)),
        ("keys_only", Value::Truth(range.keys_only)),
    ]
}

fn of_txn(txn: &TxnRequest) -> Vec<Fact> {
    let compared = txn.compare.first().map(|compare| text(&compare.key));
    let (key, kind) = txn.success.first().map_or((text(b""), ""), of_operation);
    let lease = txn.success.iter().find_map(|operation| match &operation.request {
        Some(Request::RequestPut(put)) => Some(put.lease),
        _ => None,
    });
    vec![
        ("compare_first_key", compared.unwrap_or_else(|| text(b""))),
        ("success_first_key", key),
        ("success_first_type", Value::Text(kind.to_owned())),
        ("success_first_lease", Value::Number(lease.unwrap_or_default())),
        ("compare_len", count(txn.compare.len())),
        ("success_len", count(txn.success.len())),
        ("failure_len", count(txn.failure.len())),
        ("read_only", Value::Truth(is_read_only(txn))),
    ]
}

/// Key and kind of an operation.
fn of_operation(operation: &RequestOp) -> (Value, &'static str) {
    match &operation.request {
        Some(Request::RequestRange(range)) => (text(&range.key), "range"),
        Some(Request::RequestPut(put)) => (text(&put.key), "put"),
        Some(Request::RequestDeleteRange(delete)) => (text(&delete.key), "delete_range"),
        Some(Request::RequestTxn(_)) => (text(b""), "txn"),
        None => (text(b""), ""),
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

fn count(length: usize) -> Value {
    Value::Number(i64::try_from(length).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_told_by_its_key_and_not_by_its_value() {
        let put = PutRequest { key: "k".into(), value: "secret".into(), ..Default::default() };
        assert_eq!(told(&put), Some(("put", vec![("key", text(b"k"))])));
    }

    #[test]
    fn a_transaction_is_told_by_its_first_operation() {
        let put = PutRequest { key: "k".into(), lease: 7, ..Default::default() };
        let operation = RequestOp { request: Some(Request::RequestPut(put)) };
        let (_, facts) =
            told(&TxnRequest { success: vec![operation], ..Default::default() }).unwrap_or_default();
        for fact in [
            ("success_first_key", text(b"k")),
            ("success_first_type", Value::Text("put".into())),
            ("success_first_lease", Value::Number(7)),
            ("success_len", Value::Number(1)),
            ("read_only", Value::Truth(false)),
        ] {
            assert!(facts.contains(&fact), "{fact:?} in {facts:?}");
        }
    }

    #[test]
    fn what_has_no_facts_is_not_told() {
        assert_eq!(told(&WatchRequest::default()), None);
        assert_eq!(told(&etcdkit_proto::etcdserverpb::AuthenticateRequest::default()), None);
    }
}
