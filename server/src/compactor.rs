//! Keeps history from growing: removes what a compaction dropped, and compacts by itself when told to.

use std::collections::VecDeque;
use std::time::Duration;

use etcdkit_proto::etcdserverpb::CompactionRequest;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::command::Operation;
use crate::config::AutoCompaction;
use crate::mvcc::Store;
use crate::propose::Proposer;
use crate::raft::RaftNode;

/// How often compaction by revision looks, as in etcd.
const REVISION_INTERVAL: Duration = Duration::from_secs(300);

/// Periodic compaction looks this often within its period, as in etcd.
const SAMPLES_PER_INTERVAL: u32 = 10;

/// Periodic compaction compacts at least this often, as in etcd.
const PERIODIC_INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// Time before a removal that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How fast dropped history is removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Records removed in one step.
    pub(crate) records: usize,
    /// Time between two steps.
    pub(crate) pause: Duration,
}

/// Removes what compactions dropped, in small steps with pauses, so that other work goes on. Runs until
/// `stopping`.
pub(crate) async fn remove_dropped(store: Store, pace: Pace, stopping: CancellationToken) {
    loop {
        let step = store.clone();
        let pause = match tokio::task::spawn_blocking(move || step.compact_step_of(pace.records)).await {
            Ok(Ok(true)) => Some(pace.pause),
            Ok(Ok(false)) => None,
            Ok(Err(error)) => {
                tracing::error!(%error, "failed to remove compacted history");
                Some(RETRY_PAUSE)
            }
            Err(_stopped) => return,
        };
        let next = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => store.compaction_due().await,
            }
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = next => {}
        }
    }
}

/// Compacts by itself. Runs until `stopping`; only the leader compacts.
pub(crate) struct AutoCompactor {
    pub(crate) mode: AutoCompaction,
    pub(crate) store: Store,
    pub(crate) raft: RaftNode,
    pub(crate) proposer: Proposer,
}

impl AutoCompactor {
    pub(crate) async fn run(self, stopping: CancellationToken) {
        let (interval, mut schedule) = match self.mode {
            AutoCompaction::Off => return,
            AutoCompaction::Revision(keep) => (REVISION_INTERVAL, Schedule::Revision { keep }),
            AutoCompaction::Periodic(period) => Schedule::periodic(period),
        };
        let mut tick = tokio::time::interval_at(Instant::now() + interval, interval);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            let revision = self.store.revision();
            let Some(target) = schedule.next(revision) else { continue };
            if self.raft.status().leadership.is_leader && target > self.store.marks().compacted {
                self.compact(target).await;
            }
        }
    }

    async fn compact(&self, revision: i64) {
        match self.proposer.propose(Operation::Compact(CompactionRequest { revision, physical: false })).await
        {
            Ok(_) => tracing::info!(revision, "completed auto compaction"),
            Err(error) => tracing::warn!(revision, %error, "failed auto compaction"),
        }
    }
}

/// Decides, tick by tick, what to compact.
#[derive(Debug)]
enum Schedule {
    /// Keeps a number of revisions.
    Revision { keep: i64 },
    /// Keeps a time: remembers what the revision was at each tick of the period that just passed.
    Periodic { samples: VecDeque<i64>, samples_kept: usize, ticks_between: usize, ticks_since: usize },
}

impl Schedule {
    /// The time between ticks and the schedule for a period.
    fn periodic(period: Duration) -> (Duration, Self) {
        let between = period.min(PERIODIC_INTERVAL_MAX);
        let tick = (between / SAMPLES_PER_INTERVAL).max(Duration::from_millis(1));
        let ticks = |span: Duration| span.as_nanos().div_ceil(tick.as_nanos()) as usize;
        let schedule = Schedule::Periodic {
            samples: VecDeque::new(),
            samples_kept: ticks(period),
            ticks_between: ticks(between),
            ticks_since: 0,
        };
        (tick, schedule)
    }

    fn next(&mut self, revision: i64) -> Option<i64> {
        match self {
            Schedule::Revision { keep } => Some(revision - *keep).filter(|target| *target > 0),
            Schedule::Periodic { samples, samples_kept, ticks_between, ticks_since } => {
                samples.push_back(revision);
                *ticks_since += 1;
                if samples.len() <= *samples_kept {
                    return None;
                }
                let oldest = samples.pop_front()?;
                if *ticks_since < *ticks_between {
                    return None;
                }
                *ticks_since = 0;
                Some(oldest)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_revision_the_newest_are_kept() {
        let mut schedule = Schedule::Revision { keep: 100 };
        assert_eq!(schedule.next(50), None);
        assert_eq!(schedule.next(150), Some(50));
    }

    #[test]
    fn by_time_the_revision_of_a_period_ago_is_compacted() {
        let (tick, mut schedule) = Schedule::periodic(Duration::from_secs(600));
        assert_eq!(tick, Duration::from_secs(60));
        for revision in 1..=10 {
            assert_eq!(schedule.next(revision), None, "{revision}");
        }
        assert_eq!(schedule.next(11), Some(1));
        for revision in 12..=20 {
            assert_eq!(schedule.next(revision), None, "{revision}");
        }
        assert_eq!(schedule.next(21), Some(11));
    }

    #[test]
    fn a_long_period_is_compacted_every_hour() {
        let (tick, mut schedule) = Schedule::periodic(Duration::from_secs(3 * 3600));
        assert_eq!(tick, Duration::from_secs(360));
        let due: Vec<i64> = (1..=60).filter_map(|revision| schedule.next(revision)).collect();
        assert_eq!(due, [1, 11, 21]);
    }
}
