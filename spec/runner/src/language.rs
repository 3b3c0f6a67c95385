//! The table of drivers, `spec/drivers/drivers.toml`: which languages take part, how each driver is started and
//! what its SDK cannot say. A language joins the spec with one row there, and no line here.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::locks::Keys;
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
    #[serde(default)]
    lock: LockKeys,
}

/// Which keys the locks of an SDK are made of, if nothing else is asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LockKeys {
    /// `NAME/…`, the line of `etcdctl lock`.
    #[default]
    Line,
    /// `NAME`, what python-etcd3 and microsoft/etcd3 use.
    Plain,
    /// Both.
    Bridge,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    driver: Vec<Row>,
    #[serde(default)]
    peer: Vec<Row>,
}

/// The runner itself, with raw gRPC.
static WIRE: Row = Row {
    position: 0,
    name: String::new(),
    run: Vec::new(),
    needs: Vec::new(),
    env: Vec::new(),
    cannot: Vec::new(),
    lock: LockKeys::Line,
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

    /// Which keys its locks are made of: the line, the plain key.
    pub(crate) fn lock_keys(self) -> Keys {
        match self.0.lock {
            LockKeys::Line => Keys { line: true, plain: false },
            LockKeys::Plain => Keys { line: false, plain: true },
            LockKeys::Bridge => Keys::BRIDGE,
        }
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

/// The languages of the table, in its order, then the peers. Read once; lives as long as the process, so that a
/// language is as light as an enum.
fn load(path: &Path) -> Result<(Vec<Language>, Vec<Language>)> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let File { driver: mut rows, peer } =
        toml::from_str(&text).with_context(|| path.display().to_string())?;
    let drivers = rows.len();
    rows.extend(peer);
    for index in 0..rows.len() {
        rows[index].position = index + 1;
        if rows[..index].iter().any(|other| other.name == rows[index].name) {
            bail!("{}: two drivers are called {}", path.display(), rows[index].name);
        }
    }
    let rows: &'static [Row] = Box::leak(rows.into_boxed_slice());
    let mut languages: Vec<Language> = rows.iter().map(Language).collect();
    let peers = languages.split_off(drivers);
    Ok((languages, peers))
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

    /// Published clients that take part where locks meet. One that cannot run here is an error.
    pub(crate) fn peers(&self) -> Result<Vec<Language>> {
        let (_, peers) = load(&self.table)?;
        match peers.iter().find_map(|peer| Some((peer.name(), peer.missing()?))) {
            Some((name, why)) => bail!("{name}: {why}"),
            None => Ok(peers),
        }
    }

    /// The chosen languages. One asked for by name must be there; `others` are names that are no driver.
    pub(crate) fn present(&self, others: &[&str]) -> Result<Present> {
        let (all, _) = load(&self.table)?;
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
    /// Whether every driver of the table can run here.
    pub(crate) fn is_complete(&self) -> bool {
        self.skipped.is_empty()
    }

    /// Tells what is skipped; whether that is acceptable, which on CI it is not.
    pub(crate) fn report_skipped(&self) -> bool {
        for (language, why) in &self.skipped {
            println!("SKIPPED {}: {why}", language.name());
        }
        self.is_complete() || std::env::var("CI").as_deref() != Ok("true")
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
        let (languages, _) = load(&repository("spec/drivers/drivers.toml")).unwrap();
        assert_eq!(languages[0].name(), "rust");
        assert!(Language::WIRE < languages[0] && languages.is_sorted());
    }

    #[test]
    fn what_an_sdk_cannot_say_is_said_by_some_scenario() {
        let scenarios = crate::scenario::load(&repository("spec/scenarios")).unwrap();
        for language in load(&repository("spec/drivers/drivers.toml")).unwrap().0 {
            for what in &language.0.cannot {
                let said = scenarios.iter().any(|one| one.name == *what || one.says.contains(what));
                assert!(said, "{}: no scenario says {what:?}", language.name());
            }
        }
    }
}
