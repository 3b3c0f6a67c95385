//! `check`: puts load on a cluster and tells whether it holds up.

mod datascale;
mod load;
mod memory;
mod perf;
mod report;

use std::time::Duration;

use etcdkit::{Client, CompactionOptions, DeleteOptions, GetOptions};

use super::session::{Session, failed};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::print;
use crate::console::tree::{Command, Group};

const AUTO_COMPACT: Flag = Flag::switch("auto-compact", "compact the store when the check is over");
const AUTO_DEFRAG: Flag = Flag::switch("auto-defrag", "defragment the endpoints when the check is over");

/// Time to delete what the check has written, and to compact and defragment afterwards.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) const COMMAND: Command = Command {
    name: "check",
    summary: "Checks how a cluster performs",
    group: Group::Utility,
    commands: &[perf::COMMAND, datascale::COMMAND],
    ..Command::BLANK
};

/// The sizes of load, by the names they have on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Small,
    Medium,
    Large,
    ExtraLarge,
}

impl Load {
    fn named(name: &str) -> Outcome<Self> {
        match name {
            "s" | "small" => Ok(Load::Small),
            "m" | "medium" => Ok(Load::Medium),
            "l" | "large" => Ok(Load::Large),
            "xl" | "xLarge" => Ok(Load::ExtraLarge),
            _ => Err(Failure::new(Exit::BadFeature, format!("unknown load option {name}"))),
        }
    }
}

/// One connection for each simulated client.
async fn connect_all(session: &Session, count: usize) -> Outcome<Vec<Client>> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(session.client().await?);
    }
    Ok(clients)
}

/// Refuses to work among keys of others, because all of them are deleted in the end.
async fn refuse_used_prefix(client: &Client, prefix: &str, remedy: &str) -> Outcome {
    let options = GetOptions::new().with_prefix().with_limit(1);
    match client.get(prefix, Some(options)).await.map_err(failed)?.kvs() {
        [] => Ok(()),
        _ => Err(Failure::new(
            Exit::InvalidInput,
            format!("prefix {prefix:?} has keys. Delete with {remedy} first"),
        )),
    }
}

/// Deletes the keys of the check; the revision of that.
async fn delete_keys(client: &Client, prefix: &str) -> etcdkit::Result<i64> {
    let client = client.with_timeout(CLEANUP_TIMEOUT);
    let answer = client.delete(prefix, Some(DeleteOptions::new().with_prefix())).await?;
    Ok(answer.header().map_or(0, |header| header.revision()))
}

async fn compact(client: &Client, revision: i64) -> Outcome {
    print(&format!("Compacting with revision {revision}\n"))?;
    let physical = CompactionOptions::new().with_physical();
    client.with_timeout(CLEANUP_TIMEOUT).compact(revision, Some(physical)).await.map_err(failed)?;
    print(&format!("Compacted with revision {revision}\n"))
}

async fn defragment(session: &Session) -> Outcome {
    for endpoint in session.endpoints() {
        print(&format!("Defragmenting {endpoint:?}\n"))?;
        let client = session.client_at(&endpoint).await?.with_timeout(CLEANUP_TIMEOUT);
        client.defragment().await.map_err(failed)?;
        print(&format!("Defragmented {endpoint:?}\n"))?;
    }
    Ok(())
}
