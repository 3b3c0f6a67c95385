#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::deadlines::RETRY_MS;
use super::*;
use crate::backend::{Backend, BackendOptions, EngineKind};
use crate::io::disk::DiskIo;

fn memory() -> Backend {
    let options = BackendOptions::default();
    Backend::open(Arc::new(DiskIo), Path::new("unused"), EngineKind::Memory, options).unwrap()
}

struct Leases {
    backend: Backend,
    lessor: Lessor,
}

impl Leases {
    fn new() -> Self {
        let backend = memory();
        let lessor = Lessor::open(&backend).unwrap();
        Leases { backend, lessor }
    }

    fn leading() -> Self {
        let leases = Self::new();
        leases.lessor.promote(0, 0);
        leases
    }

    fn grant(&self, id: i64, ttl: i64) -> Result<i64, EtcdError> {
        let mut run = self.backend.write();
        let granted = self.lessor.grant(&mut run, id, ttl);
        run.commit().unwrap();
        granted
    }

    fn revoke(&self, id: i64) -> Result<Vec<String>, EtcdError> {
        let mut run = self.backend.write();
        let keys = self.lessor.revoke(&mut run, id)?;
        run.commit().unwrap();
        Ok(keys.iter().map(|key| String::from_utf8(key.to_vec()).unwrap()).collect())
    }

    fn ids(&self) -> Vec<i64> {
        self.lessor.ids().into_iter().map(|id| id.0).collect()
    }

    fn take_expired(&self, now_ms: u64) -> Vec<i64> {
        self.lessor.take_expired(now_ms, 100).into_iter().map(|id| id.0).collect()
    }
}

#[test]
fn the_shortest_ttl_is_one_and_a_half_election_timeouts_rounded_up() {
    for (election_ms, seconds) in [(1000, 2), (1001, 2), (1334, 3), (100, 1), (10_000, 15), (0, 1)] {
        assert_eq!(ttl_min_seconds(Duration::from_millis(election_ms)), seconds, "{election_ms} ms");
    }
}

#[test]
fn ttls_are_raised_to_the_shortest_and_refused_above_the_longest() {
    for (asked, granted) in [(60, 60), (2, 2), (1, 2), (0, 2), (-5, 2), (i64::MIN, 2)] {
        assert_eq!(ttl_to_grant(asked, 2), Ok(granted));
    }
    assert_eq!(ttl_to_grant(9_000_000_000, 2), Ok(9_000_000_000));
    assert_eq!(ttl_to_grant(9_000_000_001, 2), Err(EtcdError::LeaseTtlTooLarge));
}

#[test]
fn a_lease_is_granted_once_and_revoked_once() {
    let leases = Leases::new();
    assert_eq!(leases.grant(7, 60), Ok(60));
    assert_eq!(leases.grant(7, 60), Err(EtcdError::LeaseExist));
    assert_eq!(leases.grant(8, 9_000_000_001), Err(EtcdError::LeaseTtlTooLarge));
    assert_eq!(leases.grant(0, 60), Err(EtcdError::LeaseNotFound));
    assert_eq!(leases.lessor.granted_ttl_seconds(7), Some(60));
    assert_eq!(leases.revoke(7), Ok(vec![]));
    assert_eq!(leases.revoke(7), Err(EtcdError::LeaseNotFound));
    assert_eq!(leases.grant(7, 30), Ok(30));
}

#[test]
fn a_key_hangs_on_its_newest_lease_alone() {
    let leases = Leases::new();
    leases.grant(7, 60).unwrap();
    leases.grant(8, 60).unwrap();
    for key in ["c", "a", "b", "d"] {
        leases.lessor.attach(7, key.as_bytes());
    }
    leases.lessor.attach(8, b"b");
    leases.lessor.attach(0, b"c");
    leases.lessor.detach(b"never there");
    leases.lessor.attach(99, b"d");
    assert_eq!(leases.lessor.lease_of(b"b"), LeaseId(8));
    assert_eq!(leases.lessor.lease_of(b"c"), LeaseId::NONE);
    assert_eq!(leases.lessor.lease_of(b"d"), LeaseId::NONE);
    leases.lessor.attach(7, b"e");
    assert_eq!(leases.revoke(7), Ok(vec!["a".to_owned(), "e".to_owned()]));
    assert_eq!(leases.lessor.lease_of(b"a"), LeaseId::NONE);
    assert_eq!(leases.revoke(8), Ok(vec!["b".to_owned()]));
}

