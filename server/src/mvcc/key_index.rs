//! Where each version of each key is, in memory: without it, "the value of `k` at revision 7" would be a
//! search through all records.
//!
//! A key lives in generations: a put begins one, a deletion ends it. Take the key `k` after
//!
//! ```text
//! revision   2      5      6         8      9
//! change     put    put    delete    put    put
//! ```
//!
//! Its history is two generations; `t` marks the deletion:
//!
//! ```text
//! created 2, first version 1: [2, 5, 6t]
//! created 8, first version 1: [8, 9]
//! ```
//!
//! Read at 5, 2 and 6: version 2 from record 5; version 1 from record 2; nothing. Read at 7: nothing,
//! for the newest change up to 7 is the deletion. Compacting at
//!
//! * 4 changes nothing: record 2 is the newest up to 4 and is still what a read at 4 finds;
//! * 5 drops 2. The first generation becomes `created 2, first version 2: [5, 6t]`;
//! * 6 drops 2 and 5 but keeps `6t`: a watcher may start at 6 and must learn of the deletion;
//! * 7 drops the first generation: a read at 7 finds nothing with or without it.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use etcdkit_proto::key_range::KeyRange;

use super::revision::Revision;

/// A version of a key that exists at the revision asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) created: i64,
    pub(super) modified: Revision,
    pub(super) version: i64,
}

/// Revisions of one generation. Most keys are written once, and then need no allocation.
#[derive(Clone, Debug)]
enum Revisions {
    One(Revision),
    Many(Vec<Revision>),
}

impl Revisions {
    fn as_slice(&self) -> &[Revision] {
        match self {
            Revisions::One(one) => std::slice::from_ref(one),
            Revisions::Many(many) => many,
        }
    }

    fn push(&mut self, revision: Revision) {
        match self {
            Revisions::One(one) => *self = Revisions::Many(vec![*one, revision]),
            Revisions::Many(many) => many.push(revision),
        }
    }

    /// Forgets the first `count`, fewer than all.
    fn drop_first(&mut self, count: usize) {
        let Revisions::Many(many) = self else { return };
        many.drain(..count);
        match many.as_slice() {
            [one] => *self = Revisions::One(*one),
            _ if many.len() * 4 < many.capacity() => many.shrink_to(many.len() * 2),
            _ => {}
        }
    }
}

/// One life of a key.
#[derive(Clone, Debug)]
struct Generation {
    created: i64,
    /// Version of the first revision still held.
    first_version: i64,
    revisions: Revisions,
    /// The last revision is the deletion.
    ended: bool,
}

impl Generation {
    /// Whether the generation had begun by then.
    fn begun_by(&self, main: i64) -> bool {
        self.revisions.as_slice()[0].main <= main
    }

    /// The version read at a revision by which the generation had begun.
    fn at(&self, main: i64) -> Option<Found> {
        let revisions = self.revisions.as_slice();
        let seen = match revisions.last() {
            Some(last) if last.main <= main => revisions.len(),
            _ => revisions.partition_point(|revision| revision.main <= main),
        };
        if seen == 0 || (self.ended && seen == revisions.len()) {
            return None;
        }
        Some(Found {
            created: self.created,
            modified: revisions[seen - 1],
            version: self.first_version + seen as i64 - 1,
        })
    }
}

/// All that is known of one key.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// Ended generations, oldest first.
    earlier: Vec<Generation>,
    last: Generation,
}

impl History {
    fn begin(created: i64, version: i64, revision: Revision, ended: bool) -> Self {
        let last = Generation { created, first_version: version, revisions: Revisions::One(revision), ended };
        History { earlier: Vec::new(), last }
    }

    fn begin_generation(&mut self, created: i64, version: i64, revision: Revision, ended: bool) {
        let next = Generation { created, first_version: version, revisions: Revisions::One(revision), ended };
        self.earlier.push(std::mem::replace(&mut self.last, next));
    }

    /// The version that a read at `main` sees.
    pub(super) fn at(&self, main: i64) -> Option<Found> {
        if self.last.begun_by(main) {
            return self.last.at(main);
        }
        self.earlier.iter().rev().find(|generation| generation.begun_by(main))?.at(main)
    }

    fn put(&mut self, revision: Revision) -> Found {
        if self.last.ended {
            self.begin_generation(revision.main, 1, revision, false);
        } else {
            self.last.revisions.push(revision);
        }
        let version = self.last.first_version + self.last.revisions.as_slice().len() as i64 - 1;
        Found { created: self.last.created, modified: revision, version }
    }

    fn delete(&mut self, revision: Revision) {
        self.last.revisions.push(revision);
        self.last.ended = true;
    }

    /// Adds a record read at start; records come in revision order.
    fn restore(&mut self, created: i64, version: i64, revision: Revision, tombstone: bool) {
        if tombstone && !self.last.ended {
            self.delete(revision);
        } else if self.last.ended || self.last.created != created {
            self.begin_generation(created, version, revision, tombstone);
        } else {
            self.last.revisions.push(revision);
        }
    }

    /// The revision that must stay although it is older than `at`: the one that a read at `at` finds.
    fn survivor(&self, at: i64) -> Option<Revision> {
        self.at(at).map(|found| found.modified).filter(|revision| revision.main < at)
    }

    /// Whether compaction at `at` keeps this revision of the key.
    pub(super) fn keeps(&self, revision: Revision, at: i64) -> bool {
        revision.main >= at || self.survivor(at) == Some(revision)
    }

