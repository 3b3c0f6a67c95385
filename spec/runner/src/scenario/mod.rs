//! A scenario: what some clients do and what each of them must see, as text a person can read.

mod parse;
mod says;
pub(crate) mod word;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

pub(crate) use parse::{condition, parse};

/// One behaviour, proven by steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    /// The behaviour, as a sentence.
    pub(crate) name: String,
    /// File stem, the service it belongs to.
    pub(crate) area: String,
    /// RPCs it is about.
    pub(crate) apis: Vec<String>,
    /// Which of the easily missed behaviours it pins down.
    pub(crate) miss: Vec<u32>,
    /// The only languages whose public API can express it, `wire` for none; empty is all. What single
    /// languages cannot say stands in the table of drivers.
    pub(crate) only: Vec<String>,
    /// The parts of its clients, in order. Not empty: it is played with every ordered pair of languages.
    pub(crate) pairs: Vec<String>,
    /// What it says of an API, by which the table of drivers excludes it.
    pub(crate) says: BTreeSet<String>,
    /// What it needs: `fresh` (a server of its own), `durable` (data that survives a restart),
    /// `sdk` (more than the wire driver does: SDK locks, reconnecting watches).
    pub(crate) needs: Vec<String>,
    /// Why it cannot hold where a server has several members, if it cannot.
    pub(crate) single: Option<String>,
    /// Flags of a server of its own.
    pub(crate) flags: Vec<String>,
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    pub(crate) fn needs(&self, what: &str) -> bool {
        self.needs.iter().any(|need| need == what)
    }
}

/// One line of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) text: String,
    /// Who acts; `server` for the server itself.
    pub(crate) client: String,
    pub(crate) verb: String,
    pub(crate) words: Vec<String>,
    /// Sent and not waited for.
    pub(crate) background: bool,
    /// Repeated until it comes true or the deadline is over.
    pub(crate) until: bool,
    /// How many times, with `#` in words replaced by the index.
    pub(crate) repeat: u32,
    pub(crate) expect: Expect,
}

/// What must come back.
#[derive(Clone, Debug)]
pub(crate) enum Expect {
    /// Success, these conditions, and, where given, exactly these list items.
    Ok { head: Vec<Condition>, items: Option<Vec<Vec<String>>> },
    /// One of these codes and, where given, exactly this message.
    Error { codes: Vec<String>, message: Option<String> },
}

/// `name OP value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) name: String,
    pub(crate) op: Op,
    pub(crate) value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    Greater,
    AtMost,
    AtLeast,
}

/// Reads every scenario below a folder, in the order of file names and lines.
pub(crate) fn load(folder: &Path) -> Result<Vec<Scenario>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("no scenarios in {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "spec"))
        .collect();
    files.sort();
    let mut scenarios: Vec<Scenario> = Vec::new();
    for file in files {
        let area = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        for scenario in parse(&area, &text).with_context(|| file.display().to_string())? {
            if scenarios.iter().any(|other| other.name == scenario.name) {
                bail!("{}: two scenarios are called {:?}", file.display(), scenario.name);
            }
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}
