//! The command line as text: how the words of a call are read, and how answers get to a terminal or a pipe.
//!
//! `etcdctl` and `etcdutl` follow the grammar of Go's command lines (`--flag=false`, flags anywhere, shortened commands,
//! groups of commands on the help page), which Rust's argument parsers do not have. So [`flags`] and [`tree`] read the
//! words from a table of commands. Nothing here knows what a command does.

pub(crate) mod call;
pub(crate) mod completion;
pub(crate) mod duration;
pub(crate) mod failure;
pub(crate) mod flags;
pub(crate) mod help;
pub(crate) mod humanize;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod paint;
pub(crate) mod password;
pub(crate) mod progress;
pub(crate) mod quote;
pub(crate) mod stop;
pub(crate) mod table;
pub(crate) mod tree;
pub(crate) mod words;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use call::Call;
use failure::{Exit, Outcome};
use flags::Word;
use tree::Command;

use crate::platform;

/// Runs one command line of a program; `args` is without the name of the program.
pub(crate) fn main(root: &'static Command, args: Vec<OsString>) -> ExitCode {
    let args = args.into_iter().map(OsString::into_encoded_bytes).collect();
    match run(root, args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message {
                tell(format_args!("Error: {message}"));
            }
            if failure.exit == Exit::BrokenPipe {
                platform::signals::end_by_broken_pipe();
            }
            ExitCode::from(failure.exit.code())
        }
    }
}

/// Finds the command, reads its flags and runs it.
pub(crate) fn run(root: &'static Command, args: Vec<Word>) -> Outcome {
    let found = tree::find(root, args);
    if let Some(typed) = tree::unknown_word(&found) {
        return Err(tree::unknown_command(root, typed));
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

/// Shows the page of the command that the words name.
pub(crate) fn show_help(root: &'static Command, words: &[Word]) -> Outcome {
    let topic = tree::find(root, words.to_vec());
    if topic.args.is_empty() {
        return print(&help::page(&topic.path));
    }
    let words: Vec<String> =
        words.iter().map(|word| format!("`{}`", String::from_utf8_lossy(word))).collect();
    tell(format_args!("Unknown help topic [{}]\n{}", words.join(" "), help::usage(&[root])));
    Ok(())
}

/// Prints to stdout; a reader that has gone is not an error worth a panic.
pub(crate) fn print(text: &str) -> Outcome {
    print_bytes(text.as_bytes())
}

/// As [`print`], for what may not be text.
pub(crate) fn print_bytes(bytes: &[u8]) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Prints a line to stderr. There is nobody to tell that it could not be written.
pub(crate) fn tell(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
