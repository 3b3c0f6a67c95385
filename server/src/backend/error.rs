//! What can go wrong with the backend, told so that an operator knows what to do next.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::EngineKind;
use super::engine::EngineError;

/// A name that is not an engine's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown storage engine {0:?}: it is one of redb, sled, memory")]
pub struct UnknownEngine(pub String);

/// An error of the backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The directory was written by another engine.
    #[error(
        "{dir} was written by the storage engine {recorded}, not {asked}: start with --storage-engine {recorded}, or with an empty data directory for {asked}",
        dir = dir.display()
    )]
    OtherEngine {
        /// The directory.
        dir: PathBuf,
        /// The engine it was written by.
        recorded: EngineKind,
        /// The engine it was opened with.
        asked: EngineKind,
    },
    /// The directory belongs to something else.
    #[error(
        "{dir} is not an etcdkit backend (it holds {found:?}): choose another data directory, or empty this one",
        dir = dir.display()
    )]
    Foreign {
        /// The directory.
        dir: PathBuf,
        /// One of the names in it.
        found: String,
    },
    /// The record of the engine cannot be understood.
    #[error(
        "{path} does not name a storage engine this version knows ({reason}): it is damaged or of a newer version",
        path = path.display()
    )]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine's data is gone while its directory says it was there.
    #[error(
        "{path} is missing although the directory was in use: restore it from a backup, or empty the data directory to start anew",
        path = path.display()
    )]
    Missing {
        /// What is missing.
        path: PathBuf,
    },
    /// Another backend is open on the directory.
    #[error("{dir} is in use by another server: stop it first, or choose another data directory", dir = dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// An import was interrupted.
    #[error("the import into {dir} was not finished: remove the directory and import again", dir = dir.display())]
    ImportUnfinished {
        /// The directory.
        dir: PathBuf,
    },
    /// The file system refused something outside the engine.
    #[error("cannot {what} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The engine refused.
    #[error("storage engine {kind}: {source}")]
    Engine {
        /// The engine.
        kind: EngineKind,
        /// Why.
        source: EngineError,
    },
    /// A write or sync failed, now or earlier, and nothing is written any more.
    #[error(
        "storage engine {kind} failed to write: {cause}; nothing more is written: restart once the disk is well"
    )]
    Failed {
        /// The engine.
        kind: EngineKind,
        /// The first failure.
        cause: Arc<str>,
    },
    /// No thread for the flusher.
    #[error("cannot start the flush thread: {source}")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// A copy cannot be written or read.
    #[error("cannot copy the backend: {0}")]
    Copy(String),
}

impl BackendError {
    pub(super) fn engine(kind: EngineKind, source: EngineError) -> Self {
        BackendError::Engine { kind, source }
    }

    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| BackendError::File { what, path: path.to_owned(), source }
    }
}
