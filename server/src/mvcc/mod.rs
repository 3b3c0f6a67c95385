//! The key space with its history.
//!
//! Every change is one immutable record in the backend, keyed by its revision; an index in memory tells
//! which records are which versions of which key. A read names a revision and is answered from the
//! index and the records it points to; nothing it needs can change under it, so reads hold no lock
//! while they fetch values. Only compaction takes records away, and only below the compact revision.
//!
//! One writer at a time, the apply task, works through a [`StoreWriter`]; its changes become visible
//! when its run has been committed to the backend.

mod compact;
mod hash;
mod key_index;
mod range;
mod range_stream;
mod record;
mod revision;
mod store;
pub mod watch;
mod write;

#[cfg(test)]
mod tests;

pub use compact::RECORDS_PER_STEP;
pub(crate) use compact::{FINISHED_COMPACT, SCHEDULED_COMPACT};
pub use hash::KeyValueHash;
pub use range_stream::RangeStream;
pub(crate) use record::{record_key_of, tombstone};
pub use revision::{FIRST_REVISION, NEVER_COMPACTED, RecordKey, Revision};
pub(crate) use store::{Contents, Restoring};
pub use store::{Marks, Snapshot, Store};
pub use write::{Change, ChangeKind, Committed, StoreWriter};

use etcdkit_proto::EtcdError;

use crate::backend::BackendError;

/// Why an operation on the key space failed.
#[derive(Debug, thiserror::Error)]
pub enum MvccError {
    /// The request cannot be answered; the client is told so.
    #[error(transparent)]
    Api(#[from] EtcdError),
    /// The storage engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A record that the index points to is gone: the data directory is damaged.
    #[error("record {}.{} is missing from storage; restore the data directory from a snapshot", .0.main, .0.sub)]
    MissingRecord(Revision),
    /// A record does not read back: the data directory is damaged.
    #[error("a stored record cannot be read ({0}); restore the data directory from a snapshot")]
    BadRecord(String),
}

impl From<prost::DecodeError> for MvccError {
    fn from(error: prost::DecodeError) -> Self {
        MvccError::BadRecord(error.to_string())
    }
}
