//! Random grants and requests. A seed fixes them.

use etcdkit_proto::authpb::permission::Type;
use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::request_op::Request as Op;
use etcdkit_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::model::{Caller, Grant, Interval, Model, Need};

/// Roles, and users, that are told apart.
const ROLES: usize = 5;
const USERS: usize = 6;
/// Grants of one role at most.
const GRANTS_MAX: usize = 4;
/// Leases with keys.
pub(super) const LEASES: i64 = 4;
/// Keys of requests. Those from `m` on hang on leases and are never written, so that both stay.
const KEYS: &[&[u8]] = &[b"a", b"aa", b"b", b"c", b"cc", b"d", b"e", b"f", b"g", b"h"];
pub(super) const LEASED: &[&[u8]] = &[b"m", b"n", b"o", b"p", b"q", b"r"];
const ENDS: &[&[u8]] = &[b"aa", b"b", b"c", b"cc", b"d", b"f", b"h", b"i"];
/// How deep transactions nest.
const DEPTH_MAX: usize = 3;

/// One call.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(TxnRequest),
    LeaseGrant,
    LeaseRevoke(i64),
    LeaseTimeToLive(i64, bool),
    LeaseLeases,
    Compact,
    MemberList,
    MemberRemove,
    AlarmList,
    Status,
    Hash,
    HashKv,
    MoveLeader,
    DowngradeValidate,
    UserGet(String),
    UserList,
    RoleGet(String),
    RoleList,
    AuthStatus,
}

/// A call, who makes it, and what it needs.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) caller: Caller,
    pub(super) call: Call,
    pub(super) needs: Vec<Need>,
}

pub(super) struct Generator {
    random: StdRng,
}

pub(super) fn user(number: usize) -> String {
    format!("user{number}")
}

