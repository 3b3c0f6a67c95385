//! One call in flight, seen from Python.
//!
//! A call is started, then either waited for (the sync client), or told to report to a
//! [`Completions`] queue (asyncio, callbacks). It completes exactly once. What the runtime hands
//! over is plain data and a function that makes the Python object of it; the function runs on the
//! thread of Python that takes the result.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::completions::{Completions, Queue};
use crate::failure::Failure;
use crate::process::Owner;
use crate::runtime::{Running, Scope};
use crate::wait::{Waited, wait};

/// Makes the Python object of a result; runs with the GIL held.
pub(crate) type Finish = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
pub(crate) type Outcome = Result<Finish, Failure>;

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
            let mut state = self.state.lock();
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

/// A call in flight.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct Call {
    slot: Arc<Slot>,
    running: Running,
    owner: Owner,
}

impl Call {
    /// Starts a call on the runtime.
    pub(crate) fn start(
        scope: &Scope,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> PyResult<Self> {
        let slot = Arc::new(Slot { state: Mutex::new(State::Pending(None)), changed: Condvar::new() });
        let completed = slot.clone();
        let running = crate::runtime::start(scope, work, move |outcome| completed.complete(outcome))?;
        Ok(Call { slot, running, owner: Owner::current() })
    }
}

#[pymethods]
impl Call {
    /// Waits for the result, without the GIL; an interrupted or timed-out wait cancels the call.
    ///
    /// `timeout` is in seconds; None waits for ever. Raises TimeoutError when it is over.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        self.owner.check("this call")?;
        let deadline = timeout.map(|timeout| Instant::now() + Duration::from_secs_f64(timeout.max(0.0)));
        let is_done = |state: &State| !matches!(state, State::Pending(_));
        match wait(py, &self.slot.state, &self.slot.changed, deadline, is_done) {
            Ok(Waited::Ready) => self.result(py),
            Ok(Waited::TimedOut) => {
                self.running.cancel();
                Err(pyo3::exceptions::PyTimeoutError::new_err("the call did not end in time"))
            }
            Err(interrupted) => {
                self.running.cancel();
                Err(interrupted)
            }
        }
    }

    /// Tells the call to put `tag` into a queue when it completes, at once if it has.
    fn report_to(&self, completions: &Completions, tag: u64) -> PyResult<()> {
        self.owner.check("this call")?;
        let mut state = self.slot.state.lock();
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
        self.owner.check("this call")?;
        Ok(!matches!(&*self.slot.state.lock(), State::Pending(_)))
    }

    /// The result of a completed call, once; raises what the call failed with.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.owner.check("this call")?;
        let state = {
            let mut state = self.slot.state.lock();
            if matches!(&*state, State::Pending(_)) {
                return Err(PyRuntimeError::new_err("the call is still running"));
            }
            std::mem::replace(&mut *state, State::Taken)
        };
        match state {
            State::Done(Ok(finish)) => finish(py),
            State::Done(Err(failure)) => Err(failure.into()),
            _ => Err(PyRuntimeError::new_err("the result was taken already")),
        }
    }

    /// Cancels the call in the core. It still completes, with Cancelled or its result.
    fn cancel(&self) -> PyResult<()> {
        self.owner.check("this call")?;
        self.running.cancel();
        Ok(())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Nobody can take the result any more. In a forked child the call is the parent's business.
        if self.owner.is_current() {
            self.running.cancel();
        }
    }
}
