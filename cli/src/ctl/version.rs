//! `version`.

use crate::console::tree::{Command, Group};

/// The etcdctl this program does the work of. Scripts compare it with the version of their cluster.
const VERSION: &str = "3.7.1";
const API_VERSION: &str = "3.7";

pub(super) const COMMAND: Command = Command {
    name: "version",
    summary: "Shows the version of etcdctl this program is compatible with",
    examples: &["$0 version"],
    group: Group::Utility,
    run: Some(|_| {
        Box::pin(async {
            crate::console::print(&format!("etcdctl version: {VERSION}\nAPI version: {API_VERSION}\n"))
        })
    }),
    ..Command::BLANK
};
