//! What is the case, as read when somebody asks.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, Registry};

use super::family::{counter, gauge, gauge_f64, gauges};

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) has_leader: IntGauge,
    pub(crate) is_leader: IntGauge,
    pub(crate) is_learner: IntGauge,
    pub(crate) committed: IntGauge,
    pub(crate) applied: IntGauge,
    pub(crate) quota_bytes: IntGauge,
    pub(crate) total_bytes: IntGauge,
    pub(crate) in_use_bytes: IntGauge,
    pub(crate) revision: IntGauge,
    pub(crate) compact_revision: IntGauge,
    pub(crate) keys: IntGauge,
    pub(crate) watchers: IntGauge,
    pub(crate) watch_streams: IntGauge,
    pub(crate) slow_watchers: IntGauge,
    pub(crate) pending_events: IntGauge,
    pub(crate) auth_revision: IntGauge,
    alarms: GaugeVec,
    /// Alarms that were raised at some time: their series stay, as in etcd.
    alarms_seen: Mutex<BTreeSet<(String, &'static str)>>,
    pub(crate) server_id: GaugeVec,
    pub(crate) server_version: GaugeVec,
    pub(crate) cluster_version: GaugeVec,
    pub(crate) features: GaugeVec,
    pub(crate) resident_bytes: IntGauge,
    pub(crate) virtual_bytes: IntGauge,
    /// A counter by its nature, which only the operating system adds to.
    pub(crate) cpu_seconds: prometheus::Counter,
    pub(crate) start_seconds: Gauge,
    pub(crate) open_files: IntGauge,
    pub(crate) open_files_max: IntGauge,
    pub(crate) descriptors: IntGauge,
    pub(crate) descriptors_max: IntGauge,
    /// Families of clusters that one member alone never adds to.
    _of_clusters: [IntCounter; 2],
    _snapshot_applying: IntGauge,
}

impl State {
    pub(super) fn new(registry: &Registry) -> Self {
        let is = |name, help| gauge(registry, name, help);
        let labelled = |name, help, labels| gauges(registry, name, help, labels);
        let cpu_seconds =
            prometheus::Counter::new("process_cpu_seconds_total", "Processor time taken, in seconds.")
                .expect("invariant: the name is well-formed");
        registry.register(Box::new(cpu_seconds.clone())).expect("invariant: the name is used once");
        State {
            has_leader: is("etcd_server_has_leader", "Whether a leader is known."),
            is_leader: is("etcd_server_is_leader", "Whether this member leads."),
            is_learner: is("etcd_server_is_learner", "Whether this member is a learner."),
            committed: is("etcd_server_proposals_committed_total", "Position of the last committed entry."),
            applied: is("etcd_server_proposals_applied_total", "Position of the last applied entry."),
            quota_bytes: is("etcd_server_quota_backend_bytes", "Stored bytes at which writes are refused."),
            total_bytes: is("etcd_mvcc_db_total_size_in_bytes", "Bytes of the store on disk."),
            in_use_bytes: is("etcd_mvcc_db_total_size_in_use_in_bytes", "Bytes of the store in use."),
            revision: is("etcd_debugging_mvcc_current_revision", "The newest revision."),
            compact_revision: is("etcd_debugging_mvcc_compact_revision", "The oldest readable revision."),
            keys: is("etcd_debugging_mvcc_keys_total", "Keys."),
            watchers: is("etcd_debugging_mvcc_watcher_total", "Watchers."),
            watch_streams: is("etcd_debugging_mvcc_watch_stream_total", "Streams of watchers."),
            slow_watchers: is("etcd_debugging_mvcc_slow_watcher_total", "Watchers that read history."),
            pending_events: is("etcd_debugging_mvcc_pending_events_total", "Events that wait to be sent."),
            auth_revision: is("etcd_debugging_auth_revision", "Changes of users, roles and rights."),
            alarms: labelled(
                "etcd_debugging_server_alarms",
                "Alarms that are raised.",
                &["server_id", "alarm_type"],
            ),
            alarms_seen: Mutex::default(),
            server_id: labelled("etcd_server_id", "The id of this member.", &["server_id"]),
            server_version: labelled("etcd_server_version", "The version that runs.", &["server_version"]),
            cluster_version: labelled(
                "etcd_cluster_version",
                "The version of the cluster.",
                &["cluster_version"],
            ),
            features: labelled("etcd_server_feature_enabled", "Whether a feature is on.", &["name", "stage"]),
            resident_bytes: is("process_resident_memory_bytes", "Memory taken."),
            virtual_bytes: is("process_virtual_memory_bytes", "Address space taken."),
            cpu_seconds,
            start_seconds: gauge_f64(
                registry,
                "process_start_time_seconds",
                "When the process began, in seconds since 1970.",
            ),
            open_files: is("process_open_fds", "Open files."),
            open_files_max: is("process_max_fds", "Most open files."),
            descriptors: is("os_fd_used", "Open files."),
            descriptors_max: is("os_fd_limit", "Most open files."),
            _of_clusters: [
                counter(
                    registry,
                    "etcd_server_heartbeat_send_failures_total",
                    "Heartbeats of the leader that came too late.",
                ),
                counter(
                    registry,
                    "etcd_server_learner_promote_successes",
                    "Learners promoted while this member led.",
                ),
            ],
            _snapshot_applying: is(
                "etcd_server_snapshot_apply_in_progress_total",
                "Whether a snapshot of the leader is being applied.",
            ),
        }
    }

    /// The alarms that are raised now, by member and kind.
    pub(crate) fn raised(&self, alarms: BTreeSet<(String, &'static str)>) {
        let mut seen = self.alarms_seen.lock();
        seen.extend(alarms.iter().cloned());
        for alarm in seen.iter() {
            let is_raised = if alarms.contains(alarm) { 1.0 } else { 0.0 };
            self.alarms.with_label_values(&[alarm.0.as_str(), alarm.1]).set(is_raised);
        }
    }
}
