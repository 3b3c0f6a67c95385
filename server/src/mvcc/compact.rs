//! Compaction: taking away the records that no readable revision needs.
//!
//! The command only moves the compact revision, which every member does at the same place of the log.
//! The records go afterwards, in steps small enough not to be felt, driven by a task outside. A crash in
//! between costs nothing: the two marks in the backend tell that the walk has to be done again.

use std::collections::VecDeque;

use bytes::Bytes;

use super::key_index::CompactLimits;
use super::revision::{NEVER_COMPACTED, RecordKey, Revision};
use super::{MvccError, Store};
use crate::backend::Table;
use crate::fail_point;
use crate::metrics::Stopwatch;

/// Where the compact revision that has been decided is kept.
pub(crate) const SCHEDULED_COMPACT: &[u8] = b"scheduled_compact_revision";
/// Where the compact revision that has been carried out is kept.
pub(crate) const FINISHED_COMPACT: &[u8] = b"finished_compact_revision";

/// Records removed in one step: the default of etcd's `--compaction-batch-limit`.
pub const RECORDS_PER_STEP: usize = 1000;

/// Keys looked at in one step: bounds the time writers wait for the index, tens of nanoseconds each.
const KEYS_PER_STEP: usize = 10_000;

/// Looks at the index in one step, each of which lets others look in between.
const LOOKS_PER_STEP: usize = 16;

/// Dropped records that are brought into the order of the backend before they go, 24 bytes each: 24 MiB at most. The index
/// has them key by key, and a key's records lie everywhere: removed like that, a thousand records are a thousand pages to
/// write, and the log's syncs wait behind them. In order, many of a page go together.
const ORDERED_RECORDS_MAX: usize = 1 << 20;

/// A walk through the index.
#[derive(Debug, Default)]
pub(super) struct Compaction {
    walk: Option<Walk>,
}

#[derive(Debug)]
struct Walk {
    target: i64,
    cursor: Option<Bytes>,
    /// All keys have been visited.
    walked: bool,
    /// Dropped from the index, still in the backend. A key goes oldest record first, so that a crash
    /// leaves a history which reads back as one.
    dropped: VecDeque<(Revision, bool)>,
    /// Enough has been dropped and is in order: it goes now.
    is_removing: bool,
    stopwatch: Stopwatch,
}

fn milliseconds(stopwatch: Stopwatch) -> f64 {
    stopwatch.elapsed().as_secs_f64() * 1000.0
}

impl Walk {
    fn to(target: i64) -> Self {
        Walk {
            target,
            cursor: None,
            walked: false,
            dropped: VecDeque::new(),
            is_removing: false,
            stopwatch: Stopwatch::start(),
        }
    }
}

impl Store {
    /// Does one step of compaction of [`RECORDS_PER_STEP`] records; see [`Self::compact_step_of`].
    pub fn compact_step(&self) -> Result<bool, MvccError> {
        self.compact_step_of(RECORDS_PER_STEP)
    }

    /// Does one step of compaction, which removes so many records at most (one at least); true when
    /// there is more to do. Blocks for the time of one backend batch. The caller pauses between steps.
    pub fn compact_step_of(&self, records: usize) -> Result<bool, MvccError> {
        let records = records.max(1);
        let shared = &self.shared;
        let mut compaction = shared.compaction.lock();
        let scheduled = self.marks().compacted;
        let stopwatch = Stopwatch::start();
        if compaction.walk.is_none() {
            if scheduled <= *shared.finished.borrow() {
                return Ok(false);
            }
            fail_point::pass("compactAfterCommitScheduledCompact");
            compaction.walk = Some(Walk::to(scheduled));
        }
        let Some(walk) = &mut compaction.walk else { return Ok(false) };
        if !walk.is_removing {
            self.gather(walk, records);
        }
        let finished = walk.is_removing && self.remove_some(walk, records)?;
        let mvcc = &shared.metrics.mvcc;
        mvcc.compaction_pause_ms.observe(milliseconds(stopwatch));
        if finished {
            let target = walk.target;
            mvcc.compaction_total_ms.observe(milliseconds(walk.stopwatch));
            mvcc.compacted_now();
            compaction.walk = None;
            shared.finished.send_replace(target);
        }
        Ok(!finished || scheduled > *shared.finished.borrow())
    }

    /// Drops from the index until there is enough to put in order.
    fn gather(&self, walk: &mut Walk, records: usize) {
        for _ in 0..LOOKS_PER_STEP {
            self.walk_on(walk, records);
            if walk.walked || walk.dropped.len() >= ORDERED_RECORDS_MAX {
                walk.dropped.make_contiguous().sort_unstable();
                walk.is_removing = true;
                return;
            }
        }
    }

    fn walk_on(&self, walk: &mut Walk, records: usize) {
        let limits = CompactLimits { keys: KEYS_PER_STEP, records };
        let mut dropped = Vec::new();
        let stopwatch = Stopwatch::start();
        walk.cursor =
            self.shared.index.write().compact(walk.target, walk.cursor.take(), limits, &mut dropped);
        self.shared.metrics.mvcc.index_pause_ms.observe(milliseconds(stopwatch));
        walk.walked = walk.cursor.is_none();
        walk.dropped.extend(dropped);
    }

    /// Removes the next records from the backend; true when the walk is over.
    fn remove_some(&self, walk: &mut Walk, records: usize) -> Result<bool, MvccError> {
        let count = walk.dropped.len().min(records);
        let finished = walk.walked && count == walk.dropped.len();
        let mut writer = self.shared.backend.write_behind_others();
        for (revision, tombstone) in walk.dropped.iter().take(count) {
            writer.delete(Table::Key, RecordKey::new(*revision, *tombstone));
        }
        if finished {
            fail_point::pass("compactBeforeSetFinishedCompact");
            writer.put(Table::Meta, FINISHED_COMPACT, walk.target.to_be_bytes().to_vec());
        }
        fail_point::pass("compactBeforeCommitBatch");
        writer.commit()?;
        fail_point::pass(if finished { "compactAfterSetFinishedCompact" } else { "compactAfterCommitBatch" });
        self.shared.metrics.mvcc.compaction_keys.inc_by(count as u64);
        walk.dropped.drain(..count);
        walk.is_removing = !walk.dropped.is_empty() || walk.walked;
        Ok(finished)
    }

    /// Waits until there is something to compact. For the one task that drives [`Self::compact_step`].
    pub async fn compaction_due(&self) {
        self.shared.compaction_due.notified().await;
    }

    /// Waits until the records that a compaction at `revision` drops are gone.
    pub async fn compaction_finished(&self, revision: i64) {
        let mut finished = self.shared.finished.subscribe();
        // The sender lives as long as the store, so waiting cannot fail.
        let _ = finished.wait_for(|done| *done >= revision).await;
    }

    /// The last compaction whose records are gone; -1 before the first.
    pub fn finished_compaction(&self) -> i64 {
        (*self.shared.finished.borrow()).max(NEVER_COMPACTED)
    }
}
