//! A key space of one lock: enough of etcd's semantics for locks and watches.

use std::collections::BTreeMap;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::{Event, KeyValue, event::EventType};
use pb::compare::{CompareResult, TargetUnion};
use pb::request_op::Request;
use pb::response_op::Response;

pub struct Store {
    pub revision: i64,
    keys: BTreeMap<Bytes, KeyValue>,
    pub events: Vec<Event>,
    pub compacted: i64,
    pub leases: BTreeMap<i64, i64>,
    next_lease: i64,
}

impl Store {
    pub fn new() -> Self {
        let (keys, events, leases) = Default::default();
        Self { revision: 1, keys, events, compacted: 0, leases, next_lease: 1000 }
    }

    pub fn header(&self) -> Option<pb::ResponseHeader> {
        Some(pb::ResponseHeader { cluster_id: 1, member_id: 1, revision: self.revision, raft_term: 1 })
    }

    pub fn grant(&mut self, ttl: i64) -> i64 {
        self.next_lease += 1;
        self.leases.insert(self.next_lease, ttl);
        self.next_lease
    }

    pub fn revoke(&mut self, lease: i64) {
        self.leases.remove(&lease);
        let keys: Vec<Bytes> =
            self.keys.values().filter(|kv| kv.lease == lease).map(|kv| kv.key.clone()).collect();
        if keys.is_empty() {
            return;
        }
        self.revision += 1;
        for key in keys {
            self.delete_key(&key, self.revision);
        }
    }

    pub fn put(&mut self, put: pb::PutRequest) -> pb::PutResponse {
        self.revision += 1;
        self.put_at(put, self.revision);
        pb::PutResponse { header: self.header(), prev_kv: None }
    }

    fn put_at(&mut self, put: pb::PutRequest, revision: i64) {
        let old = self.keys.get(&put.key);
        let kv = KeyValue {
            create_revision: old.map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: old.map_or(1, |kv| kv.version + 1),
            key: put.key.clone(),
            value: put.value,
            lease: put.lease,
        };
        self.keys.insert(put.key, kv.clone());
        self.events.push(Event { r#type: EventType::Put as i32, kv: Some(kv), prev_kv: None });
    }

    fn delete_key(&mut self, key: &Bytes, revision: i64) {
        self.keys.remove(key);
        let kv = KeyValue { key: key.clone(), mod_revision: revision, ..KeyValue::default() };
        self.events.push(Event { r#type: EventType::Delete as i32, kv: Some(kv), prev_kv: None });
    }

    pub fn delete(&mut self, delete: &pb::DeleteRangeRequest) -> pb::DeleteRangeResponse {
        let deleted = self.delete_at(delete, self.revision + 1);
        self.revision += i64::from(deleted > 0);
        pb::DeleteRangeResponse { header: self.header(), deleted, prev_kvs: Vec::new() }
    }

    fn delete_at(&mut self, delete: &pb::DeleteRangeRequest, revision: i64) -> i64 {
        let range = KeyRange::new(delete.key.clone(), delete.range_end.clone());
        let keys: Vec<Bytes> = self.keys.keys().filter(|key| range.contains(key)).cloned().collect();
        for key in &keys {
            self.delete_key(key, revision);
        }
        keys.len() as i64
    }

    pub fn range(&self, request: &pb::RangeRequest) -> pb::RangeResponse {
        let range = KeyRange::new(request.key.clone(), request.range_end.clone());
        let bound = |kv: &&KeyValue| {
            request.max_create_revision == 0 || kv.create_revision <= request.max_create_revision
        };
        let inside = || self.keys.values().filter(|kv| range.contains(&kv.key));
        let mut kvs: Vec<KeyValue> = inside().filter(bound).cloned().collect();
        if request.sort_target() == pb::range_request::SortTarget::Create {
            kvs.sort_by_key(|kv| kv.create_revision);
        }
        if request.sort_order() == pb::range_request::SortOrder::Descend {
            kvs.reverse();
        }
        if request.limit > 0 {
            kvs.truncate(request.limit as usize);
        }
        pb::RangeResponse { header: self.header(), kvs, more: false, count: inside().count() as i64 }
    }

    pub fn txn(&mut self, txn: &pb::TxnRequest) -> pb::TxnResponse {
        let revision = self.revision + 1;
        let mut wrote = false;
        let mut response = self.txn_at(txn, revision, &mut wrote);
        self.revision += i64::from(wrote);
        response.header = self.header();
        response
    }

    fn txn_at(&mut self, txn: &pb::TxnRequest, revision: i64, wrote: &mut bool) -> pb::TxnResponse {
        let succeeded = txn.compare.iter().all(|compare| self.holds(compare));
        let branch = if succeeded { &txn.success } else { &txn.failure };
        let mut responses = Vec::new();
        for op in branch {
            let response = match op.request.as_ref().unwrap() {
                Request::RequestRange(range) => Response::ResponseRange(self.range(range)),
                Request::RequestPut(put) => {
                    self.put_at(put.clone(), revision);
                    *wrote = true;
                    Response::ResponsePut(pb::PutResponse::default())
                }
                Request::RequestDeleteRange(delete) => {
                    let deleted = self.delete_at(delete, revision);
                    *wrote |= deleted > 0;
                    Response::ResponseDeleteRange(pb::DeleteRangeResponse { deleted, ..Default::default() })
                }
                Request::RequestTxn(inner) => Response::ResponseTxn(self.txn_at(inner, revision, wrote)),
            };
            responses.push(pb::ResponseOp { response: Some(response) });
        }
        pb::TxnResponse { header: None, succeeded, responses }
    }

    fn holds(&self, compare: &pb::Compare) -> bool {
        let range = KeyRange::new(compare.key.clone(), compare.range_end.clone());
        let mut matching: Vec<KeyValue> =
            self.keys.values().filter(|kv| range.contains(&kv.key)).cloned().collect();
        if matching.is_empty() {
            matching.push(KeyValue::default());
        }
        matching.iter().all(|kv| {
            let order = match compare.target_union.as_ref().unwrap() {
                TargetUnion::Version(wanted) => kv.version.cmp(wanted),
                TargetUnion::CreateRevision(wanted) => kv.create_revision.cmp(wanted),
                TargetUnion::ModRevision(wanted) => kv.mod_revision.cmp(wanted),
                TargetUnion::Value(wanted) => kv.value.cmp(wanted),
                TargetUnion::Lease(wanted) => kv.lease.cmp(wanted),
            };
            match compare.result() {
                CompareResult::Equal => order.is_eq(),
                CompareResult::Greater => order.is_gt(),
                CompareResult::Less => order.is_lt(),
                CompareResult::NotEqual => order.is_ne(),
            }
        })
    }
}
