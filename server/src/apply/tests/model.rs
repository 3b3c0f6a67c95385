//! The key space as a list of whole states, one per revision: slow, and simple enough to be believed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::mvccpb::event::EventType;
use etcdkit_proto::mvccpb::{Event, KeyValue};

use super::*;

pub(super) type State = BTreeMap<Bytes, KeyValue>;

pub(super) struct Model {
    pub(super) revision: i64,
    pub(super) compacted: i64,
    pub(super) states: BTreeMap<i64, State>,
    pub(super) events: Vec<Event>,
    pub(super) leases: BTreeSet<i64>,
}

/// A command at work.
struct Work {
    state: State,
    events: Vec<Event>,
    revision: i64,
}

impl Work {
    fn seen_revision(&self) -> i64 {
        self.revision - i64::from(self.events.is_empty())
    }

    fn put(&mut self, request: &PutRequest) -> PutResponse {
        let before = self.state.get(&request.key).cloned();
        let kv = KeyValue {
            key: request.key.clone(),
            create_revision: before.as_ref().map_or(self.revision, |kv| kv.create_revision),
            mod_revision: self.revision,
            version: before.as_ref().map_or(0, |kv| kv.version) + 1,
            value: if request.ignore_value { before.clone().unwrap().value } else { request.value.clone() },
            lease: if request.ignore_lease { before.clone().unwrap().lease } else { request.lease },
        };
        self.state.insert(request.key.clone(), kv.clone());
        self.events.push(Event { r#type: EventType::Put.into(), kv: Some(kv), prev_kv: None });
        PutResponse { header: header(self.revision), prev_kv: before.filter(|_| request.prev_kv) }
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let gone = select(&self.state, &request.key, &request.range_end);
        for kv in &gone {
            self.state.remove(&kv.key);
            let kv = KeyValue { key: kv.key.clone(), mod_revision: self.revision, ..KeyValue::default() };
            self.events.push(Event { r#type: EventType::Delete.into(), kv: Some(kv), prev_kv: None });
        }
        DeleteRangeResponse {
            header: header(self.seen_revision()),
            deleted: gone.len() as i64,
            prev_kvs: if request.prev_kv { gone } else { Vec::new() },
        }
    }
}

pub(super) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

fn in_range(key: &[u8], start: &[u8], end: &[u8]) -> bool {
    match end {
        [] => key == start,
        [0] => key >= start,
        _ => key >= start && key < end,
    }
}

fn select(state: &State, start: &[u8], end: &[u8]) -> Vec<KeyValue> {
    state.values().filter(|kv| in_range(&kv.key, start, end)).cloned().collect()
}

impl Model {
    pub(super) fn new() -> Self {
        Model {
            revision: 1,
            compacted: -1,
            states: BTreeMap::from([(1, State::new())]),
            events: Vec::new(),
            leases: BTreeSet::new(),
        }
    }

    fn now(&self) -> &State {
        &self.states[&self.revision]
    }

    pub(super) fn apply(&mut self, operation: &Operation) -> Outcome {
        let mut work = Work { state: self.now().clone(), events: Vec::new(), revision: self.revision + 1 };
        let outcome = self.run(operation, &mut work)?;
        if !work.events.is_empty() {
            self.revision += 1;
            self.states.insert(self.revision, work.state);
            self.events.extend(work.events);
        }
        Ok(outcome)
    }

    fn run(&mut self, operation: &Operation, work: &mut Work) -> Outcome {
        Ok(match operation {
            Operation::Auth(_) | Operation::Alarm(_) | Operation::Cluster(_) => {
                unreachable!("the model knows keys and leases alone")
            }
            Operation::Put(request) => {
                self.check_put(request, &[])?;
                Applied::Put(work.put(request))
            }
            Operation::DeleteRange(request) => Applied::DeleteRange(work.delete(request)),
            Operation::Txn(request) => {
                let mut before = Vec::new();
                self.check_txn(request, &mut before)?;
                let mut response = self.txn(request, work);
                response.header = header(work.seen_revision());
                Applied::Txn(response)
            }
            Operation::Compact(request) => {
                if request.revision <= self.compacted {
                    return Err(EtcdError::Compacted);
                }
                if request.revision > self.revision {
                    return Err(EtcdError::FutureRevision);
                }
                self.compacted = request.revision;
                self.states = self.states.split_off(&request.revision);
                Applied::Compact(CompactionResponse { header: header(self.revision) })
            }
            Operation::LeaseGrant(grant) => {
                if !self.leases.insert(grant.id) {
                    return Err(EtcdError::LeaseExist);
                }
                Applied::LeaseGrant(LeaseGrantResponse {
                    header: header(self.revision),
                    id: grant.id,
                    ttl: grant.ttl,
                    error: String::new(),
                })
            }
            Operation::LeaseRevoke(revoke) => {
                if !self.leases.remove(&revoke.id) {
                    return Err(EtcdError::LeaseNotFound);
                }
                let keys: Vec<Bytes> =
                    work.state.values().filter(|kv| kv.lease == revoke.id).map(|kv| kv.key.clone()).collect();
                for key in keys {
                    work.delete(&DeleteRangeRequest { key, ..DeleteRangeRequest::default() });
                }
                Applied::LeaseRevoke(LeaseRevokeResponse { header: header(work.seen_revision()) })
            }
        })
    }

    fn check_put(&self, request: &PutRequest, before: &[Request]) -> Result<(), EtcdError> {
        if request.lease != 0 && !self.leases.contains(&request.lease) {
            return Err(EtcdError::LeaseNotFound);
        }
        if !request.ignore_value && !request.ignore_lease {
            return Ok(());
        }
        let mut there = self.now().contains_key(&request.key);
        let was_there = there;
        for request_before in before {
            match request_before {
                Request::RequestPut(put) if put.key == request.key => there = true,
                Request::RequestDeleteRange(delete)
                    if in_range(&request.key, &delete.key, &delete.range_end) =>
                {
                    there = false;
                }
                _ => {}
            }
        }
        if there && was_there { Ok(()) } else { Err(EtcdError::KeyNotFound) }
    }

    fn branch<'r>(&self, request: &'r TxnRequest) -> (bool, &'r [RequestOp]) {
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        (succeeded, if succeeded { &request.success } else { &request.failure })
    }

    fn check_txn(&self, request: &TxnRequest, before: &mut Vec<Request>) -> Result<(), EtcdError> {
        for op in self.branch(request).1 {
            match op.request.as_ref().unwrap() {
                Request::RequestRange(range) if range.revision > self.revision => {
                    return Err(EtcdError::FutureRevision);
                }
                Request::RequestRange(range) if range.revision != 0 && range.revision < self.compacted => {
                    return Err(EtcdError::Compacted);
                }
                Request::RequestPut(put) => self.check_put(put, before)?,
                Request::RequestTxn(nested) => {
                    self.check_txn(nested, before)?;
                    continue;
                }
                _ => {}
            }
            before.push(op.request.clone().unwrap());
        }
        Ok(())
    }

    fn txn(&self, request: &TxnRequest, work: &mut Work) -> TxnResponse {
        let (succeeded, branch) = self.branch(request);
        let responses = branch.iter().map(|op| {
            let response = match op.request.as_ref().unwrap() {
                Request::RequestRange(range) => Response::ResponseRange(self.range_in(range, work)),
                Request::RequestPut(put) => Response::ResponsePut(work.put(put)),
                Request::RequestDeleteRange(delete) => Response::ResponseDeleteRange(work.delete(delete)),
                Request::RequestTxn(nested) => Response::ResponseTxn(self.txn(nested, work)),
            };
            ResponseOp { response: Some(response) }
        });
        TxnResponse { succeeded, responses: responses.collect(), header: Some(ResponseHeader::default()) }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kvs = select(self.now(), &compare.key, &compare.range_end);
        if kvs.is_empty() {
            return compare.target() != CompareTarget::Value && holds_for(compare, &KeyValue::default());
        }
        kvs.iter().all(|kv| holds_for(compare, kv))
    }

    fn range_in(&self, request: &RangeRequest, work: &Work) -> RangeResponse {
        let past = self.states.get(&request.revision);
        let state = if request.revision > 0 { past.unwrap() } else { &work.state };
        answer(state, request, work.seen_revision())
    }

    pub(super) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, EtcdError> {
        if request.revision > self.revision {
            return Err(EtcdError::FutureRevision);
        }
        let at = if request.revision <= 0 { self.revision } else { request.revision };
        let state = if at < self.compacted { None } else { self.states.get(&at) };
        Ok(answer(state.ok_or(EtcdError::Compacted)?, request, self.revision))
    }
}

fn answer(state: &State, request: &RangeRequest, revision: i64) -> RangeResponse {
    let mut kvs = select(state, &request.key, &request.range_end);
    let count = kvs.len() as i64;
    if request.count_only {
        return RangeResponse { header: header(revision), count, ..RangeResponse::default() };
    }
    let bounded = |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    let filters = [
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    if request.sort_order() == SortOrder::None && filters == [0; 4] {
        // etcd cuts before it sorts when no order is given, one beyond the limit.
        kvs.truncate(limit.saturating_add(1));
    }
    kvs.retain(|kv| {
        bounded(kv.mod_revision, filters[0], filters[1])
            && bounded(kv.create_revision, filters[2], filters[3])
    });
    kvs.sort_by(|a, b| {
        let order = match request.sort_target() {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        if request.sort_order() == SortOrder::Descend { order.reverse() } else { order }
    });
    let more = kvs.len() > limit;
    kvs.truncate(limit);
    if request.keys_only {
        for kv in &mut kvs {
            kv.value.clear();
            if request.sort_target() != SortTarget::Value {
                kv.lease = 0;
            }
        }
    }
    RangeResponse { header: header(revision), kvs, more, count }
}

fn holds_for(compare: &Compare, kv: &KeyValue) -> bool {
    let union = compare.target_union.clone();
    let number = |mine: i64, theirs: Option<i64>| mine.cmp(&theirs.unwrap_or(0));
    let order: Ordering = match compare.target() {
        CompareTarget::Version => number(
            kv.version,
            union.and_then(|union| if let TargetUnion::Version(n) = union { Some(n) } else { None }),
        ),
        CompareTarget::Create => number(
            kv.create_revision,
            union.and_then(|union| if let TargetUnion::CreateRevision(n) = union { Some(n) } else { None }),
        ),
        CompareTarget::Mod => number(
            kv.mod_revision,
            union.and_then(|union| if let TargetUnion::ModRevision(n) = union { Some(n) } else { None }),
        ),
        CompareTarget::Lease => number(
            kv.lease,
            union.and_then(|union| if let TargetUnion::Lease(n) = union { Some(n) } else { None }),
        ),
        CompareTarget::Value => {
            let theirs = if let Some(TargetUnion::Value(value)) = union { value } else { Bytes::new() };
            kv.value.cmp(&theirs)
        }
    };
    match compare.result() {
        CompareResult::Equal => order.is_eq(),
        CompareResult::NotEqual => order.is_ne(),
        CompareResult::Greater => order.is_gt(),
        CompareResult::Less => order.is_lt(),
    }
}
