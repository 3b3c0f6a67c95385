//! The differential test: the same random requests, one after another, to our server and to real etcd; every
//! answer and every event must be equal once what may differ (ids, terms, clocks) is taken out.
//!
//! A seed fixes the choices; a difference is reported with the seed and the shortest sequence that shows it.

mod generate;
mod peer;
mod shrink;
mod streams;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::server::{Kind, Programs, Server};
use generate::{Generator, Request};
use peer::Peer;

/// Requests between two comparisons of the event streams: often enough to name the culprit, seldom enough not
/// to wait all the time.
const STREAM_CHECK_EVERY: usize = 100;

/// Options of the differential test.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Requests for each seed.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// The server under test.
    #[arg(long, value_enum, default_value = "ours-redb")]
    server: Kind,
    /// What it must be equal to.
    #[arg(long, value_enum, default_value = "oracle")]
    against: Kind,
    /// Seeds at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// What was not equal.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Index of the request that showed it.
    at: usize,
    what: String,
    tested: String,
    wanted: String,
}

/// Where the requests come from.
enum Source<'s> {
    Random(&'s mut Generator),
    Recorded(&'s [Request]),
}

/// Runs all seeds; the answer is whether all were equal.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let options = Arc::new(options);
    let seeds = options.first_seed..options.first_seed + options.seeds;
    let queue: Arc<Mutex<VecDeque<u64>>> = Arc::new(Mutex::new(seeds.collect()));
    let begun = Instant::now();
    let workers: Vec<_> = (0..options.jobs.max(1))
        .map(|_| tokio::spawn(work(options.clone(), programs.clone(), queue.clone())))
        .collect();
    let mut failed = 0;
    for worker in workers {
        failed += worker.await.context("a worker crashed")??;
    }
    let passed = options.seeds - failed;
    println!("{} requests a seed, {:.1?} in all", options.requests, begun.elapsed());
    println!("{passed} passed, {failed} failed");
    Ok(failed == 0)
}

async fn work(options: Arc<Options>, programs: Programs, queue: Arc<Mutex<VecDeque<u64>>>) -> Result<u64> {
    let mut failed = 0;
    loop {
        let seed = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(seed) = seed else { return Ok(failed) };
        let begun = Instant::now();
        let pair = Pair { tested: options.server, wanted: options.against, programs: programs.clone() };
        let mut generator = Generator::new(seed, options.requests);
        let outcome =
            pair.play(Source::Random(&mut generator)).await.with_context(|| format!("seed {seed}"))?;
        let Some(difference) = outcome else {
            println!("ok   seed {seed}: {} requests equal ({:.1?})", options.requests, begun.elapsed());
            continue;
        };
        failed += 1;
        let (requests, difference) = shrink::shortest(&pair, generator.made(), difference).await?;
        report(seed, &options, &requests, &difference);
    }
}

fn report(seed: u64, options: &Options, requests: &[Request], difference: &Difference) {
    println!("FAIL seed {seed}: {} differs after {} requests:", difference.what, requests.len());
    for (index, request) in requests.iter().enumerate() {
        println!("  {index:4} {request:?}");
    }
    println!("  {}: {}", options.server.name(), difference.tested);
    println!("  {}: {}", options.against.name(), difference.wanted);
    println!(
        "  repeat: etcdkit-spec differential --first-seed {seed} --seeds 1 --requests {}",
        options.requests
    );
}

/// Two kinds of server; each play starts both anew.
struct Pair {
    tested: Kind,
    wanted: Kind,
    programs: Programs,
}

impl Pair {
    async fn play(&self, mut source: Source<'_>) -> Result<Option<Difference>> {
        let tested_server = Server::start(self.tested, &self.programs).await?;
        let wanted_server = Server::start(self.wanted, &self.programs).await?;
        let mut tested = Peer::connect(&tested_server.endpoint()).await?;
        let mut wanted = Peer::connect(&wanted_server.endpoint()).await?;
        let mut at = 0;
        loop {
            let request = match &mut source {
                Source::Random(generator) => generator.next(wanted.revision(), wanted.compacted()),
                Source::Recorded(requests) => requests.get(at).cloned(),
            };
            let ending = request.is_none();
            if ending || at.is_multiple_of(STREAM_CHECK_EVERY) || matches!(request, Some(Request::Compact(_)))
            {
                // A compaction may overtake a watch that is catching up, so all must have caught up before it.
                if let Some((tested, wanted)) = streams::compare(&mut tested, &mut wanted).await {
                    return Ok(Some(Difference { at, what: "an event stream".to_owned(), tested, wanted }));
                }
            }
            let Some(request) = request else { return Ok(None) };
            let (left, right) = tokio::join!(tested.execute(&request), wanted.execute(&request));
            if left != right {
                let what = format!("the answer to {}", request.name());
                return Ok(Some(Difference { at, what, tested: left, wanted: right }));
            }
            at += 1;
        }
    }
}