#[test]
fn leases_survive_a_restart_with_their_full_ttl() {
    let leases = Leases::leading();
    leases.grant(7, 60).unwrap();
    leases.grant(i64::MAX, 5).unwrap();
    leases.grant(8, 60).unwrap();
    leases.revoke(8).unwrap();
    let lessor = Lessor::open(&leases.backend).unwrap();
    assert_eq!(lessor.ids(), [LeaseId(7), LeaseId(i64::MAX)]);
    assert_eq!(lessor.remaining_ms(7, 50_000), None);
    lessor.promote(50_000, 1000);
    assert_eq!(lessor.remaining_ms(7, 50_000), Some(61_000));
    assert_eq!(lessor.ids(), [LeaseId(i64::MAX), LeaseId(7)]);
}

#[test]
fn a_run_that_is_not_committed_leaves_no_record() {
    let leases = Leases::new();
    let mut run = leases.backend.write();
    leases.lessor.grant(&mut run, 7, 60).unwrap();
    drop(run);
    assert!(Lessor::open(&leases.backend).unwrap().is_empty());
}

#[test]
fn a_lease_ends_unless_kept_alive() {
    let leases = Leases::leading();
    leases.grant(7, 10).unwrap();
    leases.grant(8, 10).unwrap();
    assert_eq!(leases.lessor.remaining_ms(7, 1000), Some(10_000), "its time starts when time is told");
    assert_eq!(leases.lessor.renew(8, 6000), Renewal::Renewed { ttl_seconds: 10 });
    assert_eq!(leases.lessor.next_expiry_ms(6000), Some(11_000));
    assert_eq!(leases.take_expired(10_999), [0_i64; 0]);
    assert_eq!(leases.take_expired(11_000), [7]);
    assert_eq!(leases.lessor.remaining_ms(7, 20_000), Some(0));
    assert!(leases.lessor.contains(7), "it is there until revoked");
    assert_eq!(leases.lessor.renew(7, 12_000), Renewal::Ending);
    leases.revoke(7).unwrap();
    assert_eq!(leases.lessor.renew(7, 12_000), Renewal::Unknown);
    assert_eq!(leases.take_expired(15_999), [0_i64; 0]);
    assert_eq!(leases.take_expired(16_000), [8]);
}

#[test]
fn a_revocation_that_does_not_come_is_asked_for_again() {
    let leases = Leases::leading();
    leases.grant(7, 10).unwrap();
    assert_eq!(leases.lessor.next_expiry_ms(0), Some(10_000));
    assert_eq!(leases.take_expired(10_000), [7]);
    assert_eq!(leases.take_expired(10_000 + RETRY_MS - 1), [0_i64; 0]);
    assert_eq!(leases.take_expired(10_000 + RETRY_MS), [7]);
}

