//! sled 0.34, which reaches the disk on its own.
//!
//! * Its `flush` only starts the write-back of the log (`sync_file_range`): no fsync, no file length, no
//!   disk cache. So after each flush we sync the files ourselves, through descriptors of our own that
//!   stay open, because Linux reports a failed write-back once to each open descriptor.
//! * One tree holds all tables, each under a prefix byte, since only batches of one tree are atomic.
//! * There are no snapshots, and while a batch goes in, sled makes all its readers wait (for memory
//!   alone: the syncs come after).
//! * Its background thread is left on, since that alone cleans the log; the space is reused but never
//!   given back.

use std::collections::BTreeSet;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use sled::{Batch, Config, Db, IVec};

use super::{Engine, EngineError, View};
use crate::backend::layer::Layer;
use crate::backend::read::RowVisitor;
use crate::backend::{BackendOptions, Size, Table};
use crate::io::{Io, IoFile, OpenMode};

/// sled's directory in the backend's.
pub(super) const DIR: &str = "sled";

/// What that is called while another one takes its place.
const OLD: &str = "sled.old";

/// How often sled's own thread cleans its log.
const CLEAN_INTERVAL_MS: u64 = 1000;

/// sled's threads close its files some time after its last handle is dropped. The lock on our directory
/// tells that nobody but such a leftover of this process can hold sled's, so we ask again for this long.
const RELEASE_WAIT_MAX: Duration = Duration::from_secs(10);
const RELEASE_POLL: Duration = Duration::from_millis(2);

/// Prefix byte of the backend's own records; tables follow by their discriminant.
const INTERNAL: u8 = 0;
const MARK: &[u8] = b"\0mark";
/// Bytes of all keys and values, 8 bytes big-endian.
const RECORD_BYTES: &[u8] = b"\0record_bytes";

fn prefix(table: Table) -> u8 {
    INTERNAL + 1 + table as u8
}

fn prefixed(table: Table, key: &[u8]) -> Vec<u8> {
    let mut prefixed = Vec::with_capacity(1 + key.len());
    prefixed.push(prefix(table));
    prefixed.extend_from_slice(key);
    prefixed
}

pub(super) struct SledEngine {
    db: Db,
    files: Mutex<Files>,
}

impl SledEngine {
    pub(super) fn open(io: Arc<dyn Io>, dir: &Path, options: &BackendOptions) -> Result<Self, EngineError> {
        let own = dir.join(DIR);
        let config = Config::new()
            .path(&own)
            .cache_capacity(options.cache_bytes as u64)
            .flush_every_ms(Some(CLEAN_INTERVAL_MS));
        let db = open_once_released(&config).map_err(EngineError::new)?;
        let files = Files::open(io, dir, own).map_err(EngineError::new)?;
        Ok(SledEngine { db, files: Mutex::new(files) })
    }

    fn record_bytes(&self) -> Result<u64, EngineError> {
        let value = self.db.get(RECORD_BYTES).map_err(EngineError::new)?;
        Ok(value.and_then(|value| value.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes))
    }
}

fn open_once_released(config: &Config) -> sled::Result<Db> {
    // sled wraps the refused lock in an error that tells nothing but its text.
    let is_locked = |error: &sled::Error| matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"));
    once_released(|| config.open(), is_locked)
}

/// Tries until another one's lock is gone, or for too long.
fn once_released<T, E>(take: impl Fn() -> Result<T, E>, is_locked: impl Fn(&E) -> bool) -> Result<T, E> {
    let deadline = Instant::now() + RELEASE_WAIT_MAX;
    loop {
        match take() {
            Err(error) if is_locked(&error) && Instant::now() < deadline => std::thread::sleep(RELEASE_POLL),
            taken => return taken,
        }
    }
}

/// As [`super::exchange`]. A directory cannot be replaced in one step as a file can: between the two renames there is none
/// by the right name, and [`recover`] goes back to the old one.
pub(super) fn exchange(io: &Arc<dyn Io>, from: &Path, to: &Path) -> std::io::Result<()> {
    let (new, own, old) = (from.join(DIR), to.join(DIR), to.join(OLD));
    // sled writes by path until its last thread has ended, and would do it in the other one's directory.
    wait_until_released(io, &new)?;
    wait_until_released(io, &own)?;
    io.rename(&own, &old)?;
    io.rename(&new, &own)?;
    io.sync_dir(to)?;
    remove_all(&old)
}

/// As [`super::recover`].
pub(super) fn recover(io: &Arc<dyn Io>, dir: &Path) -> std::io::Result<()> {
    let (own, old) = (dir.join(DIR), dir.join(OLD));
    if !io.exists(&old)? {
        return Ok(());
    }
    if io.exists(&own)? {
        return remove_all(&old);
    }
    io.rename(&old, &own)?;
    io.sync_dir(dir)
}

