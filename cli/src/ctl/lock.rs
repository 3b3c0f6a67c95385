//! `lock`: holds a named lock until interrupted, or while a command runs.

use std::process::Command as Child;

use etcdkit::concurrency::{Mutex, Session as Tenure, SessionOptions};
use etcdkit::{Client, Error};

use super::output::Answer;
use super::session::{Call, Session, failed};
use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Flag, Word};
use crate::console::quote::quote;
use crate::console::stop::{Ended, Stop};
use crate::console::tree::{Command, Group};
use crate::platform;

const TTL: Flag = Flag::int("ttl", "seconds after which the lock is free should this program die").or("10");

/// Seconds a lock outlives its holder when `--ttl` names no time; what etcd's client gives a session.
const TTL_OF_A_SESSION: i64 = 60;

pub(super) const COMMAND: Command = Command {
    name: "lock",
    arguments: "<lockname> [command [argument...]]",
    summary: "Holds a named lock",
    details: "Waits for a named lock, shows the key that stands for it, and holds it until interrupted. With a command:\n\
              runs it while holding the lock, with ETCD_LOCK_KEY and ETCD_LOCK_REV in its environment, and exits with\n\
              its exit code. Flags of the command go behind '--'.",
    examples: &["$0 lock mutex1", "$0 lock mutex1 -- ./migrate.sh --all"],
    group: Group::Concurrency,
    flags: &[TTL],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let Some((name, command)) = call.words.split_first() else {
        return Err(Failure::bad_args("lock takes a lock name argument and an optional command to execute"));
    };
    let (name, command) = (name.clone(), command.to_vec());
    let ttl = Some(call.values.int(&TTL)).filter(|ttl| *ttl > 0).unwrap_or(TTL_OF_A_SESSION);
    let session = call.open()?;
    let client = session.client().await?;
    let tenure = Tenure::new(&client, Some(SessionOptions::new().with_ttl(ttl))).await.map_err(failed)?;
    let outcome = hold(&session, &client, &tenure, name, &command).await;
    // Lets the next one in at once. When no server can be reached, the lease runs out by itself.
    let _ = tenure.close().await;
    outcome
}

async fn hold(session: &Session, client: &Client, tenure: &Tenure, name: Word, command: &[Word]) -> Outcome {
    let mut stop = Stop::listen()?;
    let Ended::Done(held) = stop.or(Mutex::new(tenure, name).lock()).await else {
        return Err(Failure::error("context canceled"));
    };
    let held = held.map_err(worded)?;
    if !command.is_empty() {
        return run_command(command, held.key(), held.revision()).await;
    }
    let pair = wire::get(&client.get(held.key(), None).await.map_err(failed)?);
    if pair.kvs.is_empty() {
        return Err(Failure::error("lock lost on init"));
    }
    session.print(&Answer::Get(&pair))?;
    match stop.or(tenure.lost()).await {
        Ended::Stopped => held.unlock().await.map_err(worded),
        Ended::Done(_) => Err(expired()),
    }
}

fn worded(error: Error) -> Failure {
    match error {
        Error::SessionExpired(_) => expired(),
        other => failed(other),
    }
}

fn expired() -> Failure {
    Failure::error("session expired")
}

/// Runs the command to its end, so that it never runs unlocked; a signal to this program is passed on to it.
async fn run_command(command: &[Word], key: &[u8], revision: i64) -> Outcome {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut child = Child::new(platform::os_string(program));
    child
        .args(arguments.iter().map(|word| platform::os_string(word)))
        .env("ETCD_LOCK_KEY", platform::os_string(key))
        .env("ETCD_LOCK_REV", revision.to_string());
    let mut started =
        child.spawn().map_err(|error| Failure::error(format!("exec: {}: {error}", quote(program))))?;
    let id = started.id();
    let waiting = tokio::task::spawn_blocking(move || started.wait());
    let ended = tokio::select! {
        ended = waiting => ended.map_err(Failure::error)?,
        never = platform::pass_signals_on(id) => match never {},
    };
    let status = ended.map_err(|error| Failure::error(format!("exec: {}: {error}", quote(program))))?;
    if status.success() {
        return Ok(());
    }
    let (code, text) = platform::child_exit(status);
    Err(Failure::new(Exit::Child(code), text))
}
