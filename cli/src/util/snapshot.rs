//! `snapshot`: tells what a snapshot holds, and makes a data directory from it.

use std::fs::File;
use std::path::{Path, PathBuf};

use etcdkit_server::backend::EngineKind;
use etcdkit_server::config::{Config, parse_urls};
use etcdkit_server::offline::{Format as Origin, RestoreOptions, Snapshot, restore as restore_snapshot};

use super::output::{Format, Sheet};
use super::{failed, must_exist, worded};
use crate::console::call::Call;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values};
use crate::console::progress::Watched;
use crate::console::tree::{Command, Group};
use crate::console::{humanize, log};

const DATA_DIR: Flag = Flag::text("data-dir", "the new data directory; <name>.etcd when not given");
const WAL_DIR: Flag = Flag::text("wal-dir", "taken for compatibility; the log is in the data directory");
const NAME: Flag = Flag::text("name", "name of the new member").or("default");
const INITIAL_CLUSTER: Flag =
    Flag::text("initial-cluster", "the members of the new cluster").or("default=http://localhost:2380");
const TOKEN: Flag = Flag::text("initial-cluster-token", "tells this cluster from others").or("etcd-cluster");
const PEER_URLS: Flag =
    Flag::text("initial-advertise-peer-urls", "where peers reach the new member").or("http://localhost:2380");
const SKIP_HASH_CHECK: Flag =
    Flag::switch("skip-hash-check", "take a snapshot without its digest, such as a copied file");
const MMAP_SIZE: Flag = Flag::int("initial-memory-map-size", "taken for compatibility; nothing is mapped");
const BUMP_REVISION: Flag = Flag::int("bump-revision", "raise the newest revision by so much");
const MARK_COMPACTED: Flag =
    Flag::switch("mark-compacted", "declare the raised revision compacted, so that watchers start anew");
const ENGINE: Flag =
    Flag::text("storage-engine", "storage engine of the new directory: redb or sled").or("redb");

pub(super) const COMMAND: Command = Command {
    name: "snapshot",
    summary: "Reads and restores snapshots",
    group: Group::Maintenance,
    commands: &[STATUS, RESTORE],
    ..Command::BLANK
};

/// Also a command of etcdctl, as it was until etcd 3.5.
pub(crate) const STATUS: Command = Command {
    name: "status",
    arguments: "<file>",
    summary: "Shows what a snapshot holds",
    details: "Shows hash, revision, number of keys, size and version of a snapshot, of this server or of etcd.",
    examples: &["$0 snapshot status etcd.db -w table"],
    run: Some(|call| Box::pin(async move { status(&call) })),
    ..Command::BLANK
};

/// Also a command of etcdctl, as it was until etcd 3.5.
pub(crate) const RESTORE: Command = Command {
    name: "restore",
    arguments: "<file>",
    summary: "Makes a data directory from a snapshot",
    details: "Makes a data directory from a snapshot, of this server or of etcd: keys with their history, leases, users and\n\
              roles are those of the snapshot, the member and its cluster are new.",
    examples: &[
        "$0 snapshot restore etcd.db --data-dir=/var/lib/etcd",
        "$0 snapshot restore etcd.db --data-dir=/var/lib/etcd --bump-revision=1000000000 --mark-compacted",
    ],
    flags: &[
        DATA_DIR,
        WAL_DIR,
        NAME,
        INITIAL_CLUSTER,
        TOKEN,
        PEER_URLS,
        SKIP_HASH_CHECK,
        MMAP_SIZE,
        BUMP_REVISION,
        MARK_COMPACTED,
        ENGINE,
    ],
    run: Some(|call| Box::pin(async move { restore(&call) })),
    ..Command::BLANK
};

fn open(path: &str, what: &'static str) -> Outcome<Snapshot<Watched<File>>> {
    let file =
        File::open(path).map_err(|error| Failure::error(format!("open {path}: {}", worded(&error))))?;
    let file = Watched::new(what, file)?;
    Snapshot::open(file).map_err(failed)
}