fn role(number: usize) -> String {
    format!("role{number}")
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Generator { random: StdRng::seed_from_u64(seed) }
    }

    /// Users, roles and rights to begin with.
    pub(super) fn model(&mut self) -> Model {
        let mut model = Model::default();
        for number in 0..ROLES {
            let count = self.random.random_range(0..=GRANTS_MAX);
            let mut grants: Vec<Grant> = Vec::new();
            for _ in 0..count {
                let grant = self.grant();
                // The same range again would take the place of the first.
                if grants.iter().all(|other| other.interval != grant.interval) {
                    grants.push(grant);
                }
            }
            model.roles.insert(role(number), grants);
        }
        for number in 0..USERS {
            let roles = (0..ROLES).filter(|_| self.random.random_bool(0.35)).map(role).collect();
            model.users.insert(user(number), roles);
        }
        for lease in 1..=LEASES {
            let keys = LEASED.iter().filter(|key| i64::from(key[0]) % LEASES + 1 == lease);
            model.leases.insert(lease, keys.map(|key| key.to_vec()).collect());
        }
        model
    }

    fn grant(&mut self) -> Grant {
        let kind =
            *[Type::Read, Type::Write, Type::Readwrite].choose(&mut self.random).unwrap_or(&Type::Read);
        let leased = self.random.random_bool(0.3);
        let keys = if leased { LEASED } else { KEYS };
        let key = keys.choose(&mut self.random).copied().unwrap_or(b"a");
        let ends: &[&[u8]] = if leased { &[b"n", b"p", b"s"] } else { ENDS };
        let end = match self.random.random_range(0..10) {
            0..4 => b"".as_slice(),
            4 => b"\0",
            _ => self.end_after(key, ends),
        };
        Grant { kind, interval: Interval::of(key, end) }
    }

    fn end_after(&mut self, key: &[u8], ends: &[&'static [u8]]) -> &'static [u8] {
        let later: Vec<&'static [u8]> = ends.iter().copied().filter(|end| *end > key).collect();
        later.choose(&mut self.random).copied().unwrap_or(b"")
    }

    pub(super) fn case(&mut self, model: &Model) -> Case {
        let caller = match self.random.random_range(0..20) {
            0 => Caller::Nobody,
            1 => Caller::BadToken,
            2 => Caller::Root,
            _ => Caller::User(user(self.random.random_range(0..USERS))),
        };
        let (call, needs) = self.call(model);
        Case { caller, call, needs }
    }

    fn call(&mut self, model: &Model) -> (Call, Vec<Need>) {
        match self.random.random_range(0..100) {
            0..20 => {
                let (request, needs) = self.range();
                (Call::Range(request), needs)
            }
            20..35 => {
                let (request, needs) = self.put();
                (Call::Put(request), needs)
            }
            35..45 => {
                let (request, needs) = self.delete_range();
                (Call::DeleteRange(request), needs)
            }
            45..75 => {
                let (request, needs) = self.txn(0);
                (Call::Txn(request), needs)
            }
            75..85 => self.lease_call(),
            _ => self.other_call(model),
        }
    }

    fn lease_call(&mut self) -> (Call, Vec<Need>) {
        let lease = self.random.random_range(1..=LEASES + 1);
        match self.random.random_range(0..5) {
            0 => (Call::LeaseGrant, vec![Need::Known]),
            1 => (Call::LeaseRevoke(lease), vec![Need::Known, Need::WriteLease(lease)]),
            2 => (Call::LeaseTimeToLive(lease, true), vec![Need::Known, Need::ReadLease(lease)]),
            3 => (Call::LeaseTimeToLive(lease, false), vec![Need::Known]),
            _ => (Call::LeaseLeases, vec![Need::Known, Need::ReadAllLeases]),
        }
    }

    fn other_call(&mut self, model: &Model) -> (Call, Vec<Need>) {
        let any_user = user(self.random.random_range(0..USERS));
        let roles: Vec<&String> = model.roles.keys().collect();
        let any_role = roles.choose(&mut self.random).map_or_else(String::new, |role| (*role).clone());
        match self.random.random_range(0..15) {
            0 => (Call::Compact, vec![Need::Root]),
            1 => (Call::MemberList, vec![Need::Known]),
            2 => (Call::MemberRemove, vec![Need::Root]),
            3 => (Call::AlarmList, vec![Need::Known]),
            4 => (Call::Status, vec![Need::Known]),
            5 => (Call::Hash, vec![Need::Root]),
            6 => (Call::HashKv, vec![Need::Root]),
            7 => (Call::MoveLeader, vec![Need::Root]),
            8 => (Call::DowngradeValidate, vec![Need::Root]),
            9 | 10 => (Call::UserGet(any_user.clone()), vec![Need::Oneself(any_user)]),
            11 => (Call::UserList, vec![Need::Root]),
            12 => (Call::RoleGet(any_role.clone()), vec![Need::OwnRole(any_role)]),
            13 => (Call::RoleList, vec![Need::Root]),
            _ => (Call::AuthStatus, vec![Need::NoBadToken]),
        }
    }

    fn range(&mut self) -> (RangeRequest, Vec<Need>) {
        let (key, range_end) = self.interval(0.15);
        let need = Need::Read(Interval::of(key, range_end));
        let request = RangeRequest {
            key: key.into(),
            range_end: range_end.into(),
            serializable: self.random.random_bool(0.5),
            ..RangeRequest::default()
        };
        (request, vec![need])
    }

    fn put(&mut self) -> (PutRequest, Vec<Need>) {
        let key = KEYS.choose(&mut self.random).copied().unwrap_or(b"a");
        let mut needs = vec![Need::Write(Interval::of(key, b""))];
        // A lease that is not there: the put is refused after its rights were found good, and nothing is attached.
        let lease = if self.random.random_bool(0.2) { LEASES + 7 } else { 0 };
        let prev_kv = self.random.random_bool(0.3);
        if prev_kv {
            needs.push(Need::Read(Interval::of(key, b"")));
        }
        let request =
            PutRequest { key: key.into(), value: "v".into(), lease, prev_kv, ..PutRequest::default() };
        (request, needs)
    }

    fn delete_range(&mut self) -> (DeleteRangeRequest, Vec<Need>) {
        // Never open, for that would take the keys of the leases along.
        let (key, range_end) = self.interval(0.0);
        let mut needs = vec![Need::Write(Interval::of(key, range_end))];
        let prev_kv = self.random.random_bool(0.3);
        if prev_kv {
            needs.push(Need::Read(Interval::of(key, range_end)));
        }
        (DeleteRangeRequest { key: key.into(), range_end: range_end.into(), prev_kv }, needs)
    }

    fn interval(&mut self, open: f64) -> (&'static [u8], &'static [u8]) {
        let key = KEYS.choose(&mut self.random).copied().unwrap_or(b"a");
        if self.random.random_bool(open) {
            return (key, b"\0");
        }
        match self.random.random_bool(0.5) {
            true => (key, b""),
            false => (key, self.end_after(key, ENDS)),
        }
    }

    fn txn(&mut self, depth: usize) -> (TxnRequest, Vec<Need>) {
        let mut needs = Vec::new();
        let mut compare = Vec::new();
        // One at least, for a transaction of nothing needs nothing.
        for _ in 0..self.random.random_range(1..=2) {
            let (key, range_end) = self.interval(0.05);
            needs.push(Need::Read(Interval::of(key, range_end)));
            compare.push(Compare {
                result: CompareResult::Greater as i32,
                target: CompareTarget::Version as i32,
                key: key.into(),
                range_end: range_end.into(),
                target_union: Some(TargetUnion::Version(self.random.random_range(0..3))),
            });
        }
        let (success, more) = self.branch(depth);
        needs.extend(more);
        let (failure, more) = self.branch(depth);
        needs.extend(more);
        (TxnRequest { compare, success, failure }, needs)
    }

    /// One operation at most, so that no key is written twice.
    fn branch(&mut self, depth: usize) -> (Vec<RequestOp>, Vec<Need>) {
        let (op, needs) = match self.random.random_range(0..5) {
            0 => return (Vec::new(), Vec::new()),
            1 => {
                let (request, needs) = self.range();
                (Op::RequestRange(request), needs)
            }
            2 => {
                let (request, needs) = self.put();
                (Op::RequestPut(request), needs)
            }
            3 if depth < DEPTH_MAX => {
                let (request, needs) = self.txn(depth + 1);
                (Op::RequestTxn(request), needs)
            }
            _ => {
                let (request, needs) = self.delete_range();
                (Op::RequestDeleteRange(request), needs)
            }
        };
        (vec![RequestOp { request: Some(op) }], needs)
    }
}
