//! Another member's records in the place of one's own.
//!
//! A copy is read into a directory beside the backend's, as large as it is, while the backend goes on. Then the file
//! with the data takes the place of the old one by one rename (sled's directory by two, of which an interrupted pair is
//! taken back at the next start): whatever happens, the directory holds the old records or the new ones. Meanwhile
//! nobody reads or writes; that takes as long as the engine takes to open.

use std::io::Read;
use std::sync::Arc;

use super::copy::RecordVisitor;
use super::engine::{self, EngineError, NoView};
use super::{Backend, BackendError, BackendOptions, EngineKind};

/// Name of the directory beside the backend's that a copy is read into.
const INCOMING: &str = "incoming";

/// The records of another member, complete and durable, to take the place of one's own.
#[derive(Debug)]
pub struct Incoming {
    backend: Backend,
}

impl Incoming {
    /// The records, to be looked at before they are taken over.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }
}

impl Backend {
    /// Reads a copy as [`Backend::export`] writes it, and keeps it beside this backend, after `look` has seen each record.
    /// One at a time.
    ///
    /// # Errors
    /// A copy that is cut short or damaged, what `look` says, and what the disk says.
    pub fn receive(
        &self,
        source: &mut dyn Read,
        look: &mut RecordVisitor<'_>,
    ) -> Result<Incoming, BackendError> {
        let shared = self.shared();
        let dir = shared.dir.with_file_name(INCOMING);
        if shared.kind != EngineKind::Memory {
            self.clear(&dir)?;
        }
        let io = Arc::clone(&shared.io);
        let backend = Backend::import(io, &dir, shared.kind, BackendOptions::default(), source, look)?;
        Ok(Incoming { backend })
    }

    /// Puts the records that were received in the place of the own ones. The caller sees to it that what was read of
    /// those, and is kept elsewhere, is read anew.
    ///
    /// # Errors
    /// What the disk or the engine says; nothing is written any more then.
    pub fn replace(&self, incoming: Incoming) -> Result<(), BackendError> {
        self.flush()?;
        let shared = self.shared();
        let _writing = shared.writing.lock();
        let _copying = shared.copying.write();
        let _gate = shared.gate.write();
        let _still = shared.engine_still.lock();
        let replaced = engine::guarded(|| self.swap(incoming));
        match replaced {
            Ok(()) => Ok(()),
            Err(source) => Err(shared.fail(&source)),
        }
    }

    /// Under all locks.
    fn swap(&self, incoming: Incoming) -> Result<(), EngineError> {
        let shared = self.shared();
        let mark = incoming.backend.durable_mark();
        {
            let mut state = shared.state.write();
            state.active = Default::default();
            state.frozen = None;
            state.base = Arc::new(NoView);
        }
        let engine: Arc<dyn engine::Engine> = match shared.kind {
            EngineKind::Memory => incoming.backend.shared().engine(),
            EngineKind::Redb | EngineKind::Sled => {
                // The old file is closed before the new one takes its name, which some systems insist on.
                let nothing = engine::open(&shared.io, &shared.dir, EngineKind::Memory, &shared.options)?;
                *shared.engine.write() = nothing.into();
                let dir = shared.dir.with_file_name(INCOMING);
                drop(incoming);
                engine::exchange(&shared.io, &dir, &shared.dir, shared.kind)?;
                engine::open(&shared.io, &shared.dir, shared.kind, &shared.options)?.into()
            }
        };
        *shared.engine.write() = Arc::clone(&engine);
        let mut state = shared.state.write();
        state.base = engine.view()?;
        state.freezes += 1;
        shared.control.lock().restart(mark);
        // There is room now.
        shared.progress.notify_all();
        Ok(())
    }

    /// Empties what an earlier attempt left.
    fn clear(&self, dir: &std::path::Path) -> Result<(), BackendError> {
        let io = &self.shared().io;
        io.create_dir(dir).map_err(BackendError::file("create", dir))?;
        engine::discard(dir).map_err(BackendError::file("empty", dir))?;
        for name in io.list(dir).map_err(BackendError::file("list", dir))? {
            let path = dir.join(name);
            io.remove(&path).map_err(BackendError::file("remove", &path))?;
        }
        Ok(())
    }
}
