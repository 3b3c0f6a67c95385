//! No lease ends before its time.
//!
//! A lease lives for its time from when it is granted at the earliest, so from when the grant was asked for, and again from
//! each renewal that was told; and an end was over when it was first heard of. All err to the lenient side by what a call
//! takes.

use std::collections::{HashMap, HashSet};

use super::Verdict;
use super::truth::Truth;
use super::writes::Placed;
use crate::robustness::history::{Answer, Call, History, Nanos, Outcome, Request};

const NANOS: u64 = 1_000_000_000;

/// What clients were told of a lease.
#[derive(Default)]
struct Life {
    granted: bool,
    /// When each grant or renewal was asked for and told.
    renewals: Vec<(Nanos, Nanos)>,
    /// Calls that were told that it is gone.
    gone: Vec<usize>,
}

impl Life {
    /// Before this it cannot end, going by what was told until `then`.
    fn safe_until(&self, then: Nanos, time: Nanos) -> Nanos {
        let told = self.renewals.iter().filter(|(_, told)| *told <= then);
        told.map(|(asked, _)| asked + time).max().unwrap_or(0)
    }
}

pub(super) fn check(history: &History, truth: &Truth, placed: &Placed, verdict: &mut Verdict) {
    let (lives, revoked) = lives(&history.calls);
    let time = history.ttl.unsigned_abs() * NANOS;
    for (revision, lease) in &placed.expired {
        let known = lives.get(lease).filter(|life| life.granted);
        let (Some(life), Some(heard)) = (known, truth.heard(*revision)) else {
            verdict.wrong(|| format!("leases: {lease} ended at revision {revision}, and nobody knows of it"));
            continue;
        };
        // A renewal that was told counts whenever it was told: what has ended cannot be renewed any more.
        let until = life.safe_until(Nanos::MAX, time);
        verdict.hold(heard >= until, || {
            let early = (until - heard) / 1_000_000;
            format!("leases: {lease} of {} s ended {early} ms too early, at revision {revision}", history.ttl)
        });
    }
    for (lease, life) in lives.iter().filter(|(lease, _)| !revoked.contains(*lease)) {
        for call in life.gone.iter().map(|index| &history.calls[*index]) {
            let until = life.safe_until(call.called, time);
            verdict.hold(call.returned >= until, || {
                let early = (until - call.returned) / 1_000_000;
                format!("leases: {lease} was said to be gone {early} ms too early: {call:?}")
            });
        }
    }
}

/// What was told of each lease, and which of them clients ended, or may have.
fn lives(calls: &[Call]) -> (HashMap<i64, Life>, HashSet<i64>) {
    let (mut lives, mut revoked): (HashMap<i64, Life>, HashSet<i64>) = Default::default();
    for (index, call) in calls.iter().enumerate() {
        match (&call.request, &call.outcome) {
            (Request::Grant { .. }, Outcome::Ok(Answer::Granted { lease })) => {
                let life = lives.entry(*lease).or_default();
                life.granted = true;
                life.renewals.push((call.called, call.returned));
            }
            (Request::KeepAlive { lease }, Outcome::Ok(Answer::Kept { ttl })) => {
                let life = lives.entry(*lease).or_default();
                match *ttl {
                    ..=0 => life.gone.push(index),
                    _ => life.renewals.push((call.called, call.returned)),
                }
            }
            (Request::Revoke { lease }, Outcome::Ok(_) | Outcome::Unknown(_)) => {
                revoked.insert(*lease);
            }
            _ => {}
        }
    }
    (lives, revoked)
}
