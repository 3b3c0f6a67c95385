//! The SDKs beside the usual client of each language: all programs of `benches/sdk/programs.toml` against one server
//! of ours in one run, in turn, and the medians of their figures.

use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};

use anyhow::{Context as _, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde::Deserialize;

use crate::server::Server;
use crate::step::{Steps, command, installed, root};
use crate::{csharp, dist, go, java, peers};

const TABLE: &str = "benches/sdk/programs.toml";
/// Ours, by its name in the table.
const OURS: &str = "etcdkit";
/// What is measured, in the order in which it is shown.
const FIGURES: &[&str] = &["import_ms", "rss_mib", "put", "get", "put64", "get64", "watch", "echo_ns"];
/// Figures of which a smaller one is better.
const COSTS: &[&str] = &["import_ms", "rss_mib", "echo_ns"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Programs {
    program: Vec<Program>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    language: String,
    client: String,
    run: Vec<String>,
    needs: Vec<String>,
}

/// Options of a run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often each program runs; the medians are shown.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds for each figure.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only the programs of these languages.
    #[arg(long, value_delimiter = ',')]
    languages: Vec<String>,
    /// Which build of ours is measured.
    #[arg(long, value_enum, default_value = "dist")]
    profile: dist::Profile,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

/// Every figure of one program, one a round.
type Seen = BTreeMap<String, Vec<f64>>;

/// Builds, measures and prints.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        let mut steps = Steps::default();
        dist::build(&mut steps, options.profile);
        go::build(&mut steps, options.profile);
        if java::missing().is_none() {
            steps.step("java: the programs that are compared", java::make_bench);
        }
        csharp::build(&mut steps);
        peers::install(&mut steps);
        steps.step("bench: Rust's programs", peers::rust_bench);
        steps.finish()?;
    }
    let text = std::fs::read_to_string(root().join(TABLE)).context(TABLE)?;
    let Programs { program: programs } = toml::from_str(&text).context(TABLE)?;
    let chosen =
        |program: &&Program| options.languages.is_empty() || options.languages.contains(&program.language);
    let mut taken = Vec::new();
    for program in programs.iter().filter(chosen) {
        match program.needs.iter().find(|needed| !installed(needed)) {
            Some(missing) => {
                println!("SKIPPED {} {}: {missing} is not installed", program.language, program.client)
            }
            None => taken.push((program, Seen::new())),
        }
    }
    // Clients are compared, not disks: a put that waits for one costs every client the same.
    let server = Server::start(&root().join("dist/bin/etcd"), &["--storage-engine=memory"])?;
    for round in 1..=options.rounds {
        for (program, seen) in &mut taken {
            eprintln!("round {round}: {} {}", program.language, program.client);
            measure(program, seen, server.address(), options)?;
        }
    }
    println!("{}", table(&taken));
    Ok(())
}

fn measure(program: &Program, seen: &mut Seen, address: &str, options: &Options) -> anyhow::Result<()> {
    let built = options.profile.folder();
    let node = built.join(format!("{DLL_PREFIX}etcdkit_node{DLL_SUFFIX}"));
    let line = program.run.join(" ");
    let line = line.replace("{built}", &built.to_string_lossy()).replace("{node}", &node.to_string_lossy());
    let mut run = command(&line);
    let output = run.args([address, &options.seconds.to_string()]).output().with_context(|| line.clone())?;
    if !output.status.success() {
        bail!("`{line}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    for printed in String::from_utf8_lossy(&output.stdout).lines() {
        let (name, number) =
            printed.split_once(' ').with_context(|| format!("{line} printed {printed:?}"))?;
        if !FIGURES.contains(&name) {
            bail!("{line} printed the figure {name}, which nobody knows");
        }
        let number = number.trim().parse().with_context(|| format!("{line} printed {printed:?}"))?;
        seen.entry(name.to_owned()).or_default().push(number);
    }
    Ok(())
}

/// The medians, and below the programs of a language how many times better ours is.
fn table(taken: &[(&Program, Seen)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", ""].iter().chain(FIGURES));
    for (program, seen) in taken {
        let cells = FIGURES.iter().map(|figure| median(seen, figure).map(figure_text).unwrap_or_default());
        table.add_row([program.language.clone(), program.client.clone()].into_iter().chain(cells));
        let ours = taken.iter().find(|(other, _)| other.language == program.language && other.client == OURS);
        if let Some((_, ours)) = ours.filter(|_| program.client != OURS) {
            let ratios = FIGURES.iter().map(|figure| ratio(figure, ours, seen).unwrap_or_default());
            table.add_row([String::new(), format!("{OURS} is better by")].into_iter().chain(ratios));
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn ratio(figure: &str, ours: &Seen, theirs: &Seen) -> Option<String> {
    let (ours, theirs) = (median(ours, figure)?, median(theirs, figure)?);
    let better = if COSTS.contains(&figure) { theirs / ours } else { ours / theirs };
    Some(format!("{better:.1}x"))
}

fn median(seen: &Seen, figure: &str) -> Option<f64> {
    let mut numbers = seen.get(figure)?.clone();
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

fn figure_text(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_says_how_many_times_better_ours_is() {
        let seen = |name: &str, numbers: &[f64]| Seen::from([(name.to_owned(), numbers.to_vec())]);
        let (ours, theirs) = (seen("put", &[10.0, 40.0, 20.0]), seen("put", &[10.0, 5.0, 30.0]));
        assert_eq!(ratio("put", &ours, &theirs).as_deref(), Some("2.0x"));
        let (ours, theirs) = (seen("import_ms", &[10.0]), seen("import_ms", &[30.0]));
        assert_eq!(ratio("import_ms", &ours, &theirs).as_deref(), Some("3.0x"));
        assert_eq!(ratio("watch", &ours, &theirs), None);
    }
}
