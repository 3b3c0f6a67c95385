//! Which process an object belongs to.
//!
//! A forked child inherits the objects of its parent but not the threads that make them work: a lock
//! taken by such a thread stays taken for ever. So every object remembers its process, and looks
//! before it touches anything shared.

use pyo3::prelude::*;

use crate::failure::Failure;

/// The process an object was made in.
#[derive(Clone, Copy)]
pub(crate) struct Owner(u32);

impl Owner {
    pub(crate) fn current() -> Self {
        Owner(std::process::id())
    }

    pub(crate) fn is_current(self) -> bool {
        self.0 == std::process::id()
    }

    /// ForkedError when this is another process than the object's.
    pub(crate) fn check(self, what: &str) -> PyResult<()> {
        if self.is_current() {
            return Ok(());
        }
        Err(Failure::forked(what).into())
    }
}
