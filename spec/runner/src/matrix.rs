//! The matrix: every scenario in every language on every server, by workers that each own a server and
//! drivers of their own. Within a worker scenarios run one after another, so that revisions are predictable;
//! between workers nothing is shared.

use std::collections::{HashMap, VecDeque};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::driver::Driver;
use crate::language::{Choice, Language};
use crate::play::{Drivers, Play};
use crate::report;
use crate::scenario::{self, Scenario};
use crate::server::{Kind, Programs, Server};

/// The longest a scenario may take, so that a hang is a failure with a name.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(90);

/// Languages of a pair play on these servers; one engine of ours and the real one, because what a pair adds is in
/// the clients.
const PAIR_SERVERS: [Kind; 2] = [Kind::Oracle, Kind::OursRedb];

/// What plays on three members when no driver is named: what a cluster adds is in the server and in the core.
const CLUSTER_DRIVERS: [&str; 3] = [WIRE, "rust", "python"];

/// Modes that are no driver, as `--drivers` takes them.
const WIRE: &str = "wire";
const MIXED: &str = "mixed";
pub(crate) const PAIRS: &str = "pairs";

/// Which languages act in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Every client of a scenario in this language.
    One(Language),
    /// Each client of a scenario in another language.
    Mixed,
    /// The first client in one language, the second in another.
    Pair(Language, Language),
}

impl Mode {
    /// The column of the table.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Mode::One(language) => language.name(),
            Mode::Mixed => MIXED,
            Mode::Pair(..) => PAIRS,
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Mode::Pair(first, second) => format!("{}+{}", first.name(), second.name()),
            _ => self.column().to_owned(),
        }
    }

    /// Languages for a scenario's clients, in order; none if the scenario is not for this mode.
    fn languages(self, scenario: &Scenario, index: usize, all: &[Language]) -> Vec<Language> {
        let able = |languages: &[Language]| -> Vec<Language> {
            languages.iter().copied().filter(|language| language.says(scenario)).collect()
        };
        match self {
            Mode::Pair(first, second) => match able(&[first, second]) {
                both if both.len() == 2 && !scenario.pairs.is_empty() => both,
                _ => Vec::new(),
            },
            // What is played in every pair needs no random one.
            Mode::Mixed if !scenario.pairs.is_empty() => Vec::new(),
            Mode::Mixed => {
                let mut languages = able(all);
                if !languages.is_empty() {
                    // Another language begins in another scenario, so that each gets each part.
                    let by = index % languages.len();
                    languages.rotate_left(by);
                }
                languages
            }
            Mode::One(language) => able(&[language]),
        }
    }
}

/// The modes of a run: single languages, mixed, every ordered pair.
fn modes(choice: &Choice, languages: &[Language]) -> Vec<Mode> {
    let mut modes = Vec::new();
    if choice.takes(WIRE) {
        modes.push(Mode::One(Language::WIRE));
    }
    modes.extend(languages.iter().copied().map(Mode::One));
    if choice.takes(MIXED) {
        modes.push(Mode::Mixed);
    }
    if choice.takes(PAIRS) {
        let pairs = languages.iter().flat_map(|first| languages.iter().map(move |second| (*first, *second)));
        modes.extend(pairs.filter(|(first, second)| first != second).map(|(a, b)| Mode::Pair(a, b)));
    }
    modes
}

/// Options of a run of scenarios.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Servers to run against; all of them if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// Besides the names of drivers, `--drivers` takes `wire` (raw gRPC by the runner), `mixed` (each client in
    /// another language) and `pairs` (every ordered pair of languages).
    #[command(flatten)]
    choice: Choice,
    /// Only scenarios whose area or name contains this text.
    #[arg(long)]
    filter: Option<String>,
    /// Where the scenarios are.
    #[arg(long, default_value = "spec/scenarios")]
    scenarios: PathBuf,
    /// Workers; each has a server and drivers of its own. Most scenarios wait more than they compute.
    #[arg(long, default_value_t = 6)]
    jobs: usize,
    /// Write the compatibility table here, unless a language is missing: what is there says more then.
    #[arg(long, conflicts_with_all = ["servers", "drivers", "filter"])]
    compat: Option<PathBuf>,
    /// Print each scenario as it ends.
    #[arg(long, short)]
    verbose: bool,
}

/// How one scenario went in one cell of the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: usize,
    pub(crate) server: Kind,
    pub(crate) mode: Mode,
    pub(crate) failure: Option<String>,
    pub(crate) took: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    scenario: usize,
    server: Kind,
    mode: Mode,
}

/// What all workers share.
struct Board {
    scenarios: Vec<Scenario>,
    programs: Programs,
    languages: Vec<Language>,
    jobs: Mutex<VecDeque<Job>>,
    outcomes: Mutex<Vec<Outcome>>,
    progress: ProgressBar,
    verbose: bool,
}

