//! Placeholder until the bridge is there.
use std::future::Future;
use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::call::Outcome;

static RT: OnceLock<tokio::runtime::Runtime> = OnceLock::new();

pub(crate) struct Running(tokio::task::AbortHandle);

impl Running {
    pub(crate) fn cancel(&self) {
        self.0.abort();
    }
}

pub(crate) fn start(
    work: impl Future<Output = Outcome> + Send + 'static,
    complete: impl FnOnce(Outcome) + Send + 'static,
) -> PyResult<Running> {
    let rt = RT.get_or_init(|| tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("rt"));
    let task = rt.spawn(work);
    let abort = task.abort_handle();
    rt.spawn(async move {
        let outcome = match task.await {
            Ok(outcome) => outcome,
            Err(error) => Err(crate::failure::Failure {
                kind: "cancelled".into(), code: 1, message: error.to_string(), outcome_unknown: false }),
        };
        complete(outcome);
    });
    Ok(Running(abort))
}