#[test]
fn expired_leases_come_in_order_and_no_more_than_asked_for() {
    let leases = Leases::leading();
    for id in 1..=10 {
        leases.grant(id, 100 - id).unwrap();
    }
    let first = leases.lessor.take_expired(0, 10);
    assert_eq!(first, []);
    assert_eq!(leases.lessor.take_expired(200_000, 3), [LeaseId(10), LeaseId(9), LeaseId(8)]);
    assert_eq!(leases.take_expired(200_000), [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(leases.take_expired(200_000), [0_i64; 0]);
}

#[test]
fn without_leadership_no_lease_ends() {
    let leases = Leases::new();
    leases.grant(7, 2).unwrap();
    assert_eq!(leases.take_expired(1 << 50), [0_i64; 0]);
    assert_eq!(leases.lessor.renew(7, 0), Renewal::NotLeader);
    leases.lessor.promote(100_000, 1000);
    assert_eq!(leases.take_expired(102_999), [0_i64; 0]);
    leases.lessor.demote();
    assert_eq!(leases.take_expired(1 << 50), [0_i64; 0]);
    assert_eq!(leases.lessor.next_expiry_ms(0), None);
    leases.lessor.promote(200_000, 0);
    assert_eq!(leases.lessor.remaining_ms(7, 200_000), Some(2000));
}

#[test]
fn whoever_waits_for_a_revocation_or_a_new_leader_is_told() {
    let leases = Leases::leading();
    leases.grant(7, 2).unwrap();
    let changes = leases.lessor.changes();
    assert!(!changes.has_changed().unwrap());
    leases.revoke(7).unwrap();
    assert!(changes.has_changed().unwrap());
    let changes = leases.lessor.changes();
    leases.lessor.demote();
    assert!(changes.has_changed().unwrap());
}

#[test]
fn a_new_leader_spreads_what_would_end_at_once() {
    let leases = Leases::new();
    let mut run = leases.backend.write();
    for id in 1..=5000 {
        leases.lessor.grant(&mut run, id, 10).unwrap();
    }
    run.commit().unwrap();
    leases.lessor.promote(0, 0);
    let mut before = 0;
    for second in 10..30 {
        let ended = leases
            .lessor
            .ids()
            .iter()
            .filter(|id| leases.lessor.remaining_ms(**id, second * 1000) == Some(0))
            .count();
        assert!(ended - before <= 751, "{} leases end in second {second}", ended - before);
        before = ended;
    }
    assert_eq!(before, 5000);
}

#[test]
fn a_hundred_thousand_leases_cost_little() {
    const LEASES: i64 = 100_000;
    let leases = Leases::leading();
    let begun = Instant::now();
    let mut run = leases.backend.write();
    for id in 1..=LEASES {
        leases.lessor.grant(&mut run, id, 60 + id % 100).unwrap();
        leases.lessor.attach(id, format!("key{id}").as_bytes());
    }
    run.commit().unwrap();
    for id in 1..=LEASES {
        assert!(matches!(leases.lessor.renew(id, 10_000), Renewal::Renewed { .. }));
    }
    let mut ended = 0;
    for tick in 0.. {
        let expired = leases.lessor.take_expired(1_000_000 + tick, EXPIRED_PER_TICK_MAX);
        if expired.is_empty() {
            break;
        }
        ended += expired.len();
        for id in expired {
            leases.revoke(id.0).unwrap();
        }
    }
    assert_eq!(ended, 100_000);
    assert!(begun.elapsed() < Duration::from_secs(20), "took {:?}", begun.elapsed());
}

#[derive(Clone, Debug)]
enum Step {
    Grant { id: i64, ttl: i64 },
    Revoke { id: i64 },
    Attach { id: i64, key: u8 },
    Renew { id: i64 },
    Pass { ms: u64 },
    Expire { limit: usize },
    Promote,
    Demote,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..6_i64;
    prop_oneof![
        4 => (id.clone(), 2..20_i64).prop_map(|(id, ttl)| Step::Grant { id, ttl }),
        2 => id.clone().prop_map(|id| Step::Revoke { id }),
        4 => (0..7_i64, 0..8_u8).prop_map(|(id, key)| Step::Attach { id, key }),
        4 => id.prop_map(|id| Step::Renew { id }),
        6 => (0..4000_u64).prop_map(|ms| Step::Pass { ms }),
        4 => (1..4_usize).prop_map(|limit| Step::Expire { limit }),
        1 => Just(Step::Promote),
        1 => Just(Step::Demote),
        1 => Just(Step::Restart),
    ]
}

/// The simplest thing that could be right: everything in maps, everything by looking through them.
#[derive(Default)]
struct Model {
    ttl: BTreeMap<i64, i64>,
    ends: BTreeMap<i64, u64>,
    asked: BTreeMap<i64, u64>,
    keys: BTreeMap<u8, i64>,
    leads: bool,
    now: u64,
}

impl Model {
    fn start(&mut self, id: i64) {
        if self.leads {
            self.ends.insert(id, self.now + self.ttl[&id] as u64 * 1000);
            self.asked.remove(&id);
        }
    }

    fn revoke(&mut self, id: i64) -> Option<Vec<u8>> {
        self.ttl.remove(&id)?;
        self.ends.remove(&id);
        self.asked.remove(&id);
        let keys: Vec<u8> =
            self.keys.iter().filter(|(_, lease)| **lease == id).map(|(key, _)| *key).collect();
        self.keys.retain(|_, lease| *lease != id);
        Some(keys)
    }

    fn renew(&mut self, id: i64) -> Renewal {
        match (self.leads, self.ends.get(&id)) {
            (false, _) => Renewal::NotLeader,
            (true, None) => Renewal::Unknown,
            (true, Some(end)) if *end <= self.now => Renewal::Ending,
            (true, Some(_)) => {
                self.start(id);
                Renewal::Renewed { ttl_seconds: self.ttl[&id] }
            }
        }
    }

    fn turn(&self, id: i64) -> u64 {
        self.asked.get(&id).map_or(self.ends[&id], |asked| asked + RETRY_MS)
    }

    fn take_expired(&mut self, limit: usize) -> Vec<i64> {
        let mut due: Vec<_> = self.ends.keys().map(|id| (self.turn(*id), *id)).collect();
        due.retain(|(turn, _)| *turn <= self.now);
        due.sort_unstable();
        due.truncate(limit);
        for (_, id) in &due {
            self.asked.insert(*id, self.now);
        }
        due.into_iter().map(|(_, id)| id).collect()
    }

    fn lead(&mut self, leads: bool) {
        self.leads = leads;
        self.ends.clear();
        self.asked.clear();
        for id in self.ttl.keys().copied().collect::<Vec<_>>() {
            self.start(id);
        }
    }
}

proptest! {
    #[test]
    fn the_lessor_does_what_the_model_does(steps in proptest::collection::vec(step(), 1..120)) {
        let mut leases = Leases::new();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Grant { id, ttl } => {
                    let granted = leases.grant(id, ttl);
                    prop_assert_eq!(granted.is_ok(), !model.ttl.contains_key(&id));
                    if granted.is_ok() {
                        model.ttl.insert(id, ttl);
                        model.start(id);
                    }
                }
                Step::Revoke { id } => {
                    let keys = leases.revoke(id).ok();
                    let expected = model.revoke(id);
                    prop_assert_eq!(keys, expected.map(|keys| keys.iter().map(|key| format!("{key}")).collect()));
                }
                Step::Attach { id, key } => {
                    leases.lessor.attach(id, format!("{key}").as_bytes());
                    model.keys.remove(&key);
                    if model.ttl.contains_key(&id) {
                        model.keys.insert(key, id);
                    }
                }
                Step::Renew { id } => prop_assert_eq!(leases.lessor.renew(id, model.now), model.renew(id)),
                Step::Pass { ms } => {
                    // What was granted before starts before.
                    leases.lessor.next_expiry_ms(model.now);
                    model.now += ms;
                }
                Step::Expire { limit } => {
                    let expired: Vec<i64> =
                        leases.lessor.take_expired(model.now, limit).iter().map(|id| id.0).collect();
                    prop_assert_eq!(expired, model.take_expired(limit));
                }
                Step::Promote => {
                    leases.lessor.promote(model.now, 0);
                    model.lead(true);
                }
                Step::Demote => {
                    leases.lessor.demote();
                    model.lead(false);
                }
                Step::Restart => {
                    leases.lessor = Lessor::open(&leases.backend).unwrap();
                    for (key, id) in &model.keys {
                        leases.lessor.attach(*id, format!("{key}").as_bytes());
                    }
                    model.lead(false);
                }
            }
            let mut by_end: Vec<i64> = model.ttl.keys().copied().collect();
            by_end.sort_by_key(|id| (model.ends.get(id).copied(), *id));
            let next = leases.lessor.next_expiry_ms(model.now);
            prop_assert_eq!(next, model.ends.keys().map(|id| model.turn(*id)).min());
            prop_assert_eq!(leases.ids(), by_end);
            for key in 0..8_u8 {
                let lease = leases.lessor.lease_of(format!("{key}").as_bytes());
                prop_assert_eq!(lease.0, model.keys.get(&key).copied().unwrap_or(0));
            }
        }
    }
}
