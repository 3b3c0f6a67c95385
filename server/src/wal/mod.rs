//! The write-ahead log: the truth until the backend has flushed.
//!
//! Raft lets a node acknowledge an entry or a vote only when it is on disk, and a disk syncs a few
//! thousand times a second. So all writers share one thread, which takes everything that waits, writes
//! it in one piece, syncs once, and then calls everybody back in order. Entries are readable from the
//! moment they are submitted, out of a bounded cache of the tail; older ones are read from the files.
//!
//! The log is a directory of segments, each a preallocated file of records (see [`record`]). What one
//! sync covers is a batch, and a batch is recovered as a whole or not at all: see [`recovery`] for how a
//! torn batch is told from damage, and [`prepare`] for where the next segment comes from.
//!
//! After the first error of a write or a sync the log is closed for good: nothing is acknowledged any
//! more, because nobody can know what the disk kept. [`Wal::failure`] tells the owner.

mod log;
mod prepare;
mod record;
mod recovery;
mod segment;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

pub use log::Wal;

use crate::io::Io;
use crate::metrics::Metrics;

/// Where an entry stands in the log, and who put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Term of the leader that proposed the entry.
    pub term: u64,
    /// Number of the entry; entries are numbered without gaps.
    pub index: u64,
}

/// What the log keeps. The log itself never looks into a body.
pub trait LogEntry: Clone + Send + Sync + Sized + 'static {
    /// Where the entry stands.
    fn position(&self) -> Position;

    /// Memory the entry takes in the cache of the tail, in bytes; an estimate.
    fn footprint(&self) -> usize;

    /// Appends the body to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// The opposite of [`LogEntry::encode`].
    fn decode(position: Position, body: Bytes) -> Result<Self, String>;
}

/// Called once, on the thread of the log, when what was submitted is durable, or with the reason why it
/// may never be. Must not block: everybody else waits behind it.
pub type Completion = Box<dyn FnOnce(Result<(), WalError>) + Send>;

/// How to open a log.
#[derive(Clone, Debug)]
pub struct WalOptions {
    /// The file system.
    pub io: Arc<dyn Io>,
    /// Directory of the segments; created when absent. One log at a time may use it; the caller holds
    /// the lock of the data directory.
    pub dir: PathBuf,
    /// Size of the first segment in bytes. Small, because it is written with zeros before the first
    /// entry can be.
    pub segment_bytes_first: u64,
    /// Each segment is four times as large as its predecessor, up to this many bytes.
    pub segment_bytes_max: u64,
    /// Entries kept in memory for readers, in bytes. Entries not yet synced are kept beyond it.
    pub cache_bytes_max: usize,
    /// Where writes and syncs are counted.
    pub metrics: Arc<Metrics>,
}

impl WalOptions {
    /// The defaults, for a log in `dir`.
    pub fn new(io: Arc<dyn Io>, dir: impl Into<PathBuf>) -> WalOptions {
        WalOptions {
            io,
            dir: dir.into(),
            segment_bytes_first: SEGMENT_BYTES_FIRST,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            cache_bytes_max: CACHE_BYTES_MAX,
            metrics: Arc::default(),
        }
    }
}

/// Zeroing and syncing this much takes about 3 ms, well within the 100 ms to the first put.
const SEGMENT_BYTES_FIRST: u64 = 1 << 20;

/// As in etcd. Larger ones would hold back disk space that a purge could return, smaller ones would
/// interrupt the writer more often.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;

/// The state machine lags the end of the log by a few milliseconds; at 60 MB/s of entries this is several
/// times that. Larger would show in the memory of a small server.
const CACHE_BYTES_MAX: usize = 2 << 20;

/// Submitted but not yet written; [`Wal::room`] waits above it. One sync of this much takes tens of
/// milliseconds, and more waiting bytes would only add memory, not speed.
const QUEUE_BYTES_MAX: usize = 32 << 20;

/// A record larger than this is refused, so that lengths and offsets fit their 32 bits: far above the
/// largest request a server accepts.
const RECORD_BYTES_MAX: usize = 1 << 30;

/// Why the log cannot be opened, read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WalError {
    /// The operating system refused.
    #[error("cannot {action} {path}: {error}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: Arc<std::io::Error>,
    },
    /// Bytes on disk are not what was written there.
    #[error(
        "the write-ahead log is damaged: {path} at offset {offset}: {what}. Acknowledged writes may be \
         behind this place, so it is not repaired silently: restore the file from a copy of the disk, or \
         start with an empty data directory from a backup",
        path = path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// A write or sync failed earlier; the log takes nothing more.
    #[error("the write-ahead log stopped after an error: {0}; restart the server when the cause is gone")]
    Stopped(Arc<WalError>),
    /// The log was closed by its owner.
    #[error("the write-ahead log is closed")]
    Closed,
    /// The caller broke the rules of the log.
    #[error("the write-ahead log refused the request: {0}")]
    Refused(String),
}

impl WalError {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> WalError {
        let path = path.into();
        move |error| WalError::Io { action, path, error: Arc::new(error) }
    }
}

impl From<WalError> for std::io::Error {
    fn from(error: WalError) -> std::io::Error {
        let kind = match &error {
            WalError::Io { error, .. } => error.kind(),
            WalError::Damaged { .. } => std::io::ErrorKind::InvalidData,
            WalError::Stopped(_) | WalError::Closed => std::io::ErrorKind::BrokenPipe,
            WalError::Refused(_) => std::io::ErrorKind::InvalidInput,
        };
        std::io::Error::new(kind, error)
    }
}
