//! The table of drivers, `spec/drivers/drivers.toml`: which languages take part, how each driver is started and
//! what its SDK cannot say. A language joins the spec with one row there, and no line here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::scenario::Scenario;

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(skip)]
    position: usize,
    name: String,
    run: Vec<String>,
    needs: Vec<String>,
    #[serde(default)]
    env: Vec<(String, String)>,
    #[serde(default)]
    cannot: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    driver: Vec<Row>,
}

/// The runner itself, with raw gRPC.
static WIRE: Row = Row {
    position: 0,
    name: String::new(),
    run: Vec::new(),
    needs: Vec::new(),
    env: Vec::new(),
    cannot: Vec::new(),
};

/// Who performs the lines of a client: one row of the table, or the runner itself.
#[derive(Clone, Copy)]
pub(crate) struct Language(&'static Row);

impl Language {
    /// The runner's own raw gRPC.
    pub(crate) const WIRE: Language = Language(&WIRE);

    pub(crate) fn name(self) -> &'static str {
        if self == Language::WIRE { "wire" } else { &self.0.name }
    }

    /// The driver's program with its arguments; `built` is where Rust's programs are.
    pub(crate) fn command(self, built: &Path) -> Result<Command> {
        let mut words = self.0.run.iter().map(|word| word.replace("{built}", &built.to_string_lossy()));
        let program = words.next().ok_or_else(|| anyhow!("the driver {} has no program", self.name()))?;
        // A virtual environment is found by the path its python was called with, so links stay unresolved.
        let program = if program.contains('/') { std::path::absolute(&program)? } else { program.into() };
        let mut command = Command::new(program);
        command.args(words).envs(self.0.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Why the driver cannot run on this machine, if it cannot.
    pub(crate) fn missing(self) -> Option<String> {
        let missing = self.0.needs.iter().find(|program| !on_path(program))?;
        Some(format!("{missing} is not installed"))
    }

    /// Whether the scenario can be said in this language.
    pub(crate) fn says(self, scenario: &Scenario) -> bool {
        if self == Language::WIRE {
            return !scenario.needs("sdk") && scenario.pairs.is_empty();
        }
        let only = scenario.only.is_empty() || scenario.only.iter().any(|only| only == self.name());
        only && !self.0.cannot.iter().any(|what| *what == scenario.name || scenario.says.contains(what))
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.0.position == other.0.position
    }
}

impl Eq for Language {}

impl Hash for Language {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.position.hash(state);
    }
}

impl PartialOrd for Language {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Language {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.position.cmp(&other.0.position)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The languages of the table, in its order. Read once; lives as long as the process, so that a language is
/// as light as an enum.
pub(crate) fn load(path: &Path) -> Result<Vec<Language>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut file: File = toml::from_str(&text).with_context(|| path.display().to_string())?;
    for (index, row) in file.driver.iter_mut().enumerate() {
        row.position = index + 1;
    }
    for (index, row) in file.driver.iter().enumerate() {
        if file.driver[..index].iter().any(|other| other.name == row.name) {
            bail!("{}: two drivers are called {}", path.display(), row.name);
        }
    }
    let rows: &'static [Row] = Box::leak(file.driver.into_boxed_slice());
    Ok(rows.iter().map(Language).collect())
}

/// Which drivers a run takes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Choice {
    /// Drivers to run with, by their names in the table; all that this machine can run if not given.
    #[arg(long, value_delimiter = ',')]
    pub(crate) drivers: Vec<String>,
    /// The table of drivers.
    #[arg(long, default_value = "spec/drivers/drivers.toml")]
    table: PathBuf,
}

/// The drivers of a run.
pub(crate) struct Present {
    pub(crate) languages: Vec<Language>,
    /// Drivers of the table that cannot run here, each with the reason.
    pub(crate) skipped: Vec<(Language, String)>,
}

impl Choice {
    /// Whether this name was asked for, or nothing in particular was.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.drivers.is_empty() || self.drivers.iter().any(|chosen| chosen == name)
    }

    /// Every language, from the same table.
    pub(crate) fn everything(&self) -> Choice {
        Choice { drivers: Vec::new(), table: self.table.clone() }
    }

    /// The chosen languages. One asked for by name must be there; `others` are names that are no driver.
    pub(crate) fn present(&self, others: &[&str]) -> Result<Present> {
        let all = load(&self.table)?;
        for name in &self.drivers {
            if !others.contains(&name.as_str()) && !all.iter().any(|language| language.name() == name) {
                let names: Vec<&str> = all.iter().map(|language| language.name()).collect();
                bail!("no driver is called {name}; there are {} {}", others.join(" "), names.join(" "));
            }
        }
        let mut present = Present { languages: Vec::new(), skipped: Vec::new() };
        for language in all.into_iter().filter(|language| self.takes(language.name())) {
            match language.missing() {
                None => present.languages.push(language),
                Some(why) if !self.drivers.is_empty() => bail!("{}: {why}", language.name()),
                Some(why) => present.skipped.push((language, why)),
            }
        }
        Ok(present)
    }
}

impl Present {
    /// Tells what is skipped; whether that is acceptable, which on CI it is not.
    pub(crate) fn report_skipped(&self) -> bool {
        for (language, why) in &self.skipped {
            println!("SKIPPED {}: {why}", language.name());
        }
        self.skipped.is_empty() || std::env::var("CI").as_deref() != Ok("true")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn repository(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    #[test]
    fn the_drivers_of_the_table_are_known_by_name_and_order() {
        let languages = load(&repository("spec/drivers/drivers.toml")).unwrap();
        assert_eq!(languages[0].name(), "rust");
        assert!(Language::WIRE < languages[0] && languages.is_sorted());
    }

    #[test]
    fn what_an_sdk_cannot_say_is_said_by_some_scenario() {
        let scenarios = crate::scenario::load(&repository("spec/scenarios")).unwrap();
        for language in load(&repository("spec/drivers/drivers.toml")).unwrap() {
            for what in &language.0.cannot {
                let said = scenarios.iter().any(|one| one.name == *what || one.says.contains(what));
                assert!(said, "{}: no scenario says {what:?}", language.name());
            }
        }
    }
}
