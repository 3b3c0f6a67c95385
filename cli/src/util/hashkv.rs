//! `hashkv`: the hash of the history in a snapshot or a data directory.

use std::fs::File;
use std::path::Path;

use etcdkit_server::offline::{Directory, Snapshot};

use super::output::{Format, Sheet};
use super::{failed, must_exist};
use crate::console::call::{Call, text};
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::tree::{Command, Group};

const REV: Flag = Flag::int("rev", "hash up to this revision; 0 is the newest");

pub(super) const COMMAND: Command = Command {
    name: "hashkv",
    arguments: "<file> | <data-dir>",
    summary: "Shows the hash of the history in a snapshot or data directory",
    details: "Shows hash, revision and compact revision of a snapshot, or of a data directory that no server runs on.\n\
              Members at the same revision have the same hash; compare with \"etcdctl endpoint hashkv\".",
    examples: &["$0 hashkv etcd.db", "$0 hashkv /var/lib/etcd --rev=100"],
    group: Group::Maintenance,
    flags: &[REV],
    run: Some(|call| Box::pin(async move { run(&call) })),
    ..Command::BLANK
};

fn run(call: &Call) -> Outcome {
    let [path] = call.words.as_slice() else {
        return Err(Failure::error(format!("accepts 1 arg(s), received {}", call.words.len())));
    };
    let path = text(path);
    let format = Format::of(call)?;
    must_exist(&path)?;
    let revision = call.values.int(&REV);
    let hash = if Path::new(&path).is_dir() {
        Directory::open(Path::new(&path)).and_then(|directory| directory.hash_kv(revision))
    } else {
        Snapshot::open(File::open(&path)?).and_then(|mut snapshot| snapshot.hash_kv(revision))
    };
    let hash = hash.map_err(failed)?;
    let numbers = [hash.hash.to_string(), hash.hash_revision.to_string(), hash.compact_revision.to_string()];
    let [own, revision, compacted] = numbers.clone();
    format.print(&Sheet {
        header: &["HASH", "HASH REVISION", "COMPACT REVISION"],
        json: format!("{{\"hash\":{own},\"hashRevision\":{revision},\"compactRevision\":{compacted}}}"),
        fields: vec![("Hash", own), ("Hash revision", revision), ("Compact revision", compacted)],
        row: numbers.to_vec(),
    })
}
