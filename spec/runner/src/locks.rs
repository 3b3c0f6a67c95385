//! Everybody wants one lock: every language's driver, `etcdctl lock` and, with `--peers`, processes that still run
//! the published python-etcd3 and microsoft/etcd3. In each round every contender takes the lock once, all at the
//! same time, and whoever holds it counts a counter up by reading and writing it, which shows a lost update if two
//! ever held it at once. Whoever stands in line must get it in the order in which the line was joined.
//!
//! Two processes exclude each other when they share a key: `NAME/…`, the line of `etcdctl lock`, or `NAME` itself,
//! the invention of the old clients. Old clients and `etcdctl` share none, so those two may overlap. With `--peers` all
//! of ours take the bridge layout, hold both keys and must overlap with nobody; without, each takes its default.

mod contender;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::future::join_all;

use crate::language::Choice;
use crate::line::{Pair, hex};
use crate::server::{Kind, Programs, Server};
use contender::{Actor, Contender};

pub(crate) use contender::Keys;

/// The lock all contend for. python-etcd3's locks live below `/locks/`.
const NAME: &str = "/locks/contended";
/// The longest a round may take: a dozen turns on a loaded machine, each with an etcdctl's start.
const ROUND_TIMEOUT: Duration = Duration::from_secs(120);
/// Where the counter of each key is kept.
const LINE_COUNTER: &str = "counter/line";
const PLAIN_COUNTER: &str = "counter/plain";

/// Options of the contention.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// Servers to run against.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "oracle,ours-redb")]
    servers: Vec<Kind>,
    /// Rounds; in each, every contender takes the lock once.
    #[arg(long, default_value_t = 200)]
    rounds: u64,
    /// Let processes of the published python-etcd3 and microsoft/etcd3 take part, and all of ours hold both keys.
    #[arg(long)]
    peers: bool,
    /// The real etcdctl.
    #[arg(long, default_value = "target/oracle/etcdctl")]
    etcdctl: PathBuf,
}

/// Who holds the lock, and what the last holder of the line was.
#[derive(Debug, Default)]
struct Ledger {
    holders: Vec<(String, Keys)>,
    /// The fencing token of the last one who stood in line and got the lock.
    token: i64,
    in_line: u64,
    at_plain: u64,
}

/// Runs the contention on each server; the answer is whether all went well.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let present = options.choice.present(&[])?;
    for kind in &options.servers {
        let server = Server::start(*kind, &programs).await?;
        let endpoint = server.endpoint();
        let mut contenders = Vec::new();
        for language in &present.languages {
            contenders.push(Contender::driver(*language, options.peers, &programs, &endpoint).await?);
        }
        contenders.push(Contender::etcdctl(&options.etcdctl, &endpoint));
        if options.peers {
            for peer in options.choice.peers()? {
                contenders.push(Contender::driver(peer, false, &programs, &endpoint).await?);
            }
        }
        let took = contend(&endpoint, contenders, options.rounds)
            .await
            .with_context(|| format!("{} under contention", kind.name()))?;
        println!("{}: {took}", kind.name());
    }
    Ok(present.report_skipped())
}

/// Plays the rounds; the answer says what was seen.
async fn contend(endpoint: &str, mut contenders: Vec<Contender>, rounds: u64) -> Result<String> {
    let actor = Arc::new(Actor::open(endpoint).await?);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let begun = Instant::now();
    for round in 0..rounds {
        // Another begins in each round.
        contenders.rotate_left(1);
        let turns = contenders.iter_mut().map(|contender| turn(contender, actor.clone(), ledger.clone()));
        let outcomes = tokio::time::timeout(ROUND_TIMEOUT, join_all(turns))
            .await
            .map_err(|_| anyhow!("round {round} was not over within {ROUND_TIMEOUT:?}"))?;
        for (outcome, contender) in outcomes.into_iter().zip(&contenders) {
            outcome.with_context(|| format!("{} in round {round}", contender.name()))?;
        }
    }
    let (in_line, at_plain) = {
        let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
        (ledger.in_line, ledger.at_plain)
    };
    for (counter, wanted) in [(LINE_COUNTER, in_line), (PLAIN_COUNTER, at_plain)] {
        let counted = count(actor.get(counter).await?)?;
        if counted != wanted {
            bail!("{wanted} times the lock was taken, but {counter} stands at {counted}: updates were lost");
        }
    }
    let names: Vec<&str> = contenders.iter().map(Contender::name).collect();
    Ok(format!(
        "{} took the lock {} times in {rounds} rounds, one at a time; the {} in line in the order of their fencing \
         tokens ({:.1?})",
        names.join(", "),
        rounds * contenders.len() as u64,
        in_line,
        begun.elapsed()
    ))
}

/// Takes the lock, counts, and gives it back.
async fn turn(contender: &mut Contender, actor: Arc<Actor>, ledger: Arc<Mutex<Ledger>>) -> Result<()> {
    let (name, keys) = (contender.name().to_owned(), contender.keys());
    let held = contender.lock(NAME).await?;
    enter(&ledger, &name, keys)?;
    if keys.line {
        let front =
            actor.front(NAME).await?.ok_or_else(|| anyhow!("{name} holds the lock, the line is empty"))?;
        if held.key.as_ref().is_some_and(|key| *key != front.key) {
            bail!("the lock was given to {name}, but another is at the front of the line");
        }
        if held.token.is_some_and(|token| token != front.create) {
            bail!("{name} tells the fencing token {:?}, its place is of {}", held.token, front.create);
        }
        follow(&ledger, &name, front.create)?;
        increment(contender, &actor, LINE_COUNTER).await?;
    }
    if keys.plain {
        increment(contender, &actor, PLAIN_COUNTER).await?;
    }
    leave(&ledger, &name);
    contender.unlock(held).await
}

/// Notes a holder; nobody with a key of its kind may hold the lock already.
fn enter(ledger: &Mutex<Ledger>, name: &str, keys: Keys) -> Result<()> {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((other, _)) = ledger.holders.iter().find(|(_, other)| other.shares(keys)) {
        bail!("{name} got the lock while {other} holds it");
    }
    ledger.holders.push((name.to_owned(), keys));
    ledger.in_line += u64::from(keys.line);
    ledger.at_plain += u64::from(keys.plain);
    Ok(())
}

/// First come, first served: tokens are create revisions of places in the line, so they grow.
fn follow(ledger: &Mutex<Ledger>, name: &str, token: i64) -> Result<()> {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    if token <= ledger.token {
        bail!("{name} got the lock with token {token} after token {}", ledger.token);
    }
    ledger.token = token;
    Ok(())
}

fn leave(ledger: &Mutex<Ledger>, name: &str) {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    ledger.holders.retain(|(holder, _)| holder != name);
}

/// Read, then write: two holders at once would lose one of their updates.
async fn increment(contender: &Contender, actor: &Actor, counter: &str) -> Result<()> {
    let actor = contender.actor().unwrap_or(actor);
    let value = count(actor.get(counter).await?)? + 1;
    actor.put(counter, &value.to_string()).await
}

fn count(pair: Option<Pair>) -> Result<u64> {
    let Some(pair) = pair else { return Ok(0) };
    let text = String::from_utf8(pair.value).context("the counter is a number")?;
    text.parse().with_context(|| format!("the counter is {:?}", hex(text.as_bytes())))
}
