//! Side-by-side load generator: starts each server in turn on the same disk, puts the same load on it,
//! and prints what it saw as figures and as ratios against the first server named.

mod call;
mod cluster;
mod ctl;
mod http2;
mod load;
mod maintenance;
mod memory;
mod report;
mod secured;
mod server;
mod suite;
mod watch;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::server::Kind;

/// Measures etcd-compatible servers side by side.
///
/// Each round starts every server on a fresh data directory, one after the other, and runs the same
/// load on it; the figures shown are medians over the rounds. Throughputs are per second, latencies
/// in microseconds.
#[derive(Parser)]
#[command(name = "etcdkit-bench")]
struct Arguments {
    /// Servers to measure; ratios are against the first.
    #[arg(long, value_delimiter = ',', default_value = "etcd,redb")]
    servers: Vec<Kind>,
    /// Rounds; an odd number gives a true median.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Seconds each load runs.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Only measurements whose name contains this text.
    #[arg(long)]
    filter: Option<String>,
    /// The etcd binary to compare with.
    #[arg(long, default_value = "target/oracle/etcd")]
    etcd: PathBuf,
    /// The etcdkit binary.
    #[arg(long, default_value = "target/dist/etcdkit")]
    etcdkit: PathBuf,
    /// Where data directories are made; must not be a memory file system.
    #[arg(long, default_value = "target")]
    disk: PathBuf,
    /// Revisions to write before the restart that is timed.
    #[arg(long, default_value_t = 500_000)]
    restart_revisions: u64,
    /// Also write the figures of every round to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Measure clusters of three members in place of single servers.
    #[arg(long)]
    cluster: bool,
    /// With --cluster: also how long a fourth member takes until it has a store of so many MiB, which comes as a snapshot.
    #[arg(long, value_name = "MIB", num_args = 0..=1, default_missing_value = "1024", requires = "cluster")]
    join: Option<u64>,
    /// Instead of the figures, show what memory does under loads without a natural end: a watcher that
    /// stops reading while this many events happen, a range of 200 MiB, 100,000 leases.
    #[arg(long, value_name = "EVENTS", num_args = 0..=1, default_missing_value = "10000000")]
    memory: Option<u64>,
    /// Instead of the figures, show what puts feel while a store of so many MiB is compacted (after as many revisions
    /// as --restart-revisions says), saved and defragmented.
    #[arg(long, value_name = "MIB", num_args = 0..=1, default_missing_value = "1024")]
    maintenance: Option<u64>,
    /// Instead of the figures, show puts with TLS and authentication on beside those without.
    #[arg(long)]
    secured: bool,
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(Subcommand)]
enum Mode {
    /// Measure the command line beside Go's instead.
    Ctl(ctl::Arguments),
    /// Run a program once and tell what it took; `ctl` calls this.
    #[command(hide = true)]
    Once(ctl::OnceArguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Mode::Once(of_one)) = &arguments.mode {
        return ctl::once(of_one);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(Mode::Ctl(of_ctl)) = &arguments.mode {
        return runtime.block_on(ctl::run(&arguments.etcdkit, &arguments.disk, of_ctl));
    }
    if let Some(events) = arguments.memory {
        return runtime.block_on(memory::run(&arguments, events));
    }
    if let Some(store_mib) = arguments.maintenance {
        return runtime.block_on(maintenance::run(&arguments, store_mib));
    }
    if arguments.secured {
        return runtime.block_on(secured::run(&arguments));
    }
    let results = match arguments.cluster {
        true => runtime.block_on(cluster::run(&arguments))?,
        false => runtime.block_on(suite::run(&arguments))?,
    };
    report::print(&arguments.servers, &results);
    if let Some(path) = &arguments.json {
        report::write_json(path, &results)?;
    }
    Ok(())
}