/// As [`super::discard`].
pub(super) fn discard(dir: &Path) -> std::io::Result<()> {
    remove_all(&dir.join(DIR))
}

/// What is sled's own has come to the disk without [`Io`], and goes so.
fn remove_all(dir: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn wait_until_released(io: &Arc<dyn Io>, own: &Path) -> std::io::Result<()> {
    let is_locked = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
    once_released(|| io.lock(&own.join("db")), is_locked).map(drop)
}

impl Engine for SledEngine {
    fn apply(&self, layer: &Layer) -> Result<(), EngineError> {
        let mut record_bytes = self.record_bytes()?;
        let mut batch = Batch::default();
        for table in Table::ALL {
            for (key, entry) in layer.table(table) {
                let prefixed = prefixed(table, key);
                let old = self.db.get(&prefixed).map_err(EngineError::new)?;
                let old_bytes = old.map_or(0, |old| key.len() + old.len()) as u64;
                record_bytes = record_bytes.saturating_sub(old_bytes);
                match entry {
                    Some(value) => {
                        record_bytes += (key.len() + value.len()) as u64;
                        batch.insert(prefixed, value.as_ref());
                    }
                    None => batch.remove(prefixed),
                }
            }
        }
        batch.insert(RECORD_BYTES, &record_bytes.to_be_bytes());
        if let Some(mark) = &layer.mark {
            batch.insert(MARK, mark.as_ref());
        }
        self.db.apply_batch(batch).map_err(EngineError::new)?;
        self.db.flush().map_err(EngineError::new)?;
        self.files.lock().sync().map_err(EngineError::new)
    }

    fn view(&self) -> Result<Arc<dyn View>, EngineError> {
        Ok(Arc::new(SledView { db: self.db.clone() }))
    }

    fn mark(&self) -> Result<Option<Bytes>, EngineError> {
        let mark = self.db.get(MARK).map_err(EngineError::new)?;
        Ok(mark.map(|mark| Bytes::copy_from_slice(&mark)))
    }

    fn size(&self) -> Result<Size, EngineError> {
        let total_bytes = self.db.size_on_disk().map_err(EngineError::new)?;
        Ok(Size { total_bytes, in_use_bytes: self.record_bytes()? })
    }

    fn compact(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

struct SledView {
    db: Db,
}

impl View for SledView {
    fn is_snapshot(&self) -> bool {
        false
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let value = self.db.get(prefixed(table, key)).map_err(EngineError::new)?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visitor: &mut RowVisitor<'_>,
    ) -> Result<(), EngineError> {
        let first = match from {
            Bound::Unbounded => Bound::Included(vec![prefix(table)]),
            bound => bound.map(|key| prefixed(table, key)),
        };
        let last = match to {
            Bound::Unbounded => Bound::Excluded(vec![prefix(table) + 1]),
            bound => bound.map(|key| prefixed(table, key)),
        };
        for row in self.db.range::<Vec<u8>, _>((first, last)) {
            let (key, value): (IVec, IVec) = row.map_err(EngineError::new)?;
            if visitor(&key[1..], &value) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// The files in which sled keeps what it has flushed: its log, and a file for each large value.
struct Files {
    io: Arc<dyn Io>,
    own: PathBuf,
    blobs: PathBuf,
    log: Arc<dyn IoFile>,
    /// Names seen at the last sync, of blobs (written once, so synced once) and in sled's directory.
    blob_names: BTreeSet<String>,
    own_names: BTreeSet<String>,
}

impl Files {
    fn open(io: Arc<dyn Io>, parent: &Path, own: PathBuf) -> std::io::Result<Files> {
        let log = io.open(&own.join("db"), OpenMode::Existing)?;
        let blobs = own.join("blobs");
        let (blob_names, own_names) = (BTreeSet::new(), BTreeSet::new());
        let mut files = Files { io, own, blobs, log, blob_names, own_names };
        files.sync()?;
        files.io.sync_dir(parent)?;
        Ok(files)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        let blob_names = BTreeSet::from_iter(self.io.list(&self.blobs)?);
        for name in blob_names.difference(&self.blob_names) {
            match self.io.open(&self.blobs.join(name), OpenMode::Existing) {
                Ok(blob) => blob.sync_all()?,
                // sled removes blobs that are no longer needed in the background.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if blob_names != self.blob_names {
            self.io.sync_dir(&self.blobs)?;
            self.blob_names = blob_names;
        }
        self.log.sync_all()?;
        let own_names = BTreeSet::from_iter(self.io.list(&self.own)?);
        if own_names != self.own_names {
            self.io.sync_dir(&self.own)?;
            self.own_names = own_names;
        }
        Ok(())
    }
}
