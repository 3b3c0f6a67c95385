//! `cargo xtask startup-order`: which functions run whenever the program starts, for `cli/startup.txt`.
//!
//! The kernel maps a program's code sixteen pages at a time. Spread over all of it, the little that a `get` runs costs four
//! megabytes of memory; side by side it costs one. `cli/build.rs` tells the linker.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use regex::Regex;

use crate::server::Server;
use crate::step::{command, installed, root, succeed};

const LIST: &str = "cli/startup.txt";

/// The program as users get it, but with the names of its functions.
const BUILD: &str =
    "cargo rustc --locked --profile dist --package etcdkit-cli --bin etcdkit -- -C strip=none";

/// How names begin of what is linked into the program: Rust, and the allocator.
const OURS: &[&str] = &["_R", "main", "mi_", "_mi_"];

/// What every start runs: a server that opens its store and answers, and the commands people type most.
const COMMANDS: &[&[&str]] = &[&["put", "a", "b"], &["get", "a"], &["del", "a"], &["endpoint", "status"]];

/// Builds the program, watches it start under valgrind, and writes the list.
pub(crate) fn write_order() -> anyhow::Result<()> {
    ensure!(installed("valgrind"), "it needs valgrind");
    succeed(BUILD)?;
    let folder = tempfile::tempdir()?;
    let [server, program] = ["etcd", "etcdkit"].map(|name| folder.path().join(name));
    for name in [&server, &program] {
        std::fs::copy(root().join("target/dist/etcdkit"), name)?;
    }
    // In this order: what a command runs fits a few hundred kilobytes, a server's start takes as much again and more.
    let of_commands = watch_commands(&server, &program)?;
    let of_server = watch_server(&server, &program)?;
    let functions = of_commands.iter().chain(of_server.difference(&of_commands));
    let list: String = functions.map(|function| format!("{function}\n")).collect();
    std::fs::write(root().join(LIST), list)?;
    println!("{LIST}: {} functions of commands, {} of a server", of_commands.len(), of_server.len());
    Ok(())
}

fn watch_commands(server: &Path, program: &Path) -> anyhow::Result<BTreeSet<String>> {
    let server = Server::start(server, &[])?;
    let mut functions = BTreeSet::new();
    let profile = tempfile::NamedTempFile::new()?;
    for words in COMMANDS {
        let status = watched(program, profile.path())
            .arg(format!("--endpoints={}", server.address()))
            .args(*words)
            .status()
            .context("valgrind")?;
        ensure!(status.success(), "{words:?} under valgrind ended with {status}");
        functions.append(&mut functions_of(profile.path())?);
    }
    Ok(functions)
}

fn watched(program: &Path, profile: &Path) -> Command {
    let mut valgrind = command("valgrind --quiet --tool=callgrind --demangle=no");
    valgrind.arg(format!("--callgrind-out-file={}", profile.display())).arg(program);
    valgrind.stdout(Stdio::null());
    valgrind
}

/// From its start until it has answered and stopped.
fn watch_server(server: &Path, program: &Path) -> anyhow::Result<BTreeSet<String>> {
    let profile = tempfile::NamedTempFile::new()?;
    let server = Server::start_by(watched(server, profile.path()), &[])?;
    let answered = Command::new(program)
        .arg(format!("--endpoints={}", server.address()))
        .args(["--dial-timeout=60s", "--command-timeout=60s", "put", "a", "b"])
        .stdout(Stdio::null())
        .status()?;
    ensure!(answered.success(), "the server under valgrind did not answer");
    server.terminate()?;
    functions_of(profile.path())
}

/// Our functions in a profile.
fn functions_of(profile: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut functions = BTreeSet::new();
    // Another one with each version of a crate or the compiler.
    let crate_hash = Regex::new("Cs[0-9A-Za-z]+_")?;
    let text = std::fs::read_to_string(profile).with_context(|| profile.display().to_string())?;
    let names = text.lines().filter_map(|line| line.strip_prefix("fn=").or(line.strip_prefix("cfn=")));
    for name in names.filter_map(|name| name.split_once(") ")).map(|(_number, name)| name) {
        if OURS.iter().any(|prefix| name.starts_with(prefix)) {
            // Valgrind numbers the rounds of a recursion.
            let name = name.split('\'').next().unwrap_or(name);
            functions.insert(crate_hash.replace_all(name, "Cs*_").into_owned());
        }
    }
    ensure!(!functions.is_empty(), "valgrind has seen none of our functions");
    Ok(functions)
}
