//! A new backend is filled: no run of it is durable before all are.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use bytes::Bytes;

use super::directory::Directory;
use super::engine::{self, Engine, EngineError};
use super::layer::Layer;
use super::{Backend, BackendError, BackendOptions, EngineKind, Table};
use crate::io::Io;

/// Bytes of records brought into a new engine at a time.
const FILL_RUN_BYTES: usize = 1 << 20;

/// Runs of records that wait for the engine while it is filled.
const FILL_RUNS_WAITING_MAX: usize = 4;

const LOADER_GONE: &str = "the engine takes no more";

impl Backend {
    /// Opens a new backend in an empty directory and fills it, durable when it returns. When it fails the directory is
    /// useless: remove it.
    ///
    /// # Errors
    /// A directory that is not empty, what `fill` says, and what the disk says.
    pub fn fill<E: From<BackendError>>(
        io: Arc<dyn Io>,
        dir: &Path,
        kind: EngineKind,
        options: BackendOptions,
        fill: impl FnOnce(&mut Filling) -> Result<(), E>,
    ) -> Result<Backend, E> {
        let directory = match kind {
            EngineKind::Memory => None,
            EngineKind::Redb | EngineKind::Sled => Some(Directory::open_for_import(io.clone(), dir, kind)?),
        };
        let of_engine = |source| BackendError::engine(kind, source);
        let engine = engine::guarded(|| engine::open_to_fill(&io, dir, kind, &options)).map_err(of_engine)?;
        let mark = Filling::of(kind, engine.as_ref(), fill)?;
        engine::guarded(|| engine.apply(&Layer::marked(mark.clone()))).map_err(of_engine)?;
        let backend = Self::start(&io, dir, kind, options, (engine, mark), directory)?;
        backend.shared().directory_ready()?;
        Ok(backend)
    }
}

/// A new backend that takes records. What gives them is one step ahead of the engine, which works in a thread of its own.
pub struct Filling {
    run: Layer,
    runs: SyncSender<Layer>,
    mark: Option<Bytes>,
}

impl Filling {
    /// Has the engine filled; the mark that it is to have.
    fn of<E: From<BackendError>>(
        kind: EngineKind,
        engine: &dyn Engine,
        fill: impl FnOnce(&mut Filling) -> Result<(), E>,
    ) -> Result<Option<Bytes>, E> {
        std::thread::scope(|scope| {
            let (runs, to_load) = sync_channel::<Layer>(FILL_RUNS_WAITING_MAX);
            let load = || to_load.into_iter().try_for_each(|run| engine::guarded(|| engine.load(&run)));
            let loader = std::thread::Builder::new().name("backend-fill".to_owned());
            let loader =
                loader.spawn_scoped(scope, load).map_err(|source| BackendError::Thread { source })?;
            let mut filling = Filling { run: Layer::default(), runs, mark: None };
            let filled = fill(&mut filling).and_then(|()| Ok(filling.next_run()?));
            let mark = filling.mark.take();
            drop(filling);
            let loaded = loader.join().unwrap_or_else(|_panic| Err(EngineError::text(LOADER_GONE)));
            // Of two errors this is the cause.
            loaded.map_err(|source| BackendError::engine(kind, source))?;
            filled.map(|()| mark)
        })
    }

    /// Writes a record.
    ///
    /// # Errors
    /// What the disk says.
    pub fn put(&mut self, table: Table, key: Bytes, value: Bytes) -> Result<(), BackendError> {
        self.run.insert(table, key, Some(value));
        if self.run.bytes() >= FILL_RUN_BYTES { self.next_run() } else { Ok(()) }
    }

    /// Sets the mark that the backend carries when it is full.
    pub fn mark(&mut self, mark: Bytes) {
        self.mark = Some(mark);
    }

    fn next_run(&mut self) -> Result<(), BackendError> {
        let run = std::mem::take(&mut self.run);
        self.runs.send(run).map_err(|_gone| BackendError::Copy(LOADER_GONE.to_owned()))
    }
}
