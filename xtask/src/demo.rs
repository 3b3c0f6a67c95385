//! The guided tour: one program per language goes through the same steps and prints the same lines.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, IsTerminal as _};
use std::process::{Child, Stdio};

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
    built: fn() -> bool,
}

const LANGUAGES: &[Language] = &[
    Language { name: "Rust", program: "target/debug/etcdkit-tour", built: || true },
    Language {
        name: "Python",
        program: ".venv/bin/python examples/python/tour.py",
        built: || root().join(python::PYTHON).exists(),
    },
    Language { name: "C#", program: csharp::TOUR, built: csharp::present },
    Language { name: "Go", program: go::TOUR, built: || root().join(go::TOUR).exists() },
    Language { name: "Java", program: java::TOUR, built: java::built },
    Language { name: "Node", program: node::TOUR, built: node::present },
    Language { name: "Bun", program: node::TOUR_IN_BUN, built: node::present },
];

/// What one program printed: (step, what it saw), or why it did not get there.
struct Seen {
    lines: Vec<(String, String)>,
    error: Option<String>,
}

/// Builds what the tour needs, runs it in every language and compares what they saw.
pub(crate) fn run(endpoint: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    // The compiler's last crates wait for each other and leave processors idle.
    steps.beside(build_beside, |steps| {
        steps.run("build the server, the command line and the libraries", &native());
    });
    build(&mut steps);
    steps.finish()?;
    show(endpoint)
}

/// What needs no library to be fetched and built.
fn build_beside(steps: &mut Steps) {
    python::prepare(steps);
    go::fetch(steps);
    java::compile_classes(steps);
    if csharp::present() {
        steps.step("csharp: build the tour", csharp::build_tour);
    } else {
        steps.skip("csharp: build the tour", "dotnet is not installed");
    }
    node::build(steps);
}

/// The steps that make the programs of the tour around the libraries.
fn build(steps: &mut Steps) {
    if installed("cc") {
        steps.step("a first program in C", crate::c::example);
    } else {
        steps.skip("a first program in C", "no C compiler is installed");
    }
    if installed("python3") {
        steps.step("python: build", || python::install(Profile::Dev));
    }
    go::build_tour(steps, Profile::Dev);
    java::build(steps);
}

/// The command that builds what Rust has in the tour, at once and with the features that Python's library is built
/// with: cargo would compile what they share again for each.
fn native() -> String {
    let mut line = "cargo build --locked -p etcdkit-cli -p etcdkit-tour -p etcdkit-ffi".to_owned();
    if node::missing().is_none() {
        line += " -p etcdkit-node";
    }
    if java::missing().is_none() {
        line += " -p etcdkit-java";
    }
    line + " --features etcdkit-ffi/" + Profile::Dev.features()
}

/// Runs the tour in every language that was built.
pub(crate) fn show(endpoint: Option<&str>) -> anyhow::Result<()> {
    // Each has a server of its own, so that all may run at once; at one endpoint they would meet.
    let at_once = if endpoint.is_none() { LANGUAGES.len() } else { 1 };
    let mut waiting = LANGUAGES.iter().filter(|language| (language.built)());
    let mut running = VecDeque::new();
    let mut seen = Vec::new();
    loop {
        for language in waiting.by_ref().take(at_once - running.len()) {
            running.push_back((language, start(language, endpoint)?));
        }
        let Some((language, tour)) = running.pop_front() else { break };
        heading(&format!("The tour in {}", language.name));
        seen.push((language.name, follow(tour)?));
    }
    summary(&seen)
}

fn start(language: &Language, endpoint: Option<&str>) -> anyhow::Result<Child> {
    let mut program = command(language.program);
    program.args(endpoint).env("ETCDKIT", root().join("target/debug/etcdkit")).stdout(Stdio::piped());
    program.env("ETCDKIT_NATIVE", root().join("target/debug"));
    program.spawn().with_context(|| format!("cannot start {}", language.program))
}

/// Shows what a program prints, until it ends.
fn follow(mut tour: Child) -> anyhow::Result<Seen> {
    let output = tour.stdout.take().context("the output of the tour is piped")?;
    let mut lines = Vec::new();
    for line in BufReader::new(output).lines() {
        let line = line?;
        let (step, saw) = line.split_once(": ").unwrap_or((&line, ""));
        show_line(step, saw);
        lines.push((step.to_owned(), saw.to_owned()));
    }
    let status = tour.wait()?;
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
