//! Leases.

use prometheus::{Histogram, IntCounter, Registry};

use super::family::{Doubling, counter, histogram};

#[derive(Debug)]
pub(crate) struct Leases {
    pub(crate) granted: IntCounter,
    pub(crate) revoked: IntCounter,
    pub(crate) renewed: IntCounter,
    pub(crate) expired: IntCounter,
    pub(crate) ttl_seconds: Histogram,
}

impl Leases {
    pub(super) fn new(registry: &Registry) -> Self {
        let count = |name, help| counter(registry, name, help);
        Leases {
            granted: count("etcd_debugging_lease_granted_total", "Leases that were granted."),
            revoked: count("etcd_debugging_lease_revoked_total", "Leases that were revoked."),
            renewed: count("etcd_debugging_lease_renewed_total", "Renewals that the leader has seen."),
            expired: count("etcd_debugging_server_lease_expired_total", "Leases whose time was up."),
            ttl_seconds: histogram(
                registry,
                "etcd_debugging_lease_ttl_total",
                "Times to live of granted leases, in seconds.",
                Doubling { from: 1.0, count: 24 },
            ),
        }
    }
}
