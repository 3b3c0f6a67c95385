//! What went wrong, on its way to an exception of the program.
//!
//! The exception classes live in Python (`etcdkit.exceptions`); the choice among them is one
//! function there, so that both sides cannot disagree.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A failed call: kind, gRPC code, message, and whether it may have happened all the same.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) kind: String,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) outcome_unknown: bool,
}

impl Failure {
    pub(crate) fn forked(what: &str) -> Self {
        let message = format!("{what} belongs to the process that forked this one; make a new client here");
        Failure { kind: "forked".into(), code: 9, message, outcome_unknown: false }
    }
}

static EXCEPTION_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        Python::attach(|py| {
            let made = EXCEPTION_FOR
                .import(py, "etcdkit.exceptions", "_exception_for")
                .and_then(|make| make.call1((failure.kind, failure.code, failure.message, failure.outcome_unknown)));
            match made {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        })
    }
}
