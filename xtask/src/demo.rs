//! The guided tour: one program per language goes through the same steps and prints the same lines.

use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use comfy_table::{Table, presets};

use crate::dist::Profile;
use crate::step::{Steps, command, installed, root};
use crate::{csharp, go, java, node, python};

/// A language of the tour.
struct Language {
    name: &'static str,
    /// Starts the tour; the endpoint, if one is given, is its only argument.
    program: &'static str,
}

const LANGUAGES: &[Language] = &[
    Language { name: "Rust", program: "target/release/etcdkit-tour" },
    Language { name: "Python", program: ".venv/bin/python examples/python/tour.py" },
    Language { name: "C#", program: csharp::TOUR },
    Language { name: "Go", program: go::TOUR },
    Language { name: "Java", program: java::TOUR },
    Language { name: "Node", program: node::TOUR },
    Language { name: "Bun", program: node::TOUR_IN_BUN },
];

/// What one program printed: (step, what it saw), or why it did not get there.
struct Seen {
    lines: Vec<(String, String)>,
    error: Option<String>,
}

/// Builds what the tour needs, runs it in every language and compares what they saw.
pub(crate) fn run(endpoint: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    build(&mut steps);
    steps.finish()?;
    show(endpoint)
}

/// The steps that make the programs of the tour.
pub(crate) fn build(steps: &mut Steps) {
    steps.run("build the server, the command line and the libraries", &native());
    if installed("cc") {
        steps.step("a first program in C", crate::c::example);
    } else {
        steps.skip("a first program in C", "no C compiler is installed");
    }
    if installed("python3") {
        steps.step("build the Python package", || python::install(Profile::Release));
    } else {
        steps.skip("build the Python package", "python3 is not installed");
    }
    csharp::build(steps);
    go::build(steps, Profile::Release);
    java::build(steps);
    node::build(steps);
}

/// The command that builds what Rust has in the tour, at once and with the features that Python's library is built
/// with: cargo would compile what they share again for each.
fn native() -> String {
    let mut line = "cargo build --release --locked -p etcdkit-cli -p etcdkit-tour -p etcdkit-ffi".to_owned();
    if node::missing().is_none() {
        line += " -p etcdkit-node";
    }
    if java::missing().is_none() {
        line += " -p etcdkit-java";
    }
    line + " --features etcdkit-ffi/workspace-features"
}

/// Runs the tour in every language that was built.
pub(crate) fn show(endpoint: Option<&str>) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    for language in LANGUAGES {
        if language.name == "Python" && !root().join(python::PYTHON).exists() {
            continue;
        }
        if language.name == "C#" && !csharp::present() {
            continue;
        }
        if language.name == "Go" && !root().join(go::TOUR).exists() {
            continue;
        }
        if language.name == "Java" && !java::built() {
            continue;
        }
        if matches!(language.name, "Node" | "Bun") && !node::present() {
            continue;
        }
        heading(&format!("The tour in {}", language.name));
        seen.push((language.name, tour(language, endpoint)?));
    }
    summary(&seen)
}

fn tour(language: &Language, endpoint: Option<&str>) -> anyhow::Result<Seen> {
    let mut program = command(language.program);
    program.args(endpoint).env("ETCDKIT", root().join("target/release/etcdkit")).stdout(Stdio::piped());
    program.env("ETCDKIT_NATIVE", root().join("target/release"));
    let mut child = program.spawn().with_context(|| format!("cannot start {}", language.program))?;
    let output = child.stdout.take().context("the output of the tour is piped")?;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        let (step, saw) = line.split_once(": ").unwrap_or((&line, ""));
        show_line(step, saw);
        lines.push((step.to_owned(), saw.to_owned()));
    }
    let status = child.wait()?;
    let error = (!status.success()).then(|| format!("the program ended with {status}"));
    Ok(Seen { lines, error })
}

/// Prints the table of steps and fails where a program failed or saw something else than the first.
fn summary(seen: &[(&str, Seen)]) -> anyhow::Result<()> {
    heading("What each language saw");
    let mut table = Table::new();
    table.load_style(if std::io::stdout().is_terminal() {
        presets::UTF8_FULL_CONDENSED
    } else {
        presets::ASCII_MARKDOWN
    });
    table.set_header(["step"].into_iter().chain(seen.iter().map(|(name, _)| *name)));
    let (_, first) = seen.first().context("no language could be run")?;
    let mut wrong = 0;
    for (index, (step, saw)) in first.lines.iter().enumerate() {
        let mut row = vec![step.clone()];
        for (_, other) in seen {
            let same = other.lines.get(index) == Some(&(step.clone(), saw.clone()));
            wrong += usize::from(!same);
            row.push(if same { "ok" } else { "differs" }.to_owned());
        }
        table.add_row(row);
    }
    println!("{table}");
    for (name, seen) in seen {
        if let Some(error) = &seen.error {
            bail!("{name}: {error}");
        }
    }
    if wrong > 0 {
        bail!("{wrong} steps differ from what {} saw", seen[0].0);
    }
    println!("\n{} steps, the same in {} languages", first.lines.len(), seen.len());
    Ok(())
}

fn heading(text: &str) {
    if std::io::stdout().is_terminal() { println!("\n\x1b[1m{text}\x1b[0m") } else { println!("\n{text}") }
}

fn show_line(step: &str, saw: &str) {
    if std::io::stdout().is_terminal() {
        println!("  \x1b[32m{step:<22}\x1b[0m {saw}")
    } else {
        println!("  {step:<22} {saw}")
    }
}
