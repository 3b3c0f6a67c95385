//! Requests on their way through consensus and apply, and the checks of a member's health.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::{GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::family::{Doubling, counter, counters, gauge, gauges, histograms};

/// What a request can be. A kind that is missing here is counted as the last.
const KINDS: [&str; 24] = [
    "Put",
    "Txn",
    "Range",
    "DeleteRange",
    "ReadonlyTxn",
    "LeaseGrant",
    "LeaseRevoke",
    "Compaction",
    "Alarm",
    "Authenticate",
    "AuthEnable",
    "AuthDisable",
    "AuthUserAdd",
    "AuthUserDelete",
    "AuthUserChangePassword",
    "AuthUserGrantRole",
    "AuthUserRevokeRole",
    "AuthRoleAdd",
    "AuthRoleGrantPermission",
    "AuthRoleRevokePermission",
    "AuthRoleDelete",
    "ClusterMemberAttrSet",
    "DowngradeInfoSet",
    "unknown",
];

/// Histograms of one family by kind and success. A series is made when it first has a value, as in etcd, and is found
/// without a lock from then on.
pub(crate) struct Durations {
    family: HistogramVec,
    /// Labels before kind and success.
    first_labels: &'static [&'static str],
    /// Whether the kind is a label.
    by_kind: bool,
    series: [[OnceLock<Histogram>; 2]; KINDS.len()],
}

impl Durations {
    fn new(family: HistogramVec, first_labels: &'static [&'static str], by_kind: bool) -> Self {
        Durations { family, first_labels, by_kind, series: Default::default() }
    }

    /// Adds one duration.
    pub(crate) fn observe(&self, kind: &'static str, success: bool, took: Duration) {
        let position = KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len() - 1);
        let series = self.series[position][usize::from(success)].get_or_init(|| {
            let success = if success { "true" } else { "false" };
            let kind = self.by_kind.then_some(KINDS[position]);
            let labels: Vec<&str> = self.first_labels.iter().copied().chain(kind).chain([success]).collect();
            self.family.with_label_values(&labels)
        });
        series.observe(took.as_secs_f64());
    }
}

impl std::fmt::Debug for Durations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Durations")
    }
}

#[derive(Debug)]
pub(crate) struct Requests {
    /// From the proposal, or the wait for a read, to the answer.
    pub(crate) request: Durations,
    pub(crate) apply: Durations,
    pub(crate) range: Durations,
    pub(crate) slow_applies: IntCounter,
    pub(crate) proposals_pending: IntGauge,
    pub(crate) proposals_failed: IntCounter,
    pub(crate) slow_read_indexes: IntCounter,
    pub(crate) read_indexes_failed: IntCounter,
    pub(crate) leader_changes: IntCounter,
    pub(crate) health_success: IntCounter,
    pub(crate) health_failures: IntCounter,
    healthcheck: GaugeVec,
    healthchecks: IntCounterVec,
    /// Streams that ended in an error of ours, by direction and service.
    pub(crate) stream_failures: IntCounterVec,
    /// Learners that could not be promoted, by the reason.
    pub(crate) promote_failures: IntCounterVec,
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> Self {
        let count = |name, help| counter(registry, name, help);
        let tenths_ms = Doubling { from: 0.0001, count: 20 };
        let request = histograms(
            registry,
            "etcd_server_request_duration_seconds",
            "Time from a request to its answer, for each kind.",
            Doubling { from: 0.001, count: 14 },
            &["type", "success"],
        );
        let apply = histograms(
            registry,
            "etcd_server_apply_duration_seconds",
            "Time to apply a command.",
            tenths_ms,
            &["version", "op", "success"],
        );
        let range = histograms(
            registry,
            "etcd_server_range_duration_seconds",
            "Time to read a range.",
            tenths_ms,
            &["success"],
        );
        Requests {
            request: Durations::new(request, &[], true),
            apply: Durations::new(apply, &["v3"], true),
            range: Durations::new(range, &[], false),
            slow_applies: count("etcd_server_slow_apply_total", "Requests that took longer than expected."),
            proposals_pending: gauge(
                registry,
                "etcd_server_proposals_pending",
                "Commands that wait for consensus.",
            ),
            proposals_failed: count("etcd_server_proposals_failed_total", "Commands that failed."),
            slow_read_indexes: count(
                "etcd_server_slow_read_indexes_total",
                "Read indexes that the leader did not give in time.",
            ),
            read_indexes_failed: count("etcd_server_read_indexes_failed_total", "Read indexes that failed."),
            leader_changes: count("etcd_server_leader_changes_seen_total", "Changes of the leader."),
            health_success: count("etcd_server_health_success", "Questions for health answered well."),
            health_failures: count("etcd_server_health_failures", "Questions for health answered badly."),
            healthcheck: gauges(
                registry,
                "etcd_server_healthcheck",
                "The last outcome of each check.",
                &["type", "name"],
            ),
            healthchecks: counters(
                registry,
                "etcd_server_healthchecks_total",
                "Outcomes of each check.",
                &["type", "name", "status"],
            ),
            promote_failures: counters(
                registry,
                "etcd_server_learner_promote_failures",
                "Learners that were not promoted while this member led.",
                &["Reason"],
            ),
            stream_failures: counters(
                registry,
                "etcd_network_server_stream_failures_total",
                "Streams that failed at this member.",
                &["Type", "API"],
            ),
        }
    }

    /// Notes what a check of `/livez` or `/readyz` said.
    pub(crate) fn checked(&self, endpoint: &str, check: &str, success: bool) {
        let (value, status) = if success { (1.0, "success") } else { (0.0, "error") };
        self.healthcheck.with_label_values(&[endpoint, check]).set(value);
        self.healthchecks.with_label_values(&[endpoint, check, status]).inc();
    }
}
