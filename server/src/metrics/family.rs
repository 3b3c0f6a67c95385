//! Makes families. Names are checked by the library when a server starts, and by every test that starts one.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, exponential_buckets,
};

const VALID: &str = "invariant: names are well-formed and used once";

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    family: Result<C, prometheus::Error>,
) -> C {
    let family = family.expect(VALID);
    registry.register(Box::new(family.clone())).expect(VALID);
    family
}

pub(super) fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    registered(registry, IntCounter::new(name, help))
}

pub(super) fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

pub(super) fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::new(name, help))
}

pub(super) fn gauge_f64(registry: &Registry, name: &str, help: &str) -> Gauge {
    registered(registry, Gauge::new(name, help))
}

pub(super) fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
    registered(registry, GaugeVec::new(Opts::new(name, help), labels))
}

/// Buckets whose bounds double.
#[derive(Clone, Copy)]
pub(super) struct Doubling {
    /// Upper bound of the first.
    pub(super) from: f64,
    pub(super) count: usize,
}

impl Doubling {
    fn options(self, name: &str, help: &str) -> HistogramOpts {
        let bounds = exponential_buckets(self.from, 2.0, self.count).expect(VALID);
        HistogramOpts::new(name, help).buckets(bounds)
    }
}

pub(super) fn histogram(registry: &Registry, name: &str, help: &str, buckets: Doubling) -> Histogram {
    registered(registry, Histogram::with_opts(buckets.options(name, help)))
}

pub(super) fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: Doubling,
    labels: &[&str],
) -> HistogramVec {
    registered(registry, HistogramVec::new(buckets.options(name, help), labels))
}
