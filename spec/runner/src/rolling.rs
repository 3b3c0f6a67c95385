//! A rolling restart under load, in every language: three members are restarted one after another while each language's
//! driver writes and watches. No call fails, and no event is lost or repeated.
//!
//! With `--kill` members are killed instead. Then a call that was under way at the killed one may end without an answer;
//! those are counted, and each is found in the events once or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::future::try_join_all;

use crate::driver::{Call, Driver};
use crate::language::{Choice, Language};
use crate::line::{Pair, hex};
use crate::members::{Make, Members, Setup};
use crate::server::Programs;

/// How long a call may take: the longest time limit that an SDK has by default, and what a loaded machine adds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two writes of a writer: two hundred of them make some hundred writes a second.
const PAUSE: Duration = Duration::from_millis(400);
/// Load before the first restart, between two, and after the last.
const CALM: Duration = Duration::from_secs(1);
const MEMBERS: usize = 3;

/// Options of the rolling restart.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    choice: Choice,
    /// Writers of each language, each with a key and a watcher of its own.
    #[arg(long, default_value_t = 200)]
    writers: u64,
    /// Kill the members instead of stopping them.
    #[arg(long)]
    kill: bool,
}

/// What one writer knows: a number for each write, and whether it was acknowledged.
type Written = Vec<bool>;

/// Restarts under the load of each language; whether all went well.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let present = options.choice.present(&[])?;
    for language in &present.languages {
        let setup = Setup { make: Make::Ours, count: MEMBERS, flags: Vec::new(), proxied: false };
        let mut members = Members::found(&programs, setup).await?;
        let outcome = under_load(&options, *language, &mut members, &programs).await;
        let told = outcome.with_context(|| format!("{}\n{}", language.name(), members.logs()))?;
        println!("{}: {told}", language.name());
    }
    Ok(present.report_skipped())
}

async fn under_load(
    options: &Options,
    language: Language,
    members: &mut Members,
    programs: &Programs,
) -> Result<String> {
    let begun = Instant::now();
    let driver = Arc::new(Driver::start(language, programs).await?);
    let fields = vec![("endpoint".to_owned(), members.endpoints().join(","))];
    let opened = driver.call("open", fields).await?.next(PATIENCE).await?;
    let client = opened.need("client")?.to_owned();
    let mut watches = Vec::new();
    for number in 0..options.writers {
        let fields = vec![("client".to_owned(), client.clone()), ("key".to_owned(), key(number))];
        let mut watch = driver.call("watch", fields).await?;
        let created = watch.next(PATIENCE).await?;
        if created.verb != "ok" {
            bail!("a watch was refused: {created}");
        }
        watches.push(watch);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..options.writers)
        .map(|number| tokio::spawn(write(driver.clone(), client.clone(), number, ended.clone())))
        .collect();
    tokio::time::sleep(CALM).await;
    for number in 0..MEMBERS {
        match options.kill {
            true => members.kill(number).await?,
            false => members.stop(number).await?,
        }
        members.start(number)?;
        members.wait_until_serving(number).await?;
        let all: Vec<usize> = (0..MEMBERS).collect();
        members.wait_until_level(&all).await?;
        tokio::time::sleep(CALM).await;
    }
    ended.store(true, Ordering::SeqCst);
    let (mut acknowledged, mut open) = (0, 0);
    let mut all = Vec::new();
    for writer in writers {
        let written = writer.await?.with_context(|| "a write")?;
        acknowledged += written.iter().filter(|known| **known).count();
        open += written.iter().filter(|known| !**known).count();
        all.push(written);
    }
    if open > 0 && !options.kill {
        bail!("{open} of {} calls failed", acknowledged + open);
    }
    let looks = watches.into_iter().zip(&all).enumerate().map(|(number, (watch, written))| async move {
        look(watch, written).await.with_context(|| format!("the watch of writer {number}"))
    });
    let events: usize = try_join_all(looks).await?.into_iter().sum();
    Ok(format!(
        "{MEMBERS} members {} under {} writers and as many watchers: {acknowledged} writes acknowledged, {open} without an \
         answer, {events} events, none lost, none twice ({:.0?})",
        if options.kill { "killed" } else { "restarted" },
        options.writers,
        begun.elapsed()
    ))
}

fn key(number: u64) -> String {
    hex(format!("rolling/{number}").as_bytes())
}

/// Writes numbers, one after another.
async fn write(driver: Arc<Driver>, client: String, writer: u64, ended: Arc<AtomicBool>) -> Result<Written> {
    let mut written = Written::new();
    // Not all in step.
    tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.0..1.0))).await;
    while !ended.load(Ordering::SeqCst) {
        let value = hex(written.len().to_string().as_bytes());
        let fields = vec![
            ("client".to_owned(), client.clone()),
            ("key".to_owned(), key(writer)),
            ("value".to_owned(), value),
        ];
        let begun = Instant::now();
        let answer = driver.call("put", fields).await?.next(PATIENCE).await.context("a put")?;
        if answer.verb != "ok" {
            let why = answer.text("msg").unwrap_or_default();
            eprintln!("a put failed after {:.1?}: {answer} {why}", begun.elapsed());
        }
        written.push(answer.verb == "ok");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(written)
}

/// Looks for the event of each write; how many there were. A last write that was not acknowledged may still come: it is not
/// waited for.
async fn look(mut watch: Call, written: &Written) -> Result<usize> {
    let last = written.iter().rposition(|known| *known);
    let Some(last) = last else { return Ok(0) };
    let (mut next, mut events) = (0, 0);
    while next <= last {
        let event = watch.next(PATIENCE).await.with_context(|| format!("the event of write {next}"))?;
        if event.verb != "event" {
            bail!("instead of the event of write {next} came {event}");
        }
        let value = Pair::parse(event.need("kv")?)?.value;
        let number: usize = String::from_utf8(value)?.parse()?;
        if number < next {
            bail!("the event of write {number} came again, or too late");
        }
        if let Some(lost) = (next..number).find(|between| written.get(*between).copied().unwrap_or(true)) {
            return Err(anyhow!("the event of write {lost} is lost: {number} came"));
        }
        (next, events) = (number + 1, events + 1);
    }
    Ok(events)
}
