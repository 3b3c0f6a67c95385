//! The thread that moves the overlay into the engine, off the path of apply.
//!
//! Run numbers count the commits of this process: `committed` is the newest visible run, `durable` the
//! newest one that the engine holds for good. They change under the lock of the state, with the layer.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;

use super::engine::{self, EngineError};
use super::layer::Layer;
use super::{BackendError, EngineKind, Shared};
use crate::fail_point;

/// What writers, waiters and the flusher tell each other.
#[derive(Debug, Default)]
pub(super) struct Control {
    committed: u64,
    durable: u64,
    /// Everything up to this run is wanted durable now.
    wanted: u64,
    /// Size of the active layer when last seen.
    active_bytes: usize,
    pub(super) durable_mark: Option<Bytes>,
    stop: bool,
    failure: Option<(EngineKind, Arc<str>)>,
}

impl Control {
    pub(super) fn starting_at(durable_mark: Option<Bytes>) -> Self {
        Control { durable_mark, ..Control::default() }
    }

    /// Other records took the place of the own ones: what was committed is of no more concern.
    pub(super) fn restart(&mut self, durable_mark: Option<Bytes>) {
        self.durable = self.committed;
        self.active_bytes = 0;
        self.durable_mark = durable_mark;
    }

    pub(super) fn failure(&self) -> Option<BackendError> {
        let (kind, cause) = self.failure.clone()?;
        Some(BackendError::Failed { kind, cause })
    }

    fn is_dirty(&self) -> bool {
        self.committed > self.durable
    }
}

/// Ends the thread when dropped, after a last flush.
pub(super) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<Flusher> {
        let of_thread = shared.clone();
        let thread =
            std::thread::Builder::new().name("backend-flush".to_owned()).spawn(move || of_thread.run())?;
        Ok(Flusher { shared, thread: Some(thread) })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.control.lock().stop = true;
        self.shared.work.notify_all();
        let Some(thread) = self.thread.take() else { return };
        if thread.join().is_err() {
            tracing::error!("the backend's flush thread panicked");
        }
    }
}

impl Shared {
    /// Numbers the run that becomes visible; called under the lock of the state.
    pub(super) fn committed(&self, active_bytes: usize) {
        let mut control = self.control.lock();
        let was_clean = !control.is_dirty();
        let was_small = control.active_bytes < self.options.overlay_bytes_flush;
        control.committed += 1;
        control.active_bytes = active_bytes;
        let is_large = active_bytes >= self.options.overlay_bytes_flush;
        // Otherwise the flusher already counts its interval.
        if was_clean || (was_small && is_large) {
            self.work.notify_all();
        }
    }

    /// Waits while the active layer is at its bound. Returns at once when nothing can make room any
    /// more: the commit will report why.
    pub(super) fn wait_for_room(&self) {
        let mut control = self.control.lock();
        while control.active_bytes >= self.options.overlay_bytes_max && control.failure.is_none() {
            self.progress.wait(&mut control);
        }
    }

    /// Waits while the active layer is so large that it is to be flushed at once.
    pub(super) fn wait_for_flush(&self) {
        let mut control = self.control.lock();
        while control.active_bytes >= self.options.overlay_bytes_flush && control.failure.is_none() {
            self.progress.wait(&mut control);
        }
    }

    pub(super) fn flush(&self) -> Result<(), BackendError> {
        let mut control = self.control.lock();
        let target = control.committed;
        control.wanted = control.wanted.max(target);
        self.work.notify_all();
        while control.durable < target && control.failure.is_none() {
            self.progress.wait(&mut control);
        }
        match control.failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Records the first failure and gives it back as the error to report.
    pub(super) fn fail(&self, source: &EngineError) -> BackendError {
        let mut control = self.control.lock();
        if control.failure.is_none() {
            tracing::error!(engine = %self.kind, error = %source, "storage failed, nothing more is written");
            let cause: Arc<str> = source.to_string().into();
            self.failed.send_replace(Some(Arc::clone(&cause)));
            control.failure = Some((self.kind, cause));
        }
        let (kind, cause) = control.failure.clone().expect("invariant: set above");
        self.progress.notify_all();
        BackendError::Failed { kind, cause }
    }

    fn run(&self) {
        while self.wait_for_work() {
            if let Err(source) = self.flush_active() {
                self.fail(&source);
                return;
            }
        }
    }

    /// Waits until the active layer is to be flushed. False when the backend closes and nothing is left to
    /// flush, or when it failed.
    fn wait_for_work(&self) -> bool {
        let mut control = self.control.lock();
        while !control.is_dirty() && !control.stop {
            self.work.wait(&mut control);
        }
        let deadline = Instant::now() + self.options.flush_interval;
        loop {
            if control.failure.is_some() || !control.is_dirty() {
                return false;
            }
            let urgent = control.stop
                || control.wanted > control.durable
                || control.active_bytes >= self.options.overlay_bytes_flush;
            if urgent || Instant::now() >= deadline {
                return true;
            }
            self.work.wait_until(&mut control, deadline);
        }
    }

    fn flush_active(&self) -> Result<(), EngineError> {
        let _still = self.engine_still.lock();
        fail_point::pass("beforeStartDBTxn");
        let (layer, newest_run) = self.freeze();
        fail_point::pass("afterStartDBTxn");
        let begun = Instant::now();
        let view = engine::guarded(|| {
            let engine = self.engine();
            fail_point::pass("beforeCommit");
            engine.apply(&layer)?;
            fail_point::pass("afterCommit");
            engine.view()
        })?;
        self.options.metrics.disk.backend_commit.observe(begun.elapsed().as_secs_f64());
        self.record(&layer);
        let mark = layer.mark.clone();
        fail_point::pass("beforeWritebackBuf");
        {
            let mut state = self.state.write();
            state.base = view;
            state.frozen = None;
        }
        fail_point::pass("afterWritebackBuf");
        // The layer's memory is given back outside the locks.
        drop(layer);
        let mut control = self.control.lock();
        control.durable = newest_run;
        if mark.is_some() {
            control.durable_mark = mark;
        }
        self.progress.notify_all();
        Ok(())
    }

    /// Makes the active layer the frozen one; with the number of the newest run in it.
    fn freeze(&self) -> (Arc<Layer>, u64) {
        let mut state = self.state.write();
        let layer = Arc::new(std::mem::take(&mut state.active));
        state.frozen = Some(layer.clone());
        state.freezes += 1;
        let mut control = self.control.lock();
        control.active_bytes = 0;
        self.progress.notify_all();
        (layer, control.committed)
    }
}
