//! Waiting without the GIL, without losing Ctrl-C, and without keeping the interpreter from ending.
//!
//! A thread of Python that waits here holds no lock of the interpreter. It looks for signals in
//! slices, because a condition variable is not woken by one. When the interpreter ends, every waiter
//! is woken with an error first: a thread that came back later would find the interpreter gone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// The longest a Ctrl-C stays unnoticed: people do not feel a tenth of a second.
const SIGNAL_SLICE: Duration = Duration::from_millis(100);

/// How long the end of the interpreter waits for threads to come back; they need microseconds.
const EXIT_WAIT_MAX: Duration = Duration::from_secs(2);
/// How often the end of the interpreter looks whether they did.
const EXIT_WAIT_STEP: Duration = Duration::from_millis(1);

static EXITING: AtomicBool = AtomicBool::new(false);
static WAITERS: AtomicUsize = AtomicUsize::new(0);

/// What a wait ended with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The condition holds.
    Ready,
    /// The time is over.
    TimedOut,
}

struct Waiter;

impl Waiter {
    fn enter() -> PyResult<Self> {
        WAITERS.fetch_add(1, Ordering::SeqCst);
        let waiter = Waiter;
        if EXITING.load(Ordering::SeqCst) {
            return Err(PyRuntimeError::new_err("the interpreter is shutting down"));
        }
        Ok(waiter)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        WAITERS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until `ready` holds for the state under the mutex, or the deadline passes.
///
/// An error is a signal handler's exception (KeyboardInterrupt) or the end of the interpreter.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    state: &Mutex<T>,
    changed: &Condvar,
    deadline: Option<Instant>,
    ready: impl Fn(&T) -> bool + Sync,
) -> PyResult<Waited> {
    let _waiter = Waiter::enter()?;
    loop {
        let waited = py.detach(|| wait_slice(held(state), changed, deadline, &ready));
        if let Some(waited) = waited {
            return Ok(waited);
        }
        py.check_signals()?;
        if EXITING.load(Ordering::SeqCst) {
            return Err(PyRuntimeError::new_err("the interpreter is shutting down"));
        }
    }
}

/// Locks what threads wait for. Such locks are the standard library's: parking_lot keeps one table of the waiting threads
/// of the process, which a fork copies with entries of threads that the child does not have.
pub(crate) fn held<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_slice<T>(
    guard: MutexGuard<'_, T>,
    changed: &Condvar,
    deadline: Option<Instant>,
    ready: &impl Fn(&T) -> bool,
) -> Option<Waited> {
    let slice_end = Instant::now() + SIGNAL_SLICE;
    let until = deadline.map_or(slice_end, |deadline| deadline.min(slice_end));
    let limit = until.saturating_duration_since(Instant::now());
    let waited = changed.wait_timeout_while(guard, limit, |state| !ready(state));
    let (_guard, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
    if !outcome.timed_out() {
        return Some(Waited::Ready);
    }
    let over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
    over.then_some(Waited::TimedOut)
}

/// Ends every wait with an error, and returns when no thread waits any more. For `atexit`.
#[pyfunction]
pub(crate) fn interpreter_exits(py: Python<'_>) {
    EXITING.store(true, Ordering::SeqCst);
    let give_up = Instant::now() + EXIT_WAIT_MAX;
    // Waiters notice at the end of their slice; nothing needs to find their condition variables.
    while WAITERS.load(Ordering::SeqCst) > 0 && Instant::now() < give_up {
        py.detach(|| std::thread::sleep(EXIT_WAIT_STEP));
    }
}

/// A forked child has one thread, and it is not waiting.
pub(crate) fn reset_after_fork() {
    WAITERS.store(0, Ordering::SeqCst);
    EXITING.store(false, Ordering::SeqCst);
}
