//! etcdutl: what is done to snapshots and data directories without a server.

mod defrag;
mod hashkv;
mod migrate;
mod output;
pub(crate) mod snapshot;
mod verify;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use etcdkit_server::api::ETCD_VERSION;
use etcdkit_server::offline::OfflineError;

use crate::console::call::Call;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::tree::{Command, Group};
use crate::console::{self, completion, man, print};

static ROOT: Command = Command {
    name: "etcdutl",
    summary: "Reads, restores and repairs what an etcd server stores, while no server runs on it.",
    examples: &[
        "$0 snapshot status etcd.db -w table",
        "$0 snapshot restore etcd.db --data-dir=/var/lib/etcd",
        "$0 verify --data-dir=/var/lib/etcd",
    ],
    shared_flags: &[output::WRITE_OUT, TIMEOUT],
    commands: &[
        snapshot::COMMAND,
        defrag::COMMAND,
        hashkv::COMMAND,
        migrate::COMMAND,
        verify::COMMAND,
        VERSION,
        COMPLETION,
        MAN,
        HELP,
    ],
    ..Command::BLANK
};

/// A lock on a directory is given up by the system when its holder ends, so waiting for it helps nobody.
const TIMEOUT: Flag =
    Flag::duration("timeout", "taken for compatibility; a data directory in use is refused at once")
        .or("10s");

const VERSION: Command = Command {
    name: "version",
    summary: "Shows the version",
    examples: &["$0 version"],
    group: Group::Utility,
    run: Some(|_| {
        Box::pin(async {
            let short = ETCD_VERSION.rsplit_once('.').map_or(ETCD_VERSION, |(short, _)| short);
            print(&format!("etcdutl version: {ETCD_VERSION}\nAPI version: {short}\n"))
        })
    }),
    ..Command::BLANK
};

const COMPLETION: Command = Command {
    run: Some(|call| Box::pin(async move { completion::run(&ROOT, &call) })),
    ..completion::COMMAND
};

const MAN: Command =
    Command { run: Some(|call| Box::pin(async move { man::run(&ROOT, &call) })), ..man::COMMAND };

const HELP: Command = Command {
    name: "help",
    arguments: "[command]",
    summary: "Shows the page of a command",
    examples: &["$0 help snapshot restore"],
    group: Group::Utility,
    run: Some(|call| Box::pin(async move { console::show_help(&ROOT, &call.words) })),
    ..Command::BLANK
};

/// Runs one command line; `args` is without the name of the program.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    console::main(&ROOT, args)
}

/// Refuses a call that lacks flags without which it means nothing.
fn require(call: &Call, flags: &[&Flag]) -> Outcome {
    let missing: Vec<String> = flags
        .iter()
        .filter(|flag| !call.values.is_set(flag))
        .map(|flag| format!("{:?}", flag.name))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failure::error(format!("required flag(s) {} not set", missing.join(", ")))),
    }
}

/// Tells that there is no such file in etcd's words.
fn must_exist(path: &str) -> Outcome {
    match Path::new(path).metadata() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::error(format!("stat {path}: {}", worded(&error)))),
    }
}

fn worded(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

fn failed(error: OfflineError) -> Failure {
    Failure::error(error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::console::failure::Exit;
    use crate::console::flags::Word;
    use crate::console::tree;

    fn refused(line: &str) -> (Exit, String) {
        let words: Vec<Word> = line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        let failure = console::run(&ROOT, words).unwrap_err();
        (failure.exit, failure.message.unwrap_or_default())
    }

    #[test]
    fn wrong_use_is_told_in_the_words_of_etcdutl() {
        for (line, exit, message) in [
            ("snapshot status", Exit::BadArgs, "snapshot status requires exactly one argument"),
            ("snapshot status /nosuch/file", Exit::Error, "stat /nosuch/file: no such file or directory"),
            ("sn st /nosuch/file", Exit::Error, "stat /nosuch/file: no such file or directory"),
            ("snapshot status / -w yaml", Exit::BadFeature, "unsupported output format"),
            ("snapshot restore", Exit::BadArgs, "snapshot restore requires exactly one argument"),
            (
                "snapshot restore f --bump-revision=5",
                Exit::BadArgs,
                "--mark-compacted required if --revision-bump > 0",
            ),
            (
                "snapshot restore f --mark-compacted",
                Exit::BadArgs,
                "--mark-compacted required if --revision-bump > 0",
            ),
            ("defrag", Exit::Error, "required flag(s) \"data-dir\" not set"),
            ("hashkv", Exit::Error, "accepts 1 arg(s), received 0"),
            ("hashkv /nosuch/file", Exit::Error, "stat /nosuch/file: no such file or directory"),
            ("migrate", Exit::Error, "required flag(s) \"data-dir\", \"target-version\" not set"),
            (
                "migrate --data-dir=x --target-version=3",
                Exit::BadArgs,
                "wrong target version format, expected \"X.Y\", got \"3\"",
            ),
            (
                "migrate --data-dir=x --target-version=3.4",
                Exit::BadArgs,
                "target version \"3.4\" not supported. Minimal \"3.5\"",
            ),
            ("verify", Exit::Error, "required flag(s) \"data-dir\" not set"),
        ] {
            assert_eq!(refused(line), (exit, message.to_owned()), "{line}");
        }
    }

    /// No output of these commands is etcd's to the letter, so they stand in tests instead of transcripts.
    #[test]
    fn every_command_and_flag_is_run_by_a_test() {
        let tests = concat!(
            include_str!("../../tests/etcdctl/snapshots.rs"),
            include_str!("../../tests/etcdctl/own.rs")
        );
        for path in tree::all_paths(&ROOT) {
            let command = path[path.len() - 1];
            assert!(
                command.run.is_none() || tests.contains(&format!("\"{}\"", command.name)),
                "{}",
                command.name
            );
            for flag in tree::flags_of(&path) {
                assert!(tests.contains(&format!("--{}", flag.name)), "{} --{}", command.name, flag.name);
            }
        }
    }
}
