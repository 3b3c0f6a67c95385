//! The differential test: the same random requests, one after another, to our server and to real etcd; every
//! answer and every event must be equal once what may differ (ids, terms, clocks) is taken out.
//!
//! A seed fixes the choices; a difference is reported with the seed and the shortest sequence that shows it.

mod auth;
mod gateway;
mod generate;
mod kind;
mod peer;
mod shrink;
mod streams;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::server::{Kind, Programs, Server};
use generate::{Generator, Request};
use kind::Requests;
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
    /// What is asked; without it each seed takes the next kind.
    #[arg(long, value_enum)]
    kind: Option<Requests>,
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
        let kind = options.kind.unwrap_or_else(|| Requests::of_seed(seed));
        let programs = programs.clone();
        let pair = Pair { tested: options.server, wanted: options.against, kind, programs };
        let mut generator = Generator::new(kind, seed, options.requests);
        let outcome =
            pair.play(Source::Random(&mut generator)).await.with_context(|| format!("seed {seed}"))?;
        let Some(difference) = outcome else {
            println!(
                "ok   seed {seed}: {} requests equal, {} ({:.1?})",
                options.requests,
                kind.name(),
                begun.elapsed()
            );
            continue;
        };
        failed += 1;
        let (requests, difference) = shrink::shortest(&pair, generator.made(), difference).await?;
        report(seed, kind, &options, &requests, &difference);
    }
}

fn report(seed: u64, kind: Requests, options: &Options, requests: &[Request], difference: &Difference) {
    println!("FAIL seed {seed}: {} differs after {} requests:", difference.what, requests.len());
    for (index, request) in requests.iter().enumerate() {
        println!("  {index:4} {request:?}");
    }
    println!("  {}: {}", options.server.name(), difference.tested);
    println!("  {}: {}", options.against.name(), difference.wanted);
    println!(
        "  repeat: etcdkit-spec differential --first-seed {seed} --seeds 1 --requests {} --kind {}",
        options.requests,
        kind.name(),
    );
}

/// Two kinds of server; each play starts both anew.
struct Pair {
    tested: Kind,
    wanted: Kind,
    kind: Requests,
    programs: Programs,
}

impl Pair {
    async fn play(&self, mut source: Source<'_>) -> Result<Option<Difference>> {
        let flags = self.kind.flags();
        let tested_server = Server::start_with(self.tested, &self.programs, flags.clone()).await?;
        let wanted_server = Server::start_with(self.wanted, &self.programs, flags).await?;
        let mut tested = Peer::connect(&tested_server.endpoint(), self.kind).await?;
        let mut wanted = Peer::connect(&wanted_server.endpoint(), self.kind).await?;
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
