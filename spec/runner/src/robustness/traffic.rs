//! What clients do in a run: the traffic of etcd's own robustness test. Each client makes one call at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::clients::{Watchmaker, Way};
use super::history::{Answer, Call, Done, Keys, Op, Outcome, Pair, Request};

/// Keys of the traffic that is no Kubernetes.
const KEYS: u32 = 10;
/// Objects that Kubernetes has about.
const OBJECTS: usize = 10;
/// Where they are.
pub(crate) const REGISTRY: &str = "/registry/pods/";
const PAGE: i64 = 5;
/// Bytes of a large value: more than one frame of HTTP/2.
const LARGE_BYTES: usize = 32 << 10;
/// Between two calls of a client; so that a run is about order and not about load.
const PAUSE: Duration = Duration::from_millis(4);
/// Puts in a thousand that are large.
const LARGE_PER_MILLE: u32 = 20;
/// Where watches begin, about the newest revision.
const AROUND: i64 = 100;
/// After a call that failed.
const PAUSE_FAILED: Duration = Duration::from_millis(15);
/// Between two compactions.
const COMPACTION_PAUSE: Duration = Duration::from_millis(150);
/// A compaction stays behind what has been heard by so much at most.
const COMPACTION_LAG_MAX: i64 = 100;

/// A mix of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    EtcdPut,
    EtcdPutDeleteLease,
    EtcdDelete,
    Kubernetes,
    /// Objects that are created and deleted, and never updated.
    CreateDelete,
    /// Leases that are kept alive.
    KeepAlive,
}

impl Traffic {
    /// Those that are drawn; [`Traffic::CreateDelete`] is that of one regression.
    pub(crate) const ALL: [Traffic; 5] = [
        Traffic::EtcdPut,
        Traffic::EtcdPutDeleteLease,
        Traffic::EtcdDelete,
        Traffic::Kubernetes,
        Traffic::KeepAlive,
    ];

    /// Whether it is about the objects of a registry.
    fn of_objects(self) -> bool {
        matches!(self, Traffic::Kubernetes | Traffic::CreateDelete)
    }

    /// What its watchers look at.
    pub(crate) fn prefix(self) -> &'static str {
        if self.of_objects() { REGISTRY } else { "key" }
    }
}

/// How much of it there is, and who looks on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Between two calls of a client.
    pub(crate) pause: Duration,
    /// Between two compactions, of which there may be none.
    pub(crate) compaction_pause: Option<Duration>,
    /// Puts in a thousand that are large.
    pub(crate) large_per_mille: u32,
    /// Where watches begin, about the newest revision.
    pub(crate) watched_from: (i64, i64),
}

impl Default for Load {
    fn default() -> Self {
        let around = AROUND;
        Load {
            pause: PAUSE,
            compaction_pause: Some(COMPACTION_PAUSE),
            large_per_mille: LARGE_PER_MILLE,
            watched_from: (-around, around),
        }
    }
}

/// What the clients of a run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Watchmaker,
    pub(crate) ended: AtomicBool,
    pub(crate) answered: AtomicU64,
    /// All revisions up to this one have been heard of by one of those who hear everything.
    pub(crate) heard: AtomicI64,
    pub(crate) traffic: Traffic,
    pub(crate) load: Load,
    pub(crate) ttl: i64,
}

impl Shared {
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

/// One client.
pub(crate) struct Client {
    name: String,
    way: Way,
    shared: Arc<Shared>,
    random: SmallRng,
    number: u64,
    lease: Option<i64>,
    /// What Kubernetes believes to be there.
    known: Vec<Pair>,
    /// The revision of that.
    seen: i64,
    calls: Vec<Call>,
}

impl Client {
    pub(crate) fn new(name: String, way: Way, shared: Arc<Shared>, seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        Client {
            name,
            way,
            shared,
            random,
            number: 0,
            lease: None,
            known: Vec::new(),
            seen: 0,
            calls: Vec::new(),
        }
    }

