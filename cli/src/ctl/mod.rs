//! etcdctl: the commands a person or a script talks to a cluster with.
//!
//! Scripts depend on this program to the byte: its flags, its grammar, its output, its exit codes. They follow etcdctl
//! 3.7.1; where that one crashes on its input, this one says what is wrong.
//!
//! A call goes: [`console::tree`] finds the command, [`console::flags`] reads its flags, the command's own file checks
//! its arguments, [`session`] connects, [`output`] prints.

mod alarm;
mod auth;
mod check;
mod compaction;
mod defrag;
mod del;
mod discovery;
mod downgrade;
mod edit;
mod elect;
mod endpoint;
mod get;
mod globals;
mod history;
mod http;
mod key_tree;
mod lease;
mod lock;
mod make_mirror;
mod member;
mod move_leader;
mod output;
mod put;
mod role;
mod secure;
mod session;
mod snapshot;
mod top;
mod txn;
mod user;
mod version;
mod watch;
mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::console::tree::{Command, Group};
use crate::console::{self, completion, help, man, print};

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
    once: ONCE,
    commands: &[
        get::COMMAND,
        put::COMMAND,
        del::COMMAND,
        txn::COMMAND,
        compaction::COMMAND,
        alarm::COMMAND,
        defrag::COMMAND,
        endpoint::COMMAND,
        watch::COMMAND,
        version::COMMAND,
        lease::COMMAND,
        member::COMMAND,
        snapshot::COMMAND,
        make_mirror::COMMAND,
        move_leader::COMMAND,
        lock::COMMAND,
        elect::COMMAND,
        auth::COMMAND,
        user::COMMAND,
        role::COMMAND,
        check::COMMAND,
        downgrade::COMMAND,
        COMPLETION,
        key_tree::COMMAND,
        history::COMMAND,
        edit::COMMAND,
        top::COMMAND,
        MAN,
        OPTIONS,
        HELP,
    ],
    ..Command::BLANK
};

/// What guides for the API of version 2, and for older programs of version 3, tell their readers to type.
const ONCE: &[(&str, &str)] = &[
    ("set", "API version 2 is gone: type \"etcdctl put <key> <value>\""),
    (
        "mk",
        "API version 2 is gone: type \"etcdctl put <key> <value>\", or \"etcdctl txn\" to create a key only once",
    ),
    ("update", "API version 2 is gone: type \"etcdctl put <key> <value>\""),
    (
        "rm",
        "API version 2 is gone: type \"etcdctl del <key>\", or \"etcdctl del <key>/ --prefix\" for all below it",
    ),
    ("rmdir", "API version 2 is gone: type \"etcdctl del <key>/ --prefix\""),
    ("ls", "API version 2 is gone: type \"etcdctl get <key> --prefix --keys-only\""),
    ("mkdir", "API version 2 is gone, and there are no directories: put the keys"),
    ("setdir", "API version 2 is gone, and there are no directories: put the keys"),
    ("exec-watch", "API version 2 is gone: type \"etcdctl watch <key> -- <command>\""),
    ("cluster-health", "API version 2 is gone: type \"etcdctl endpoint health --cluster\""),
    ("backup", "type \"etcdctl snapshot save <file>\""),
    (
        "migrate",
        "type \"etcdutl migrate --data-dir=<dir> --target-version=3.7\"; what API version 2 stored cannot be migrated any more",
    ),
    ("import", "API version 2 is gone: type \"etcdctl put <key> <value>\" for each key"),
];

const COMPLETION: Command = Command {
    run: Some(|call| Box::pin(async move { completion::run(&ROOT, &call) })),
    ..completion::COMMAND
};

const MAN: Command =
    Command { run: Some(|call| Box::pin(async move { man::run(&ROOT, &call) })), ..man::COMMAND };

const OPTIONS: Command = Command {
    name: "options",
    summary: "Shows the flags that every command takes",
    examples: &["$0 options"],
    group: Group::Utility,
    run: Some(|_| Box::pin(async { print(&options_page()) })),
    ..Command::BLANK
};

const HELP: Command = Command {
    name: "help",
    arguments: "[command]",
    summary: "Shows the page of a command",
    examples: &["$0 help lease grant"],
    group: Group::Utility,
    run: Some(|call| Box::pin(async move { console::show_help(&ROOT, &call.words) })),
    ..Command::BLANK
};

fn options_page() -> String {
    format!(
        "Any command takes these flags. Each may be given as an environment variable too: {} for --{}.\n\n{}",
        globals::variable(&globals::ENDPOINTS),
        globals::ENDPOINTS.name,
        help::flag_lines(globals::ALL)
    )
}

/// Runs one command line; `args` is without the name of the program.
pub(crate) fn main(args: Vec<OsString>) -> ExitCode {
    console::main(&ROOT, args)
}

#[cfg(test)]
mod tests;
