//! What the backend needs of a storage engine, and the engines.

mod gather;
mod memory;
mod redb;
mod sled;

use std::ops::Bound;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::layer::Layer;
use super::read::RowVisitor;
use super::{BackendOptions, EngineKind, Size, Table};
use crate::io::Io;

/// Whatever an engine has to say.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EngineError(Box<dyn std::error::Error + Send + Sync>);

impl EngineError {
    pub(super) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        EngineError(source.into())
    }

    /// An error of our own.
    pub(super) fn text(text: &'static str) -> Self {
        EngineError::new(text)
    }

    /// Whether the engine panicked: it met what it never wrote, and nothing it says can be relied on.
    pub(super) fn is_panic(&self) -> bool {
        self.0.is::<Panicked>()
    }
}

/// Runs a step of an engine, a panic of which is an error too: redb meets damaged pages with one, and the
/// thread that waits for the step must hear of it.
pub(super) fn guarded<T>(step: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    // After a panic the engine is not changed any more, so what it left half done is not met again.
    std::panic::catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no reason given".to_owned());
        Err(EngineError::new(Panicked(text)))
    })
}

/// What an engine said when it panicked.
#[derive(Debug, thiserror::Error)]
#[error("the engine panicked, its data may be damaged: {0}")]
struct Panicked(String);

/// An engine. Only one thread changes it at a time; views are read by many meanwhile.
pub(super) trait Engine: Send + Sync {
    /// Brings a layer in: all of it or, after a crash, nothing. Durable when it returns. After an error
    /// nothing is brought in any more.
    fn apply(&self, layer: &Layer) -> Result<(), EngineError>;

    /// As [`Engine::apply`], into an engine that nobody uses yet. Durable with the next layer that is applied, not before.
    fn load(&self, layer: &Layer) -> Result<(), EngineError> {
        self.apply(layer)
    }

    /// The records as they are now.
    fn view(&self) -> Result<Arc<dyn View>, EngineError>;

    /// The mark of the newest layer brought in that had one.
    fn mark(&self) -> Result<Option<Bytes>, EngineError>;

    fn size(&self) -> Result<Size, EngineError>;

    /// Gives free space back. Called while no view is held and nothing is brought in.
    fn compact(&self) -> Result<(), EngineError>;

    /// An empty engine beside this one, to be filled and to [`Engine::take_over`]; none when there can be none.
    fn successor(&self) -> Result<Option<Box<dyn Engine>>, EngineError> {
        Ok(None)
    }

    /// Takes the place of the engine it was made to succeed, durably. After an error it has not, unless the file system
    /// does not know itself.
    fn take_over(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Reading an engine.
pub(super) trait View: Send + Sync {
    /// Whether the view stands still while layers are brought in.
    fn is_snapshot(&self) -> bool;

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError>;

    /// Shows rows in ascending order. The bounds are not empty.
    fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visitor: &mut RowVisitor<'_>,
    ) -> Result<(), EngineError>;
}

/// Opens an engine in its directory, which is there and holds nothing of others.
pub(super) fn open(
    io: &Arc<dyn Io>,
    dir: &Path,
    kind: EngineKind,
    options: &BackendOptions,
) -> Result<Box<dyn Engine>, EngineError> {
    Ok(match kind {
        EngineKind::Redb => Box::new(redb::RedbEngine::open(io.clone(), dir, options)?),
        EngineKind::Sled => Box::new(sled::SledEngine::open(io.clone(), dir, options)?),
        EngineKind::Memory => Box::new(memory::MemoryEngine::default()),
    })
}

/// As [`open`], to be filled before anybody uses it.
pub(super) fn open_to_fill(
    io: &Arc<dyn Io>,
    dir: &Path,
    kind: EngineKind,
    options: &BackendOptions,
) -> Result<Box<dyn Engine>, EngineError> {
    match kind {
        EngineKind::Redb => Ok(Box::new(redb::RedbEngine::open_to_fill(io.clone(), dir, options)?)),
        EngineKind::Sled | EngineKind::Memory => open(io, dir, kind, options),
    }
}

/// What an engine keeps in its directory: the path whose presence shows that there is data, and the
/// directories in which it keeps files.
pub(super) fn traces(dir: &Path, kind: EngineKind) -> (PathBuf, Vec<PathBuf>) {
    match kind {
        EngineKind::Redb => (dir.join(redb::FILE), vec![]),
        EngineKind::Sled => {
            let own = dir.join(sled::DIR);
            (own.join("db"), vec![own.join("blobs"), own])
        }
        EngineKind::Memory => (PathBuf::new(), vec![]),
    }
}

/// Puts the data of one backend's directory in the place of another's. Both are closed.
pub(super) fn exchange(
    io: &Arc<dyn Io>,
    from: &Path,
    to: &Path,
    kind: EngineKind,
) -> Result<(), EngineError> {
    match kind {
        EngineKind::Redb => {
            io.rename(&from.join(redb::FILE), &to.join(redb::FILE)).map_err(EngineError::new)?;
            io.sync_dir(to).map_err(EngineError::new)
        }
        EngineKind::Sled => sled::exchange(io, from, to).map_err(EngineError::new),
        EngineKind::Memory => Ok(()),
    }
}

/// Takes back or finishes an exchange that was interrupted.
pub(super) fn recover(io: &Arc<dyn Io>, dir: &Path, kind: EngineKind) -> std::io::Result<()> {
    if kind == EngineKind::Sled { sled::recover(io, dir) } else { Ok(()) }
}

/// Removes directories of engines inside this one; files are left to the caller.
pub(super) fn discard(dir: &Path) -> std::io::Result<()> {
    sled::discard(dir)
}

/// Stands in for a view while the engine is compacted; nobody reads it.
pub(super) struct NoView;

impl View for NoView {
    fn is_snapshot(&self) -> bool {
        true
    }

    fn get(&self, _: Table, _: &[u8]) -> Result<Option<Bytes>, EngineError> {
        Err(EngineError::new("read while the engine is compacted"))
    }

    fn scan(
        &self,
        _: Table,
        _: Bound<&[u8]>,
        _: Bound<&[u8]>,
        _: &mut RowVisitor<'_>,
    ) -> Result<(), EngineError> {
        Err(EngineError::new("read while the engine is compacted"))
    }
}
