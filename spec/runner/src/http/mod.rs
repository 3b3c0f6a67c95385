//! HTTP on the client port: the same questions, one after another, to our server and to real etcd. What the gateway,
//! the checks of health and `/metrics` answer must be equal once what may differ (ids, terms, sizes) is taken out.

pub(crate) mod ask;
mod families;
pub(crate) mod normal;
pub(crate) mod steps;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::server::{Kind, Programs, Server};
use ask::{Answer, Peer};
use steps::Step;

/// Etcd tells another storage version in its first seconds.
const VERSION_TIMEOUT: Duration = Duration::from_secs(30);

/// Options of the comparison over HTTP.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The server under test.
    #[arg(long, value_enum, default_value = "ours-redb")]
    server: Kind,
    /// What it must be equal to.
    #[arg(long, value_enum, default_value = "oracle")]
    against: Kind,
    /// Where the table of metrics is; it must be as this run would write it.
    #[arg(long, default_value = "docs/metrics.md")]
    document: PathBuf,
    /// Write the table instead of comparing it.
    #[arg(long)]
    write: bool,
}

/// Asks everything; the answer is whether all was equal.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let tested = Server::start(options.server, &programs).await?;
    let wanted = Server::start(options.against, &programs).await?;
    let (mut tested, mut wanted) = (Peer::new(tested.endpoint()), Peer::new(wanted.endpoint()));
    wanted.settle(VERSION_TIMEOUT).await?;
    let (mut passed, mut failed) = (0, 0);
    for step in steps::all() {
        if same(&step, &mut tested, &mut wanted).await? {
            passed += 1;
        } else {
            failed += 1;
        }
    }
    let differences = families::compare(&tested.metrics().await?, &wanted.metrics().await?);
    for difference in &differences.problems {
        println!("FAIL /metrics: {difference}");
    }
    failed += differences.problems.len();
    failed += usize::from(!is_documented(&options, &differences.table)?);
    println!("{passed} questions equal, {} families compared, {failed} failed", differences.families);
    Ok(failed == 0)
}

async fn same(step: &Step, tested: &mut Peer, wanted: &mut Peer) -> Result<bool> {
    let (ours, theirs) = tokio::join!(tested.ask(step), wanted.ask(step));
    let ours = ours.with_context(|| format!("{step}: the server under test"))?;
    let theirs = theirs.with_context(|| format!("{step}: the other"))?;
    if normal::of(&ours) == normal::of(&theirs) {
        return Ok(true);
    }
    println!("FAIL {step}\n  ours:   {}\n  theirs: {}", show(&ours), show(&theirs));
    Ok(false)
}

fn show(answer: &Answer) -> String {
    format!("{:?}", normal::of(answer))
}

fn is_documented(options: &Options, table: &str) -> Result<bool> {
    if options.write {
        std::fs::write(&options.document, table)?;
        return Ok(true);
    }
    let document = std::fs::read_to_string(&options.document).unwrap_or_default();
    if document == table {
        return Ok(true);
    }
    println!("FAIL {} is out of date: write it with `etcdkit-spec http --write`", options.document.display());
    Ok(false)
}
