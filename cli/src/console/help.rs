//! The help pages.

use super::flags::{Flag, Kind};
use super::tree::{self, Command, Group};

const GROUPS: [(Group, &str); 5] = [
    (Group::KeyValue, "Key-value commands"),
    (Group::Maintenance, "Cluster maintenance commands"),
    (Group::Concurrency, "Concurrency commands"),
    (Group::Authentication, "Authentication commands"),
    (Group::Utility, "Utility commands"),
];

/// Width of the column with the names of commands.
const NAME_WIDTH: usize = 11;

/// The page of a command: what it does, how to call it, examples, flags.
pub(crate) fn page(path: &[&'static Command]) -> String {
    let Some(command) = path.last() else { return String::new() };
    let about = if command.details.is_empty() { command.summary } else { command.details };
    let mut page = format!("{about}\n\n{}", usage(path));
    if path[0].commands.iter().any(|command| command.name == "options") {
        let program = tree::program();
        page.push_str(&format!("Use \"{program} options\" for the flags that every command takes.\n"));
    }
    page
}

/// The part of the page that also follows an error.
pub(crate) fn usage(path: &[&'static Command]) -> String {
    let Some(command) = path.last() else { return String::new() };
    let mut names = vec![tree::program()];
    names.extend(path[1..].iter().map(|command| command.name));
    let name = names.join(" ");
    let mut page = String::from("Usage:\n");
    if command.commands.is_empty() {
        let arguments = if command.arguments.is_empty() { "" } else { " " };
        page.push_str(&format!("  {name}{arguments}{} [flags]\n\n", command.arguments));
    } else {
        page.push_str(&format!("  {name} [command]\n\n"));
        page.push_str(&subcommands(command, path.len() == 1));
    }
    page.push_str(&examples(command));
    if path.len() > 1 {
        let mut own = command.flags.to_vec();
        own.push(Flag { short: Some('h'), ..Flag::switch("help", "show this page") });
        page.push_str(&format!("Flags:\n{}\n", flag_lines(&own)));
        let hidden = usize::from(path[0].commands.iter().any(|command| command.name == "options"));
        let shared: Vec<Flag> =
            path[hidden..].iter().flat_map(|command| command.shared_flags).copied().collect();
        if !shared.is_empty() {
            page.push_str(&format!("Group flags:\n{}\n", flag_lines(&shared)));
        }
    }
    if !command.commands.is_empty() {
        page.push_str(&format!("Use \"{name} [command] --help\" for more about a command.\n"));
    }
    page
}

fn subcommands(parent: &'static Command, grouped: bool) -> String {
    if !grouped {
        let all: Vec<&Command> = parent.shown().collect();
        return format!("Commands:\n{}\n", command_lines(all));
    }
    GROUPS
        .iter()
        .map(|(group, title)| {
            let members: Vec<&Command> = parent.shown().filter(|command| command.group == *group).collect();
            format!("{title}\n{}\n", command_lines(members))
        })
        .collect()
}

fn command_lines(mut commands: Vec<&Command>) -> String {
    commands.sort_by_key(|command| command.name);
    commands.iter().map(|command| format!("  {:NAME_WIDTH$} {}\n", command.name, command.summary)).collect()
}

fn examples(command: &Command) -> String {
    if command.examples.is_empty() {
        return String::new();
    }
    let lines: String =
        command.examples.iter().map(|line| format!("  {}\n", line.replace("$0", tree::program()))).collect();
    format!("Examples:\n{lines}\n")
}

/// Flags with what they are for, one a line.
pub(crate) fn flag_lines(flags: &[Flag]) -> String {
    let mut flags = flags.to_vec();
    flags.sort_by_key(|flag| flag.name);
    let left: Vec<String> = flags.iter().map(flag_name).collect();
    let wide = left.iter().map(String::len).max().unwrap_or_default();
    flags
        .iter()
        .zip(left)
        .map(|(flag, left)| format!("{left:wide$}   {}{}\n", flag.help, flag_default(flag)))
        .collect()
}

/// A flag with its short form and the kind of its value.
pub(crate) fn flag_name(flag: &Flag) -> String {
    let short = flag.short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let kind = match flag.kind {
        Kind::Switch => "",
        Kind::Int => " int",
        Kind::Text => " string",
        Kind::List => " strings",
        Kind::Duration => " duration",
    };
    format!("  {short}--{}{kind}", flag.name)
}

fn flag_default(flag: &Flag) -> String {
    match (flag.kind, flag.default) {
        (_, "" | "0s") | (Kind::Switch, "false") | (Kind::Int, "0") => String::new(),
        (Kind::Text, default) => format!(" (default {default:?})"),
        (Kind::List, default) => format!(" (default [{default}])"),
        (_, default) => format!(" (default {default})"),
    }
}
