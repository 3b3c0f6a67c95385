//! Named steps with their outcome and time, shown as they run and summed up at the end.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use comfy_table::{Table, presets};
use indicatif::HumanDuration;

/// The root of the repository, where every step runs. As cargo says it now: where checkouts share a build folder, another
/// one may have built this program.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("invariant: cargo runs this program");
    Path::new(&own).parent().expect("invariant: xtask is a member of the workspace").into()
}

/// A command line, run in the root of the repository.
pub(crate) fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("invariant: a command line names a program"));
    command.args(words).current_dir(root());
    command
}

/// Runs a command line; a failure is an error that names it.
pub(crate) fn succeed(line: &str) -> anyhow::Result<()> {
    let status = command(line).status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Whether a program can be started at all.
pub(crate) fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

/// Whether a file that was made is younger than everything it was made of: files, or all files below folders.
pub(crate) fn up_to_date(made: &Path, inputs: &[PathBuf]) -> anyhow::Result<bool> {
    let Ok(made) = made.metadata() else { return Ok(false) };
    let made = made.modified()?;
    let mut remaining = inputs.to_vec();
    while let Some(input) = remaining.pop() {
        let metadata = input.metadata().with_context(|| input.display().to_string())?;
        if metadata.is_dir() {
            for entry in std::fs::read_dir(&input)? {
                remaining.push(entry?.path());
            }
        } else if metadata.modified()? >= made {
            return Ok(false);
        }
    }
    Ok(true)
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
    LeftOut(String),
}

/// Steps run so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Outcome, Duration)>,
    only: Option<String>,
}

impl Steps {
    /// Steps whose name does not contain `only` are left out.
    pub(crate) fn new(only: Option<&str>) -> Self {
        Self { done: Vec::new(), only: only.map(str::to_owned) }
    }

    /// Runs a command line as a step.
    pub(crate) fn run(&mut self, name: &str, line: &str) {
        self.step(name, || succeed(line));
    }

    /// Runs a function as a step.
    pub(crate) fn step(&mut self, name: &str, action: impl FnOnce() -> anyhow::Result<()>) {
        if self.only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            return;
        }
        announce(name);
        let start = Instant::now();
        let outcome = match action() {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        if let Outcome::Failed(why) = &outcome {
            eprintln!("FAILED {name}: {why}");
        }
        self.done.push((name.to_owned(), outcome, start.elapsed()));
    }

    /// Runs others on a thread of their own while these run, for what waits for nothing of these; their steps are summed
    /// up after these.
    pub(crate) fn beside(&mut self, others: impl FnOnce(&mut Steps) + Send, these: impl FnOnce(&mut Steps)) {
        let mut second = Steps::new(self.only.as_deref());
        std::thread::scope(|scope| {
            scope.spawn(|| others(&mut second));
            these(self);
        });
        self.done.append(&mut second.done);
    }

    /// Notes that a step cannot run on this machine.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        if self.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            self.done.push((name.to_owned(), Outcome::Skipped(why.to_owned()), Duration::ZERO));
        }
    }

    /// Notes that something is not here which nobody has to have, CI neither.
    pub(crate) fn leave_out(&mut self, name: &str, why: &str) {
        if self.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            self.done.push((name.to_owned(), Outcome::LeftOut(why.to_owned()), Duration::ZERO));
        }
    }

    /// Prints the summary and fails if a step failed. With `CI=true` a skipped step is a failure too.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let strict = std::env::var("CI").is_ok_and(|ci| ci == "true");
        let mut table = Table::new();
        table.load_style(if std::io::stdout().is_terminal() {
            presets::UTF8_FULL_CONDENSED
        } else {
            presets::ASCII_MARKDOWN
        });
        table.set_header(["step", "outcome", "time", ""]);
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for (name, outcome, took) in &self.done {
            let (word, note) = match outcome {
                Outcome::Passed => ("passed", ""),
                Outcome::Failed(why) => ("FAILED", why.as_str()),
                Outcome::Skipped(why) | Outcome::LeftOut(why) => ("SKIPPED", why.as_str()),
            };
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::LeftOut(_) => skipped += 1,
                Outcome::Skipped(_) if !strict => skipped += 1,
                Outcome::Failed(_) | Outcome::Skipped(_) => failed += 1,
            }
            table.add_row([name.as_str(), word, &HumanDuration(*took).to_string(), note]);
        }
        println!("{table}\n\n{passed} passed, {failed} failed, {skipped} skipped");
        if failed > 0 {
            bail!("{failed} steps failed");
        }
        Ok(())
    }
}

fn announce(name: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\x1b[1;36m==> {name}\x1b[0m");
    } else {
        eprintln!("==> {name}");
    }
}
