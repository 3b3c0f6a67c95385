//! Transcripts: command lines with what they read and print.
//!
//! `$` begins a command line, `<` a line of its stdin, `|` a line of its stdout, `!` the first line of its stderr and `=` the
//! exit code where it is not 0. `$LEASE` is the last lease that was granted, `$DECIMAL_LEASE` the same in decimal,
//! `$ADDED` the last member that was, `$ENDPOINTS` the server or the servers. All else is for the reader.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::normal::{EITHER_ID, normal};

#[derive(Debug)]
pub(crate) struct Transcript {
    steps: Vec<Step>,
}

/// What command lines may name.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    endpoints: Vec<String>,
    variables: BTreeMap<String, String>,
}

impl Setting {
    pub(crate) fn new(endpoints: &[String]) -> Self {
        Setting { endpoints: endpoints.to_vec(), variables: BTreeMap::new() }
            .with("$ENDPOINTS", &endpoints.join(","))
            .with("$LEASE", "")
            .with("$DECIMAL_LEASE", "")
            .with("$ADDED", "")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Names that begin like others come first.
    fn fill(&self, command: &str) -> String {
        let names = self.variables.iter().rev();
        names.fold(command.to_owned(), |line, (name, value)| line.replace(name, value))
    }

    fn normal(&self, line: &str) -> String {
        let rest = self
            .endpoints
            .iter()
            .skip(1)
            .fold(line.to_owned(), |line, endpoint| line.replace(endpoint, &self.endpoints[0]));
        normal(&rest, &self.endpoints[0])
    }

    /// Remembers what later command lines name.
    fn learn(&mut self, stdout: &str) {
        let second = |text: &str| text.split_whitespace().nth(1).unwrap().to_owned();
        if stdout.starts_with("lease ") && stdout.contains(" granted") {
            let lease = second(stdout);
            let decimal = i64::from_str_radix(&lease, 16).map(|id| id.to_string()).unwrap_or_default();
            self.variables.insert("$LEASE".to_owned(), lease);
            self.variables.insert("$DECIMAL_LEASE".to_owned(), decimal);
        }
        if stdout.starts_with("Member ") && stdout.contains(" added ") {
            self.variables.insert("$ADDED".to_owned(), second(stdout));
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Step {
    /// The lines for the reader before it.
    remarks: String,
    command: String,
    input: Vec<String>,
    seen: Seen,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    output: Vec<String>,
    complaint: Option<String>,
    code: i32,
}

impl Transcript {
    pub(crate) fn read(path: &Path) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut remarks = String::new();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let text = line.get(2..).unwrap_or_default().to_owned();
            let step = steps.last_mut();
            match (line.chars().next(), step) {
                (Some('$'), _) => {
                    let remarks = std::mem::take(&mut remarks);
                    steps.push(Step { remarks, command: text, ..Step::default() });
                }
                (Some('<'), Some(step)) => step.input.push(text),
                (Some('|'), Some(step)) => step.seen.output.push(text),
                (Some('!'), Some(step)) => step.seen.complaint = Some(text),
                (Some('='), Some(step)) => step.seen.code = text.parse().unwrap(),
                _ => remarks.push_str(&format!("{line}\n")),
            }
        }
        Transcript { steps }
    }

    pub(crate) fn run(&self, ctl: &Path, endpoint: &str) -> Self {
        self.run_in(ctl, Setting::new(&[endpoint.to_owned()]))
    }

    pub(crate) fn run_in(&self, ctl: &Path, mut setting: Setting) -> Self {
        let mut steps = self.steps.clone();
        for step in &mut steps {
            step.run(ctl, &mut setting);
        }
        Transcript { steps }
    }

    /// Where another run of the same transcript came out different.
    pub(crate) fn compare(&self, other: &Self) -> Vec<String> {
        let pairs = self.steps.iter().zip(&other.steps);
        pairs
            .filter(|(one, other)| !one.seen.matches(&other.seen))
            .map(|(one, other)| format!("expected {one}         but saw {other}"))
            .collect()
    }
}

impl Seen {
    /// Our complaints may say more than the recorded ones, never less.
    fn matches(&self, other: &Self) -> bool {
        let complaint = match (&self.complaint, &other.complaint) {
            (Some(recorded), Some(seen)) => seen.starts_with(recorded.trim_end_matches(')')),
            (recorded, seen) => recorded == seen,
        };
        let lines = self.output.len() == other.output.len()
            && self.output.iter().zip(&other.output).all(|(one, other)| same_line(one, other));
        complaint && lines && self.code == other.code
    }
}

fn same_line(one: &str, other: &str) -> bool {
    let named = |line: &str, name| line.replace(EITHER_ID, name);
    one == other || ["HEX", "ID"].iter().any(|name| named(one, name) == named(other, name))
}

impl Step {
    fn run(&mut self, ctl: &Path, setting: &mut Setting) {
        let mut child = Command::new(ctl);
        // The variable beside the flag is an error.
        if !self.command.contains("--endpoints") {
            child.env("ETCDCTL_ENDPOINTS", setting.endpoints.join(","));
        }
        let mut child = child
            .args(split(&setting.fill(&self.command)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input: String = self.input.iter().map(|line| format!("{line}\n")).collect();
        // A program that refuses its arguments does not wait for its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        setting.learn(&stdout);
        let mut lines: Vec<String> = stdout.split_terminator('\n').map(|line| setting.normal(line)).collect();
        // Members stand in the order of ids that come from their ports.
        if setting.endpoints.len() > 1 && self.command.starts_with("member list") {
            lines.sort();
        }
        self.seen = Seen {
            output: lines,
            complaint: complaint(&stderr).map(|line| setting.normal(line)),
            code: output.status.code().unwrap_or(-1),
        };
    }
}

/// The first line that is neither a log line nor part of a usage page.
fn complaint(stderr: &str) -> Option<&str> {
    // Go's program runs stty, which complains when there is no terminal.
    let mut lines = stderr.lines().filter(|line| !line.starts_with('{') && !line.starts_with("stty: "));
    match lines.next() {
        Some("Usage:") => lines.find(|line| line.starts_with("Error:")),
        first => first,
    }
}

/// Words between spaces; what stands between single quotes belongs to its word as it is.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for letter in line.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        self.input.iter().try_for_each(|line| writeln!(f, "< {line}"))?;
        self.seen.output.iter().try_for_each(|line| writeln!(f, "| {line}"))?;
        self.seen.complaint.iter().try_for_each(|line| writeln!(f, "! {line}"))?;
        if self.seen.code != 0 {
            writeln!(f, "= {}", self.seen.code)?;
        }
        Ok(())
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| write!(f, "{}{step}", step.remarks))
    }
}
