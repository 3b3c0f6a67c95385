//! etcdctl: the commands a person or a script talks to a cluster with.
//!
//! Scripts depend on this program to the byte: its flags, its grammar, its output, its exit codes. They follow etcdctl
//! 3.7.1; where that one crashes on its input, this one says what is wrong. Because the grammar is Go's and not that of
//! Rust's argument parsers (`--flag=false`, flags anywhere, shortened commands, groups of commands on the help page),
//! [`flags`] and [`tree`] read the command line from a table of commands.
//!
//! A call goes: [`tree`] finds the command, [`flags`] reads its flags, the command's own file checks its arguments,
//! [`session`] connects, [`output`] prints.

mod compaction;
mod completion;
mod del;
mod duration;
mod elect;
mod endpoint;
mod failure;
mod flags;
mod get;
mod globals;
mod help;
mod lease;
mod lock;
mod log;
mod member;
mod output;
mod put;
mod quote;
mod secure;
mod session;
mod stop;
mod tree;
mod txn;
mod version;
mod watch;
mod wire;
mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use failure::Outcome;
use flags::Word;
use session::Call;
use tree::{Command, Group};

/// All commands, in the order in which etcdctl suggests them.
static ROOT: Command = Command {
    name: "etcdctl",
    summary: "Talks to an etcd cluster: keys, watches, leases, locks, elections.",
    examples: &[
        "$0 put /config/color blue",
        "$0 get /config/ --prefix",
        "$0 watch /config/ --prefix",
        "$0 --endpoints=10.0.0.1:2379,10.0.0.2:2379 endpoint status -w table",
    ],
    shared_flags: globals::ALL,
    commands: &[
        get::COMMAND,
        put::COMMAND,
        del::COMMAND,
        txn::COMMAND,
        compaction::COMMAND,
        endpoint::COMMAND,
        watch::COMMAND,
        version::COMMAND,
        lease::COMMAND,
        member::COMMAND,
        lock::COMMAND,
        elect::COMMAND,
        completion::COMMAND,
        OPTIONS,
        HELP,
    ],
    ..Command::BLANK
};

const OPTIONS: Command = Command {
    name: "options",
    summary: "Shows the flags that every command takes",
    group: Group::Utility,
    run: Some(|_| Box::pin(async { print(&help::options()) })),
    ..Command::BLANK
};

const HELP: Command = Command {
    name: "help",
    arguments: "[command]",
    summary: "Shows the page of a command",
    group: Group::Utility,
    run: Some(|call| Box::pin(show_help(call))),
    ..Command::BLANK
};

/// Runs one command line; `args` is without the name of the program.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    let args = args.into_iter().map(OsString::into_encoded_bytes).collect();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message {
                tell(format_args!("Error: {message}"));
            }
            ExitCode::from(failure.exit.code())
        }
    }
}

fn run(args: Vec<Word>) -> Outcome {
    let found = tree::find(&ROOT, args);
    if let Some(typed) = tree::unknown_word(&found) {
        return Err(tree::unknown_command(&ROOT, typed));
    }
    let parsed = tree::read_flags(&found)?;
    let command = found.command();
    let Some(start) = command.run.filter(|_| !parsed.help) else {
        if let Some(typed) = parsed.words.first() {
            note_unknown_subcommand(command, typed);
        }
        return print(&help::page(&found.path));
    };
    let call = Call::new(parsed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(start(call));
    // A thread that waits for a line of stdin must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// etcdctl shows the help of the group without a word; the exit code stays its 0.
fn note_unknown_subcommand(group: &'static Command, typed: &[u8]) {
    if group.commands.is_empty() {
        return;
    }
    let typed = String::from_utf8_lossy(typed);
    let nearest = tree::did_you_mean(&tree::nearest_commands(group, &typed));
    tell(format_args!("unknown command {typed:?} for {:?}\n{nearest}", group.name));
}

async fn show_help(call: Call) -> Outcome {
    let topic = tree::find(&ROOT, call.words.clone());
    if topic.args.is_empty() {
        return print(&help::page(&topic.path));
    }
    let words: Vec<String> =
        call.words.iter().map(|word| format!("`{}`", String::from_utf8_lossy(word))).collect();
    tell(format_args!("Unknown help topic [{}]\n{}", words.join(" "), help::usage(&[&ROOT])));
    Ok(())
}

/// Prints to stdout; a reader that has gone is not an error worth a panic.
fn print(text: &str) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Prints a line to stderr. There is nobody to tell that it could not be written.
fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests;