    /// Makes calls until the run ends.
    pub(crate) async fn run(mut self) -> Vec<Call> {
        while !self.shared.ended() {
            let request = match self.shared.traffic {
                Traffic::Kubernetes | Traffic::CreateDelete => self.kubernetes(),
                Traffic::EtcdPut => self.etcd(&[20, 5, 5, 60, 0, 10, 0, 0, 0]),
                Traffic::EtcdPutDeleteLease => self.etcd(&[15, 5, 5, 35, 10, 10, 12, 4, 4]),
                Traffic::EtcdDelete => self.etcd(&[15, 5, 5, 35, 30, 10, 0, 0, 0]),
                Traffic::KeepAlive => self.etcd(&[10, 0, 0, 10, 0, 0, 30, 0, 50]),
            };
            let call = self.way.call(&self.name, self.shared.clock, request).await;
            let pause = match &call.outcome {
                Outcome::Ok(answer) => {
                    self.shared.answered.fetch_add(1, Ordering::Relaxed);
                    self.learn(&call.request, answer);
                    self.shared.load.pause
                }
                _ => PAUSE_FAILED,
            };
            self.calls.push(call);
            tokio::time::sleep(pause).await;
        }
        self.calls
    }

    fn value(&mut self, bytes: usize) -> Bytes {
        self.number += 1;
        let mut value = format!("{}-{}", self.name, self.number);
        value.extend(std::iter::repeat_n('.', bytes.saturating_sub(value.len())));
        value.into()
    }

    fn key(&mut self) -> Bytes {
        format!("key{}", self.random.random_range(0..KEYS)).into()
    }

    /// A call by weights: read, serializable read, read of the past, put, delete, transaction, leased put, revocation,
    /// renewal.
    fn etcd(&mut self, weights: &[u32; 9]) -> Request {
        let mut draw = self.random.random_range(0..weights.iter().sum());
        let choice = weights.iter().position(|weight| match draw.checked_sub(*weight) {
            None => true,
            Some(rest) => {
                draw = rest;
                false
            }
        });
        let read = |keys, revision, serializable| Request::Read { keys, revision, limit: 0, serializable };
        let keys = if self.random.random_bool(0.5) { Keys::below("key") } else { Keys::one(self.key()) };
        match choice.unwrap_or_default() {
            0 => read(keys, 0, false),
            1 => read(keys, 0, true),
            2 => {
                let revision = self.shared.heard.load(Ordering::SeqCst) - self.random.random_range(0..20);
                read(keys, revision.max(1), self.random.random_bool(0.5))
            }
            4 => write(Op::Delete(Keys::one(self.key()))),
            5 => self.transaction(),
            6 => match self.lease.take() {
                None => Request::Grant { ttl: self.shared.ttl },
                Some(lease) => {
                    // Used for a few keys, unless it is kept alive.
                    let keeps = self.shared.traffic == Traffic::KeepAlive;
                    self.lease = Some(lease).filter(|_| keeps || self.random.random_bool(0.7));
                    write(Op::Put { key: self.key(), value: self.value(0), lease })
                }
            },
            7 => match self.lease.take() {
                None => Request::Grant { ttl: self.shared.ttl },
                Some(lease) => Request::Revoke { lease },
            },
            8 => match self.lease {
                None => Request::Grant { ttl: self.shared.ttl },
                Some(lease) => Request::KeepAlive { lease },
            },
            _ => {
                let is_large = self.random.random_ratio(self.shared.load.large_per_mille, 1000);
                let bytes = if is_large { LARGE_BYTES } else { 0 };
                write(Op::Put { key: self.key(), value: self.value(bytes), lease: 0 })
            }
        }
    }

    /// Several changes of different keys, or a change of a key that is as expected.
    fn transaction(&mut self) -> Request {
        let first = self.random.random_range(0..KEYS);
        let key = |by: u32| Bytes::from(format!("key{}", (first + by) % KEYS));
        if self.random.random_bool(0.5) {
            let then = vec![
                Op::Put { key: key(0), value: self.value(0), lease: 0 },
                Op::Put { key: key(1), value: self.value(0), lease: 0 },
                Op::Delete(Keys::one(key(2))),
            ];
            return Request::Write { when: None, then, otherwise: Vec::new() };
        }
        let known = self.known.iter().find(|pair| pair.key == key(0)).map_or(0, |pair| pair.modified);
        let then = vec![Op::Put { key: key(0), value: self.value(0), lease: 0 }];
        Request::Write { when: Some((key(0), known)), then, otherwise: vec![Op::Get(Keys::one(key(0)))] }
    }

