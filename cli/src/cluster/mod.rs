//! `etcdkit cluster`: a cluster on this machine, in one command.

mod lines;
mod procfile;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use tokio::sync::mpsc;

use crate::{ctl, platform};
use lines::Lines;
use procfile::Entry;

/// Time the members have to end before they are killed: a little more than a server gives its calls.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Members at most: the ports of one more would run into others, and nobody needs as many on one machine.
const MEMBERS_MAX: u16 = 5;

/// Ports of the first member, etcd's, and the step from one member to the next.
const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;
const PORT_STEP: u16 = 10_000;

#[derive(Parser)]
#[command(name = "etcdkit cluster", about = "Run a cluster on this machine")]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start members as processes of their own and show what they say; Ctrl-C stops them
    Start(Start),
    /// Show every member: its role, version, load, sizes; drawn anew at a terminal, once when piped
    Status {
        /// Flags of `etcdkit top`, such as --endpoints
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
}

#[derive(clap::Args)]
struct Start {
    /// Members
    #[arg(short = 'n', long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=i64::from(MEMBERS_MAX)))]
    members: u16,
    /// Where members keep their state, each in a directory of its own
    #[arg(long, default_value = "etcdkit-cluster")]
    data_dir: PathBuf,
    /// Port for clients of the first member; the next ones have 10000 more each
    #[arg(long, default_value_t = CLIENT_PORT)]
    client_port: u16,
    /// Port for members of the first member; the next ones have 10000 more each
    #[arg(long, default_value_t = PEER_PORT)]
    peer_port: u16,
    /// Start what this file says instead: a line `name: command` for each process
    #[arg(short = 'f', long)]
    procfile: Option<PathBuf>,
    /// More flags for every member, after `--`
    #[arg(last = true)]
    flags: Vec<String>,
}

/// Runs `etcdkit cluster` with these arguments.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let named = std::iter::once(OsString::from("etcdkit cluster")).chain(arguments);
    let start = match Arguments::try_parse_from(named).map(|arguments| arguments.action) {
        Ok(Action::Start(start)) => start,
        Ok(Action::Status { flags }) => {
            let top = ["top", "--cluster"].map(OsString::from);
            return ctl::main(top.into_iter().chain(flags).collect());
        }
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&start))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(start: &Start) -> anyhow::Result<()> {
    let entries = match &start.procfile {
        Some(path) => procfile::read(path)?,
        None => members(start)?,
    };
    if entries.is_empty() {
        bail!("there is nothing to start");
    }
    let lines = Lines::of(entries.iter().map(|entry| entry.name.as_str()));
    let stop = platform::stop_requested()?;
    let (ended, mut endings) = mpsc::unbounded_channel();
    let mut running = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        lines.say(number, &format!("starts: {}", entry.command.join(" ")));
        match spawn(entry, number, &lines, ended.clone()) {
            Ok(id) => running.insert(number, id),
            Err(error) => {
                end(running, &mut endings, &lines).await;
                return Err(error);
            }
        };
    }
    tokio::pin!(stop);
    // One that ends by itself is told and the others go on: that is what a cluster is for.
    while !running.is_empty() {
        tokio::select! {
            Some(number) = endings.recv() => drop(running.remove(&number)),
            () = &mut stop => {
                end(running, &mut endings, &lines).await;
                return Ok(());
            }
        }
    }
    bail!("no member runs any more")
}

/// A member for each number, by the flags of `etcdkit server`.
fn members(start: &Start) -> anyhow::Result<Vec<Entry>> {
    let program = std::env::current_exe().context("cannot tell which program this is")?;
    let program = program.to_string_lossy().into_owned();
    let url = |first: u16, number: u16| -> anyhow::Result<String> {
        let port = number.checked_mul(PORT_STEP).and_then(|more| first.checked_add(more));
        let port = port.with_context(|| format!("there is no port {PORT_STEP} above the last one"))?;
        Ok(format!("http://127.0.0.1:{port}"))
    };
    let mut pairs = Vec::new();
    for number in 0..start.members {
        pairs.push(format!("infra{}={}", number + 1, url(start.peer_port, number)?));
    }
    let cluster = pairs.join(",");
    let member = |number: u16| -> anyhow::Result<Entry> {
        let name = format!("infra{}", number + 1);
        let (client, peer) = (url(start.client_port, number)?, url(start.peer_port, number)?);
        let mut command = vec![program.clone(), "server".to_owned()];
        let data_dir = start.data_dir.join(&name);
        for (flag, value) in [
            ("name", name.as_str()),
            ("data-dir", &data_dir.to_string_lossy()),
            ("listen-client-urls", &client),
            ("advertise-client-urls", &client),
            ("listen-peer-urls", &peer),
            ("initial-advertise-peer-urls", &peer),
            ("initial-cluster", &cluster),
            ("initial-cluster-state", "new"),
            ("initial-cluster-token", "etcdkit-cluster"),
            ("log-format", "console"),
        ] {
            command.push(format!("--{flag}={value}"));
        }
        command.extend(start.flags.iter().cloned());
        Ok(Entry { name, command })
    };
    (0..start.members).map(member).collect()
}

/// Starts a process; its id. Threads show what it says, and tell its number when it has ended.
fn spawn(
    entry: &Entry,
    number: usize,
    lines: &Lines,
    ended: mpsc::UnboundedSender<usize>,
) -> anyhow::Result<u32> {
    let (program, arguments) = entry.command.split_first().context("a process without a command")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    platform::in_own_group(&mut command);
    let mut child = command.spawn().with_context(|| format!("cannot start {} ({program})", entry.name))?;
    let id = child.id();
    if let Some(output) = child.stdout.take() {
        show(output, number, lines.clone());
    }
    if let Some(output) = child.stderr.take() {
        show(output, number, lines.clone());
    }
    let lines = lines.clone();
    std::thread::spawn(move || {
        if let Ok(status) = child.wait() {
            lines.say(number, &format!("ended: {status}"));
        }
        // Nobody listens any more when we end ourselves.
        let _ = ended.send(number);
    });
    Ok(id)
}

fn show(output: impl Read + Send + 'static, number: usize, lines: Lines) {
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).for_each(|line| lines.say(number, &line));
    });
}

/// Tells all to stop and waits for them.
async fn end(mut running: BTreeMap<usize, u32>, endings: &mut mpsc::UnboundedReceiver<usize>, lines: &Lines) {
    running.values().for_each(|id| platform::ask_to_stop(*id));
    let all_ended = async {
        while !running.is_empty() {
            let Some(number) = endings.recv().await else { return };
            running.remove(&number);
        }
    };
    if tokio::time::timeout(STOP_TIMEOUT, all_ended).await.is_ok() {
        return;
    }
    for (number, id) in &running {
        lines.say(*number, "did not end in time, and is killed");
        platform::kill(*id);
    }
}