pub(crate) fn status(call: &Call) -> Outcome {
    let path = call.only_word("snapshot status requires exactly one argument")?;
    must_exist(&path)?;
    let format = Format::of(call)?;
    let status = open(&path, "reading")?.status().map_err(failed)?;
    format.print(&Sheet {
        header: &["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE", "VERSION"],
        row: vec![
            format!("{:x}", status.hash),
            status.revision.to_string(),
            status.total_keys.to_string(),
            humanize::bytes(status.total_bytes),
            status.version.clone(),
        ],
        fields: vec![
            ("Hash", status.hash.to_string()),
            ("Revision", status.revision.to_string()),
            ("Keys", status.total_keys.to_string()),
            ("Size", status.total_bytes.to_string()),
            ("Version", status.version.clone()),
        ],
        json: format!(
            "{{\"hash\":{},\"revision\":{},\"totalKey\":{},\"totalSize\":{},\"version\":{:?}}}",
            status.hash, status.revision, status.total_keys, status.total_bytes, status.version
        ),
    })
}

pub(crate) fn restore(call: &Call) -> Outcome {
    let path = call.only_word("snapshot restore requires exactly one argument")?;
    let values = &call.values;
    let bump_revision = bump(values)?;
    let config = config(values)?;
    let data_dir = match values.text(&DATA_DIR) {
        dir if dir.is_empty() => PathBuf::from(format!("{}.etcd", config.name)),
        dir => PathBuf::from(dir),
    };
    refuse_used_log(values)?;
    let engine: EngineKind = values.text(&ENGINE).parse().map_err(Failure::bad_args)?;
    let options = RestoreOptions { data_dir, engine, config, bump_revision };
    let shown = options.data_dir.display().to_string();
    log::console_line("info", "restoring snapshot", &[("path", &path), ("data-dir", &shown)]);
    let mut snapshot = open(&path, "restoring")?;
    if !values.switch(&SKIP_HASH_CHECK) {
        snapshot.check_digest().map_err(failed)?;
    }
    if snapshot.format() == Origin::Etcd {
        log::console_line("info", "the snapshot was written by etcd; its records are converted", &[]);
    }
    restore_or_clean_up(&mut snapshot, &options)?;
    log::console_line("info", "restored snapshot", &[("path", &path), ("data-dir", &shown)]);
    Ok(())
}

/// etcd's message names the flag by another name than it has.
fn bump(values: &Values) -> Outcome<Option<u64>> {
    let by = u64::try_from(values.int(&BUMP_REVISION)).map_err(|_| {
        let given = values.int(&BUMP_REVISION).to_string();
        Failure::error(format!(
            "invalid argument {given:?} for \"--bump-revision\" flag: it must not be negative"
        ))
    })?;
    match (by, values.switch(&MARK_COMPACTED)) {
        (0, false) => Ok(None),
        (by, true) if by > 0 => Ok(Some(by)),
        _ => Err(Failure::bad_args("--mark-compacted required if --revision-bump > 0")),
    }
}

fn config(values: &Values) -> Outcome<Config> {
    Ok(Config {
        name: values.text(&NAME),
        initial_cluster: Some(values.text(&INITIAL_CLUSTER)),
        initial_cluster_token: values.text(&TOKEN),
        initial_advertise_peer_urls: parse_urls(&values.text(&PEER_URLS)).map_err(Failure::error)?,
        ..Config::default()
    })
}

fn refuse_used_log(values: &Values) -> Outcome {
    let dir = values.text(&WAL_DIR);
    match !dir.is_empty() && Path::new(&dir).exists() {
        true => Err(Failure::error(format!("wal-dir {dir:?} exists"))),
        false => Ok(()),
    }
}

/// A restore that fails leaves the directory as it was.
fn restore_or_clean_up(snapshot: &mut Snapshot<Watched<File>>, options: &RestoreOptions) -> Outcome {
    let was_there = options.data_dir.exists();
    let is_used = std::fs::read_dir(&options.data_dir).is_ok_and(|mut names| names.next().is_some());
    let restored = restore_snapshot(snapshot, options);
    if restored.is_err() && !is_used {
        let made = if was_there { options.data_dir.join("member") } else { options.data_dir.clone() };
        // What cannot be removed is refused by a server that is started on it.
        let _ = std::fs::remove_dir_all(made);
    }
    restored.map_err(failed)
}
