//! Writing a run: all of it or nothing.

use bytes::Bytes;

use super::layer::Layer;
use super::{Backend, BackendError, Shared, Table};
use crate::sync::MutexGuard;

/// The right to write one run. Its changes are seen by itself at once and by everybody else, together,
/// after [`BackendWriter::commit`]; dropped without it, nothing has happened.
pub struct BackendWriter<'a> {
    backend: &'a Backend,
    run: Layer,
    _writing: MutexGuard<'a, ()>,
}

impl Backend {
    /// Waits for the writer before, and for the disk when the overlay is at its bound.
    pub fn write(&self) -> BackendWriter<'_> {
        let writing = self.shared().writing.lock();
        self.shared().wait_for_room();
        BackendWriter { backend: self, run: Layer::default(), _writing: writing }
    }

    /// As [`Self::write`], for work that can wait: first what is there already goes to the disk, so that others find room
    /// in the overlay and never wait for it on account of this one.
    pub fn write_behind_others(&self) -> BackendWriter<'_> {
        self.shared().wait_for_flush();
        self.write()
    }
}

impl BackendWriter<'_> {
    /// Writes a record.
    pub fn put(&mut self, table: Table, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.run.insert(table, key.into(), Some(value.into()));
    }

    /// Removes a record, if it is there.
    pub fn delete(&mut self, table: Table, key: impl Into<Bytes>) {
        self.run.insert(table, key.into(), None);
    }

    /// Reads a record as this run leaves it.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        match self.run.get(table, key) {
            Some(entry) => Ok(entry.clone()),
            None => self.backend.get(table, key),
        }
    }

    /// Gives the run a mark; once the run is durable, [`Backend::durable_mark`] tells it.
    pub fn mark(&mut self, mark: impl Into<Bytes>) {
        self.run.mark = Some(mark.into());
    }

    /// Makes the run visible, as a whole. It is durable only after the next flush.
    ///
    /// # Errors
    /// The cause, when an earlier write to disk failed; then the run is not visible.
    pub fn commit(self) -> Result<(), BackendError> {
        self.backend.shared().commit(self.run)
    }
}

impl Shared {
    fn commit(&self, run: Layer) -> Result<(), BackendError> {
        if let Some(failure) = self.control.lock().failure() {
            return Err(failure);
        }
        if run.is_empty() {
            return Ok(());
        }
        let mut state = self.state.write();
        state.active.absorb(run);
        self.committed(state.active.bytes());
        Ok(())
    }
}
