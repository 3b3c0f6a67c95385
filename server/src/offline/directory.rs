//! A data directory that no server runs on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::OfflineError;
use super::restore::RESTORED;
use crate::apply::{Applier, ApplyError, Parts, Progress, Replicated, RunEntry, StateMachine as _};
use crate::backend::{Backend, BackendOptions, EngineKind, Size, Table};
use crate::command::Command;
use crate::data_dir::{DataDir, DataDirError, Identity};
use crate::io::{Io, disk::DiskIo, memory::MemoryIo};
use crate::mvcc::watch::{Hub, HubOptions};
use crate::mvcc::{KeyValueHash, Store};
use crate::raft::{self, LogSummary};
use crate::wal::Position;

/// Nobody logs in to a directory without a server.
const NO_TOKENS: Duration = Duration::ZERO;

/// An open data directory. A server that is started on it meanwhile is refused.
pub struct Directory {
    data_dir: DataDir,
    backend: Backend,
}

/// What was found when a directory was checked.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Ids of the member and its cluster.
    pub identity: Identity,
    /// Hash of the history.
    pub hash: KeyValueHash,
    /// Index of the last entry that the state holds.
    pub applied_index: Option<u64>,
    /// Index of the last entry that the log has, or had.
    pub last_index: Option<u64>,
    /// Entries of the log that were read.
    pub entries: u64,
    /// Whether the log, applied anew, made the same state. It cannot be asked when the beginning of the log was given
    /// up, or the directory was restored from a snapshot.
    pub replayed: bool,
}

impl Directory {
    /// Opens a data directory with whichever engine it was written by.
    ///
    /// # Errors
    /// A directory that is not ours or in use, and what the disk says.
    pub fn open(dir: &Path) -> Result<Self, OfflineError> {
        let io: Arc<dyn Io> = Arc::new(DiskIo);
        if !io.exists(&dir.join("member"))? {
            return Err(OfflineError::NoDirectory(dir.to_owned()));
        }
        let absent =
            || Err(crate::config::ConfigError("it has no identity: no server has run on it".to_owned()));
        let data_dir = DataDir::open(&io, dir, absent).map_err(|error| match error {
            DataDirError::Founding(_) => OfflineError::NoDirectory(dir.to_owned()),
            other => other.into(),
        })?;
        let backend = open_backend(&io, &data_dir.backend())?;
        Ok(Directory { data_dir, backend })
    }

    /// Gives unused space back to the file system; the sizes before and after.
    ///
    /// # Errors
    /// What the disk says.
    pub fn defragment(&self) -> Result<(Size, Size), OfflineError> {
        let before = self.backend.size()?;
        self.backend.compact()?;
        Ok((before, self.backend.size()?))
    }

    /// Hashes the history up to a revision; 0 is the newest.
    ///
    /// # Errors
    /// A revision that is not there, and what the disk says.
    pub fn hash_kv(&self, revision: i64) -> Result<KeyValueHash, OfflineError> {
        Ok(Store::open(self.backend.clone(), |_, _| {})?.hash_kv(revision)?)
    }

    /// Reads every record of the state and of the log, checks that the log goes on where the state stands, and, when
    /// the log is still there from its beginning, applies it anew and compares the hashes.
    ///
    /// # Errors
    /// What does not read back, and what does not fit together.
    pub fn verify(&self) -> Result<Verified, OfflineError> {
        let hash = Replicated::open(&self.backend, NO_TOKENS)?.store.hash_kv(0)?;
        let progress = crate::apply::applied_progress(&self.backend)?;
        let applied = progress.as_ref().map(raft::applied_position).transpose()?;

        let began_empty = self.backend.get(Table::Meta, RESTORED)?.is_none();
        let mut replay = if began_empty { Some(Replay::new()?) } else { None };
        let mut term_at_applied = None;
        let log = raft::read_log(Arc::new(DiskIo), self.data_dir.log(), &mut |at, command| {
            if Some(at.index) == applied.map(|applied| applied.index) {
                term_at_applied = Some(at.term);
            }
            if let Some(replay) =
                replay.as_mut().filter(|_| applied.is_some_and(|applied| at.index <= applied.index))
            {
                replay.push(at.term, at.index, command);
            }
        })?;
        agree(&log, applied, term_at_applied)?;
        let replay = replay.filter(|_| log.purged.is_none());
        let replayed = replay.is_some();
        if let Some(replay) = replay {
            replay.compare(hash)?;
        }
        Ok(Verified {
            identity: self.data_dir.identity,
            hash,
            applied_index: applied.map(|applied| applied.index),
            last_index: log.last.map(|last| last.index),
            entries: log.entries,
            replayed,
        })
    }
}

