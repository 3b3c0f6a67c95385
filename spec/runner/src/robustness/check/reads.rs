//! Each read shows the state of the revision that it names.

use super::Verdict;
use super::truth::Truth;
use crate::robustness::history::{Answer, History, Keys, Outcome, Pair, Request};

pub(super) fn check(history: &History, truth: &Truth, verdict: &mut Verdict) {
    for call in &history.calls {
        let Request::Read { keys, revision: asked, limit, .. } = &call.request else { continue };
        let Outcome::Ok(Answer::Read { revision, count, more, pairs }) = &call.outcome else { continue };
        if *revision > truth.last || *asked > *revision {
            verdict.wrong(|| {
                format!("reads: {call:?} looked into the future, {} is the last revision", truth.last)
            });
            continue;
        }
        let at = if *asked > 0 { *asked } else { *revision };
        let state = truth.range(keys, at);
        let shown = if *limit > 0 { state.len().min(*limit as usize) } else { state.len() };
        let same = pairs.iter().eq(state[..shown].iter().copied());
        if !same || *count != state.len() as i64 || *more != (shown < state.len()) {
            verdict.wrong(|| {
                format!("reads: {call:?} should show {:?} of {} at {at}", &state[..shown], state.len())
            });
        }
    }
    for (member, (revision, pairs)) in history.ends.iter().enumerate() {
        verdict.hold(*revision <= truth.last, || {
            format!("reads: member {member} ended at revision {revision}, the history at {}", truth.last)
        });
        let state: Vec<&Pair> = truth.range(&Keys::all(), *revision);
        verdict.hold(pairs.iter().eq(state.iter().copied()), || {
            format!("reads: member {member} ended with {pairs:?}, the history says {state:?}")
        });
    }
}
