//! The command line as a whole: finding commands, refusing what is none.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::console::failure::{Exit, Outcome};
use crate::console::flags::Word;
use crate::console::tree;
use proptest::prelude::*;

fn run(words: Vec<Word>) -> Outcome {
    console::run(&ROOT, words)
}

fn words(line: &str) -> Vec<Word> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

fn called(line: &str) -> String {
    let found = tree::find(&ROOT, words(line));
    let names: Vec<&str> = found.path[1..].iter().map(|command| command.name).collect();
    let rest: Vec<String> =
        found.args.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    format!("{} | {}", names.join(" "), rest.join(" "))
}

#[test]
fn commands_are_found_behind_flags_and_by_their_beginning() {
    for (line, expected) in [
        ("put a b", "put | a b"),
        ("--endpoints=x put a b", "put | --endpoints=x a b"),
        ("--endpoints x -w json put a b", "put | --endpoints x -w json a b"),
        ("--hex put a", "put | --hex a"),
        ("--lease 5 put a b", "put | --lease 5 a b"),
        ("compact 5", "compaction | 5"),
        ("le gr 60", "lease grant | 60"),
        ("endpoint --cluster status", "endpoint status | --cluster"),
        ("e status", " | e status"),
        ("lease foo", "lease | foo"),
        ("", " | "),
    ] {
        assert_eq!(called(line), expected, "{line}");
    }
}

#[test]
fn unknown_commands_name_what_is_near() {
    let failure = run(words("putt a b")).unwrap_err();
    assert_eq!(failure.exit, Exit::Error);
    let message = failure.message.unwrap();
    assert!(
        message.starts_with("unknown command \"putt\" for \"etcdctl\"\n\nDid you mean this?\n\tput\n"),
        "{message}"
    );
    assert!(message.ends_with("\nRun 'etcdctl --help' for usage."), "{message}");

    let message = run(words("qqqqqqqq")).unwrap_err().message.unwrap();
    assert_eq!(message, "unknown command \"qqqqqqqq\" for \"etcdctl\"\nRun 'etcdctl --help' for usage.");
}

#[test]
fn unknown_flags_are_refused_with_the_usage() {
    let failure = run(words("put --prev-kvs a b")).unwrap_err();
    assert_eq!(failure.exit, Exit::Error);
    let message = failure.message.unwrap();
    assert!(
        message.starts_with("unknown flag: --prev-kvs\n\nDid you mean this?\n\t--prev-kv\n"),
        "{message}"
    );
    assert!(message.contains("Usage:\n  etcdctl put <key> [value] [flags]\n"), "{message}");
}