/// Runs the matrix; the answer is whether everything passed.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let scenarios = scenario::load(&options.scenarios)?;
    let servers = if options.servers.is_empty() { Kind::EVERY.to_vec() } else { options.servers };
    let present = options.choice.present(&[WIRE, MIXED, PAIRS])?;
    // A run of pairs or of mixed languages alone still needs languages.
    let languages = match present.languages.is_empty() {
        true => options.choice.everything().present(&[])?.languages,
        false => present.languages.clone(),
    };
    let modes = modes(&options.choice, &languages);
    let chosen: Vec<usize> =
        (0..scenarios.len()).filter(|index| matches(&scenarios[*index], options.filter.as_deref())).collect();
    let mut jobs = plan(&scenarios, &chosen, &servers, &modes, &languages);
    if options.choice.drivers.is_empty() {
        let is_played = |mode: Mode| CLUSTER_DRIVERS.contains(&mode.column());
        jobs.retain(|job| job.server != Kind::OursCluster || is_played(job.mode));
    }
    if jobs.is_empty() {
        bail!("no scenario matches");
    }
    let progress = progress_bar(jobs.len());
    let board = Arc::new(Board {
        scenarios,
        programs,
        languages,
        jobs: Mutex::new(jobs),
        outcomes: Mutex::default(),
        progress,
        verbose: options.verbose,
    });
    let workers: Vec<_> = (0..options.jobs.max(1)).map(|_| tokio::spawn(work(board.clone()))).collect();
    let begun = Instant::now();
    for worker in workers {
        worker.await.context("a worker crashed")??;
    }
    board.progress.finish_and_clear();
    let outcomes = std::mem::take(&mut *board.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
    report::print(&board.scenarios, &outcomes, begun.elapsed());
    let complete = present.report_skipped();
    if let Some(path) = options.compat.filter(|_| present.is_complete()) {
        let text = report::compat(&board.scenarios, &outcomes);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(complete && outcomes.iter().all(|outcome| outcome.failure.is_none()))
}

fn matches(scenario: &Scenario, filter: Option<&str>) -> bool {
    filter.is_none_or(|text| scenario.area == text || scenario.name.contains(text))
}

/// Ordered by server, so that a worker seldom has to change its server.
fn plan(
    scenarios: &[Scenario],
    chosen: &[usize],
    servers: &[Kind],
    modes: &[Mode],
    languages: &[Language],
) -> VecDeque<Job> {
    let mut jobs = VecDeque::new();
    for server in servers {
        for mode in modes {
            if matches!(mode, Mode::Pair(..)) && !PAIR_SERVERS.contains(server) {
                continue;
            }
            for scenario in chosen {
                let text = &scenarios[*scenario];
                let kept = server.durable() || !text.needs("durable");
                let possible = kept && (*server != Kind::OursCluster || text.single.is_none());
                if possible && !mode.languages(text, *scenario, languages).is_empty() {
                    jobs.push_back(Job { scenario: *scenario, server: *server, mode: *mode });
                }
            }
        }
    }
    jobs
}

fn progress_bar(length: usize) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(length as u64), target);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What one worker owns.
#[derive(Default)]
struct Bench {
    server: Option<Server>,
    drivers: Drivers,
}

async fn work(board: Arc<Board>) -> Result<()> {
    let mut bench = Bench::default();
    loop {
        let job = board.jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(job) = job else { return Ok(()) };
        let scenario = &board.scenarios[job.scenario];
        let begun = Instant::now();
        let outcome = tokio::time::timeout(SCENARIO_TIMEOUT, play(&board, &mut bench, job, scenario)).await;
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some(format!("not over within {SCENARIO_TIMEOUT:?}")),
        };
        if failure.is_some() {
            // What a failed scenario leaves behind must not fail the next one.
            bench = Bench::default();
        }
        let mark = if failure.is_none() { "ok  " } else { "FAIL" };
        let label =
            format!("{mark} {} {} {}: {}", job.server.name(), job.mode.name(), scenario.area, scenario.name);
        board.progress.set_message(label.clone());
        board.progress.inc(1);
        if board.verbose || failure.is_some() {
            let detail = failure.as_ref().map(|text| format!("\n     {text}")).unwrap_or_default();
            board.progress.suspend(|| println!("{label} ({:.2?}){detail}", begun.elapsed()));
        }
        let Job { scenario, server, mode } = job;
        let outcome = Outcome { scenario, server, mode, failure, took: begun.elapsed() };
        board.outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
    }
}

async fn play(board: &Board, bench: &mut Bench, job: Job, scenario: &Scenario) -> Result<()> {
    let languages = job.mode.languages(scenario, job.scenario, &board.languages);
    for language in languages.iter().copied().chain([Language::WIRE]) {
        if let std::collections::hash_map::Entry::Vacant(place) = bench.drivers.entry(language) {
            place.insert(Arc::new(Driver::start(language, &board.programs).await?));
        }
    }
    if scenario.needs("fresh") || !scenario.flags.is_empty() {
        let mut server = Server::start_with(job.server, &board.programs, scenario.flags.clone()).await?;
        return Play::new(&mut server, &bench.drivers, languages).run(scenario).await;
    }
    let usable = bench.server.as_mut().is_some_and(|server| server.kind == job.server && server.alive());
    if !usable {
        bench.server = None;
        bench.server = Some(Server::start(job.server, &board.programs).await?);
    }
    let Some(server) = bench.server.as_mut() else { bail!("no server") };
    Play::new(server, &bench.drivers, languages).run(scenario).await
}

/// How many passed and failed, by server and column.
pub(crate) fn tally(outcomes: &[Outcome]) -> HashMap<(Kind, &'static str), (usize, usize)> {
    let mut cells: HashMap<(Kind, &'static str), (usize, usize)> = HashMap::new();
    for outcome in outcomes {
        let cell = cells.entry((outcome.server, outcome.mode.column())).or_default();
        match outcome.failure {
            None => cell.0 += 1,
            Some(_) => cell.1 += 1,
        }
    }
    cells
}

/// The columns of a run: wire, the languages in the order of their table, mixed, pairs.
pub(crate) fn columns(outcomes: &[Outcome]) -> Vec<&'static str> {
    let mut modes: Vec<Mode> = outcomes.iter().map(|outcome| outcome.mode).collect();
    modes.sort_unstable();
    let mut columns: Vec<&'static str> = modes.into_iter().map(Mode::column).collect();
    columns.dedup();
    columns
}
