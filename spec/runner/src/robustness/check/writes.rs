//! Each write is in the history as often as its answer says.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::Verdict;
use super::truth::Truth;
use crate::robustness::history::{Answer, Call, Change, Done, History, Op, Outcome, Pair, Request};

/// Where the calls are in the history.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// The revision that each call made, by its place among the calls, where there is no doubt.
    pub(super) made: HashMap<usize, i64>,
    /// Revisions that ended a lease by itself: its time was up.
    pub(super) expired: Vec<(i64, i64)>,
}

pub(super) fn check(history: &History, truth: &Truth, verdict: &mut Verdict) -> Placed {
    let mut placed = Placed::default();
    let mut claimed: HashSet<i64> = HashSet::new();
    let mut guessed: HashSet<usize> = HashSet::new();
    let writers = writers(history, verdict);
    // Revocations last: one that found no keys tells the revision of whoever deleted them.
    let revokes = |call: &Call| matches!(call.request, Request::Revoke { .. });
    let (last, first): (Vec<_>, Vec<_>) =
        history.calls.iter().enumerate().partition(|(_, call)| revokes(call));
    for (index, call) in first.into_iter().chain(last) {
        if let Outcome::Ok(answer) = &call.outcome
            && let Some(revision) = acknowledged(call, answer, truth, verdict)
        {
            if !claimed.insert(revision) {
                if revokes(call) {
                    continue;
                }
                verdict
                    .wrong(|| format!("writes: revision {revision} was acknowledged twice, to {call:?} too"));
            }
            placed.made.insert(index, revision);
        }
    }
    for (revision, changes) in truth.revisions() {
        if claimed.contains(&revision) {
            continue;
        }
        let Some(put) = changes.iter().find(|change| !change.deleted) else {
            if let Some(deleter) = deleter(history, &guessed, truth, revision, changes) {
                guessed.insert(deleter);
                continue;
            }
            match lease_that_ended(truth, revision, changes) {
                Some(lease) => placed.expired.push((revision, lease)),
                None => verdict.wrong(|| format!("writes: nobody asked for {changes:?}")),
            }
            continue;
        };
        let Some(owner) = writers.get(&put.pair.value).copied() else {
            verdict.wrong(|| format!("writes: nobody asked for {changes:?}"));
            continue;
        };
        let call = &history.calls[owner];
        match &call.outcome {
            Outcome::Unknown(_) if fits(call, truth, revision) => {}
            Outcome::Unknown(_) => {
                verdict.wrong(|| format!("writes: {changes:?} is not what {call:?} would have done"));
            }
            Outcome::Refused(_) => {
                verdict.wrong(|| format!("writes: {call:?} was refused, and made revision {revision}"));
            }
            Outcome::Ok(_) => verdict.wrong(|| format!("writes: {call:?} also made revision {revision}")),
        }
        if placed.made.insert(owner, revision).is_some() {
            verdict.wrong(|| format!("writes: {call:?} was executed twice, at last at {revision}"));
        }
    }
    placed
}

/// Who writes which value; values are unique in a run.
fn writers<'h>(history: &'h History, verdict: &mut Verdict) -> HashMap<&'h Bytes, usize> {
    let mut writers = HashMap::new();
    for (index, call) in history.calls.iter().enumerate() {
        let Request::Write { then, otherwise, .. } = &call.request else { continue };
        for op in then.iter().chain(otherwise) {
            if let Op::Put { value, .. } = op
                && writers.insert(value, index).is_some_and(|other| other != index)
            {
                verdict
                    .wrong(|| format!("writes: the run itself is wrong, {value:?} is written by two calls"));
            }
        }
    }
    writers
}

/// Holds an answer against the state; the revision that the call made.
fn acknowledged(call: &Call, answer: &Answer, truth: &Truth, verdict: &mut Verdict) -> Option<i64> {
    match (&call.request, answer) {
        (Request::Write { .. }, Answer::Write { revision, succeeded, done }) => {
            let told = |effect: &Effect| *succeeded == effect.succeeded && *done == effect.done;
            let made = effect(call, truth, *revision);
            if !made.changes.is_empty() && made.changes == truth.changes(*revision) && told(&made) {
                return Some(*revision);
            }
            // One that changes nothing tells the revision that it looked at.
            let looked = effect(call, truth, *revision + 1);
            if !looked.changes.is_empty() || !told(&looked) {
                let changes = truth.changes(*revision);
                verdict.wrong(|| {
                    format!(
                        "writes: {call:?} should have made {:?} and told {:?}; the revision made {changes:?}",
                        made.changes, made.done
                    )
                });
            }
            None
        }
        (Request::Revoke { lease }, Answer::Revoked { revision }) => {
            let ended = lease_that_ended(truth, *revision, truth.changes(*revision)) == Some(*lease);
            if !ended && !truth.of_lease(*lease, *revision).is_empty() {
                verdict.wrong(|| format!("writes: {call:?} left keys behind"));
            }
            ended.then_some(*revision)
        }
        _ => None,
    }
}

