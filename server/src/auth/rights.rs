//! The keys a user may read and write, merged from all its roles.
//!
//! A request is permitted when one merged range covers all of it, so grants that overlap or touch are joined:
//!
//! ```text
//! role r1: read [a, c)      role r2: read [c, f), read k
//! merged:  read [a, f) [k, k\0)       a request for [b, e) is covered, one for [e, k) is not
//! ```

use bytes::Bytes;
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::permission::Type;
use etcdkit_proto::key_range::{FROM_KEY, KeyRange};

/// What a request wants to do with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read, watch, compare, or see previous values.
    Read,
    /// Put or delete.
    Write,
}

/// The rights of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Has the role root, which needs no other right.
    pub(super) is_root: bool,
    read: KeySet,
    write: KeySet,
}

impl Rights {
    /// Merges what the roles of a user grant.
    pub fn merge<'a>(is_root: bool, permissions: impl Iterator<Item = &'a Permission>) -> Self {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        for permission in permissions {
            let interval = Interval::of(&permission.key, &permission.range_end);
            match Type::try_from(permission.perm_type) {
                Ok(Type::Read) => read.push(interval),
                Ok(Type::Write) => write.push(interval),
                Ok(Type::Readwrite) => {
                    read.push(interval.clone());
                    write.push(interval);
                }
                // A kind of right that this version does not know grants nothing.
                Err(_) => {}
            }
        }
        Rights { is_root, read: KeySet::union(read), write: KeySet::union(write) }
    }

    /// Whether the action is permitted on all keys of a range, given as requests spell it.
    pub fn permit(&self, action: Action, key: &Bytes, range_end: &Bytes) -> bool {
        let set = match action {
            Action::Read => &self.read,
            Action::Write => &self.write,
        };
        self.is_root || set.covers(&Interval::of(key, range_end))
    }
}

/// Keys from `begin` to before `end`; without an `end`, all from `begin` on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interval {
    begin: Bytes,
    end: Option<Bytes>,
}

impl Interval {
    fn of(key: &Bytes, range_end: &Bytes) -> Self {
        match KeyRange::new(key.clone(), range_end.clone()) {
            KeyRange::One(key) => {
                let successor = [key.as_ref(), b"\0"].concat();
                Interval { begin: key, end: Some(successor.into()) }
            }
            KeyRange::Span(begin, end) => Interval { begin, end: Some(end) },
            KeyRange::From(begin) => Interval { begin, end: None },
        }
    }

    fn ends_before(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_some_and(|end| end.as_ref() < key)
    }

    /// A range that ends before it begins holds no key, and is covered where its beginning is, as in etcd.
    fn covers(&self, asked: &Interval) -> bool {
        let reaches = match (&self.end, &asked.end) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(own), Some(asked_end)) => own >= asked_end && *own > asked.begin,
        };
        self.begin <= asked.begin && reaches
    }
}

/// A set of keys: disjoint intervals in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct KeySet(Vec<Interval>);

impl KeySet {
    fn union(mut intervals: Vec<Interval>) -> Self {
        intervals.sort_by(|a, b| a.begin.cmp(&b.begin));
        let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
        for interval in intervals {
            match merged.last_mut() {
                Some(last) if !last.ends_before(&interval.begin) => {
                    last.end = match (last.end.take(), interval.end) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        _ => None,
                    };
                }
                _ => merged.push(interval),
            }
        }
        KeySet(merged)
    }

    fn covers(&self, asked: &Interval) -> bool {
        // The only candidate is the last interval that begins at or before what is asked for.
        let after = self.0.partition_point(|interval| interval.begin <= asked.begin);
        after.checked_sub(1).and_then(|index| self.0.get(index)).is_some_and(|found| found.covers(asked))
    }
}

/// Whether a right can be given on this range: a key, and an end behind it or the one that means "from here on".
pub(super) fn is_grantable(key: &[u8], range_end: &[u8]) -> bool {
    !key.is_empty() && (range_end.is_empty() || key < range_end || range_end == FROM_KEY)
}
