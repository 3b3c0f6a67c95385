//! Robustness: a cluster under traffic has one thing go wrong, and whatever it told anybody has to fit together.
//!
//! A run: start members, let clients work and watch for a while, do one fault, let them work on, heal everything, and judge
//! all that was asked and answered (see [`check`]). A run in which too little happened, or whose judgement did not
//! end, shows nothing: it is void, and void fails.

mod check;
mod clients;
mod faults;
mod history;
mod regressions;
mod traffic;
mod watching;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use futures::StreamExt as _;
use rand::rngs::{SmallRng, StdRng};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, Endpoint};

use crate::members::{Make, Members, Setup};
use crate::server::Programs;
use clients::{Watchmaker, Way};
use faults::Fault;
use history::{Answer, Call, History, Keys, Op, Outcome, Request, Watch};
use regressions::Regression;
use traffic::{Client, Load, Shared, Traffic};

/// Traffic before the fault and after it.
const TRAFFIC: Duration = Duration::from_secs(1);
/// Answered requests a second before the fault, below which a run is void.
const REQUESTS_PER_SECOND_MIN: u64 = 100;
/// So often a run is begun that has been too slow before its fault.
const SLOW_TRIES: usize = 3;
/// Clients of one member each, and of all members: etcd's test has as many.
const PINNED: usize = 6;
const ROVING: usize = 2;
/// Those who watch anything, raw and by our client.
const WATCHERS_RAW: usize = 3;
const WATCHERS_CLIENT: usize = 2;
/// Seconds that leases are granted for.
const TTL: i64 = 2;
/// A judgement that takes longer makes the run void.
const JUDGEMENT: Duration = Duration::from_secs(60);
/// How long those who hear everything may take to hear the end.
const HEARING: Duration = Duration::from_secs(30);
/// A write of the end may fail while a leader is found.
const LAST_TRIES: usize = 50;

/// Options of the runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs.
    #[arg(long, default_value_t = 24)]
    runs: u64,
    /// Fixes what happens in the runs; when it happens is the machine's.
    #[arg(long)]
    seed: Option<u64>,
    /// Members of a cluster; 1 or 3 by chance if not given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=5))]
    nodes: Option<u64>,
    /// Only this fault, by its name.
    #[arg(long)]
    fault: Option<String>,
    /// Do it to the real etcd, which has no fail points: what the judge says of that shows what the judge is worth.
    #[arg(long)]
    oracle: bool,
    /// What once was wrong with etcd, in place of faults by chance: the number of its issue, or `all`. Each of them as often
    /// as `--runs` says.
    #[arg(long, conflicts_with_all = ["fault", "nodes"])]
    regression: Option<String>,
    /// Runs at a time: most of a run is waiting.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Print the faults and the regressions that there are, and end.
    #[arg(long)]
    list: bool,
    /// Write what was asked and answered in a run that fails into this file.
    #[arg(long)]
    dump: Option<PathBuf>,
    /// Keep on after a failure, and tell all of them at the end.
    #[arg(long)]
    keep_going: bool,
}

/// Nothing has gone wrong yet, and hardly anything was done: the machine has other work.
#[derive(Debug)]
struct TooSlow(u64);

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.0;
        write!(f, "VOID: {rate} requests a second before the fault are less than {REQUESTS_PER_SECOND_MIN}")
    }
}

impl std::error::Error for TooSlow {}

/// What a run is to be.
#[derive(Debug)]
struct Plan {
    seed: u64,
    make: Make,
    nodes: usize,
    traffic: Traffic,
    load: Load,
    fault: Fault,
    flags: Vec<String>,
    /// The issue of etcd that it is made after.
    regression: Option<&'static str>,
}

impl Plan {
    fn name(&self) -> String {
        let what = format!("{} x {:?} {}", self.nodes, self.traffic, self.fault.name());
        match self.regression {
            Some(issue) => format!("{issue}: {what}"),
            None => what,
        }
    }

    /// The command that does it again.
    fn repeat(&self) -> String {
        let Plan { seed, nodes, fault, .. } = self;
        match self.regression {
            Some(issue) => format!("etcdkit-spec robustness --runs 1 --seed {seed} --regression {issue}"),
            None => format!(
                "etcdkit-spec robustness --runs 1 --seed {seed} --nodes {nodes} --fault '{}'",
                fault.name()
            ),
        }
    }
}

/// What a run was.
struct Done {
    calls: usize,
    revisions: i64,
    watches: usize,
    rate: u64,
}

