//! Random requests: mostly sensible ones on few keys, so that they meet; some that must be refused.
//!
//! Left out because real etcd crashes on them: unknown alarm actions, and transactions that delete a range and
//! put with ignore_value or ignore_lease. Left out because their answers depend on time: leases that expire.
//! Few keys, because real etcd sorts ties arbitrarily above twelve results.

use etcdkit_proto::etcdserverpb::compare::TargetUnion;
use etcdkit_proto::etcdserverpb::request_op;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, HashKvRequest, LeaseGrantRequest, LeaseTimeToLiveRequest,
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::auth::Call;
use super::gateway::Json;
use super::kind::Requests;
use super::streams::{CATCH_UP_STREAMS, STREAMS};

/// Twelve keys: more would let ties come in any order.
const KEYS: [&[u8]; 12] =
    [b"a", b"a\x00", b"a\xff", b"b", b"ba", b"c", b"d/1", b"d/2", b"d/3", b"\x00\x01", b"\xff", b"z"];
const VALUES: [&[u8]; 6] = [b"", b"1", b"2", b"10", b"a value", b"\x00\xff"];
/// Lease ids of our choice.
const LEASES: i64 = 8;
/// Long enough that no lease ends during a run.
const TTL_SECONDS_MIN: i64 = 1_000;
/// Deeper transactions are only more of the same.
const DEPTH_MAX: u32 = 3;

/// One request to both servers.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Range(RangeRequest),
    RangeStream(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
    Grant(LeaseGrantRequest),
    Revoke(i64),
    KeepAlive(i64),
    TimeToLive(LeaseTimeToLiveRequest),
    Leases,
    HashKv(HashKvRequest),
    Watch(usize, WatchCreateRequest),
    Unwatch(usize, i64),
    /// A call of the auth service, or of an operator.
    Call(Call),
    /// The same calls as JSON, over HTTP.
    Json(Json),
    /// Who asks from now on.
    As(usize),
}

impl Request {
    pub(super) fn name(&self) -> String {
        if let Request::Call(call) = self {
            return call.path.to_owned();
        }
        let debug = format!("{self:?}");
        debug.split('(').next().unwrap_or_default().to_owned()
    }
}

/// Makes the requests of one seed and remembers them.
pub(super) struct Generator {
    kind: Requests,
    pub(super) random: StdRng,
    left: usize,
    made: Vec<Request>,
    revision: i64,
    compacted: i64,
}

impl Generator {
    pub(super) fn new(kind: Requests, seed: u64, requests: usize) -> Self {
        Generator {
            kind,
            random: StdRng::seed_from_u64(seed),
            left: requests,
            made: Vec::new(),
            revision: 1,
            compacted: 0,
        }
    }

    pub(super) fn made(&self) -> &[Request] {
        &self.made
    }

    /// The next request, given the store's revision and what it is compacted to.
    pub(super) fn next(&mut self, revision: i64, compacted: i64) -> Option<Request> {
        self.left = self.left.checked_sub(1)?;
        self.revision = revision;
        self.compacted = compacted;
        let request = match self.kind {
            Requests::Data | Requests::Limits => self.request(),
            Requests::Auth => self.auth_request(),
            Requests::Gateway => self.json_request(),
        };
        self.made.push(request.clone());
        Some(request)
    }

    /// A request that changes or reads keys, without watches.
    pub(super) fn data_request(&mut self) -> Request {
        loop {
            match self.request() {
                Request::Watch(..) | Request::Unwatch(..) => {}
                request => return request,
            }
        }
    }

    fn request(&mut self) -> Request {
        match self.random.random_range(0..100) {
            0..25 => Request::Put(self.put(true)),
            25..45 => Request::Range(self.range()),
            45..48 => Request::RangeStream(self.range()),
            48..55 => Request::Delete(self.delete()),
            55..78 => Request::Txn(self.txn()),
            78..80 => self.compact(),
            80..83 => self.grant(),
            83..85 => Request::Revoke(self.lease()),
            85..86 => Request::KeepAlive(self.lease()),
            86..88 => Request::TimeToLive(LeaseTimeToLiveRequest { id: self.lease(), keys: self.chance(2) }),
            88..89 => Request::Leases,
            89..90 => self.hash_kv(),
            90..96 => self.watch(),
            // Only where all can be waited for: a cancellation overtakes events on their way.
            _ => Request::Unwatch(
                self.random.random_range(0..CATCH_UP_STREAMS),
                self.random.random_range(0..6),
            ),
        }
    }

