//! Where finished calls gather for an event loop or a callback thread.
//!
//! A runtime thread puts the tag of a finished call here and wakes the reader; the reader, on a
//! thread of Python, takes the tags and then the results. The queue holds at most one tag for each
//! call in flight that was told to report here, so the callers bound it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use etcdkit_bridge::ForkGuard;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::client::seconds;
use crate::failure::own;
use crate::wait::{Waited, held, wait};
use crate::wake::Wake;

pub(crate) struct Queue {
    tags: Mutex<Tags>,
    changed: Condvar,
    wake: Wake,
}

#[derive(Default)]
struct Tags {
    finished: VecDeque<u64>,
    closed: bool,
}

impl Queue {
    /// Reports a finished call. Called on runtime threads.
    pub(crate) fn push(&self, tag: u64) {
        let was_empty = {
            let mut tags = held(&self.tags);
            let was_empty = tags.finished.is_empty();
            tags.finished.push_back(tag);
            was_empty
        };
        self.changed.notify_one();
        if was_empty {
            self.wake.signal();
        }
    }
}

/// A queue of finished calls, by tag.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct Completions {
    pub(crate) queue: Arc<Queue>,
    process: ForkGuard,
}

#[pymethods]
impl Completions {
    #[new]
    fn new() -> PyResult<Self> {
        let wake = Wake::new().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let queue = Queue { tags: Mutex::default(), changed: Condvar::new(), wake };
        Ok(Completions { queue: Arc::new(queue), process: ForkGuard::new() })
    }

    /// A descriptor that becomes readable when there are tags, or None where there is no such thing.
    fn fileno(&self) -> Option<i32> {
        self.queue.wake.fileno()
    }

    /// The tags of the calls that finished since the last time; does not wait.
    fn drain(&self) -> PyResult<Vec<u64>> {
        own(self.process)?;
        self.queue.wake.clear();
        Ok(held(&self.queue.tags).finished.drain(..).collect())
    }

    /// Waits for tags. None after `close`; an empty list when `timeout` (seconds) is over.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Vec<u64>>> {
        own(self.process)?;
        let deadline = timeout.map(seconds).transpose()?.map(|timeout| Instant::now() + timeout);
        let ready = |tags: &Tags| tags.closed || !tags.finished.is_empty();
        if wait(py, &self.queue.tags, &self.queue.changed, deadline, ready)? == Waited::TimedOut {
            return Ok(Some(Vec::new()));
        }
        let mut tags = held(&self.queue.tags);
        if tags.closed {
            return Ok(None);
        }
        Ok(Some(tags.finished.drain(..).collect()))
    }

    /// Adds a tag from Python, to wake a waiting reader.
    fn push(&self, tag: u64) -> PyResult<()> {
        own(self.process)?;
        self.queue.push(tag);
        Ok(())
    }

    /// Ends every wait with None.
    fn close(&self) -> PyResult<()> {
        own(self.process)?;
        held(&self.queue.tags).closed = true;
        self.queue.changed.notify_all();
        self.queue.wake.signal();
        Ok(())
    }
}
