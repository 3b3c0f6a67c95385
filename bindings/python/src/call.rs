//! One call in flight, seen from Python.
//!
//! A call is started on the bridge, then either waited for (the sync client), or told to report to a
//! [`Completions`] queue (asyncio, callbacks). What the runtime hands over is plain data and a
//! function that makes the Python object of it; the function runs on the thread of Python that takes
//! the result.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use etcdkit_bridge::{BridgeError, CallId, ForkGuard, Scope};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError};
use pyo3::prelude::*;

use crate::client::seconds;
use crate::completions::{Completions, Queue};
use crate::failure::{Failure, own};
use crate::wait::{Waited, held, wait};

/// Makes the Python object of a result; runs with the GIL held.
pub(crate) type Finish = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
pub(crate) type Outcome = Result<Finish, BridgeError>;

enum State {
    Pending(Option<(Arc<Queue>, u64)>),
    Done(Outcome),
    Taken,
}

struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

impl Slot {
    fn complete(&self, outcome: Outcome) {
        let reader = {
            let mut state = held(&self.state);
            let State::Pending(reader) = &mut *state else {
                return;
            };
            let reader = reader.take();
            *state = State::Done(outcome);
            reader
        };
        self.changed.notify_all();
        if let Some((queue, tag)) = reader {
            queue.push(tag);
        }
    }
}

/// A call in flight. Dropping it cancels the call.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct Call {
    slot: Arc<Slot>,
    id: CallId,
    process: ForkGuard,
}

impl Call {
    /// Starts a call that ends with its scope.
    pub(crate) fn start(
        scope: &Scope,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> PyResult<Self> {
        let slot = Arc::new(Slot { state: Mutex::new(State::Pending(None)), changed: Condvar::new() });
        let completed = slot.clone();
        let id = etcdkit_bridge::start(scope, work, move |outcome| completed.complete(outcome))
            .map_err(Failure::from)?;
        Ok(Call { slot, id, process: ForkGuard::new() })
    }
}

#[pymethods]
impl Call {
    /// Waits for the result, without the GIL; an interrupted or timed-out wait cancels the call.
    ///
    /// `timeout` is in seconds; None waits for ever. Raises TimeoutError when it is over.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        own(self.process)?;
        let deadline = timeout.map(seconds).transpose()?.map(|timeout| Instant::now() + timeout);
        let is_done = |state: &State| !matches!(state, State::Pending(_));
        match wait(py, &self.slot.state, &self.slot.changed, deadline, is_done) {
            Ok(Waited::Ready) => self.result(py),
            Ok(Waited::TimedOut) => {
                etcdkit_bridge::cancel(self.id);
                Err(PyTimeoutError::new_err("the call did not end in time"))
            }
            Err(interrupted) => {
                etcdkit_bridge::cancel(self.id);
                Err(interrupted)
            }
        }
    }

    /// Tells the call to put `tag` into a queue when it completes, at once if it has.
    fn report_to(&self, completions: &Completions, tag: u64) -> PyResult<()> {
        own(self.process)?;
        let mut state = held(&self.slot.state);
        match &mut *state {
            State::Pending(reader) => *reader = Some((completions.queue.clone(), tag)),
            _ => {
                drop(state);
                completions.queue.push(tag);
            }
        }
        Ok(())
    }

    /// Whether the result is there.
    fn done(&self) -> PyResult<bool> {
        own(self.process)?;
        Ok(!matches!(&*held(&self.slot.state), State::Pending(_)))
    }

    /// The result of a completed call, once; raises what the call failed with.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        own(self.process)?;
        let state = {
            let mut state = held(&self.slot.state);
            if matches!(&*state, State::Pending(_)) {
                return Err(PyRuntimeError::new_err("the call is still running"));
            }
            std::mem::replace(&mut *state, State::Taken)
        };
        match state {
            State::Done(Ok(finish)) => finish(py),
            State::Done(Err(error)) => Err(Failure::from(error).into()),
            _ => Err(PyRuntimeError::new_err("the result was taken already")),
        }
    }

    /// Cancels the call in the core. It still completes, with Cancelled or its result.
    fn cancel(&self) -> PyResult<()> {
        own(self.process)?;
        etcdkit_bridge::cancel(self.id);
        Ok(())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // In a forked child the call is the parent's business.
        if self.process.check().is_ok() {
            etcdkit_bridge::cancel(self.id);
        }
    }
}