    /// Forgets what compaction at `at` drops and lists it, oldest first; true when nothing is left.
    fn compact(&mut self, at: i64, dropped: &mut Vec<(Revision, bool)>) -> bool {
        let survivor = self.survivor(at);
        let drops = |revision: &Revision| revision.main < at && survivor != Some(*revision);
        let mut trim = |generation: &mut Generation| {
            let revisions = generation.revisions.as_slice();
            let count = revisions.iter().take_while(|revision| drops(revision)).count();
            let all = count == revisions.len();
            dropped.extend(
                revisions[..count]
                    .iter()
                    .enumerate()
                    .map(|(place, revision)| (*revision, generation.ended && place + 1 == revisions.len())),
            );
            if !all && count > 0 {
                generation.first_version += count as i64;
                generation.revisions.drop_first(count);
            }
            all
        };
        self.earlier.retain_mut(|generation| !trim(generation));
        trim(&mut self.last)
    }
}

/// What a put or a deletion found in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// The version as of the put.
    pub(super) found: Found,
    /// Whether the key existed before.
    pub(super) existed: bool,
}

/// The index of all keys.
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    /// Keys are copies: a slice of a request would keep the whole request in memory.
    keys: BTreeMap<Box<[u8]>, History>,
    /// Keys that exist at the newest revision.
    live: usize,
}

impl KeyIndex {
    /// Keys that exist at the newest revision.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    pub(super) fn history(&self, key: &[u8]) -> Option<&History> {
        self.keys.get(key)
    }

    pub(super) fn at(&self, key: &[u8], main: i64) -> Option<Found> {
        self.keys.get(key)?.at(main)
    }

    pub(super) fn put(&mut self, key: &[u8], revision: Revision) -> Placed {
        if let Some(history) = self.keys.get_mut(key) {
            let existed = !history.last.ended;
            self.live += usize::from(!existed);
            return Placed { found: history.put(revision), existed };
        }
        self.keys.insert(key.into(), History::begin(revision.main, 1, revision, false));
        self.live += 1;
        Placed { found: Found { created: revision.main, modified: revision, version: 1 }, existed: false }
    }

    /// Ends the life of a key; nothing happens to a key that does not live.
    pub(super) fn delete(&mut self, key: &[u8], revision: Revision) {
        if let Some(history) = self.keys.get_mut(key).filter(|history| !history.last.ended) {
            history.delete(revision);
            self.live -= 1;
        }
    }

    pub(super) fn restore(
        &mut self,
        key: &[u8],
        created: i64,
        version: i64,
        revision: Revision,
        tombstone: bool,
    ) {
        let was_live = match self.keys.get_mut(key) {
            Some(history) => {
                let was_live = !history.last.ended;
                history.restore(created, version, revision, tombstone);
                was_live
            }
            None => {
                self.keys.insert(key.into(), History::begin(created, version, revision, tombstone));
                false
            }
        };
        self.live = self.live + usize::from(!tombstone) - usize::from(was_live);
    }

    /// Histories of a range in key order, from `from` on when given.
    pub(super) fn range<'i>(
        &'i self,
        range: &'i KeyRange,
        from: Option<&'i [u8]>,
    ) -> impl Iterator<Item = (&'i [u8], &'i History)> {
        let (start, end) = bounds(range, from);
        // A BTreeMap refuses inverted bounds; the empty range stands in for them.
        let empty = match (start, end) {
            (Bound::Included(start), Bound::Excluded(end)) => start >= end,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            _ => false,
        };
        let bounds = if empty {
            (Bound::Included(start_of(start)), Bound::Excluded(start_of(start)))
        } else {
            (start, end)
        };
        self.keys.range::<[u8], _>(bounds).map(|(key, history)| (key.as_ref(), history))
    }

    /// Compacts keys after `cursor` until `keys` have been visited or `records` dropped; the cursor for
    /// the next call, or none at the end.
    pub(super) fn compact(
        &mut self,
        at: i64,
        cursor: Option<Bytes>,
        limits: CompactLimits,
        dropped: &mut Vec<(Revision, bool)>,
    ) -> Option<Bytes> {
        let start = match &cursor {
            Some(key) => Bound::Excluded(key.as_ref()),
            None => Bound::Unbounded,
        };
        let mut gone: Vec<Box<[u8]>> = Vec::new();
        let mut next = None;
        let walk = self.keys.range_mut::<[u8], _>((start, Bound::Unbounded));
        for (visited, (key, history)) in walk.enumerate() {
            if history.compact(at, dropped) {
                gone.push(key.clone());
            }
            if visited + 1 >= limits.keys || dropped.len() >= limits.records {
                next = Some(Bytes::copy_from_slice(key));
                break;
            }
        }
        for key in gone {
            self.keys.remove(&key);
        }
        next
    }
}

/// Bounds of one step of compaction, so that readers wait for no more than that.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompactLimits {
    pub(super) keys: usize,
    pub(super) records: usize,
}

fn bounds<'b>(range: &'b KeyRange, from: Option<&'b [u8]>) -> (Bound<&'b [u8]>, Bound<&'b [u8]>) {
    let start = Bound::Included(from.unwrap_or(range.start().as_ref()));
    let end = match range {
        KeyRange::One(key) => Bound::Included(key.as_ref()),
        KeyRange::Span(_, end) => Bound::Excluded(end.as_ref()),
        KeyRange::From(_) => Bound::Unbounded,
    };
    (start, end)
}

fn start_of(bound: Bound<&[u8]>) -> &[u8] {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => key,
        Bound::Unbounded => &[],
    }
}
