//! Who may do what, written down a second time from etcd's rules: the judge of both servers.
//!
//! It shares no code with the server. A range is covered by grants when its first key is, and every key at which some
//! grant begins or ends within it: between two such keys nothing changes.

use std::collections::BTreeMap;

use etcdkit_proto::authpb::permission::Type;

/// An interval of keys: from the first key to the last one excluded; none is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) from: Vec<u8>,
    pub(super) to: Option<Vec<u8>>,
}

impl Interval {
    /// As requests and grants spell it.
    pub(super) fn of(key: &[u8], range_end: &[u8]) -> Self {
        let to = match range_end {
            b"" => Some([key, b"\0"].concat()),
            b"\0" => None,
            end => Some(end.to_vec()),
        };
        Interval { from: key.to_vec(), to }
    }

    fn holds(&self, key: &[u8]) -> bool {
        self.from.as_slice() <= key && self.to.as_deref().is_none_or(|to| key < to)
    }
}

/// What a role grants.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) kind: Type,
    pub(super) interval: Interval,
}

/// The users, roles and leases that both servers have been told of.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) roles: BTreeMap<String, Vec<Grant>>,
    pub(super) users: BTreeMap<String, Vec<String>>,
    /// Keys that hang on each lease.
    pub(super) leases: BTreeMap<i64, Vec<Vec<u8>>>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Nobody,
    BadToken,
    User(String),
    Root,
}

/// What authorization says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Denied,
    NoUser,
    BadToken,
}

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Read(Interval),
    Write(Interval),
    /// To write all keys of a lease, where there is one.
    WriteLease(i64),
    /// To read all keys of a lease, where there is one.
    ReadLease(i64),
    ReadAllLeases,
    /// To be somebody.
    Known,
    Root,
    /// To be this user, or root.
    Oneself(String),
    /// To have this role, or root.
    OwnRole(String),
    /// A token that comes along must be good.
    NoBadToken,
}

impl Model {
    /// The answer to a request with these needs, in this order.
    pub(super) fn judge(&self, caller: &Caller, needs: &[Need]) -> Verdict {
        if *caller == Caller::BadToken {
            return Verdict::BadToken;
        }
        let refused =
            needs.iter().map(|need| self.one(caller, need)).find(|verdict| *verdict != Verdict::Allowed);
        refused.unwrap_or(Verdict::Allowed)
    }

    fn one(&self, caller: &Caller, need: &Need) -> Verdict {
        let user = match caller {
            Caller::Root => return Verdict::Allowed,
            Caller::Nobody if *need == Need::NoBadToken => return Verdict::Allowed,
            Caller::Nobody | Caller::BadToken => return Verdict::NoUser,
            Caller::User(user) => user,
        };
        let may = match need {
            Need::Read(interval) => self.covers(user, Type::Read, interval),
            Need::Write(interval) => self.covers(user, Type::Write, interval),
            Need::WriteLease(lease) => self.covers_keys(user, Type::Write, *lease),
            Need::ReadLease(lease) => self.covers_keys(user, Type::Read, *lease),
            Need::ReadAllLeases => self.leases.keys().all(|lease| self.covers_keys(user, Type::Read, *lease)),
            Need::Known | Need::NoBadToken => true,
            Need::Root => false,
            Need::Oneself(name) => name == user,
            Need::OwnRole(role) => self.users.get(user).is_some_and(|roles| roles.contains(role)),
        };
        if may { Verdict::Allowed } else { Verdict::Denied }
    }

    fn covers_keys(&self, user: &str, kind: Type, lease: i64) -> bool {
        let keys = self.leases.get(&lease).map(Vec::as_slice).unwrap_or_default();
        keys.iter().all(|key| self.covers(user, kind, &Interval::of(key, b"")))
    }

    fn covers(&self, user: &str, kind: Type, wanted: &Interval) -> bool {
        let roles = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        let grants: Vec<&Interval> = roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .flatten()
            .filter(|grant| grant.kind == kind || grant.kind == Type::Readwrite)
            .map(|grant| &grant.interval)
            .collect();
        let covered = |key: &[u8]| grants.iter().any(|grant| grant.holds(key));
        let edges = grants.iter().flat_map(|grant| [Some(&grant.from), grant.to.as_ref()]).flatten();
        let open_end_covered = wanted.to.is_some() || grants.iter().any(|grant| grant.to.is_none());
        open_end_covered
            && covered(&wanted.from)
            && edges.filter(|edge| wanted.holds(edge)).all(|edge| covered(edge))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(grants: &[(&[u8], &[u8])]) -> Model {
        let grant =
            |(key, end): &(&[u8], &[u8])| Grant { kind: Type::Read, interval: Interval::of(key, end) };
        Model {
            roles: [("r".to_owned(), grants.iter().map(grant).collect())].into(),
            users: [("u".to_owned(), vec!["r".to_owned()])].into(),
            leases: BTreeMap::new(),
        }
    }

    #[test]
    fn touching_grants_cover_what_spans_them() {
        let model = model(&[(b"a", b"c"), (b"c", b"e"), (b"g", b"")]);
        for (key, end, covered) in [
            (b"a".as_slice(), b"e".as_slice(), true),
            (b"b", b"d", true),
            (b"b", b"f", false),
            (b"e", b"", false),
            (b"g", b"", true),
            (b"g", b"h", false),
            (b"a", b"\0", false),
        ] {
            assert_eq!(model.covers("u", Type::Read, &Interval::of(key, end)), covered, "{key:?} {end:?}");
        }
    }
}