/// Runs; whether nothing was wrong.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    if options.list {
        let faults = Fault::deck(3, &mut SmallRng::seed_from_u64(0));
        faults.iter().chain(&Fault::LONG).for_each(|fault| println!("{}", fault.name()));
        regressions::ALL.iter().for_each(|known| println!("--regression {}", known.issue));
        return Ok(true);
    }
    let seed = options.seed.unwrap_or_else(rand::random);
    let begun = Instant::now();
    let plans = plans(&options, seed)?;
    let (mut failures, mut requests, mut passed): (Vec<String>, usize, BTreeMap<&str, u64>) =
        Default::default();
    let (programs, dump) = (&programs, options.dump.as_deref());
    let one = |(number, plan): (usize, Plan)| async move {
        let started = Instant::now();
        let mut outcome = once(&plan, programs, dump).await;
        for _ in 1..SLOW_TRIES {
            match &outcome {
                Err(error) if error.root_cause().is::<TooSlow>() => {
                    outcome = once(&plan, programs, dump).await
                }
                _ => break,
            }
        }
        (number, plan, outcome, started.elapsed())
    };
    let mut runs =
        futures::stream::iter(plans.into_iter().enumerate()).map(one).buffer_unordered(options.jobs.max(1));
    let mut over = 0;
    while let Some((number, plan, outcome, took)) = runs.next().await {
        let name = format!("{number:3} {}", plan.name());
        over += 1;
        match outcome {
            Ok(Done { calls, revisions, watches, rate }) => {
                println!(
                    "ok   {name}: {calls} calls, {revisions} revisions, {watches} watches, {rate}/s before the fault \
                     ({took:.1?})"
                );
                requests += calls;
                if let Some(point) = plan.fault.point() {
                    *passed.entry(point).or_default() += 1;
                }
            }
            Err(error) => {
                println!("FAIL {name}: {error:#}\n     repeat: {}", plan.repeat());
                failures.push(plan.repeat());
                if !options.keep_going {
                    break;
                }
            }
        }
    }
    for (point, times) in &passed {
        println!("     {point}: {times}");
    }
    failures.iter().for_each(|repeat| println!("     failed: {repeat}"));
    println!(
        "{over} runs from seed {seed}: {requests} calls judged, {} fail points passed, {} failures ({:.0?})",
        passed.len(),
        failures.len(),
        begun.elapsed()
    );
    Ok(failures.is_empty())
}

/// All runs, in order.
fn plans(options: &Options, seed: u64) -> Result<Vec<Plan>> {
    let Some(issue) = &options.regression else {
        let mut decks = BTreeMap::new();
        return (0..options.runs)
            .map(|number| plan(options, seed.wrapping_add(number), &mut decks))
            .collect();
    };
    let known: Vec<&Regression> =
        regressions::ALL.iter().filter(|known| issue == "all" || known.issue == issue).collect();
    if known.is_empty() {
        bail!("no regression is called {issue}; see --list");
    }
    let make = if options.oracle { Make::Etcd } else { Make::Ours };
    let rounds = (0..options.runs).flat_map(|round| known.iter().map(move |known| (round, known)));
    Ok(rounds.map(|(round, known)| known.plan(make, seed.wrapping_add(round))).collect())
}

fn plan(options: &Options, seed: u64, decks: &mut BTreeMap<usize, Vec<Fault>>) -> Result<Plan> {
    // Seeds of runs are neighbours; what is drawn from them must not be.
    let mut random = SmallRng::seed_from_u64(StdRng::seed_from_u64(seed).random());
    let make = if options.oracle { Make::Etcd } else { Make::Ours };
    let nodes = match options.nodes {
        Some(nodes) => usize::try_from(nodes)?,
        None => *pick(&mut random, &[1, 3, 3, 3]),
    };
    let drawn = *pick(&mut random, &Traffic::ALL);
    let fault = match &options.fault {
        Some(name) => Fault::named(name).ok_or_else(|| anyhow!("no fault is called {name}; see --list"))?,
        // From a shuffled deck, so that nothing is left to chance for long.
        None => {
            let deck = decks.entry(nodes).or_default();
            if deck.is_empty() {
                *deck = Fault::deck(nodes, &mut random);
                deck.retain(|fault| make == Make::Ours || !fault.is_told());
                deck.shuffle(&mut random);
            }
            deck.pop().context("an empty deck")?
        }
    };
    let traffic = match fault {
        _ if fault.needs_keep_alive() => Traffic::KeepAlive,
        _ if fault.needs_large_values() => Traffic::EtcdPut,
        _ => drawn,
    };
    let load = match fault.needs_large_values() {
        // What is compacted does not make a state of several pieces.
        true => Load { large_per_mille: 150, compaction_pause: None, ..Load::default() },
        false => Load::default(),
    };
    let (heartbeat, election) = *pick(&mut random, &[(100, 1000), (50, 500)]);
    let mut flags = vec![
        format!(
            "--snapshot-count={}",
            if fault.needs_short_log() { 50 } else { *pick(&mut random, &[50, 100, 1000]) }
        ),
        format!(
            "--compaction-batch-limit={}",
            if fault.needs_small_steps() { 10 } else { *pick(&mut random, &[10, 100, 1000]) }
        ),
        format!("--heartbeat-interval={heartbeat}"),
        format!("--election-timeout={election}"),
        "--watch-progress-notify-interval=100ms".to_owned(),
    ];
    if fault.needs_lenient_changes() {
        flags.push("--strict-reconfig-check=false".to_owned());
    }
    Ok(Plan { seed, make, nodes, traffic, load, fault, flags, regression: None })
}

