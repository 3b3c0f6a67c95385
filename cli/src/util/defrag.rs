//! `defrag`: gives unused space of a data directory back to the file system.

use std::path::Path;

use etcdkit_server::offline::{Directory, OfflineError};

use super::{require, worded};
use crate::console::call::Call;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::humanize::bytes;
use crate::console::log;
use crate::console::tree::{Command, Group};

pub(super) const DATA_DIR: Flag = Flag::text("data-dir", "a data directory that no server runs on; required");

pub(super) const COMMAND: Command = Command {
    name: "defrag",
    summary: "Gives unused space of a data directory back",
    examples: &["$0 defrag --data-dir=/var/lib/etcd"],
    group: Group::Maintenance,
    flags: &[DATA_DIR],
    run: Some(|call| Box::pin(async move { run(&call) })),
    ..Command::BLANK
};

fn run(call: &Call) -> Outcome {
    require(call, &[&DATA_DIR])?;
    let dir = call.values.text(&DATA_DIR);
    let failed = |why: String| Failure::error(format!("Failed to defragment etcd data[{dir}] ({why})"));
    Path::new(&dir).metadata().map_err(|error| failed(format!("stat {dir}: {}", worded(&error))))?;
    let defragmented = Directory::open(Path::new(&dir)).and_then(|directory| directory.defragment());
    let (before, after) = defragmented.map_err(|error: OfflineError| failed(error.to_string()))?;
    log::console_line(
        "info",
        "finished defragmenting",
        &[
            ("data-dir", &dir),
            ("size-before", &bytes(before.total_bytes)),
            ("size-after", &bytes(after.total_bytes)),
        ],
    );
    Ok(())
}
