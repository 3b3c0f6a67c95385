//! Which revision there was at which time.
//!
//! Revisions have no times in etcd's model, yet people ask "what changed in the last ten minutes". So a member remembers
//! now and then what its revision was. This is its own record of its own clock: it is not replicated, not stored, and
//! begins when the server starts.
//!
//! An example: at 12:00:00 the revision was 7, at 12:00:01 it was 9. Whoever asks for the changes since 12:00:00.5 is
//! told 7, and so sees 8 and 9: perhaps one too many, never one too few.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::mvcc::Store;

/// Time between two marks while the revision changes: how exact an answer is about the last hour.
const INTERVAL: Duration = Duration::from_secs(1);

/// Marks of [`INTERVAL`]: an hour in which every second changed something.
const RECENT_MAX: usize = 3600;

/// Older marks are thinned out to one in this time.
const COARSE_INTERVAL_MS: u64 = 60_000;

/// Older marks: a week in which every minute changed something. All marks together take 220 KB at most.
const COARSE_MAX: usize = 7 * 24 * 60;

/// A moment, in milliseconds since 1970.
pub(crate) type UnixMs = u64;

/// The time now.
pub(crate) fn now() -> UnixMs {
    u64::try_from(clock::wall().as_millis()).unwrap_or(UnixMs::MAX)
}

/// "At this time the revision was this."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at: UnixMs,
    revision: i64,
}

#[derive(Debug, Default)]
struct Marks {
    coarse: VecDeque<Mark>,
    recent: VecDeque<Mark>,
}

/// The record.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    marks: Mutex<Marks>,
}

impl Timeline {
    /// Remembers what the revision is. A clock that was set back is waited for, so that times only grow.
    pub(crate) fn note(&self, at: UnixMs, revision: i64) {
        let mut marks = self.marks.lock();
        let last = marks.recent.back().or(marks.coarse.back());
        if last.is_some_and(|last| at <= last.at || revision == last.revision) {
            return;
        }
        marks.recent.push_back(Mark { at, revision });
        if marks.recent.len() > RECENT_MAX {
            marks.thin_out();
        }
    }

    /// The newest revision that is known to have been there at or before that time; `None` when nothing is known of then.
    pub(crate) fn revision_at(&self, time: UnixMs) -> Option<i64> {
        let marks = self.marks.lock();
        let last_before = |marks: &VecDeque<Mark>| {
            let later = marks.partition_point(|mark| mark.at <= time);
            later.checked_sub(1).map(|at| marks[at].revision)
        };
        last_before(&marks.recent).or_else(|| last_before(&marks.coarse))
    }

    /// Since when something is known.
    pub(crate) fn known_since(&self) -> Option<UnixMs> {
        let marks = self.marks.lock();
        marks.coarse.front().or(marks.recent.front()).map(|mark| mark.at)
    }

    /// Keeps the record, until `stopping`.
    pub(crate) async fn run(&self, store: Store, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => self.note(now(), store.revision()),
            }
        }
    }
}

impl Marks {
    fn thin_out(&mut self) {
        let Some(oldest) = self.recent.pop_front() else { return };
        let is_due = self.coarse.back().is_none_or(|last| oldest.at - last.at >= COARSE_INTERVAL_MS);
        if !is_due {
            return;
        }
        self.coarse.push_back(oldest);
        if self.coarse.len() > COARSE_MAX {
            self.coarse.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_between_two_marks_has_the_revision_of_the_earlier() {
        let timeline = Timeline::default();
        timeline.note(1000, 7);
        timeline.note(2000, 9);
        let seen: Vec<_> = [999, 1000, 1999, 2000, 9000].map(|time| timeline.revision_at(time)).into();
        assert_eq!(seen, [None, Some(7), Some(7), Some(9), Some(9)]);
        assert_eq!(timeline.known_since(), Some(1000));
    }

    #[test]
    fn a_revision_that_stays_and_a_clock_that_goes_back_leave_no_marks() {
        let timeline = Timeline::default();
        timeline.note(1000, 7);
        timeline.note(2000, 7);
        timeline.note(500, 8);
        assert_eq!(timeline.marks.lock().recent.len(), 1);
        timeline.note(3000, 8);
        assert_eq!(timeline.revision_at(2500), Some(7));
    }

    #[test]
    fn old_marks_are_thinned_out_and_the_record_stays_small() {
        let timeline = Timeline::default();
        let seconds = 3600 + COARSE_MAX as u64 * 60 + 7200;
        for second in 0..seconds {
            timeline.note(second * 1000, second as i64);
        }
        let marks = timeline.marks.lock();
        assert_eq!((marks.recent.len(), marks.coarse.len()), (RECENT_MAX, COARSE_MAX));
        drop(marks);
        let two_hours_ago = (seconds - 7200) as i64;
        let revision = timeline.revision_at(two_hours_ago as u64 * 1000).unwrap_or_default();
        assert!((two_hours_ago - 60..=two_hours_ago).contains(&revision), "{revision} for {two_hours_ago}");
        assert_eq!(timeline.revision_at(0), None);
    }
}