    /// True once in so many times.
    pub(super) fn chance(&mut self, in_: u32) -> bool {
        self.random.random_range(0..in_) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.random.random_range(0..from.len())]
    }

    pub(super) fn key(&mut self) -> bytes::Bytes {
        if self.chance(100) {
            return bytes::Bytes::new();
        }
        bytes::Bytes::from_static(self.pick(&KEYS))
    }

    fn value(&mut self) -> bytes::Bytes {
        if let Some(bytes) = self.kind.large_value_bytes()
            && self.chance(self.kind.large_values_are_one_in())
        {
            return vec![b'x'; bytes].into();
        }
        bytes::Bytes::from_static(self.pick(&VALUES))
    }

    fn lease(&mut self) -> i64 {
        self.random.random_range(1..=LEASES)
    }

    /// As [`Self::any_key_and_end`]; where rights are asked without inverted ranges: whether those are allowed depends,
    /// in real etcd, on the order in which the tree of a user's rights was built.
    fn key_and_end(&mut self) -> (bytes::Bytes, bytes::Bytes) {
        let (key, end) = self.any_key_and_end();
        let is_inverted = end < key && !end.is_empty() && *end != *b"\0";
        if is_inverted && self.kind.asks_rights() { (key, bytes::Bytes::new()) } else { (key, end) }
    }

    /// A key alone, a range, all keys from it on, a prefix, everything, or an inverted range.
    pub(super) fn any_key_and_end(&mut self) -> (bytes::Bytes, bytes::Bytes) {
        let key = self.key();
        let end = match self.random.random_range(0..10) {
            0..4 => bytes::Bytes::new(),
            4..7 => self.key(),
            7..8 => bytes::Bytes::from_static(b"\0"),
            8..9 => return (bytes::Bytes::from_static(b"d/"), bytes::Bytes::from_static(b"d0")),
            _ => return (bytes::Bytes::from_static(b"\0"), bytes::Bytes::from_static(b"\0")),
        };
        (key, end)
    }

    /// Mostly the newest, sometimes any revision up to a few beyond.
    fn some_revision(&mut self) -> i64 {
        match self.random.random_range(0..10) {
            0..5 => 0,
            5..9 => self.random.random_range((self.revision - 60).max(0)..=self.revision),
            _ => self.random.random_range(-2..=self.revision + 3),
        }
    }

    fn bound(&mut self) -> i64 {
        if self.chance(4) { self.random.random_range(0..=self.revision) } else { 0 }
    }

    fn range(&mut self) -> RangeRequest {
        let (key, range_end) = self.key_and_end();
        let sorted = self.chance(3);
        let filtered = self.chance(5);
        let mut request = RangeRequest {
            key,
            range_end,
            limit: if self.chance(2) { self.random.random_range(-1..6) } else { 0 },
            revision: self.some_revision(),
            serializable: self.chance(5),
            keys_only: self.chance(6),
            count_only: self.chance(8),
            ..Default::default()
        };
        if sorted {
            request.sort_order = self.random.random_range(0..3);
            request.sort_target = self.random.random_range(0..5);
            if self.chance(30) {
                request.sort_order = self.random.random_range(-1..9);
                request.sort_target = self.random.random_range(-1..9);
            }
        }
        if filtered {
            request.min_mod_revision = self.bound();
            request.max_mod_revision = self.bound();
            request.min_create_revision = self.bound();
            request.max_create_revision = self.bound();
        }
        request
    }

    fn put(&mut self, may_ignore: bool) -> PutRequest {
        let mut request = PutRequest {
            key: self.key(),
            value: self.value(),
            lease: if self.chance(4) { self.lease() } else { 0 },
            prev_kv: self.chance(3),
            ..Default::default()
        };
        if may_ignore && self.chance(8) {
            request.ignore_value = true;
            if !self.chance(4) {
                request.value.clear();
            }
        }
        if may_ignore && self.chance(8) {
            request.ignore_lease = true;
            if !self.chance(4) {
                request.lease = 0;
            }
        }
        request
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        let (key, mut range_end) = self.key_and_end();
        if !self.chance(4) {
            range_end.clear();
        }
        DeleteRangeRequest { key, range_end, prev_kv: self.chance(2) }
    }

    fn compact(&mut self) -> Request {
        let revision = match self.random.random_range(0..6) {
            0 => self.random.random_range(-1..=self.revision + 2),
            _ => self.random.random_range((self.revision - 40).max(1)..=self.revision),
        };
        // Not 0: what real etcd tells HashKV of the newest revision then is the compaction's again.
        let revision = if revision == 0 { -1 } else { revision };
        Request::Compact(CompactionRequest { revision, physical: self.chance(2) })
    }

    /// Above the compaction only: at the revision of any earlier compaction real etcd repeats what it told that
    /// one, once that is done, and names the compaction before it.
    fn hash_kv(&mut self) -> Request {
        let revision = Some(self.some_revision()).filter(|revision| *revision > self.compacted);
        Request::HashKv(HashKvRequest { revision: revision.unwrap_or_default() })
    }

    fn grant(&mut self) -> Request {
        let ttl =
            if self.chance(15) { 9_000_000_001 } else { self.random.random_range(TTL_SECONDS_MIN..5_000) };
        let id = if self.chance(10) { 0 } else { self.lease() };
        Request::Grant(LeaseGrantRequest { ttl, id })
    }

    fn watch(&mut self) -> Request {
        let stream = self.random.random_range(0..STREAMS);
        let (key, range_end) = self.key_and_end();
        // One stream may wait for the future; the others can always tell when they have caught up.
        let start_revision = match stream < CATCH_UP_STREAMS {
            true if self.chance(20) => -1,
            // Not below the compaction: real etcd then never again tells progress on that stream.
            true if self.chance(2) => self.random.random_range(self.compacted..=self.revision),
            true => 0,
            false => self.revision + self.random.random_range(1..20),
        };
        let filters = if self.chance(4) { vec![self.random.random_range(0..2)] } else { Vec::new() };
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision,
            filters,
            prev_kv: self.chance(2),
            watch_id: if self.chance(6) { self.random.random_range(0..6) } else { 0 },
            fragment: self.chance(4),
            progress_notify: false,
        };
        Request::Watch(stream, create)
    }

    fn txn(&mut self) -> TxnRequest {
        // Deletes together with ignored values or leases crash real etcd.
        let may_ignore = self.chance(2);
        if self.chance(150) {
            let operation = RequestOp { request: Some(request_op::Request::RequestRange(self.range())) };
            return TxnRequest { success: vec![operation; self.kind.too_many_ops()], ..Default::default() };
        }
        self.txn_at(0, may_ignore)
    }

    fn txn_at(&mut self, depth: u32, may_ignore: bool) -> TxnRequest {
        let compares = self.random.random_range(0..3);
        let (success, failure) = (self.random.random_range(0..5), self.random.random_range(0..4));
        TxnRequest {
            compare: (0..compares).map(|_| self.compare()).collect(),
            success: (0..success).map(|_| self.operation(depth, may_ignore)).collect(),
            failure: (0..failure).map(|_| self.operation(depth, may_ignore)).collect(),
        }
    }

    fn operation(&mut self, depth: u32, may_ignore: bool) -> RequestOp {
        use request_op::Request as Op;
        let request = match self.random.random_range(0..12) {
            0..4 => Op::RequestPut(self.put(may_ignore)),
            4..7 => Op::RequestRange(self.range()),
            7..10 if !may_ignore => Op::RequestDeleteRange(self.delete()),
            10..12 if depth < DEPTH_MAX => Op::RequestTxn(self.txn_at(depth + 1, may_ignore)),
            _ if self.chance(40) => return RequestOp { request: None },
            _ => Op::RequestRange(self.range()),
        };
        RequestOp { request: Some(request) }
    }

    fn compare(&mut self) -> Compare {
        let (key, mut range_end) = self.key_and_end();
        if !self.chance(4) {
            range_end.clear();
        }
        let small = self.random.random_range(0..4);
        let revision = self.random.random_range((self.revision - 20).max(0)..=self.revision);
        let (target, union) = match self.random.random_range(0..6) {
            0 => (0, TargetUnion::Version(small)),
            1 => (1, TargetUnion::CreateRevision(if self.chance(2) { 0 } else { revision })),
            2 => (2, TargetUnion::ModRevision(revision)),
            3 => (3, TargetUnion::Value(self.value())),
            4 => (4, TargetUnion::Lease(if self.chance(2) { 0 } else { self.lease() })),
            // The wrong arm for its target, or a target nobody knows.
            _ => (self.random.random_range(0..7), TargetUnion::Version(small)),
        };
        let target_union = if self.chance(30) { None } else { Some(union) };
        let result = if self.chance(60) { 9 } else { self.random.random_range(0..4) };
        Compare { result, target, key, target_union, range_end }
    }
}
