//! `compaction`.

use etcdkit::CompactionOptions;

use super::session::{Call, failed};
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Base, Flag, parse_int};
use crate::console::tree::{Command, Group};

const PHYSICAL: Flag = Flag::switch("physical", "wait until the old revisions are gone from storage");

pub(super) const COMMAND: Command = Command {
    name: "compaction",
    arguments: "<revision>",
    summary: "Drops the history below a revision",
    details: "Drops the history below a revision. Reads and watches of older revisions fail from then on.",
    examples: &["$0 compaction 1000", "$0 compact 1000 --physical"],
    group: Group::KeyValue,
    flags: &[PHYSICAL],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let [revision] = call.words.as_slice() else {
        return Err(Failure::bad_args("compaction command needs 1 argument"));
    };
    let revision = parse_int(&String::from_utf8_lossy(revision), Base::Ten).map_err(Failure::error)?;
    let mut options = CompactionOptions::new();
    if call.values.switch(&PHYSICAL) {
        options = options.with_physical();
    }
    let session = call.open()?;
    let client = session.client().await?;
    client.compact(revision, Some(options)).await.map_err(failed)?;
    crate::console::print(&format!("compacted revision {revision}\n"))
}
