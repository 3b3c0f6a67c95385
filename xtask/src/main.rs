//! What people do daily with this repository; the Makefile calls it.

mod bench_sdk;
mod c;
mod check;
mod consumers;
mod csharp;
mod demo;
mod dist;
mod fuzz;
mod generate;
mod go;
mod java;
mod node;
mod peers;
mod python;
mod server;
mod startup;
mod step;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Builds, tests and shows etcdkit.
#[derive(Parser)]
#[command(name = "xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run everything CI runs.
    Test {
        /// Only the steps whose name contains this text.
        #[arg(long)]
        only: Option<String>,
    },
    /// Run the guided tour in every language and show what each saw.
    Demo {
        /// A running server to tour; without it each program starts its embedded one.
        #[arg(long)]
        endpoint: Option<String>,
    },
    /// Formatting, lints and rules of the tree.
    Lint,
    /// Run each fuzz target.
    Fuzz {
        /// Seconds for each.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Make the packages users install, in `dist/`.
    Dist {
        /// How their code is built.
        #[arg(long, value_enum, default_value = "dist")]
        profile: dist::Profile,
    },
    /// Install each package as a user does and run a program of the usual client with it.
    Consumers {
        /// Only the languages whose name contains this text.
        #[arg(long)]
        only: Option<String>,
    },
    /// Install the published clients that tests and benchmarks run beside ours.
    Peers,
    /// Measure the SDKs beside the usual client of each language.
    BenchSdk(bench_sdk::Options),
    /// Measure what a call costs that does nothing, for docs/boundary.md.
    BenchBoundary,
    /// Build the real etcd that tests and benchmarks compare with.
    Oracle,
    /// Watch the program start and write which functions belong side by side.
    StartupOrder,
    /// Check the rules of the tree.
    Check,
    /// Write what the languages must agree on, from its source in `proto/`.
    Generate {
        /// Write nothing, and fail if something would change.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Task::Fuzz { seconds } => fuzz::run(seconds),
        Task::Test { only } => test::run(only.as_deref()),
        Task::Demo { endpoint } => demo::run(endpoint.as_deref()),
        Task::Lint => test::run_lint(),
        Task::Dist { profile } => dist::run(profile),
        Task::Consumers { only } => consumers::run(only.as_deref()),
        Task::Peers => peers::run(),
        Task::BenchSdk(options) => bench_sdk::run(&options),
        Task::BenchBoundary => c::bench(),
        Task::Oracle => test::run_oracle(),
        Task::StartupOrder => startup::write_order(),
        Task::Check => check::run(),
        Task::Generate { check } => generate::run(check),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
