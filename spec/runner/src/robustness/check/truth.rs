//! The history of the store: what each revision changed, and the state after it.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Verdict;
use crate::robustness::history::{Change, History, Keys, Nanos, Pair};

/// The revision of an empty store.
pub(super) const EMPTY: i64 = 1;

/// What happened, in order.
#[derive(Debug, Default)]
pub(super) struct Truth {
    revisions: BTreeMap<i64, Vec<Change>>,
    /// When each was first heard of.
    heard: BTreeMap<i64, Nanos>,
    /// The life of each key: its states from revisions on.
    keys: BTreeMap<Bytes, Vec<(i64, Option<Pair>)>>,
    pub(super) last: i64,
}

impl Truth {
    /// What a revision changed.
    pub(super) fn changes(&self, revision: i64) -> &[Change] {
        self.revisions.get(&revision).map_or(&[], Vec::as_slice)
    }

    pub(super) fn revisions(&self) -> impl Iterator<Item = (i64, &[Change])> {
        self.revisions.iter().map(|(revision, changes)| (*revision, changes.as_slice()))
    }

    /// When a revision was heard of first; it was there before.
    pub(super) fn heard(&self, revision: i64) -> Option<Nanos> {
        self.heard.get(&revision).copied()
    }

    /// A key after a revision.
    pub(super) fn get(&self, key: &[u8], revision: i64) -> Option<&Pair> {
        state_at(self.keys.get(key)?, revision)
    }

    /// The pairs of a range after a revision, in the order of keys.
    pub(super) fn range(&self, keys: &Keys, revision: i64) -> Vec<&Pair> {
        let lives = self
            .keys
            .range::<[u8], _>((std::ops::Bound::Included(keys.key.as_ref()), std::ops::Bound::Unbounded));
        let inside = lives.take_while(|(key, _)| keys.contain(key));
        inside.filter_map(|(_, life)| state_at(life, revision)).collect()
    }

    /// The keys of a lease after a revision.
    pub(super) fn of_lease(&self, lease: i64, revision: i64) -> Vec<&Bytes> {
        let pairs = self.keys.values().filter_map(|life| state_at(life, revision));
        pairs.filter(|pair| pair.lease == lease).map(|pair| &pair.key).collect()
    }

    fn push(&mut self, revision: i64, changes: Vec<Change>, verdict: &mut Verdict) {
        for change in &changes {
            let key = &change.pair.key;
            let before = self.get(key, revision - 1).cloned();
            let after = follow(before.as_ref(), change);
            if after.is_err() {
                verdict.wrong(|| format!("truth: {change:?} does not follow from {before:?}"));
            }
            self.keys.entry(key.clone()).or_default().push((revision, after.unwrap_or_default()));
        }
        self.last = revision;
        self.revisions.insert(revision, changes);
    }
}

fn state_at(life: &[(i64, Option<Pair>)], revision: i64) -> Option<&Pair> {
    let after = life.partition_point(|(from, _)| *from <= revision);
    life[..after].last()?.1.as_ref()
}

/// The pair after a change, if the change may come here.
fn follow(before: Option<&Pair>, change: &Change) -> Result<Option<Pair>, ()> {
    if change.deleted {
        return if before.is_some() { Ok(None) } else { Err(()) };
    }
    let pair = &change.pair;
    let (create, version) = before.map_or((pair.modified, 1), |before| (before.create, before.version + 1));
    if (pair.create, pair.version) == (create, version) { Ok(Some(pair.clone())) } else { Err(()) }
}

/// Puts the history together from all watches of everything; others only confirm.
pub(super) fn assemble(history: &History, verdict: &mut Verdict) -> Truth {
    let (mut revisions, mut heard): (BTreeMap<i64, Vec<Change>>, BTreeMap<i64, Nanos>) = Default::default();
    let everything = Keys::all();
    for watch in history.watches.iter().filter(|watch| watch.keys == everything) {
        for response in &watch.responses {
            for group in response.events.chunk_by(|a, b| a.change.revision() == b.change.revision()) {
                let revision = group[0].change.revision();
                let mut changes: Vec<Change> = group.iter().map(|told| told.change.clone()).collect();
                // The events of one revision come in the order of their execution; keys are changed once each.
                changes.sort_by(|a, b| a.pair.key.cmp(&b.pair.key));
                let first = heard.entry(revision).or_insert(response.arrived);
                *first = (*first).min(response.arrived);
                match revisions.get(&revision) {
                    Some(known) if *known != changes => verdict.wrong(|| {
                        format!(
                            "truth: {} tells {changes:?} of revision {revision}, another watch {known:?}",
                            watch.name
                        )
                    }),
                    Some(_) => {}
                    None => drop(revisions.insert(revision, changes)),
                }
            }
        }
    }
    let mut truth = Truth { last: EMPTY, ..Truth::default() };
    for (revision, changes) in revisions {
        if revision != truth.last + 1 {
            let last = truth.last;
            verdict.wrong(|| format!("truth: no watch told of the revisions between {last} and {revision}"));
        }
        truth.push(revision, changes, verdict);
    }
    truth.heard = heard;
    truth
}
