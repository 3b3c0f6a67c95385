//! No lease ends before its time.
//!
//! A lease lives for its time from when it is granted at the earliest, so from when the grant was asked for; and an end
//! was over when it was first heard of. Both err to the lenient side by what a call takes.

use std::collections::HashMap;

use super::Verdict;
use super::truth::Truth;
use super::writes::Placed;
use crate::robustness::history::{Answer, History, Outcome, Request};

const NANOS: u64 = 1_000_000_000;

pub(super) fn check(history: &History, truth: &Truth, placed: &Placed, verdict: &mut Verdict) {
    let granted: HashMap<i64, u64> = history
        .calls
        .iter()
        .filter_map(|call| match (&call.request, &call.outcome) {
            (Request::Grant { .. }, Outcome::Ok(Answer::Granted { lease })) => Some((*lease, call.called)),
            _ => None,
        })
        .collect();
    let time = history.ttl.unsigned_abs() * NANOS;
    for (revision, lease) in &placed.expired {
        let (Some(asked), Some(heard)) = (granted.get(lease), truth.heard(*revision)) else {
            verdict.wrong(|| format!("leases: {lease} ended at revision {revision}, and nobody knows of it"));
            continue;
        };
        verdict.hold(heard >= asked + time, || {
            let lived = heard.saturating_sub(*asked) / 1_000_000;
            format!("leases: {lease} of {} s ended after {lived} ms, at revision {revision}", history.ttl)
        });
    }
}
