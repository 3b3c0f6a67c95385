//! The behaviour spec: plays scenarios in every language on every server, compares our server with real etcd
//! request by request, and kills servers to see what they kept.

mod authorization;
mod cuts;
mod differential;
mod driver;
mod fencing;
mod gocompat;
mod http;
mod kill;
mod language;
mod line;
mod locks;
mod matrix;
mod members;
mod play;
mod report;
mod robustness;
mod rolling;
mod scenario;
mod security;
mod server;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use server::Programs;

#[derive(Debug, Parser)]
#[command(name = "etcdkit-spec", about = "Runs the behaviour spec")]
struct Arguments {
    #[command(flatten)]
    programs: Programs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play scenarios in every language on every server.
    Scenarios(matrix::Options),
    /// Send the same random requests to two servers and compare every answer.
    Differential(differential::Options),
    /// Kill a server at random moments under writers, and check what it kept.
    Kill(kill::Options),
    /// Let every language and etcdctl contend for one lock.
    Locks(locks::Options),
    /// Ask two servers the same over HTTP and compare every answer.
    Http(http::Options),
    /// Hold the verdicts of a server on random requests of random users against an independent judge.
    Authorization(authorization::Options),
    /// Let one thing go wrong in a cluster under traffic, and judge all that anybody was told.
    Robustness(robustness::Options),
    /// Restart members one after another under the load of every language.
    Rolling(rolling::Options),
    /// Break connections at every byte, and look whether any write was executed twice.
    Cuts(cuts::Options),
    /// Lock under pauses and cuts of the leader, and look whether any guarded write was lost.
    Fencing(fencing::Options),
    /// Look for secrets where they must not be, and flood the server with logins and silent connections.
    Security(security::Options),
    /// Run a program with Go's clientv3 against the servers.
    Gocompat(gocompat::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything passed.
async fn run(arguments: Arguments) -> Result<bool> {
    match arguments.command {
        Command::Scenarios(options) => matrix::run(options, arguments.programs).await,
        Command::Gocompat(options) => gocompat::run(options, arguments.programs).await,
        Command::Authorization(options) => authorization::run(options, arguments.programs).await,
        Command::Robustness(options) => robustness::run(options, arguments.programs).await,
        Command::Rolling(options) => rolling::run(options, arguments.programs).await,
        Command::Cuts(options) => cuts::run(options, arguments.programs).await,
        Command::Fencing(options) => fencing::run(options, arguments.programs).await,
        Command::Security(options) => security::run(options, arguments.programs).await,
        Command::Http(options) => http::run(options, arguments.programs).await,
        Command::Locks(options) => locks::run(options, arguments.programs).await,
        Command::Kill(options) => kill::run(options, arguments.programs).await,
        Command::Differential(options) => differential::run(options, arguments.programs).await,
    }
}