/// What a write does.
struct Effect {
    succeeded: bool,
    changes: Vec<Change>,
    done: Vec<Done>,
}

/// What a write does that makes this revision.
fn effect(call: &Call, truth: &Truth, revision: i64) -> Effect {
    let Request::Write { when, then, otherwise } = &call.request else {
        return Effect { succeeded: false, changes: Vec::new(), done: Vec::new() };
    };
    let before = revision - 1;
    let modified = |key: &Bytes| truth.get(key, before).map_or(0, |pair| pair.modified);
    let succeeded = when.as_ref().is_none_or(|(key, wanted)| modified(key) == *wanted);
    let (mut changes, mut done) = (Vec::new(), Vec::new());
    for op in if succeeded { then } else { otherwise } {
        match op {
            Op::Put { key, value, lease } => {
                let old = truth.get(key, before);
                let pair = Pair {
                    key: key.clone(),
                    value: value.clone(),
                    create: old.map_or(revision, |old| old.create),
                    modified: revision,
                    version: old.map_or(1, |old| old.version + 1),
                    lease: *lease,
                };
                changes.push(Change { pair, deleted: false });
                done.push(Done::Put);
            }
            Op::Delete(keys) => {
                let gone = truth.range(keys, before);
                done.push(Done::Deleted(gone.len() as i64));
                changes.extend(gone.into_iter().map(|pair| deletion(&pair.key, revision)));
            }
            Op::Get(keys) => {
                // Reads stand alone in a branch here, so they see what was before.
                let pairs: Vec<_> = truth.range(keys, before).into_iter().cloned().collect();
                done.push(Done::Got { count: pairs.len() as i64, pairs });
            }
        }
    }
    changes.sort_by(|a, b| a.pair.key.cmp(&b.pair.key));
    Effect { succeeded, changes, done }
}

fn deletion(key: &Bytes, revision: i64) -> Change {
    let (value, create, version, lease) = (Bytes::new(), 0, 0, 0);
    let pair = Pair { key: key.clone(), value, create, modified: revision, version, lease };
    Change { pair, deleted: true }
}

fn fits(call: &Call, truth: &Truth, revision: i64) -> bool {
    match &call.request {
        Request::Write { .. } => effect(call, truth, revision).changes == truth.changes(revision),
        Request::Revoke { lease } => {
            lease_that_ended(truth, revision, truth.changes(revision)) == Some(*lease)
        }
        _ => false,
    }
}

/// A call whose outcome is not known, that would have deleted just this, and that had begun. A guess where several would:
/// deletions have no mark.
fn deleter(
    history: &History,
    taken: &HashSet<usize>,
    truth: &Truth,
    revision: i64,
    changes: &[Change],
) -> Option<usize> {
    if changes.is_empty() {
        return None;
    }
    let heard = truth.heard(revision).unwrap_or(u64::MAX);
    history.calls.iter().enumerate().find_map(|(index, call)| {
        let open = matches!(call.outcome, Outcome::Unknown(_)) && call.called < heard;
        (open && !taken.contains(&index) && fits(call, truth, revision)).then_some(index)
    })
}

/// The lease all of whose keys, and nothing else, a revision deleted.
fn lease_that_ended(truth: &Truth, revision: i64, changes: &[Change]) -> Option<i64> {
    let first = changes.first()?;
    let lease = truth.get(&first.pair.key, revision - 1)?.lease;
    let gone: Vec<&Bytes> =
        changes.iter().filter(|change| change.deleted).map(|change| &change.pair.key).collect();
    (lease != 0 && gone.len() == changes.len() && gone == truth.of_lease(lease, revision - 1))
        .then_some(lease)
}