    /// Lists, creates, updates and deletes objects, each change on condition that the object is as it was seen.
    fn kubernetes(&mut self) -> Request {
        let draw = self.random.random_range(0..100);
        if self.seen == 0 || draw < 15 {
            let limit = if self.random.random_bool(0.5) { PAGE } else { 0 };
            return Request::Read { keys: Keys::below(REGISTRY), revision: 0, limit, serializable: false };
        }
        if draw < 20 {
            return Request::Read {
                keys: Keys::below(REGISTRY),
                revision: self.seen,
                limit: PAGE,
                serializable: true,
            };
        }
        if self.known.len() < OBJECTS && (draw < 50 || self.known.is_empty()) {
            let key = Bytes::from(format!("{REGISTRY}{:05x}", self.random.random_range(0..1 << 20)));
            let value = self.value(0);
            let otherwise = vec![Op::Get(Keys::one(key.clone()))];
            return Request::Write {
                when: Some((key.clone(), 0)),
                then: vec![Op::Put { key, value, lease: 0 }],
                otherwise,
            };
        }
        let pair = self.known[self.random.random_range(0..self.known.len())].clone();
        let change = match self.shared.traffic == Traffic::Kubernetes && draw < 85 {
            true => Op::Put { key: pair.key.clone(), value: self.value(0), lease: 0 },
            false => Op::Delete(Keys::one(pair.key.clone())),
        };
        let otherwise = vec![Op::Get(Keys::one(pair.key.clone()))];
        Request::Write { when: Some((pair.key, pair.modified)), then: vec![change], otherwise }
    }

    /// Remembers what there is, for the conditions of later writes.
    fn learn(&mut self, request: &Request, answer: &Answer) {
        match (request, answer) {
            (Request::Grant { .. }, Answer::Granted { lease }) => self.lease = Some(*lease),
            (Request::KeepAlive { lease }, Answer::Kept { ttl: ..=0 }) => {
                self.lease = self.lease.filter(|own| own != lease);
            }
            (Request::Read { revision: 0, .. }, Answer::Read { revision, pairs, .. }) => {
                self.seen = *revision;
                self.known.clone_from(pairs);
            }
            (
                Request::Write { when: Some((key, _)), then, .. },
                Answer::Write { revision, succeeded, done },
            ) => {
                self.known.retain(|pair| pair.key != *key);
                match (succeeded, then.first(), done.first()) {
                    (true, Some(Op::Put { key, value, .. }), _) => self.known.push(Pair {
                        key: key.clone(),
                        value: value.clone(),
                        create: *revision,
                        modified: *revision,
                        version: 1,
                        lease: 0,
                    }),
                    (false, _, Some(Done::Got { pairs, .. })) => self.known.extend(pairs.iter().cloned()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// A write without a condition.
pub(crate) fn write(op: Op) -> Request {
    Request::Write { when: None, then: vec![op], otherwise: Vec::new() }
}

/// Compacts again and again, never beyond what somebody who hears everything has heard.
pub(crate) async fn compact(way: Way, pause: Duration, shared: Arc<Shared>, seed: u64) -> Vec<Call> {
    let mut random = SmallRng::seed_from_u64(seed);
    let (mut calls, mut last) = (Vec::new(), 0);
    while !shared.ended() {
        tokio::time::sleep(pause).await;
        let revision = shared.heard.load(Ordering::SeqCst) - random.random_range(0..COMPACTION_LAG_MAX);
        if revision <= last {
            continue;
        }
        last = revision;
        calls.push(way.call("compactor", shared.clock, Request::Compact { revision }).await);
    }
    calls
}
