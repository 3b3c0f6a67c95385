//! What etcd guarantees of watches, by etcd's names.

use super::Verdict;
use super::truth::Truth;
use crate::robustness::history::{Change, History, Outcome, Request, Response, Told, Watch};

pub(super) fn check(history: &History, truth: &Truth, verdict: &mut Verdict) {
    let compacted = history.calls.iter().filter_map(|call| match (&call.request, &call.outcome) {
        (Request::Compact { revision }, Outcome::Ok(_) | Outcome::Unknown(_)) => Some(*revision),
        _ => None,
    });
    let compacted = compacted.max().unwrap_or(0);
    for watch in &history.watches {
        of_one(watch, truth, compacted, verdict);
    }
}

fn of_one(watch: &Watch, truth: &Truth, compacted: i64, verdict: &mut Verdict) {
    let name = &watch.name;
    let (mut last, mut promised) = (0, 0);
    for response in &watch.responses {
        for told in &response.events {
            let change = &told.change;
            verdict.hold(watch.keys.contain(&change.pair.key) && change.revision() >= watch.from, || {
                format!(
                    "watches, filter: {name} was told of {change:?}, and wants {:?} from {}",
                    watch.keys, watch.from
                )
            });
            is_create(name, change, truth, verdict);
            if watch.previous {
                previous(name, told, truth, compacted, verdict);
            }
        }
        if let Some((first, end)) = span(response) {
            // Also that a revision is not split over two responses.
            verdict.hold(first > last, || {
                format!("watches, ordered, unique, atomic: {name} was told of {first} after {last}")
            });
            verdict.hold(first > promised, || {
                format!("watches, bookmarkable: {name} was told of {first} after progress to {promised}")
            });
            verdict.hold(response.revision >= end, || {
                format!("watches, header: {name} was told of {end} in a response of {}", response.revision)
            });
            last = last.max(end);
        }
        if response.progress {
            promised = promised.max(response.revision);
        }
    }
    reliable(watch, truth, last.max(promised), verdict);
}

/// First and last revision of a response.
fn span(response: &Response) -> Option<(i64, i64)> {
    let revisions = response.events.iter().map(|told| told.change.revision());
    Some((revisions.clone().min()?, revisions.max()?))
}

/// All events up to where the watch has come, and no others: reliable, and resumable for how it began. Up to a progress
/// as well, which is what makes that a bookmark.
fn reliable(watch: &Watch, truth: &Truth, until: i64, verdict: &mut Verdict) {
    let mut told: Vec<&Change> =
        watch.responses.iter().flat_map(|response| response.events.iter().map(|told| &told.change)).collect();
    told.sort_by(|a, b| (a.revision(), &a.pair.key).cmp(&(b.revision(), &b.pair.key)));
    let wanted = truth
        .revisions()
        .filter(|(revision, _)| (watch.from..=until).contains(revision))
        .flat_map(|(_, changes)| changes.iter().filter(|change| watch.keys.contain(&change.pair.key)));
    let mut told = told.into_iter();
    for change in wanted {
        match told.next() {
            Some(next) if next == change => {}
            next => {
                return verdict.wrong(|| {
                    format!(
                        "watches, reliable: {} should have been told of {change:?}, was told {next:?}",
                        watch.name
                    )
                });
            }
        }
    }
    if let Some(more) = told.next() {
        verdict.wrong(|| {
            format!("watches, reliable: {} was told of {more:?}, which never happened", watch.name)
        });
    }
}

fn is_create(name: &str, change: &Change, truth: &Truth, verdict: &mut Verdict) {
    if change.deleted {
        return;
    }
    let created = change.pair.create == change.pair.modified;
    let new = truth.get(&change.pair.key, change.revision() - 1).is_none();
    verdict.hold(created == new, || format!("watches, is create: {name} was told of {change:?}, new: {new}"));
}

/// A compaction may have taken the previous pair; a wrong one is never told.
fn previous(name: &str, told: &Told, truth: &Truth, compacted: i64, verdict: &mut Verdict) {
    let revision = told.change.revision();
    let before = truth.get(&told.change.pair.key, revision - 1);
    let gone = told.previous.is_none() && compacted >= revision - 1;
    verdict.hold(told.previous.as_ref() == before || gone, || {
        format!(
            "watches, previous: {name} was told {:?} before {:?}, it was {before:?}",
            told.previous, told.change
        )
    });
}
