//! Defragmentation without a pause: the content goes into a new file while the old one serves.
//!
//! ```text
//!  old engine   ──── serves reads, takes layers ─────────────────────────┐
//!  recorded          layers that came since the copy began  ──┐          │ swap
//!  new engine        copy of the base, in order ──────────────┴─ the rest┘
//! ```
//!
//! What waits is only the swap: flushes for the layers that came in the last moment, readers for two pointers. Both files
//! then hold the same, so that a crash may find either under the name. An engine that cannot do this, and a disk that
//! is written to faster than it can be copied, are compacted in place, which holds up readers.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use prometheus::IntGauge;

use super::engine::{self, Engine, EngineError, View};
use super::layer::Layer;
use super::{Backend, BackendError, Shared, Table};
use crate::fail_point;

/// Bytes of records brought into the new engine with one commit. The log's syncs wait behind the commit's, on a disk of
/// 100 MB/s for 20 ms.
const COPY_LAYER_BYTES: usize = 2 << 20;

/// Bytes of layers kept while the copy goes on: half a minute of writes at a usual rate.
const RECORDED_BYTES_MAX: usize = 64 << 20;

/// Rounds of bringing in what came meanwhile, each shorter than the one before, until the last is brought in while
/// flushes wait.
const CATCH_UP_ROUNDS_MAX: usize = 8;

/// Tells that something is under way, as long as it lives.
struct InFlight<'a>(&'a IntGauge);

impl<'a> InFlight<'a> {
    fn of(gauge: &'a IntGauge) -> Self {
        gauge.set(1);
        InFlight(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.set(0);
    }
}

/// Layers that came since a copy began.
#[derive(Default)]
pub(super) struct Recorded {
    layers: Vec<Arc<Layer>>,
    bytes: usize,
    overflowed: bool,
}

impl Recorded {
    fn push(&mut self, layer: &Arc<Layer>) {
        self.bytes += layer.bytes();
        self.overflowed |= self.bytes > RECORDED_BYTES_MAX;
        if self.overflowed {
            self.layers.clear();
        } else {
            self.layers.push(Arc::clone(layer));
        }
    }

    fn take(&mut self) -> Result<Vec<Arc<Layer>>, EngineError> {
        if self.overflowed {
            return Err(EngineError::text("more is written than can be copied"));
        }
        self.bytes = 0;
        Ok(std::mem::take(&mut self.layers))
    }
}

/// Ends the recording, however the rebuild ends.
struct Recording<'a>(&'a Shared);

impl Drop for Recording<'_> {
    fn drop(&mut self) {
        *self.0.recorded.lock() = None;
    }
}

impl Shared {
    /// Notes a layer that has gone into the engine, for a copy under way.
    pub(super) fn record(&self, layer: &Arc<Layer>) {
        if let Some(recorded) = self.recorded.lock().as_mut() {
            recorded.push(layer);
        }
    }

    fn recorded(&self) -> Result<Vec<Arc<Layer>>, EngineError> {
        self.recorded.lock().as_mut().map_or(Ok(Vec::new()), Recorded::take)
    }
}

impl Backend {
    /// Gives space that is no longer needed back to the file system, as far as the engine can (sled cannot). Reads and
    /// writes go on, unless the engine has to be compacted in place.
    ///
    /// # Errors
    /// What the disk or the engine says.
    pub fn compact(&self) -> Result<(), BackendError> {
        self.flush()?;
        let shared = self.shared();
        let _copying = shared.copying.write();
        let disk = &shared.options.metrics.disk;
        let _timer = disk.defragment.start_timer();
        let _inflight = InFlight::of(&disk.defragmenting);
        match self.rebuild() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "a copy of the backend was given up, it is compacted in place")
            }
        }
        self.compact_in_place()
    }

    /// False when the engine cannot be rebuilt.
    fn rebuild(&self) -> Result<bool, EngineError> {
        let shared = self.shared();
        let Some(successor) = engine::guarded(|| shared.engine().successor())? else { return Ok(false) };
        let successor: Arc<dyn Engine> = successor.into();
        let _recording = Recording(shared);
        let (base, mark) = {
            let _still = shared.engine_still.lock();
            *shared.recorded.lock() = Some(Recorded::default());
            (shared.state.read().base.clone(), self.durable_mark())
        };
        fail_point::pass("defragBeforeCopy");
        engine::guarded(|| copy(base.as_ref(), mark, successor.as_ref()))?;
        drop(base);
        for _ in 0..CATCH_UP_ROUNDS_MAX {
            let layers = shared.recorded()?;
            if layers.is_empty() {
                break;
            }
            bring_in(&layers, successor.as_ref())?;
        }
        let still = shared.engine_still.lock();
        bring_in(&shared.recorded()?, successor.as_ref())?;
        let view = engine::guarded(|| {
            fail_point::pass("defragBeforeRename");
            successor.take_over()?;
            successor.view()
        })?;
        let former = {
            let _gate = shared.gate.write();
            shared.state.write().base = view;
            std::mem::replace(&mut *shared.engine.write(), successor)
        };
        drop(still);
        // Closing the old file takes its time and holds up nobody.
        drop(former);
        Ok(true)
    }

    fn compact_in_place(&self) -> Result<(), BackendError> {
        let shared = self.shared();
        let _gate = shared.gate.write();
        let _still = shared.engine_still.lock();
        let engine = shared.engine();
        // The engine may want no snapshot to be held, so ours goes; the gate keeps readers from missing it.
        shared.state.write().base = Arc::new(engine::NoView);
        let compacted = engine::guarded(|| engine.compact());
        match engine.view() {
            Ok(view) => shared.state.write().base = view,
            Err(source) => return Err(shared.fail(&source)),
        }
        // A compaction that failed half-way is like any other failed write.
        compacted.map_err(|source| shared.fail(&source))
    }
}

fn bring_in(layers: &[Arc<Layer>], into: &dyn Engine) -> Result<(), EngineError> {
    layers.iter().try_for_each(|layer| engine::guarded(|| into.apply(layer)))
}

fn copy(from: &dyn View, mark: Option<Bytes>, into: &dyn Engine) -> Result<(), EngineError> {
    for table in Table::ALL {
        let mut layer = Layer::default();
        let mut copied = Ok(());
        from.scan(table, Bound::Unbounded, Bound::Unbounded, &mut |key, value| {
            layer.insert(table, Bytes::copy_from_slice(key), Some(Bytes::copy_from_slice(value)));
            if layer.bytes() >= COPY_LAYER_BYTES {
                copied = into.apply(&std::mem::take(&mut layer));
            }
            if copied.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        copied?;
        if !layer.is_empty() {
            into.apply(&layer)?;
        }
    }
    let last = Layer::marked(mark);
    if last.is_empty() { Ok(()) } else { into.apply(&last) }
}
