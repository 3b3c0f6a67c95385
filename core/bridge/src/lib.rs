//! What every language binding needs, with no language named: a runtime that survives `fork`, handles that cannot
//! dangle, calls that complete exactly once, streams that are pulled.
//!
//! A binding converts arguments, [`call::start`]s a future of the client, and gives a [`Completion`] that hands the
//! result over to its own threads or event loop. It keeps no logic of its own.

mod begun;
mod call;
mod echo;
mod error;
mod handle;
mod platform;
mod runtime;
mod stream;
pub mod wire;

pub use call::{
    CALLS_AT_ONCE_MAX, CALLS_MAX, CallId, Completion, Pending, Scope, cancel, start, start_or_complete,
    start_pending,
};
pub use echo::echo;
pub use error::{BridgeError, Kind};
pub use handle::{HANDLES_MAX, Handles};
pub use runtime::{
    AnyObject, ForkGuard, ForkSafe, Statistics, WORKER_THREADS, after_fork_in_child, blocking, drive, enter,
    leave_to_driver, objects, objects_if_used, statistics,
};
pub use stream::{BATCH_MAX, Pulled};
