//! Locks that threads wait on for long, in a form that a forked child can use.
//!
//! parking_lot keeps one table of all waiting threads of the process. A fork copies it with entries of threads that the
//! child does not have, and whose memory the child's own threads are given: they find themselves in the table, and are
//! woken never or for ever. A server in a child of a process that has one hung so when it stopped. The standard
//! library's locks wait in the kernel, which knows who is there.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Instant;

/// A lock; like parking_lot's, it does not ask whether an earlier holder panicked.
#[derive(Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)) }
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mutex")
    }
}

/// The lock, held.
pub(crate) struct MutexGuard<'a, T> {
    /// `None` only within [`Condvar::wait`].
    held: Option<std::sync::MutexGuard<'a, T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("invariant: a guard that can be seen holds its lock")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("invariant: a guard that can be seen holds its lock")
    }
}

/// Lets threads wait for a change of what a lock guards.
#[derive(Debug, Default)]
pub(crate) struct Condvar(std::sync::Condvar);

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(std::sync::Condvar::new())
    }

    /// Waits for a notice; there may be others, so the caller looks again.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        guard.held = guard.held.take().map(|held| self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// The same, until this moment at most.
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, moment: Instant) {
        let limit = moment.saturating_duration_since(Instant::now());
        guard.held = guard
            .held
            .take()
            .map(|held| self.0.wait_timeout(held, limit).unwrap_or_else(PoisonError::into_inner).0);
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
