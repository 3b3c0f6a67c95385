//! What went wrong, on its way to an exception of the program.
//!
//! The exception classes live in Python (`etcdkit.exceptions`); the choice among them is one
//! function there, so that both sides cannot disagree.

use etcdkit::Error;
use etcdkit_bridge::{BridgeError, ForkGuard};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// A failed call, as the bridge tells it.
#[derive(Debug)]
pub(crate) struct Failure(BridgeError);

impl From<BridgeError> for Failure {
    fn from(error: BridgeError) -> Self {
        Failure(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure(error.into())
    }
}

static EXCEPTION_FOR: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl From<Failure> for PyErr {
    fn from(Failure(error): Failure) -> PyErr {
        Python::attach(|py| {
            let made = EXCEPTION_FOR.import(py, "etcdkit.exceptions", "_exception_for").and_then(|make| {
                make.call1((error.kind as i32, error.code, error.message, error.outcome_unknown))
            });
            match made {
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            }
        })
    }
}

/// ForkedError when the object belongs to the process that forked this one.
pub(crate) fn own(process: ForkGuard) -> PyResult<()> {
    process.check().map_err(|error| Failure(error).into())
}
