//! `verify`: checks that a data directory is whole.

use std::path::Path;

use etcdkit_server::offline::Directory;

use super::defrag::DATA_DIR;
use super::output::{Format, Sheet};
use super::{failed, must_exist, require};
use crate::console::call::Call;
use crate::console::failure::Outcome;
use crate::console::tree::{Command, Group};

pub(super) const COMMAND: Command = Command {
    name: "verify",
    summary: "Checks that a data directory is whole",
    details: "Reads every record of the state and of the log of a data directory that no server runs on, checks that the\n\
              log goes on where the state stands, and, while the log is there from its beginning, applies it anew and\n\
              compares the hashes.",
    examples: &["$0 verify --data-dir=/var/lib/etcd"],
    group: Group::Maintenance,
    flags: &[DATA_DIR],
    run: Some(|call| Box::pin(async move { run(&call) })),
    ..Command::BLANK
};

fn run(call: &Call) -> Outcome {
    require(call, &[&DATA_DIR])?;
    let format = Format::of(call)?;
    let dir = call.values.text(&DATA_DIR);
    must_exist(&dir)?;
    let verified =
        Directory::open(Path::new(&dir)).and_then(|directory| directory.verify()).map_err(failed)?;
    let index = |index: Option<u64>| index.unwrap_or_default().to_string();
    let numbers = [
        verified.hash.hash.to_string(),
        verified.hash.hash_revision.to_string(),
        index(verified.applied_index),
        index(verified.last_index),
        verified.entries.to_string(),
        verified.replayed.to_string(),
    ];
    let names = ["Hash", "Hash revision", "Applied index", "Last index", "Log entries", "Replayed"];
    let [hash, revision, applied, last, entries, replayed] = numbers.clone();
    format.print(&Sheet {
        header: &["HASH", "HASH REVISION", "APPLIED INDEX", "LAST INDEX", "LOG ENTRIES", "REPLAYED"],
        json: format!(
            "{{\"hash\":{hash},\"hashRevision\":{revision},\"appliedIndex\":{applied},\"lastIndex\":{last},\
             \"logEntries\":{entries},\"replayed\":{replayed}}}"
        ),
        fields: names.into_iter().zip(numbers.clone()).collect(),
        row: numbers.to_vec(),
    })
}
