//! Work on the disk: the log and the backend.

use prometheus::{Histogram, IntGauge, Registry};

use super::family::{Doubling, gauge, histogram};

/// From a millisecond to eight seconds.
const SYNCS: Doubling = Doubling { from: 0.001, count: 14 };

#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) wal_fsync: Histogram,
    pub(crate) wal_write: Histogram,
    pub(crate) wal_write_bytes: IntGauge,
    pub(crate) backend_commit: Histogram,
    pub(crate) defragment: Histogram,
    pub(crate) defragmenting: IntGauge,
    pub(crate) snapshot: Histogram,
}

impl Disk {
    pub(super) fn new(registry: &Registry) -> Self {
        let seconds = |name, help, buckets| histogram(registry, name, help, buckets);
        Disk {
            wal_fsync: seconds(
                "etcd_disk_wal_fsync_duration_seconds",
                "Time of the syncs of the write-ahead log.",
                SYNCS,
            ),
            wal_write: seconds(
                "etcd_disk_wal_write_duration_seconds",
                "Time of the writes of the write-ahead log.",
                SYNCS,
            ),
            wal_write_bytes: gauge(
                registry,
                "etcd_disk_wal_write_bytes_total",
                "Bytes written to the write-ahead log.",
            ),
            backend_commit: seconds(
                "etcd_disk_backend_commit_duration_seconds",
                "Time of the durable flushes of the backend.",
                SYNCS,
            ),
            defragment: seconds(
                "etcd_disk_backend_defrag_duration_seconds",
                "Time of the defragmentations of the backend.",
                Doubling { from: 0.1, count: 13 },
            ),
            defragmenting: gauge(
                registry,
                "etcd_disk_defrag_inflight",
                "Whether a defragmentation is under way.",
            ),
            snapshot: seconds(
                "etcd_disk_backend_snapshot_duration_seconds",
                "Time to send a snapshot of the backend.",
                Doubling { from: 0.01, count: 17 },
            ),
        }
    }
}
