//! What came of the puts of a check.

use std::collections::BTreeMap;
use std::time::Duration;

/// Counts and latencies. Seconds of the latencies are summed up, so that millions of puts take no memory.
#[derive(Debug, Default)]
pub(super) struct Report {
    puts: u64,
    sum: f64,
    sum_of_squares: f64,
    slowest: Duration,
    /// How often each error was seen.
    pub(super) errors: BTreeMap<String, u64>,
    /// From the first put to the last answer.
    pub(super) lasted: Duration,
}

impl Report {
    pub(super) fn succeeded(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.puts += 1;
        self.sum += seconds;
        self.sum_of_squares += seconds * seconds;
        self.slowest = self.slowest.max(took);
    }

    pub(super) fn failed(&mut self, why: String) {
        *self.errors.entry(why).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: Report) {
        self.puts += other.puts;
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
        self.slowest = self.slowest.max(other.slowest);
        for (why, count) in other.errors {
            *self.errors.entry(why).or_default() += count;
        }
    }

    pub(super) fn puts_per_second(&self) -> f64 {
        if self.lasted.is_zero() { 0.0 } else { self.puts as f64 / self.lasted.as_secs_f64() }
    }

    pub(super) fn slowest_seconds(&self) -> f64 {
        self.slowest.as_secs_f64()
    }

    pub(super) fn deviation_seconds(&self) -> f64 {
        if self.puts == 0 {
            return 0.0;
        }
        let (count, mean) = (self.puts as f64, self.sum / self.puts as f64);
        (self.sum_of_squares / count - mean * mean).max(0.0).sqrt()
    }

    /// The lines about errors; empty when there were none.
    pub(super) fn error_lines(&self) -> String {
        if self.errors.is_empty() {
            return String::new();
        }
        let lines: String =
            self.errors.iter().map(|(why, count)| format!("FAIL: ERROR({why}) -> {count}\n")).collect();
        format!("FAIL: too many errors\n{lines}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_all_parts_together() {
        let mut whole = Report::default();
        for took in [10, 20, 30] {
            let mut part = Report::default();
            part.succeeded(Duration::from_millis(took));
            whole.add(part);
        }
        whole.lasted = Duration::from_secs(2);
        assert!((whole.puts_per_second() - 1.5).abs() < 1e-9);
        assert!((whole.slowest_seconds() - 0.03).abs() < 1e-9);
        assert!((whole.deviation_seconds() - 0.008_164_965).abs() < 1e-6);
        assert_eq!(whole.error_lines(), "");
        whole.failed("no".to_owned());
        assert_eq!(whole.error_lines(), "FAIL: too many errors\nFAIL: ERROR(no) -> 1\n");
    }
}
