//! What went wrong, on its way to an exception of the program.
//!
//! The exception classes live in Python (`etcdkit.exceptions`); the choice among them is one
//! function there, so that both sides cannot disagree.

use etcdkit::{Code, Error, ErrorKind, WatchResponse};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A failed call: what kind, gRPC code, message, and whether it may have happened all the same.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// Names an exception class that no gRPC code has, or is empty.
    kind: &'static str,
    code: Code,
    message: String,
    outcome_unknown: bool,
}

impl Failure {
    fn new(kind: &'static str, code: Code, message: impl Into<String>) -> Self {
        Failure { kind, code, message: message.into(), outcome_unknown: false }
    }

    pub(crate) fn forked(what: &str) -> Self {
        let message = format!("{what} belongs to the process that forked this one; make a new one here");
        Failure::new("forked", Code::FailedPrecondition, message)
    }

    pub(crate) fn cancelled() -> Self {
        Failure::new("", Code::Cancelled, "the call was cancelled")
    }

    pub(crate) fn closed() -> Self {
        Failure::new("", Code::Cancelled, "the client was closed")
    }

    pub(crate) fn panicked(message: &str) -> Self {
        let message = format!("a fault of etcdkit: {message}; please report it");
        Failure { outcome_unknown: true, ..Failure::new("", Code::Internal, message) }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Failure::new("", Code::InvalidArgument, message)
    }

    /// A watch that the server, or the core on its behalf, has ended.
    pub(crate) fn watch_ended(response: &WatchResponse) -> Self {
        Error::WatchError(response.cancel_reason().to_owned()).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::SessionExpired | ErrorKind::LeaseLost => "lease_lost",
            _ => "",
        };
        let outcome_unknown = error.outcome_unknown();
        Failure { outcome_unknown, ..Failure::new(kind, error.code(), error.message()) }
    }
}

static EXCEPTION_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        Python::attach(|py| {
            let code = failure.code as i32;
            let made = EXCEPTION_FOR
                .import(py, "etcdkit.exceptions", "_exception_for")
                .and_then(|make| make.call1((failure.kind, code, failure.message, failure.outcome_unknown)));
            match made {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        })
    }
}
