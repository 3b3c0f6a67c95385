//! Real time: what had ended before something else began stands before it.
//!
//! Every call that tells the newest state has a place: a write at its revision, whatever looked at a revision behind the
//! write that made it. Sweeping through the run, whatever begins must not stand before anything that has ended.

use super::Verdict;
use super::writes::Placed;
use crate::robustness::history::{Answer, Call, History, Nanos, Outcome, Request};

/// Even numbers are writes, odd ones look at what the write before them made.
type Place = i64;

pub(super) fn check(history: &History, placed: &Placed, verdict: &mut Verdict) {
    one_at_a_time(history, verdict);
    // Beginnings sort before ends of the same moment, which are at the same time then.
    let mut moments: Vec<(Nanos, bool, usize, Place)> = Vec::new();
    for (index, call) in history.calls.iter().enumerate() {
        let made = placed.made.get(&index).map(|revision| revision * 2);
        let acknowledged = match &call.outcome {
            Outcome::Ok(answer) => Some(made.or_else(|| looked(&call.request, answer))),
            _ => None,
        };
        let Some(place) = acknowledged.flatten().or(made) else { continue };
        moments.push((call.called, false, index, place));
        // One whose outcome is not known may have been executed after it returned.
        if acknowledged.is_some() {
            moments.push((call.returned, true, index, place));
        }
    }
    moments.sort_unstable();
    let mut farthest: Option<(Place, usize)> = None;
    for (_, ends, index, place) in moments {
        match farthest {
            _ if ends => farthest = farthest.max(Some((place, index))),
            Some((reached, by)) if reached > place => verdict.wrong(|| {
                let (earlier, later) = (&history.calls[by], &history.calls[index]);
                format!("order: {later:?} is behind the times: {earlier:?} had ended before it began")
            }),
            _ => {}
        }
    }
}

/// What the judge relies on: a client makes one call after another.
fn one_at_a_time(history: &History, verdict: &mut Verdict) {
    let mut calls: Vec<&Call> = history.calls.iter().collect();
    calls.sort_by_key(|call| (&call.client, call.called));
    for pair in calls.windows(2) {
        let apart = pair[0].client != pair[1].client || pair[0].returned <= pair[1].called;
        verdict.hold(apart, || format!("order: the run itself is wrong, two calls at once: {pair:?}"));
    }
}

/// Where a call looked that changed nothing; nothing where the newest state was not asked for.
fn looked(request: &Request, answer: &Answer) -> Option<Place> {
    match (request, answer) {
        (Request::Read { serializable: false, revision: 0, .. }, Answer::Read { revision, .. })
        | (Request::Write { .. }, Answer::Write { revision, .. }) => Some(revision * 2 + 1),
        _ => None,
    }
}
