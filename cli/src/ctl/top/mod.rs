//! `top`: what the servers are doing, as a table that is drawn anew. A command of etcdkit, not of etcdctl.
//!
//! Rates are differences of what servers count ([`metrics`]) between two readings ([`reading`]), so the first table comes
//! one interval after the start.

mod metrics;
mod reading;
mod screen;
mod view;

use std::io::IsTerminal as _;
use std::time::Duration;

use super::endpoint::CLUSTER;
use super::output::Format;
use super::session::{Call, Session};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::print;
use crate::console::stop::{Ended, Stop};
use crate::console::tree::Command;
use reading::Sources;
use screen::Screen;

const INTERVAL: Flag = Flag::duration("interval", "time between two tables").or("1s");
const COUNT: Flag =
    Flag::int("count", "tables to show; 0 is no end at a terminal, and one when piped").short('n');

/// Servers are asked with requests of their own, which shall not be what they are busy with.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

pub(super) const COMMAND: Command = Command {
    name: "top",
    summary: "Shows what the servers are doing",
    details: "Shows a line for each endpoint and one for each kind of request, drawn anew every --interval: requests by\n\
              second, watchers, leases, sizes, memory. q or Ctrl-C ends it. When piped it prints one table and ends.",
    examples: &["$0 top", "$0 top --cluster --interval=5s", "$0 top -n 3 | tee load.txt"],
    hidden: true,
    flags: &[CLUSTER, INTERVAL, COUNT],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    call.no_words("top takes no arguments")?;
    let interval = call.values.duration(&INTERVAL);
    if interval < INTERVAL_MIN {
        return Err(Failure::bad_args(format!("--interval must be {INTERVAL_MIN:?} at least")));
    }
    let count = u64::try_from(call.values.int(&COUNT)).map_err(|_| {
        Failure::bad_args(format!("--count must not be negative, and is {}", call.values.int(&COUNT)))
    })?;
    let session = call.open()?;
    if session.printer.format != Format::Simple {
        return Err(Failure::new(Exit::BadFeature, "top has no other output format than simple"));
    }
    let mut sources = Sources::connect(&session, interval).await?;
    sources.read(&session).await;
    match std::io::stdout().is_terminal() {
        true => live(&session, sources, interval, count).await,
        false => plain(&session, sources, interval, count.max(1)).await,
    }
}

/// Prints tables one below the other.
async fn plain(session: &Session, mut sources: Sources, interval: Duration, count: u64) -> Outcome {
    let mut stop = Stop::listen()?;
    for shown in 0..count {
        let Ended::Done(()) = stop.or(tokio::time::sleep(interval)).await else { return Ok(()) };
        sources.read(session).await;
        let blank = if shown == 0 { "" } else { "\n" };
        print(&format!("{blank}{}\n", view::lines(&sources, session.printer.look.paint).join("\n")))?;
    }
    match sources.anybody_answered() {
        true => Ok(()),
        false => Err(Failure::new(Exit::BadConnection, "no endpoint answers")),
    }
}

/// Draws one table over the other until a key or a signal ends it.
async fn live(session: &Session, mut sources: Sources, interval: Duration, count: u64) -> Outcome {
    let mut stop = Stop::listen()?;
    let mut screen = Screen::open()?;
    let mut shown = 0;
    while count == 0 || shown < count {
        sources.read(session).await;
        screen.draw(&view::lines(&sources, session.printer.look.paint))?;
        shown += 1;
        let wait = async {
            tokio::select! {
                () = tokio::time::sleep(interval) => false,
                () = screen.quit() => true,
            }
        };
        match stop.or(wait).await {
            Ended::Done(false) => {}
            Ended::Done(true) | Ended::Stopped => break,
        }
    }
    Ok(())
}
