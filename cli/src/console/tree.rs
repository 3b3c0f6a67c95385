//! The tree of commands, and how a command line finds its command.
//!
//! The rules are those of etcdctl: flags may precede the command, a command may be shortened as long as it stays
//! unambiguous, a group called without a subcommand shows its help.

use std::pin::Pin;
use std::sync::LazyLock;

use super::call::Call;
use super::failure::{Failure, Outcome};
use super::flags::{self, Flag, FlagError, Kind, Parsed, Word};
use super::help;

/// The headings of the help page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    KeyValue,
    Maintenance,
    Concurrency,
    Authentication,
    Utility,
}

/// A running command.
pub(crate) type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// A command or a group of commands.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// The arguments, as the usage line shows them.
    pub(crate) arguments: &'static str,
    pub(crate) summary: &'static str,
    /// What the help page says above the usage line; the summary when empty.
    pub(crate) details: &'static str,
    /// Command lines to learn from.
    pub(crate) examples: &'static [&'static str],
    pub(crate) group: Group,
    /// An older command that is understood and shown nowhere.
    pub(crate) hidden: bool,
    pub(crate) flags: &'static [Flag],
    /// Flags that all subcommands share.
    pub(crate) shared_flags: &'static [Flag],
    pub(crate) commands: &'static [Command],
    /// Commands of older versions, each with a line that says what to type now.
    pub(crate) once: &'static [(&'static str, &'static str)],
    /// `None` for a group.
    pub(crate) run: Option<fn(Call) -> Running>,
}

impl Command {
    /// What the commands are spelled out from.
    pub(crate) const BLANK: Command = Command {
        name: "",
        arguments: "",
        summary: "",
        details: "",
        examples: &[],
        group: Group::Utility,
        hidden: false,
        flags: &[],
        shared_flags: &[],
        commands: &[],
        once: &[],
        run: None,
    };

    /// The subcommands that help pages show.
    pub(crate) fn shown(&'static self) -> impl Iterator<Item = &'static Command> {
        self.commands.iter().filter(|command| !command.hidden)
    }

    /// Finds a subcommand by its name or by a beginning that only one has.
    fn subcommand(&'static self, typed: &[u8]) -> Option<&'static Command> {
        if let Some(exact) = self.commands.iter().find(|command| command.name.as_bytes() == typed) {
            return Some(exact);
        }
        let mut starting = self.shown().filter(|command| command.name.as_bytes().starts_with(typed));
        let found = starting.next()?;
        starting.next().is_none().then_some(found)
    }
}

/// The commands from the root to the one that was called.
pub(crate) type Path = Vec<&'static Command>;

/// A command line whose command is known.
pub(crate) struct Found {
    pub(crate) path: Path,
    /// What remains to be read: flags and arguments.
    pub(crate) args: Vec<Word>,
}

impl Found {
    /// The command that was called; the root when there was none.
    pub(crate) fn command(&self) -> &'static Command {
        self.path[self.path.len() - 1]
    }
}

/// The name users call the program by in this shell: `etcdctl`, or `etcdkit` when they called that.
pub(crate) fn program() -> &'static str {
    static NAME: LazyLock<&str> = LazyLock::new(|| {
        let mut called = std::env::args_os();
        let name = called.next().unwrap_or_default();
        let stem = std::path::Path::new(&name).file_stem().unwrap_or_default();
        match (stem.to_str(), called.next()) {
            (Some("etcdkit"), Some(first)) if first == "util" => "etcdkit util",
            (Some("etcdkit"), _) => "etcdkit",
            (Some("etcdutl"), _) => "etcdutl",
            _ => "etcdctl",
        }
    });
    &NAME
}

/// The first word when it names no command of the root.
pub(crate) fn unknown_word(found: &Found) -> Option<&[u8]> {
    if found.path.len() > 1 {
        return None;
    }
    first_word(&flags_of(&found.path), &found.args).map(|at| found.args[at].as_slice())
}

/// Follows the command words of a command line.
pub(crate) fn find(root: &'static Command, mut args: Vec<Word>) -> Found {
    let mut path: Path = vec![root];
    loop {
        let here = path[path.len() - 1];
        let known = flags_of(&path);
        let Some(at) = first_word(&known, &args) else { return Found { path, args } };
        let Some(next) = here.subcommand(&args[at]) else { return Found { path, args } };
        args.remove(at);
        path.push(next);
    }
}

