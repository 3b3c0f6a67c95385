//! Real Go programs against our server: runs `spec/oracle/gocompat`, which uses clientv3 as published.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tokio::process::Command;

use crate::server::{Kind, Programs, Server};

/// Options of the Go check.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Servers to run against; all of them if not given.
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// The Go program.
    #[arg(long, default_value = "target/oracle/gocompat")]
    program: PathBuf,
}

/// Runs the program against each server; the answer is whether all went well.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let servers = if options.servers.is_empty() { Kind::SINGLE.to_vec() } else { options.servers };
    let mut passed = 0;
    for kind in &servers {
        let server = Server::start(*kind, &programs).await?;
        println!("{}:", kind.name());
        let mut command = Command::new(&options.program);
        let status = command.arg(server.endpoint()).status().await;
        let status = status.with_context(|| format!("cannot run {}", options.program.display()))?;
        passed += usize::from(status.success());
    }
    println!("{passed} passed, {} failed", servers.len() - passed);
    Ok(passed == servers.len())
}