/// Checks that no entry is missing between the state and the log.
fn agree(
    log: &LogSummary,
    applied: Option<Position>,
    term_at_applied: Option<u64>,
) -> Result<(), OfflineError> {
    let index = |position: Option<Position>| position.map_or(0, |position| position.index);
    let disagree = |what: String| Err(OfflineError::Disagree(what));
    if index(log.purged) > index(applied) {
        return disagree(format!(
            "entries are missing: the state ends with entry {}, the log begins after entry {}",
            index(applied),
            index(log.purged)
        ));
    }
    if index(applied) > index(log.last) {
        return disagree(format!(
            "the state ends with entry {}, which the log does not have: it ends with entry {}",
            index(applied),
            index(log.last)
        ));
    }
    match (applied, term_at_applied) {
        (Some(applied), Some(term)) if applied.term != term => disagree(format!(
            "entry {} is of term {term} in the log and of term {} in the state",
            applied.index, applied.term
        )),
        _ => Ok(()),
    }
}

/// The commands of a log applied to a store of their own.
struct Replay {
    applier: Applier,
    store: Store,
    failure: Option<ApplyError>,
}

impl Replay {
    fn new() -> Result<Self, OfflineError> {
        let io: Arc<dyn Io> = Arc::new(MemoryIo::default());
        let backend = Backend::open(io, Path::new("/replay"), EngineKind::Memory, BackendOptions::default())?;
        let Replicated { store, lessor, auth, alarms, cluster } = Replicated::open(&backend, NO_TOKENS)?;
        let applier = Applier::new(Parts {
            hub: Hub::new(store.clone(), HubOptions::default()),
            store: store.clone(),
            auth,
            alarms,
            cluster,
            lessor,
            backend,
            // Nobody waits for the copy.
            slow: Duration::MAX,
        });
        Ok(Replay { applier, store, failure: None })
    }

    fn push(&mut self, term: u64, index: u64, command: Option<Command>) {
        if self.failure.is_some() {
            return;
        }
        let entry = RunEntry { term, index, command: command.as_ref() };
        // Nobody asks the copy where it stands.
        let nowhere = Progress { applied: Bytes::new(), membership: Bytes::new() };
        self.failure = self.applier.apply_run(&[entry], &nowhere).err();
    }

    /// Compares the copy with the state. A compaction that was decided after the hash was taken cannot be in between:
    /// both stand at the same entry.
    fn compare(self, stored: KeyValueHash) -> Result<(), OfflineError> {
        if let Some(failure) = self.failure {
            return Err(failure.into());
        }
        let replayed = self.store.hash_kv(0)?;
        if replayed == stored {
            return Ok(());
        }
        Err(OfflineError::Disagree(format!(
            "the log makes another state than the stored one: hash {} at revision {}, stored {} at revision {}",
            replayed.hash, replayed.hash_revision, stored.hash, stored.hash_revision
        )))
    }
}

/// The directory says which engine wrote it by refusing all others.
fn open_backend(io: &Arc<dyn Io>, dir: &Path) -> Result<Backend, OfflineError> {
    use crate::backend::BackendError::OtherEngine;
    let options = BackendOptions::default();
    match Backend::open(Arc::clone(io), dir, EngineKind::default(), options.clone()) {
        Err(OtherEngine { recorded, .. }) => Ok(Backend::open(Arc::clone(io), dir, recorded, options)?),
        opened => Ok(opened?),
    }
}
