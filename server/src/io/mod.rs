//! Every byte of ours reaches the disk through the traits of this module.
//!
//! What a server promises after a power loss depends on which writes were synced, in which order, and
//! on directory entries being synced too. None of that can be tested on a real disk, so the log, the
//! storage engine and the files of the data directory all go through [`Io`]: [`disk`] is the real one,
//! [`simulated`] remembers what was not synced, loses it on demand, and fails on demand.
//!
//! All calls block and may be made from any thread.

pub mod disk;
pub mod faulty;
pub mod memory;
pub mod simulated;

use std::fmt::Debug;
use std::io::Result;
use std::path::Path;
use std::sync::Arc;

/// How [`Io::open`] treats the presence of the file. Files are always open for reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// The file must be there.
    Existing,
    /// The file must not be there.
    New,
    /// Either; created empty when absent, kept as it is when present.
    Any,
}

/// A file system, as much of it as a server needs. Paths are used as given, without a search.
///
/// A created, renamed or removed name survives a power loss only after [`Io::sync_dir`] on its directory.
pub trait Io: Debug + Send + Sync {
    /// Opens a file. New files are readable and writable by their owner alone.
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn IoFile>>;

    /// Gives a file another name, replacing what had that name; atomic.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> Result<()>;

    /// Whether a file or directory of this name is there.
    fn exists(&self, path: &Path) -> Result<bool>;

    /// Names of the files and directories in a directory, sorted; names that are not UTF-8 are left out,
    /// because none of ours is such.
    fn list(&self, dir: &Path) -> Result<Vec<String>>;

    /// Creates a directory and its missing parents, accessible to the owner alone, and syncs every
    /// directory that got a new entry. Nothing to do when it is there.
    fn create_dir(&self, dir: &Path) -> Result<()>;

    /// The mode of a directory that others than its owner may look into; none when only the owner may, and
    /// where there are no modes.
    fn dir_mode_if_wide(&self, _dir: &Path) -> Result<Option<u32>> {
        Ok(None)
    }

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;

    /// Takes the exclusive lock on a file, creating it when absent; held until the result is dropped or
    /// the process ends. Fails with [`std::io::ErrorKind::WouldBlock`] when somebody else holds it.
    fn lock(&self, path: &Path) -> Result<Box<dyn IoLock>>;
}

/// A lock on a file, released when dropped.
pub trait IoLock: Debug + Send + Sync {}

/// An open file. Positions and lengths in bytes. One file may be used by several threads at once.
pub trait IoFile: Debug + Send + Sync {
    /// Length of the file.
    fn len(&self) -> Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset` on; [`std::io::ErrorKind::UnexpectedEof`] when the file is shorter.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()>;

    /// Writes all of `data` at `offset`, extending the file as needed. Not durable before a sync.
    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()>;

    /// As [`IoFile::write_all_at`]; what is written need not be kept in memory by the operating system.
    fn write_past_cache(&self, data: &[u8], offset: u64) -> Result<()> {
        self.write_all_at(data, offset)
    }

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> Result<()>;

    /// Makes the bytes, and the length needed to read them, durable. After an error the state of the
    /// un-synced bytes is unknown for good: a later success means nothing (Linux drops the failed
    /// pages), so the caller must stop rather than retry.
    fn sync_data(&self) -> Result<()>;

    /// As [`IoFile::sync_data`], with all metadata.
    fn sync_all(&self) -> Result<()>;
}
