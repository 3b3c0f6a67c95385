//! `check perf`: can the cluster take a steady stream of writes?

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::load::{Puts, Workers, interval_of};
use super::report::Report;
use super::{
    AUTO_COMPACT, AUTO_DEFRAG, Load, compact, connect_all, defragment, delete_keys, refuse_used_prefix,
};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::print;
use crate::console::progress::Progress;
use crate::console::stop::{Ended, Stop};
use crate::console::tree::Command;
use crate::ctl::session::{Call, describe};

const LOAD: Flag =
    Flag::text("load", "s: 150 writes/s of 50 clients; m: 1000 of 200; l: 8000 of 500; xl: 15000 of 1000")
        .or("s");
const PREFIX: Flag = Flag::text("prefix", "where the keys of the check go").or("/etcdctl-check-perf/");

/// How long the writes go on.
const DURATION: Duration = Duration::from_secs(60);

/// Part of the asked rate that must be reached.
const THROUGHPUT_MIN: f64 = 0.9;
const SLOWEST_SECONDS_MAX: f64 = 0.5;
const DEVIATION_SECONDS_MAX: f64 = 0.1;

pub(super) const COMMAND: Command = Command {
    name: "perf",
    summary: "Checks whether the cluster takes a steady stream of writes",
    details: "Writes for 60 seconds at the rate of --load, then deletes what it wrote. It passes when 90 % of the rate are\n\
              reached, no write takes longer than 500 ms and the times deviate by at most 100 ms.",
    examples: &["$0 check perf", "$0 check perf --load=m --auto-compact --auto-defrag"],
    flags: &[LOAD, PREFIX, AUTO_COMPACT, AUTO_DEFRAG],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

fn rate_and_clients(load: Load) -> (u32, usize) {
    match load {
        Load::Small => (150, 50),
        Load::Medium => (1000, 200),
        Load::Large => (8000, 500),
        Load::ExtraLarge => (15000, 1000),
    }
}

async fn run(call: Call) -> Outcome {
    let (rate, clients) = rate_and_clients(Load::named(&call.values.text(&LOAD))?);
    let prefix = call.values.text(&PREFIX);
    let session = call.open()?;
    let clients = connect_all(&session, clients).await?;
    let Some(first) = clients.first() else { return Ok(()) };
    refuse_used_prefix(first, &prefix, &format!("'etcdctl del --prefix {prefix}'")).await?;
    let puts = Puts { prefix: prefix.clone(), key_bytes: 256, value_bytes: 1024 };
    let report = write(Workers::start(&clients, &puts, None), rate).await?;
    match delete_keys(first, &prefix).await {
        Err(error) => {
            print(&format!("FAIL: Cleanup failed during key deletion: ERROR({})\n", describe(&error)))?;
        }
        Ok(revision) if session.values.switch(&AUTO_COMPACT) => compact(first, revision).await?,
        Ok(_) => {}
    }
    if session.values.switch(&AUTO_DEFRAG) {
        defragment(&session).await?;
    }
    let (text, passed) = verdict(&report, rate);
    print(&text)?;
    if passed { Ok(()) } else { Err(Failure::silent(Exit::Error)) }
}

/// Writes at a rate until the time is over or a signal comes.
async fn write(workers: Workers, rate: u32) -> Outcome<Report> {
    let progress = Arc::new(Progress::count("writing for 60 s"));
    let mut stop = Stop::listen()?;
    let mut due = interval(interval_of(rate));
    // Timers go by the millisecond, so at high rates several writes are due at once.
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let started = Instant::now();
    let writing = async {
        loop {
            due.tick().await;
            workers.put().await;
            progress.set(started.elapsed().as_secs(), DURATION.as_secs());
        }
    };
    let limited = async {
        tokio::select! {
            () = sleep_until(started + DURATION) => {}
            () = writing => {}
        }
    };
    match stop.or(limited).await {
        Ended::Done(()) | Ended::Stopped => {}
    }
    progress.finish();
    Ok(workers.finish().await)
}

/// The lines of the verdict, and whether the cluster has passed.
fn verdict(report: &Report, rate: u32) -> (String, bool) {
    let (throughput, slowest, deviation) =
        (report.puts_per_second(), report.slowest_seconds(), report.deviation_seconds());
    let mut passed = report.errors.is_empty();
    let mut text = report.error_lines();
    let mut judge = |good: bool, pass: String, fail: String| {
        passed &= good;
        text.push_str(&if good { pass } else { fail });
    };
    // One more than the whole writes, as etcdctl counts.
    let writes = throughput as u64 + 1;
    judge(
        throughput / f64::from(rate) > THROUGHPUT_MIN,
        format!("PASS: Throughput is {writes} writes/s\n"),
        format!("FAIL: Throughput too low: {writes} writes/s\n"),
    );
    judge(
        slowest <= SLOWEST_SECONDS_MAX,
        format!("PASS: Slowest request took {slowest:.6}s\n"),
        format!("Slowest request took too long: {slowest:.6}s\n"),
    );
    judge(
        deviation <= DEVIATION_SECONDS_MAX,
        format!("PASS: Stddev is {deviation:.6}s\n"),
        format!("Stddev too high: {deviation:.6}s\n"),
    );
    text.push_str(if passed { "PASS\n" } else { "FAIL\n" });
    (text, passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(puts: u64, took_ms: u64) -> Report {
        let mut report = Report::default();
        report.lasted = Duration::from_secs(1);
        (0..puts).for_each(|_| report.succeeded(Duration::from_millis(took_ms)));
        report
    }

    #[test]
    fn a_cluster_that_holds_up_passes() {
        let (text, passed) = verdict(&report(149, 20), 150);
        assert_eq!(
            text,
            "PASS: Throughput is 150 writes/s\nPASS: Slowest request took 0.020000s\nPASS: Stddev is 0.000000s\nPASS\n"
        );
        assert!(passed);
    }

    #[test]
    fn each_shortcoming_fails_it() {
        let (text, passed) = verdict(&report(100, 600), 150);
        assert_eq!(
            text,
            "FAIL: Throughput too low: 101 writes/s\nSlowest request took too long: 0.600000s\nPASS: Stddev is 0.000000s\nFAIL\n"
        );
        assert!(!passed);
        let mut failing = report(149, 1);
        failing.failed("no".to_owned());
        assert!(!verdict(&failing, 150).1);
    }
}