fn pick<'a, T>(random: &mut SmallRng, of: &'a [T]) -> &'a T {
    &of[random.random_range(0..of.len())]
}

async fn once(plan: &Plan, programs: &Programs, dump: Option<&Path>) -> Result<Done> {
    let setup =
        Setup { make: plan.make, count: plan.nodes, flags: plan.flags.clone(), proxied: plan.nodes > 1 };
    let mut members = Members::found(programs, setup).await?;
    let outcome = under_traffic(plan, &mut members, dump).await;
    outcome.map_err(|error| error.context(members.logs()))
}

/// All that works in a run. They end with it also when it fails: who works on against members that are gone makes the
/// next runs slow, and may meet a port again that is another run's by then.
struct Crew {
    shared: Arc<Shared>,
    clients: Vec<AbortOnDropHandle<Vec<Call>>>,
    watchers: Vec<AbortOnDropHandle<Vec<Watch>>>,
    recorders: Vec<AbortOnDropHandle<Vec<Watch>>>,
    reached: Vec<watch::Receiver<i64>>,
    /// Ends the watchers.
    unheard: watch::Sender<bool>,
    /// Ends the recorders.
    unrecorded: watch::Sender<bool>,
}

async fn under_traffic(plan: &Plan, members: &mut Members, dump: Option<&Path>) -> Result<Done> {
    let mut random = SmallRng::seed_from_u64(plan.seed);
    let crew = hire(plan, members, &mut random).await?;
    let shared = crew.shared.clone();
    tokio::time::sleep(TRAFFIC).await;
    let rate = shared.answered.load(Ordering::Relaxed) * 1000 / TRAFFIC.as_millis() as u64;
    if rate < REQUESTS_PER_SECOND_MIN {
        return Err(TooSlow(rate).into());
    }
    let happened = plan.fault.happen(members, &mut random).await;
    if let Some(net) = members.net() {
        net.heal();
    }
    members.revive().await?;
    happened?;
    members.wait_for_leader().await?;
    tokio::time::sleep(TRAFFIC).await;
    let history = dismiss(crew, members).await?;
    let (calls, watches) = (history.calls.len(), history.watches.len());
    let revisions = history.ends.first().map_or(0, |(revision, _)| *revision);
    let history = Arc::new(history);
    let judging = history.clone();
    let judged = tokio::task::spawn_blocking(move || check::check(&judging));
    let verdict = tokio::time::timeout(JUDGEMENT, judged).await;
    let verdict = verdict.map_err(|_| anyhow!("VOID: not judged within {JUDGEMENT:?}"))??;
    match verdict.violations() {
        [] => Ok(Done { calls, revisions, watches, rate }),
        violations => {
            if let Some(path) = dump {
                std::fs::write(path, format!("{history:#?}")).with_context(|| path.display().to_string())?;
            }
            bail!("VIOLATED\n  {}", violations.join("\n  "))
        }
    }
}

/// Starts everybody.
async fn hire(plan: &Plan, members: &Members, random: &mut SmallRng) -> Result<Crew> {
    let shared = Arc::new(Shared {
        clock: Watchmaker::start(),
        ended: AtomicBool::new(false),
        answered: AtomicU64::new(0),
        heard: AtomicI64::new(1),
        traffic: plan.traffic,
        load: plan.load,
        ttl: TTL,
    });
    let (unheard, ended) = watch::channel(false);
    let (unrecorded, recorded) = watch::channel(false);
    let mut crew = Crew {
        shared: shared.clone(),
        clients: Vec::new(),
        watchers: Vec::new(),
        recorders: Vec::new(),
        reached: Vec::new(),
        unheard,
        unrecorded,
    };
    let endpoints = members.endpoints();
    let channels = endpoints.iter().map(|endpoint| channel(endpoint)).collect::<Result<Vec<_>>>()?;
    for (number, channel) in channels.iter().enumerate() {
        let (reached, receiver) = watch::channel(1);
        let (name, channel, shared) = (format!("recorder{number}"), channel.clone(), shared.clone());
        let recorder = watching::Recorder { name, channel, shared, reached, ended: recorded.clone() };
        crew.recorders.push(spawn(recorder.run()));
        crew.reached.push(receiver);
    }
    for number in 0..PINNED + ROVING {
        let way = match number < PINNED {
            true => Way::raw(&endpoints[number % endpoints.len()])?,
            false => Way::client(&endpoints).await?,
        };
        let name = format!("{}{number}", if number < PINNED { "raw" } else { "client" });
        let client = Client::new(name, way, shared.clone(), random.random());
        crew.clients.push(spawn(client.run()));
    }
    if let Some(pause) = plan.load.compaction_pause {
        let compactor = Way::client(&endpoints).await?;
        crew.clients.push(spawn(traffic::compact(compactor, pause, shared.clone(), random.random())));
    }
    for number in 0..WATCHERS_RAW {
        let name = format!("raw watcher {number}");
        let watching = watching::raw(name, channels.clone(), shared.clone(), random.random());
        crew.watchers.push(spawn(watching));
    }
    for number in 0..WATCHERS_CLIENT {
        let name = format!("client watcher {number}");
        let client = etcdkit::Client::connect(&endpoints, None).await?;
        let watching = watching::by_client(name, client, shared.clone(), ended.clone(), random.random());
        crew.watchers.push(spawn(watching));
    }
    Ok(crew)
}

fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> AbortOnDropHandle<T> {
    AbortOnDropHandle::new(tokio::spawn(work))
}

fn channel(endpoint: &str) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?;
    // A member that is paused keeps its connections: the pings notice.
    let ping = Duration::from_secs(6);
    Ok(endpoint.tcp_nodelay(true).http2_keep_alive_interval(ping).keep_alive_timeout(ping).connect_lazy())
}

/// Ends the traffic, lets everybody hear the end of it, and gathers what they know.
async fn dismiss(crew: Crew, members: &Members) -> Result<History> {
    let Crew { shared, clients, watchers, recorders, mut reached, unheard, unrecorded } = crew;
    shared.ended.store(true, Ordering::SeqCst);
    let mut history = History { ttl: shared.ttl, ..History::default() };
    for client in clients {
        history.calls.extend(client.await?);
    }
    history.calls.extend(last_write(members, &shared).await?);
    all_heard(members, &mut reached).await?;
    unheard.send_replace(true);
    for watcher in watchers {
        history.watches.extend(watcher.await?);
    }
    // Leases still end: what a watcher was told of meanwhile is recorded before the recorders go.
    let revision = all_heard(members, &mut reached).await?;
    unrecorded.send_replace(true);
    for recorder in recorders {
        history.watches.extend(recorder.await?);
    }
    for number in 0..members.count() {
        history.ends.push(end(&members.endpoint(number), revision, &shared).await?);
    }
    Ok(history)
}

/// Waits until all members have the same and the recorders have heard of it; the answer is the revision of that. What
/// was sent and not answered may still be executed: until nothing comes any more.
async fn all_heard(members: &Members, reached: &mut [watch::Receiver<i64>]) -> Result<i64> {
    let numbers: Vec<usize> = (0..members.count()).collect();
    let mut revision = members.wait_for_equal_hashes(&numbers).await?;
    loop {
        for (number, reached) in reached.iter_mut().enumerate() {
            let heard = tokio::time::timeout(HEARING, reached.wait_for(|heard| *heard >= revision)).await;
            heard.map_err(|_| {
                anyhow!("a watch at m{number} was not told of {revision} within {HEARING:?}")
            })??;
        }
        let again = members.wait_for_equal_hashes(&numbers).await?;
        if again == revision {
            return Ok(revision);
        }
        revision = again;
    }
}

/// A write after everything, which must succeed; with the tries that did not.
async fn last_write(members: &Members, shared: &Shared) -> Result<Vec<Call>> {
    let way = Way::client(&members.endpoints()).await?;
    let mut calls = Vec::new();
    for number in 0..LAST_TRIES {
        let put = Op::Put { key: "last".into(), value: Bytes::from(format!("last-{number}")), lease: 0 };
        let call = way.call("last", shared.clock, traffic::write(put)).await;
        let done = matches!(call.outcome, Outcome::Ok(_));
        calls.push(call);
        if done {
            return Ok(calls);
        }
    }
    bail!("no write succeeded after the fault: {:?}", calls.last())
}

/// What one member holds at a revision that all have heard of. Leases may still end after it.
async fn end(endpoint: &str, at: i64, shared: &Shared) -> Result<(i64, Vec<history::Pair>)> {
    let way = Way::raw(endpoint)?;
    let mut last = None;
    for _ in 0..LAST_TRIES {
        let read = Request::Read { keys: Keys::all(), revision: at, limit: 0, serializable: true };
        let call = way.call("end", shared.clock, read).await;
        if let Outcome::Ok(Answer::Read { pairs, .. }) = call.outcome {
            return Ok((at, pairs));
        }
        last = Some(call);
    }
    bail!("a member cannot be read: {last:?}")
}