/// Every command of a program, each with those it stands below.
pub(crate) fn all_paths(root: &'static Command) -> Vec<Path> {
    let mut all: Vec<Path> = vec![vec![root]];
    let mut looked_at = 0;
    while let Some(path) = all.get(looked_at).cloned() {
        let below = path[path.len() - 1].commands;
        all.extend(below.iter().map(|next| path.iter().copied().chain([next]).collect::<Path>()));
        looked_at += 1;
    }
    all
}

/// The flags a command understands: its own, and those its groups share.
pub(crate) fn flags_of(path: &[&'static Command]) -> Vec<Flag> {
    let own = path.last().map_or(&[][..], |command| command.flags);
    path.iter().flat_map(|command| command.shared_flags).chain(own).copied().collect()
}

/// The place of the first word that is neither a flag nor the value of one.
///
/// A flag that is not known here is taken to have a value, so `--limit 3 get a` finds `get`.
fn first_word(known: &[Flag], args: &[Word]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = args.get(at) {
        if word == b"--" {
            return None;
        }
        if word.first() != Some(&b'-') || word.len() == 1 {
            return Some(at).filter(|_| !word.is_empty());
        }
        at += 1 + usize::from(takes_next(known, word));
    }
    None
}

fn takes_next(known: &[Flag], word: &[u8]) -> bool {
    if word.contains(&b'=') {
        return false;
    }
    let flag = match word.strip_prefix(b"--") {
        Some(b"help") => return false,
        Some(name) => {
            known.iter().find(|flag| std::str::from_utf8(name).is_ok_and(|name| flag.is_named(name)))
        }
        None if word.len() != 2 || word == b"-h" => return false,
        None => known.iter().find(|flag| flag.short == Some(char::from(word[1]))),
    };
    flag.is_none_or(|flag| flag.kind != Kind::Switch)
}

/// Reads the flags of a command that was found.
pub(crate) fn read_flags(found: &Found) -> Outcome<Parsed> {
    flags::parse(&flags_of(&found.path), &found.args).map_err(|error| {
        let mut text = String::new();
        match error {
            FlagError::Malformed(message) => text.push_str(&message),
            FlagError::Unknown { message, nearest } => {
                text.push_str(&message);
                if !nearest.is_empty() {
                    text.push('\n');
                    text.push_str(&did_you_mean(&nearest));
                }
            }
        }
        text.push('\n');
        text.push_str(&help::usage(&found.path));
        Failure::error(text)
    })
}

/// The failure for a first word that is no command.
pub(crate) fn unknown_command(root: &'static Command, typed: &[u8]) -> Failure {
    let typed = String::from_utf8_lossy(typed);
    let now = root.once.iter().find(|(once, _)| *once == typed).map(|(_, now)| format!("{now}\n"));
    let now = now.unwrap_or_default();
    let mut nearest = did_you_mean(&nearest_commands(root, &typed));
    if !nearest.is_empty() {
        nearest.push('\n');
    }
    let program = program();
    Failure::error(format!(
        "unknown command {typed:?} for {program:?}\n{now}{nearest}Run '{program} --help' for usage."
    ))
}

/// How many letters a misspelling may be off and still be suggested.
const SUGGEST_WITHIN: usize = 2;

/// The subcommands that are spelled or begin like the typed word.
pub(crate) fn nearest_commands(parent: &'static Command, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    // What etcdctl does not have is worth a guess where the user did not call etcdctl.
    let own = program().starts_with("etcdkit");
    parent
        .commands
        .iter()
        .filter(|command| own || !command.hidden)
        .filter(|command| {
            strsim::levenshtein(&typed, command.name) <= SUGGEST_WITHIN || command.name.starts_with(&typed)
        })
        .map(|command| command.name.to_owned())
        .collect()
}

/// The paragraph that names what may have been meant; nothing when there is nothing near.
pub(crate) fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let lines: String = nearest.iter().map(|name| format!("\t{name}\n")).collect();
    format!("\nDid you mean this?\n{lines}")
}
