//! The command line beside Go's: how long `etcdctl get` takes from its start to its end, and how much memory it has at its
//! peak. The two take turns on one server, so that whatever else the machine does troubles both.
//!
//! Linux counts the memory of the process that starts a program to that of the program. So each run has a starter of its own:
//! this program again, in its [`once`] mode, which has next to none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use comfy_table::{Table, presets};
use wait4::Wait4 as _;

use crate::server::{Kind, Server};

/// Runs before the first that counts: files come into the cache of the system.
const WARM_UP_RUNS: u32 = 5;

/// Measures the command line.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Runs of each program.
    #[arg(long, default_value_t = 200)]
    runs: u32,
    /// The etcdctl to compare with.
    #[arg(long, default_value = "target/oracle/etcdctl")]
    etcdctl: PathBuf,
}

/// One run of a program, for the starter.
#[derive(Args)]
pub(crate) struct OnceArguments {
    program: PathBuf,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// What was seen of one program.
#[derive(Default)]
struct Seen {
    took: Vec<Duration>,
    peak_bytes: Vec<u64>,
}

/// A figure of both programs.
struct Figure {
    name: &'static str,
    theirs: f64,
    ours: f64,
}

pub(crate) async fn run(etcdkit: &Path, disk: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let server = Server::start(Kind::Memory, etcdkit, disk).await?;
    let endpoint = server.endpoint();
    let get = |program: &Path| start(program, &["--endpoints", &endpoint, "get", "greeting"]);
    start(etcdkit, &["--endpoints", &endpoint, "put", "greeting", "hello"])?;
    let (mut theirs, mut ours) = (Seen::default(), Seen::default());
    for run in 0..WARM_UP_RUNS + arguments.runs {
        for (program, seen) in [(arguments.etcdctl.as_path(), &mut theirs), (etcdkit, &mut ours)] {
            let (took, peak_bytes) = get(program)?;
            if run >= WARM_UP_RUNS {
                seen.took.push(took);
                seen.peak_bytes.push(peak_bytes);
            }
        }
    }
    print(&figures(theirs, ours, &arguments.etcdctl, etcdkit)?);
    Ok(())
}

/// Runs a program to its end through a starter; the time it took and its memory at the peak.
fn start(program: &Path, arguments: &[&str]) -> anyhow::Result<(Duration, u64)> {
    let output = Command::new(std::env::current_exe()?).arg("once").arg(program).args(arguments).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let (nanos, peak_bytes) = said.trim().split_once(' ').context("a starter that says nothing")?;
    Ok((Duration::from_nanos(nanos.parse()?), peak_bytes.parse()?))
}

/// What a starter does: runs the program and says how many nanoseconds it took and its bytes at the peak.
pub(crate) fn once(OnceArguments { program, arguments }: &OnceArguments) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let ended = child.wait4()?;
    let took = started.elapsed();
    ensure!(ended.status.success(), "{} {arguments:?} failed", program.display());
    println!("{} {}", took.as_nanos(), ended.rusage.maxrss);
    Ok(())
}

fn figures(mut theirs: Seen, mut ours: Seen, etcdctl: &Path, etcdkit: &Path) -> anyhow::Result<[Figure; 4]> {
    const MIB: f64 = 1_048_576.0;
    let mut took = |part: f64| {
        [&mut theirs, &mut ours].map(|seen| at(&mut seen.took, part).unwrap_or_default().as_secs_f64() * 1e3)
    };
    let (middle, slow) = (took(0.5), took(0.99));
    let peak =
        [&mut theirs, &mut ours].map(|seen| at(&mut seen.peak_bytes, 0.5).unwrap_or_default() as f64 / MIB);
    let file = |path: &Path| anyhow::Ok(std::fs::metadata(path)?.len() as f64 / MIB);
    let figure = |name, [theirs, ours]: [f64; 2]| Figure { name, theirs, ours };
    Ok([
        figure("get, median, ms", middle),
        figure("get, 99 of 100, ms", slow),
        figure("memory at the peak, MiB", peak),
        figure("file, MiB", [file(etcdctl)?, file(etcdkit)?]),
    ])
}

/// The value below which this part of the values lies.
fn at<T: Ord + Copy>(values: &mut [T], part: f64) -> Option<T> {
    values.sort_unstable();
    values.get(((values.len() as f64 * part) as usize).min(values.len().checked_sub(1)?)).copied()
}

fn print(figures: &[Figure]) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(["", "etcdctl", "etcdkit", "ratio"]);
    for Figure { name, theirs, ours } in figures {
        table.add_row([
            (*name).to_owned(),
            format!("{theirs:.1}"),
            format!("{ours:.1}"),
            format!("{:.2}", ours / theirs),
        ]);
    }
    println!("{table}");
}
