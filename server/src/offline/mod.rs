//! What is done to a store while no server runs on it: reading a snapshot, restoring a data directory from it,
//! giving space back, hashing, and checking that log and state agree.
//!
//! Snapshots come in two formats: our own copy of a backend, and etcd's file. Both hold the same records, so what was
//! saved from etcd is restored like what was saved from us.

mod bolt;
mod directory;
mod restore;
mod snapshot;

use std::path::PathBuf;

pub use directory::{Directory, Verified};
pub use restore::{RestoreOptions, restore};
pub use snapshot::{Format, Snapshot, Status};

use crate::backend::BackendError;
use crate::data_dir::DataDirError;
use crate::mvcc::MvccError;

/// Why an offline operation does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The snapshot cannot be read.
    #[error("cannot read the snapshot: {0}")]
    Read(#[from] std::io::Error),
    /// The snapshot ends without its digest.
    #[error("snapshot missing hash but --skip-hash-check=false")]
    NoDigest,
    /// The snapshot is not what was saved.
    #[error("expected sha256 {expected:?}, got {computed:?}")]
    WrongDigest {
        /// The digest at its end.
        expected: Vec<u8>,
        /// The digest of what is before it.
        computed: Vec<u8>,
    },
    /// What is inside cannot be understood.
    #[error("snapshot file integrity check failed. {0}")]
    Damaged(String),
    /// It is neither our file nor etcd's.
    #[error("invalid database: it is a snapshot neither of this server nor of etcd")]
    Unknown,
    /// The revision cannot be raised so far.
    #[error("the revision {latest} cannot be raised by {by}")]
    Bump {
        /// The newest revision.
        latest: i64,
        /// The amount.
        by: u64,
    },
    /// There is something in the directory that is to be restored to.
    #[error("data-dir {0:?} not empty or could not be read")]
    NotEmpty(PathBuf),
    /// There is no data directory.
    #[error("{0} is no data directory of this server: name the directory that was given as --data-dir")]
    NoDirectory(PathBuf),
    /// The new member cannot found its cluster.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The storage engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The stored state cannot be read.
    #[error(transparent)]
    State(#[from] crate::apply::OpenError),
    /// The history cannot be read.
    #[error(transparent)]
    History(#[from] MvccError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] crate::raft::OfflineLogError),
    /// The log cannot be applied.
    #[error(transparent)]
    Apply(#[from] crate::apply::ApplyError),
    /// Log and state do not agree.
    #[error("{0}")]
    Disagree(String),
}
