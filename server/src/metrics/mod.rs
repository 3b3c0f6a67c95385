//! What a server counts about itself, under the names that etcd's dashboards and alerts read.
//!
//! Whoever does something adds to a counter or a histogram here; what is a state rather than a count (who leads, how
//! large the store is) is read when somebody asks. Each server has its own: several run in one process. Adding is an
//! atomic addition and takes no lock.

mod calls;
mod disk;
mod family;
mod lease;
mod mvcc;
mod requests;
mod state;
mod stopwatch;

use std::fmt;

use prometheus::{Registry, TextEncoder};

pub(crate) use calls::{Calls, Counted, CountedStream, Counters, HandlingTime, StreamCounters, of_stream};
pub(crate) use disk::Disk;
pub(crate) use lease::Leases;
pub(crate) use mvcc::Mvcc;
pub(crate) use requests::Requests;
pub(crate) use state::State;
pub(crate) use stopwatch::Stopwatch;

/// All families of one server.
pub struct Metrics {
    registry: Registry,
    pub(crate) calls: Calls,
    pub(crate) disk: Disk,
    pub(crate) lease: Leases,
    pub(crate) mvcc: Mvcc,
    pub(crate) requests: Requests,
    pub(crate) state: State,
}

impl Default for Metrics {
    /// Without the families that `--metrics=extensive` adds.
    fn default() -> Self {
        Self::new(HandlingTime::NotMeasured)
    }
}

impl Metrics {
    /// Families with nothing counted yet.
    pub(crate) fn new(handling_time: HandlingTime) -> Self {
        let registry = Registry::new();
        Metrics {
            calls: Calls::new(&registry, handling_time),
            disk: Disk::new(&registry),
            lease: Leases::new(&registry),
            mvcc: Mvcc::new(&registry),
            requests: Requests::new(&registry),
            state: State::new(&registry),
            registry,
        }
    }

    /// Everything in the text format of Prometheus. Families without a value are left out.
    ///
    /// # Errors
    /// What the encoder says.
    pub(crate) fn to_text(&self) -> Result<String, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(self.calls.gather());
        families.sort_by(|left, right| left.name().cmp(right.name()));
        TextEncoder::new().encode_to_string(&families)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
