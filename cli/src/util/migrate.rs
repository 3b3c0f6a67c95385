//! `migrate`: asked by scripts before they start another version of etcd on a data directory.

use std::path::Path;

use etcdkit_server::offline::Directory;

use super::defrag::DATA_DIR;
use super::{failed, must_exist, require};
use crate::console::call::Call;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::log;
use crate::console::tree::{Command, Group};

const TARGET_VERSION: Flag = Flag::text("target-version", "the version to migrate to, such as 3.6; required");
const FORCE: Flag = Flag::switch("force", "taken for compatibility; there is nothing to be forced");

/// The oldest version that etcd's own program takes.
const MINOR_MIN: u32 = 5;
/// The version whose behaviour this server has.
const MINOR: u32 = 7;

pub(super) const COMMAND: Command = Command {
    name: "migrate",
    summary: "Tells whether a data directory fits a version",
    details: "Tells whether a data directory fits a version. The stored format of this server is its own and the same for\n\
              all versions, so there is nothing to change, and no version of etcd reads it.",
    examples: &["$0 migrate --data-dir=/var/lib/etcd --target-version=3.7"],
    group: Group::Maintenance,
    flags: &[DATA_DIR, TARGET_VERSION, FORCE],
    run: Some(|call| Box::pin(async move { run(&call) })),
    ..Command::BLANK
};

fn run(call: &Call) -> Outcome {
    require(call, &[&DATA_DIR, &TARGET_VERSION])?;
    let target = target(&call.values.text(&TARGET_VERSION))?;
    let dir = call.values.text(&DATA_DIR);
    must_exist(&dir)?;
    Directory::open(Path::new(&dir)).map_err(failed)?;
    if target == (3, MINOR) {
        log::console_line(
            "info",
            "storage version up-to-date",
            &[("storage-version", &format!("3.{MINOR}"))],
        );
        return Ok(());
    }
    let (major, minor) = target;
    Err(Failure::error(format!(
        "etcd {major}.{minor} cannot read this data directory, and nothing in it would change: to go to etcd, start it \
         on a new directory and copy the keys with \"etcdctl make-mirror\""
    )))
}

fn target(text: &str) -> Outcome<(u32, u32)> {
    let wrong = || Failure::bad_args(format!("wrong target version format, expected \"X.Y\", got {text:?}"));
    let (major, minor) = text.split_once('.').filter(|(_, minor)| !minor.contains('.')).ok_or_else(wrong)?;
    let number = |digits: &str| {
        digits
            .parse::<u32>()
            .map_err(|error| Failure::bad_args(format!("failed to parse target version: {error}")))
    };
    let target = (number(major)?, number(minor)?);
    if target < (3, MINOR_MIN) {
        return Err(Failure::bad_args(format!(
            "target version {text:?} not supported. Minimal \"3.{MINOR_MIN}\""
        )));
    }
    Ok(target)
}
