//! Random commands and reads, each answer compared with the model's.

use etcdkit_proto::etcdserverpb::compare::TargetUnion;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::model::Model;
use super::*;
use crate::mvcc::MvccError;

/// Random requests over few keys, so that they meet.
pub(super) struct Requests(pub(super) StdRng);

impl Requests {
    pub(super) fn seeded(seed: u64) -> Self {
        Requests(StdRng::seed_from_u64(seed))
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    pub(super) fn below(&mut self, bound: i64) -> i64 {
        self.0.random_range(0..bound)
    }

    pub(super) fn key(&mut self) -> Bytes {
        let length = self.0.random_range(1..3);
        (0..length).map(|_| b'a' + self.0.random_range(0..4)).collect::<Vec<u8>>().into()
    }

    /// All kinds of ends: none, everything after, and ordinary ones, inverted too.
    pub(super) fn end(&mut self) -> Bytes {
        match self.below(4) {
            0 => Bytes::new(),
            1 => Bytes::from_static(b"\0"),
            _ => self.key(),
        }
    }

    fn value(&mut self) -> Bytes {
        let length = self.0.random_range(0..12);
        (0..length).map(|_| self.0.random_range(b'0'..b'4')).collect::<Vec<u8>>().into()
    }

    fn put(&mut self) -> PutRequest {
        let (ignore_value, ignore_lease) = (self.chance(0.1), self.chance(0.1));
        PutRequest {
            key: self.key(),
            value: if ignore_value { Bytes::new() } else { self.value() },
            lease: if !ignore_lease && self.chance(0.2) { 1 + self.below(3) } else { 0 },
            prev_kv: self.chance(0.3),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        let range_end = if self.chance(0.6) { Bytes::new() } else { self.end() };
        DeleteRangeRequest { key: self.key(), range_end, prev_kv: self.chance(0.5) }
    }

    fn revision(&mut self, around: i64) -> i64 {
        if self.chance(0.6) { 0 } else { around - 20 + self.below(23) }
    }

    pub(super) fn range(&mut self, revision: i64) -> RangeRequest {
        let bound = |requests: &mut Self| if requests.chance(0.1) { requests.below(revision + 2) } else { 0 };
        RangeRequest {
            min_mod_revision: bound(self),
            max_mod_revision: bound(self),
            min_create_revision: bound(self),
            max_create_revision: bound(self),
            key: self.key(),
            range_end: self.end(),
            limit: if self.chance(0.3) { self.below(5) } else { 0 },
            revision: self.revision(revision),
            sort_order: self.below(3) as i32,
            sort_target: if self.chance(0.5) { 0 } else { self.below(5) as i32 },
            serializable: false,
            keys_only: self.chance(0.2),
            count_only: self.chance(0.1),
        }
    }

    fn compare(&mut self, revision: i64) -> Compare {
        let near = revision - self.below(10);
        let target = self.below(5) as i32;
        let kind = if self.chance(0.9) { target } else { self.below(5) as i32 };
        let target_union = match kind {
            0 => TargetUnion::Version(self.below(3)),
            1 => TargetUnion::CreateRevision(near),
            2 => TargetUnion::ModRevision(near),
            3 => TargetUnion::Value(self.value()),
            _ => TargetUnion::Lease(self.below(3)),
        };
        Compare {
            result: self.below(4) as i32,
            target,
            key: self.key(),
            range_end: if self.chance(0.7) { Bytes::new() } else { self.end() },
            target_union: Some(target_union),
        }
    }

    fn txn(&mut self, revision: i64, depth: usize) -> TxnRequest {
        let compares = self.below(3);
        let compare = (0..compares).map(|_| self.compare(revision)).collect();
        let branch = |requests: &mut Self| -> Vec<RequestOp> {
            let length = requests.below(4);
            (0..length)
                .map(|_| match requests.below(8) {
                    0..=2 => op(Request::RequestPut(requests.put())),
                    3 | 4 => op(Request::RequestDeleteRange(requests.delete())),
                    5 if depth < 3 => op(Request::RequestTxn(requests.txn(revision, depth + 1))),
                    _ => op(Request::RequestRange(requests.range(revision))),
                })
                .collect()
        };
        TxnRequest { compare, success: branch(self), failure: branch(self) }
    }

    pub(super) fn operation(&mut self, revision: i64) -> Operation {
        match self.below(100) {
            0..50 => Operation::Put(self.put()),
            50..65 => Operation::DeleteRange(self.delete()),
            65..90 => Operation::Txn(self.txn(revision, 0)),
            90..93 => {
                let revision = revision - 10 + self.below(12);
                Operation::Compact(CompactionRequest { revision, physical: false })
            }
            93..97 => Operation::LeaseGrant(LeaseGrant { id: 1 + self.below(3), ttl: 60 }),
            _ => Operation::LeaseRevoke(LeaseRevoke { id: 1 + self.below(3), expired_in_term: 0 }),
        }
    }
}

/// Applies a random run to both and compares the outcomes.
pub(super) fn apply_both(machine: &mut Machine, model: &mut Model, requests: &mut Requests) {
    let count = 1 + requests.below(6);
    let operations: Vec<Operation> = (0..count).map(|_| requests.operation(model.revision)).collect();
    let outcomes = machine.apply_run(operations.clone());
    for (operation, outcome) in operations.iter().zip(outcomes) {
        assert_eq!(outcome, model.apply(operation), "{operation:?}");
    }
    assert_eq!(machine.store.marks().revision, model.revision);
}

fn compare_reads(machine: &Machine, model: &Model, requests: &mut Requests) {
    for _ in 0..5 {
        let request = requests.range(model.revision);
        let answer = match machine.store.range(&request) {
            Ok(response) => Ok(response),
            Err(MvccError::Api(error)) => Err(error),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(answer, model.range(&request), "{request:?}");
    }
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut requests = Requests::seeded(seed);
    let (mut machine, mut model) = (Machine::new(), Model::new());
    for _ in 0..150 {
        apply_both(&mut machine, &mut model, &mut requests);
        let hash = machine.store.hash_kv(0).unwrap();
        if requests.below(4) == 0 {
            machine.store.compact_step().unwrap();
        }
        if requests.below(20) == 0 {
            machine.restart();
        }
        assert_eq!(machine.store.hash_kv(0).unwrap(), hash, "removal and restarts do not change the hash");
        compare_reads(&machine, &model, &mut requests);
    }
}

#[test]
fn every_answer_is_the_models() {
    let base: u64 = rand::random();
    for seed in 0..60 {
        run(base.wrapping_add(seed));
    }
}
