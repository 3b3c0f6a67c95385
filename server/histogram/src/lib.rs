//! Stands in for the crate of the same name that openraft records its internal statistics in.
//!
//! The original computes tables for all sixteen precisions when the first histogram is made: 25 MB of
//! memory and 75 ms of every start, more than the rest of a small server. openraft uses one precision,
//! and nothing here reads its statistics but a debugger. This has the part of the interface that openraft
//! calls, with eight buckets for each power of two; percentiles are lower bounds of their bucket.

use std::fmt;
use std::marker::PhantomData;

/// Bits of a value that tell buckets of one power of two apart.
const PRECISION_BITS: u32 = 3;
const PER_POWER: usize = 1 << PRECISION_BITS;
/// Values up to `PER_POWER` have a bucket each; every power of two above has `PER_POWER` of them.
const BUCKETS: usize = (64 - PRECISION_BITS as usize + 1) * PER_POWER;

/// Counts of recorded values. `T` is the original's data for periods, of which there is one here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    /// Empty until the first value, then one count for each bucket.
    counts: Vec<u64>,
    total: u64,
    data: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    /// A histogram without values.
    pub fn new() -> Self {
        Self { counts: Vec::new(), total: 0, data: PhantomData }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `count` times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        self.counts[bucket(value)] += count;
        self.total += count;
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The value that the share `p` of all values, between 0 and 1, is not above; 0 without values.
    pub fn percentile(&self, p: f64) -> u64 {
        let rank = (self.total as f64 * p).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return lower_bound(bucket);
            }
        }
        0
    }

    /// The percentiles openraft shows.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.10),
            p50: self.percentile(0.50),
            p90: self.percentile(0.90),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }
}

fn bucket(value: u64) -> usize {
    if value < PER_POWER as u64 {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - PRECISION_BITS;
    // The bits below the highest one, so many of them as the precision has.
    let within = (value >> shift) as usize - PER_POWER;
    (shift as usize + 1) * PER_POWER + within
}

fn lower_bound(bucket: usize) -> u64 {
    if bucket < PER_POWER {
        return bucket as u64;
    }
    let shift = bucket / PER_POWER - 1;
    ((PER_POWER + bucket % PER_POWER) as u64) << shift
}

/// Percentiles of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PercentileStats {
    /// Values counted.
    pub samples: u64,
    /// 0.1th percentile.
    pub p0_1: u64,
    /// 1st percentile.
    pub p1: u64,
    /// 5th percentile.
    pub p5: u64,
    /// 10th percentile.
    pub p10: u64,
    /// Median.
    pub p50: u64,
    /// 90th percentile.
    pub p90: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples, p50 {}, p90 {}, p99 {}", self.samples, self.p50, self.p90, self.p99)
    }
}

/// Named histograms, shown a line each.
#[derive(Clone, Debug, Default)]
pub struct AsciiChart {
    series: Vec<(String, Histogram)>,
}

impl AsciiChart {
    /// A chart of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a histogram.
    #[must_use]
    pub fn add(mut self, name: &str, histogram: Histogram) -> Self {
        self.series.push((name.to_owned(), histogram));
        self
    }

    /// The chart as text.
    pub fn detailed(&self) -> &Self {
        self
    }
}

impl fmt::Display for AsciiChart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, histogram) in &self.series {
            writeln!(f, "{name}: {}", histogram.percentile_stats())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_bucket() {
        for value in (0..10_000).chain([u64::MAX / 3, u64::MAX - 1, u64::MAX]) {
            let bucket = bucket(value);
            assert!(bucket < BUCKETS, "{value}");
            assert!(lower_bound(bucket) <= value, "{value}");
            assert!(bucket + 1 == BUCKETS || value < lower_bound(bucket + 1), "{value}");
        }
    }

    #[test]
    fn percentiles_are_within_an_eighth() {
        let mut histogram = Histogram::<()>::new();
        assert_eq!(histogram.percentile(0.5), 0);
        (1..=1000).for_each(|value| histogram.record(value));
        assert_eq!(histogram.total(), 1000);
        for p in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let (exact, shown) = (1000.0 * p, histogram.percentile(p) as f64);
            assert!(shown <= exact && shown >= exact * 7.0 / 8.0 - 1.0, "{p}: {shown}");
        }
    }
}
