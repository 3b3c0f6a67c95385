//! The key space, its history and its watchers.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Histogram, IntCounter, IntGauge, Registry};

use super::family::{Doubling, counter, gauge, histogram};

#[derive(Debug)]
pub(crate) struct Mvcc {
    pub(crate) puts: IntCounter,
    pub(crate) deletes: IntCounter,
    pub(crate) ranges: IntCounter,
    pub(crate) txns: IntCounter,
    pub(crate) put_bytes: IntGauge,
    pub(crate) events: IntCounter,
    pub(crate) compaction_keys: IntCounter,
    /// When the last compaction was done, in seconds since 1970; 0 before the first of this process.
    compaction_last: IntGauge,
    pub(crate) compaction_pause_ms: Histogram,
    pub(crate) compaction_total_ms: Histogram,
    pub(crate) index_pause_ms: Histogram,
    pub(crate) hash: Histogram,
    pub(crate) hash_rev: Histogram,
}

impl Mvcc {
    /// A compaction is done.
    pub(crate) fn compacted_now(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.compaction_last.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    }

    pub(super) fn new(registry: &Registry) -> Self {
        let count = |name, help| counter(registry, name, help);
        let times = |name, help, from, count| histogram(registry, name, help, Doubling { from, count });
        Mvcc {
            puts: count("etcd_mvcc_put_total", "Puts seen by this member."),
            deletes: count("etcd_mvcc_delete_total", "Deletions seen by this member."),
            ranges: count("etcd_mvcc_range_total", "Range reads seen by this member."),
            txns: count(
                "etcd_mvcc_txn_total",
                "Transactions of more than one operation seen by this member.",
            ),
            put_bytes: gauge(
                registry,
                "etcd_debugging_mvcc_total_put_size_in_bytes",
                "Bytes of the pairs that were put.",
            ),
            events: count("etcd_debugging_mvcc_events_total", "Events sent to watchers."),
            compaction_keys: count("etcd_debugging_mvcc_db_compaction_keys_total", "Records compacted."),
            compaction_last: gauge(
                registry,
                "etcd_debugging_mvcc_db_compaction_last",
                "When the last compaction was done, in seconds since 1970. 0 after a start.",
            ),
            compaction_pause_ms: times(
                "etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds",
                "Time of one step of the removal of compacted records.",
                1.0,
                13,
            ),
            compaction_total_ms: times(
                "etcd_debugging_mvcc_db_compaction_total_duration_milliseconds",
                "Time of compactions with their pauses.",
                100.0,
                14,
            ),
            index_pause_ms: times(
                "etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds",
                "Time the index was held by one step of a compaction.",
                0.5,
                14,
            ),
            hash: times("etcd_mvcc_hash_duration_seconds", "Time to hash the whole store.", 0.01, 15),
            hash_rev: times(
                "etcd_mvcc_hash_rev_duration_seconds",
                "Time to hash up to a revision.",
                0.01,
                15,
            ),
        }
    }
}
