//! `lease`: time-bounded ownership of keys.

use std::time::Duration;

use etcdkit::{ErrorKind, EtcdError, LeaseClient, LeaseTimeToLiveOptions};
use tokio::time::{Instant, sleep};

use super::output::{Answer, Format};
use super::session::{Call, Session, describe};
use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Base, Flag, Word, parse_int, parse_lease_id};
use crate::console::tree::{Command, Group};

const KEYS: Flag = Flag::switch("keys", "show the keys of the lease too");
const ONCE: Flag = Flag::switch("once", "renew the lease once and exit");

/// Two renewals may fail before the lease is in danger.
const RENEWALS_PER_TTL: u32 = 3;
/// Pause after a renewal that no server answered.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

pub(super) const COMMAND: Command = Command {
    name: "lease",
    summary: "Grants, renews, shows and revokes leases",
    group: Group::KeyValue,
    commands: &[GRANT, REVOKE, TIME_TO_LIVE, LIST, KEEP_ALIVE],
    ..Command::BLANK
};

const GRANT: Command = Command {
    name: "grant",
    arguments: "<ttl>",
    summary: "Creates a lease that lives for ttl seconds",
    details: "Creates a lease that lives for ttl seconds unless it is kept alive. Keys attached to it by put --lease\n\
              are deleted when it ends.",
    examples: &["$0 lease grant 120"],
    run: Some(|call| Box::pin(grant(call))),
    ..Command::BLANK
};

const REVOKE: Command = Command {
    name: "revoke",
    arguments: "<leaseID>",
    summary: "Ends a lease and deletes its keys",
    examples: &["$0 lease revoke 32695410dcc0ca06"],
    run: Some(|call| Box::pin(revoke(call))),
    ..Command::BLANK
};

const TIME_TO_LIVE: Command = Command {
    name: "timetolive",
    arguments: "<leaseID>",
    summary: "Shows what is left of a lease",
    examples: &["$0 lease timetolive 32695410dcc0ca06 --keys"],
    flags: &[KEYS],
    run: Some(|call| Box::pin(time_to_live(call))),
    ..Command::BLANK
};

const LIST: Command = Command {
    name: "list",
    summary: "Lists the living leases",
    examples: &["$0 lease list"],
    run: Some(|call| Box::pin(list(call))),
    ..Command::BLANK
};

const KEEP_ALIVE: Command = Command {
    name: "keep-alive",
    arguments: "<leaseID>",
    summary: "Keeps a lease alive until interrupted",
    examples: &["$0 lease keep-alive 32695410dcc0ca06", "$0 lease keep-alive --once 32695410dcc0ca06"],
    flags: &[ONCE],
    run: Some(|call| Box::pin(keep_alive(call))),
    ..Command::BLANK
};

/// Some lease commands report every failure as one of the connection.
fn unreachable(error: etcdkit::Error) -> Failure {
    Failure::new(Exit::BadConnection, describe(&error))
}

fn only_argument<'a>(words: &'a [Word], complaint: &str) -> Outcome<&'a Word> {
    match words {
        [word] => Ok(word),
        _ => Err(Failure::bad_args(complaint)),
    }
}

fn lease_id(word: &[u8]) -> Outcome<i64> {
    parse_lease_id(&String::from_utf8_lossy(word))
        .map_err(|why| Failure::bad_args(format!("bad lease ID arg ({why}), expecting ID in Hex")))
}

async fn grant(call: Call) -> Outcome {
    let ttl = only_argument(&call.words, "lease grant command needs TTL argument")?;
    let ttl = parse_int(&String::from_utf8_lossy(ttl), Base::Ten)
        .map_err(|why| Failure::bad_args(format!("bad TTL ({why})")))?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client
        .lease_grant(ttl, None)
        .await
        .map_err(|error| Failure::error(format!("failed to grant lease ({})", describe(&error))))?;
    session.print(&Answer::Grant(&wire::grant(&answer)))
}

async fn revoke(call: Call) -> Outcome {
    let id = lease_id(only_argument(&call.words, "lease revoke command needs 1 argument")?)?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client
        .lease_revoke(id)
        .await
        .map_err(|error| Failure::error(format!("failed to revoke lease ({})", describe(&error))))?;
    session.print(&Answer::Revoke(id, &wire::revoke(&answer)))
}

async fn time_to_live(call: Call) -> Outcome {
    let id = lease_id(only_argument(&call.words, "lease timetolive command needs lease ID as argument")?)?;
    let keys = call.values.switch(&KEYS);
    let session = call.open()?;
    let client = session.client().await?;
    let options = keys.then(|| LeaseTimeToLiveOptions::new().with_keys());
    let answer = client.lease_time_to_live(id, options).await.map_err(unreachable)?;
    session.print(&Answer::TimeToLive(&wire::time_to_live(&answer), keys))
}

async fn list(call: Call) -> Outcome {
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.leases().await.map_err(unreachable)?;
    session.print(&Answer::Leases(&wire::leases(&answer)))
}

async fn keep_alive(call: Call) -> Outcome {
    let id = lease_id(only_argument(&call.words, "lease keep-alive command needs lease ID as argument")?)?;
    let once = call.values.switch(&ONCE);
    let session = call.open()?;
    let leases = session.client().await?.lease_client();
    if once {
        let answer = leases.keep_alive_once(id).await.map_err(not_found)?;
        return session.print(&Answer::KeepAlive(&wire::keep_alive(&answer)));
    }
    renew_until_lost(&session, &leases, id).await?;
    if session.printer.format == Format::Simple {
        crate::console::print(&format!("lease {id:016x} expired or revoked.\n"))?;
    }
    Ok(())
}

/// Renews a lease three times in its TTL, as etcd's client does, and prints each renewal.
///
/// While no server answers the lease may still live, so it is given up only when its TTL has passed.
async fn renew_until_lost(session: &Session, leases: &LeaseClient, id: i64) -> Outcome {
    let mut alive_until: Option<Instant> = None;
    loop {
        match leases.keep_alive_once(id).await {
            Ok(answer) => {
                session.print(&Answer::KeepAlive(&wire::keep_alive(&answer)))?;
                let ttl = Duration::from_secs(answer.ttl().unsigned_abs());
                alive_until = Some(Instant::now() + ttl);
                sleep(ttl / RENEWALS_PER_TTL).await;
            }
            Err(error) if error.kind() == ErrorKind::LeaseLost => return Ok(()),
            Err(error) => match alive_until {
                None => return Err(unreachable(error)),
                Some(until) if Instant::now() >= until => return Ok(()),
                Some(_) => sleep(RETRY_PAUSE).await,
            },
        }
    }
}

/// A lease that is gone is told in the server's words.
fn not_found(error: etcdkit::Error) -> Failure {
    match error.kind() {
        ErrorKind::LeaseLost => Failure::new(Exit::BadConnection, EtcdError::LeaseNotFound.message()),
        _ => unreachable(error),
    }
}
