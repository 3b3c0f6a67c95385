//! Where calls run: one runtime per process, made when the first call needs it.
//!
//! A forked child leaves its parent's runtime where it is, unused: its threads are not there, and
//! taking it apart would wait for them. The child's first call makes a new one.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use parking_lot::RwLock;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::call::Outcome;
use crate::failure::Failure;

/// Threads of the runtime. A client mostly waits; two keep one busy stream from delaying the rest.
const WORKERS: usize = 2;

/// The runtime of this process. Never taken apart: what runs at the end of the process is lost anyhow.
static RUNTIME: RwLock<Option<Arc<Runtime>>> = RwLock::new(None);

/// What calls belong to: a client, a watch. Closing it ends its calls.
#[derive(Clone, Default)]
pub(crate) struct Scope(CancellationToken);

impl Scope {
    pub(crate) fn child(&self) -> Self {
        Scope(self.0.child_token())
    }

    pub(crate) fn close(&self) {
        self.0.cancel();
    }

    pub(crate) async fn closed(&self) {
        self.0.cancelled().await;
    }
}

/// A call's way to be cancelled.
pub(crate) struct Running(CancellationToken);

impl Running {
    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }
}

fn runtime() -> PyResult<Arc<Runtime>> {
    if let Some(runtime) = &*RUNTIME.read() {
        return Ok(runtime.clone());
    }
    let mut slot = RUNTIME.write();
    if let Some(runtime) = &*slot {
        return Ok(runtime.clone());
    }
    let built =
        Builder::new_multi_thread().worker_threads(WORKERS).thread_name("etcdkit").enable_all().build();
    let runtime =
        Arc::new(built.map_err(|error| PyOSError::new_err(format!("no threads for etcdkit: {error}")))?);
    *slot = Some(runtime.clone());
    Ok(runtime)
}

/// Runs work on the runtime and completes exactly once: with its outcome, or because it was cancelled, its scope was
/// closed, or it panicked.
pub(crate) fn start(
    scope: &Scope,
    work: impl Future<Output = Outcome> + Send + 'static,
    complete: impl FnOnce(Outcome) + Send + 'static,
) -> PyResult<Running> {
    let (cancelled, closed) = (CancellationToken::new(), scope.clone());
    let running = Running(cancelled.clone());
    runtime()?.spawn(async move {
        let outcome = tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(Failure::cancelled()),
            () = closed.closed() => Err(Failure::closed()),
            outcome = AssertUnwindSafe(work).catch_unwind() => outcome.unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
                let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
                Err(Failure::panicked(&text.unwrap_or_default()))
            }),
        };
        complete(outcome);
    });
    Ok(running)
}

/// Runs something whose end nobody waits for.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> PyResult<()> {
    runtime()?.spawn(work);
    Ok(())
}

/// Leaves the parent's runtime to a forked child's memory and starts anew.
pub(crate) fn reset_after_fork() {
    // The lock itself may be held by a thread that is not there: `try_write` never waits for it.
    if let Some(mut slot) = RUNTIME.try_write() {
        std::mem::forget(slot.take());
    }
}