#[test]
fn arguments_are_checked_before_a_server_is_asked() {
    for (line, exit, message) in [
        ("get", Exit::BadArgs, "get command needs one argument as key and an optional argument as range_end"),
        (
            "get a --prefix --from-key",
            Exit::BadArgs,
            "`--prefix` and `--from-key` cannot be set at the same time, choose one",
        ),
        (
            "get a b --prefix",
            Exit::BadArgs,
            "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
        ),
        (
            "get a --keys-only --count-only",
            Exit::BadArgs,
            "`--keys-only` and `--count-only` cannot be set at the same time, choose one",
        ),
        ("get a --consistency=q", Exit::BadFeature, "unknown consistency flag \"q\""),
        ("get a --order=up", Exit::BadFeature, "bad sort order up"),
        ("get a --sort-by=size", Exit::BadFeature, "bad sort target size"),
        ("get a --min-mod-rev=5 --max-mod-rev=4", Exit::BadFeature, "getMinModRev(=5) > getMaxModRev(=4)"),
        ("get a -w yaml", Exit::BadFeature, "unsupported output format"),
        ("put", Exit::BadArgs, "put command needs 1 argument and input from stdin or 2 arguments"),
        (
            "put a b --ignore-value",
            Exit::BadArgs,
            "put command needs only 1 argument when 'ignore-value' is set",
        ),
        (
            "put a b --lease=xyz",
            Exit::BadArgs,
            "bad lease ID (strconv.ParseInt: parsing \"xyz\": invalid syntax), expecting ID in Hex",
        ),
        ("del", Exit::BadArgs, "del command needs one argument as key and an optional argument as range_end"),
        (
            "del a b c",
            Exit::BadArgs,
            "del command needs one argument as key and an optional argument as range_end",
        ),
        ("txn a", Exit::BadArgs, "txn command does not accept argument"),
        ("compaction", Exit::BadArgs, "compaction command needs 1 argument"),
        ("compaction x", Exit::Error, "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("lease grant", Exit::BadArgs, "lease grant command needs TTL argument"),
        ("lease grant x", Exit::BadArgs, "bad TTL (strconv.ParseInt: parsing \"x\": invalid syntax)"),
        ("lease revoke", Exit::BadArgs, "lease revoke command needs 1 argument"),
        (
            "lease revoke zz",
            Exit::BadArgs,
            "bad lease ID arg (strconv.ParseInt: parsing \"zz\": invalid syntax), expecting ID in Hex",
        ),
        ("lease timetolive", Exit::BadArgs, "lease timetolive command needs lease ID as argument"),
        ("lease keep-alive a b", Exit::BadArgs, "lease keep-alive command needs lease ID as argument"),
        ("lock", Exit::BadArgs, "lock takes a lock name argument and an optional command to execute"),
        ("elect", Exit::BadArgs, "elect takes one election name argument and an optional proposal argument"),
        ("elect a", Exit::BadArgs, "no proposal argument but -l not set"),
        ("elect a b -l", Exit::BadArgs, "proposal given but -l is set"),
        ("watch", Exit::BadArgs, "bad number of arguments"),
        ("watch a --", Exit::BadArgs, "bad number of arguments (found separator --, but no commands)"),
        ("watch a b --prefix", Exit::BadArgs, "`range_end` and `--prefix` are mutually exclusive"),
        ("put a b --cert=", Exit::BadArgs, "empty string is passed to --cert option"),
    ] {
        let failure = run(words(line)).unwrap_err();
        assert_eq!((failure.exit, failure.message.as_deref()), (exit, Some(message)), "{line}");
    }
}

#[test]
fn every_command_has_a_page_that_teaches() {
    let mut open: Vec<tree::Path> = vec![vec![&ROOT]];
    while let Some(path) = open.pop() {
        let page = help::page(&path);
        assert!(page.contains("Usage:\n  etcdctl"), "{page}");
        for command in path[path.len() - 1].shown() {
            assert!(page.contains(command.summary), "{}", command.name);
        }
        for command in path[path.len() - 1].commands {
            open.push(path.iter().copied().chain([command]).collect());
        }
    }
}

/// All commands with the words that call them.
fn all_commands() -> impl Iterator<Item = (String, tree::Path)> {
    tree::all_paths(&ROOT).into_iter().map(|path| {
        let names: Vec<&str> = path[1..].iter().map(|command| command.name).collect();
        (names.join(" "), path)
    })
}

#[test]
fn every_command_shows_how_it_is_used() {
    for (name, path) in all_commands() {
        let command = path[path.len() - 1];
        assert!(command.run.is_none() || !command.examples.is_empty(), "{name} has no examples");
    }
}

/// Where those are tested whose output cannot stand in a transcript, in `tests/etcdctl`.
const TESTED_ELSEWHERE: &[(&str, &[&str])] = &[
    ("main.rs", &["elect --listen"]),
    ("guides.rs", &["snapshot status", "watch --from-key"]),
    (
        "snapshots.rs",
        &[
            "snapshot restore",
            "snapshot restore --data-dir",
            "snapshot restore --bump-revision",
            "snapshot restore --mark-compacted",
            "snapshot restore --skip-hash-check",
        ],
    ),
    ("wrong_use.rs", &["top", "top --interval", "top --count", "watch --since", "--no-color"]),
    (
        "own.rs",
        &[
            "tree",
            "history",
            "edit",
            "completion",
            "man",
            "options",
            "help",
            "top --cluster",
            "make-mirror",
            "snapshot restore --name",
            "snapshot restore --initial-cluster",
            "snapshot restore --initial-cluster-token",
            "snapshot restore --initial-advertise-peer-urls",
            "snapshot restore --wal-dir",
            "snapshot restore --initial-memory-map-size",
            "snapshot restore --storage-engine",
        ],
    ),
];

/// The lines of the table, of which each file must have the last word.
fn tested_elsewhere() -> Vec<&'static str> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/etcdctl");
    for (file, lines) in TESTED_ELSEWHERE {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        for line in *lines {
            let word =
                line.split(' ').next_back().unwrap().replace("--listen", "-l").replace("--count", "-n");
            assert!(text.contains(&word), "{file} does not test {line}");
        }
    }
    TESTED_ELSEWHERE.iter().flat_map(|(_, lines)| lines.iter().copied()).collect()
}

/// The command lines of the transcripts, as `command --flag`.
fn in_transcripts() -> std::collections::BTreeSet<String> {
    let mut seen = std::collections::BTreeSet::new();
    for folder in ["transcripts", "guides", "members"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines().filter_map(|line| line.strip_prefix("$ ")) {
                let found = tree::find(&ROOT, crate::console::words::split(line.as_bytes()).unwrap());
                let names: Vec<&str> = found.path[1..].iter().map(|command| command.name).collect();
                let name = names.join(" ");
                let Ok(parsed) = tree::read_flags(&found) else { continue };
                for flag in tree::flags_of(&found.path) {
                    if parsed.values.is_set(&flag) {
                        seen.insert(format!("{name} --{}", flag.name));
                        seen.insert(format!("--{}", flag.name));
                    }
                }
                seen.insert(name);
            }
        }
    }
    seen
}

#[test]
fn every_command_and_flag_stands_in_a_transcript() {
    let seen = in_transcripts();
    let elsewhere = tested_elsewhere();
    let mut wanted: Vec<String> = globals::ALL.iter().map(|flag| format!("--{}", flag.name)).collect();
    for (name, path) in all_commands() {
        let command = path[path.len() - 1];
        if command.run.is_none() {
            continue;
        }
        let own = tree::flags_of(&path).into_iter().skip(globals::ALL.len());
        wanted.extend(own.map(|flag| format!("{name} --{}", flag.name)));
        wanted.push(name);
    }
    let missing: Vec<&String> =
        wanted.iter().filter(|line| !seen.contains(*line) && !elsewhere.contains(&line.as_str())).collect();
    assert!(missing.is_empty(), "no test runs {missing:#?}");
}

proptest! {
    #[test]
    fn no_command_line_panics(line in proptest::collection::vec(
        "(get|put|lease|grant|help|options|version|watch|--|-|-w|--write-out|--[a-z-]{1,12}(=[a-z0-9]{0,3})?|[a-z]{0,4})", 0..8,
    )) {
        let words: Vec<Word> = line.into_iter().map(String::into_bytes).collect();
        let found = tree::find(&ROOT, words);
        let _ = tree::unknown_word(&found);
        let _ = tree::read_flags(&found);
    }
}
