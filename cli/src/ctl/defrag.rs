//! `defrag`: gives unused space of each endpoint back to its file system.

use std::time::Instant;

use super::endpoint::{CLUSTER, endpoints};
use super::session::{Call, Session, describe};
use crate::console::duration;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::progress::Progress;
use crate::console::tree::{Command, Group};
use crate::console::{print, tell};

pub(super) const COMMAND: Command = Command {
    name: "defrag",
    summary: "Gives unused space back to the file system",
    details: "Gives the space that deleted and compacted keys left behind back to the file system, one endpoint after\n\
              the other. An endpoint does not answer while it works.",
    examples: &["$0 defrag", "$0 defrag --cluster --command-timeout=60s"],
    group: Group::Maintenance,
    flags: &[CLUSTER],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let session = call.open()?;
    let mut failed = false;
    for endpoint in endpoints(&session).await? {
        failed |= !defragment(&session, &endpoint).await?;
    }
    if failed { Err(Failure::silent(Exit::Error)) } else { Ok(()) }
}

/// Defragments one endpoint and tells how it went; whether it went well.
pub(super) async fn defragment(session: &Session, endpoint: &str) -> Outcome<bool> {
    let client = session.client_at(endpoint).await?;
    let started = Instant::now();
    let progress = Progress::busy(format!("defragmenting {endpoint}"));
    let answer = client.maintenance_client().defragment().await;
    progress.finish();
    let took = duration::format(started.elapsed());
    match answer {
        Ok(_) => {
            print(&format!("Finished defragmenting etcd member[{endpoint}]. took {took}\n"))?;
            Ok(true)
        }
        Err(error) => {
            let why = describe(&error);
            tell(format_args!("Failed to defragment etcd member[{endpoint}]. took {took}. ({why})"));
            Ok(false)
        }
    }
}
