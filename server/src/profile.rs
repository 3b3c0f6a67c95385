//! Where the processor's time goes, for whoever asks at `/debug/pprof/profile`.
//!
//! The server has no profiler: to interrupt all threads of a process a hundred times a second is the program's to decide,
//! not a library's. It asks [`Profiler`], where `--enable-pprof` gave it one.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;

/// Tells where the time goes.
pub trait Profiler: Debug + Send + Sync {
    /// Watches the whole process for so long; what it saw, in pprof's `profile.proto`. One at a time: meanwhile others are
    /// refused.
    fn profile(&self, time: Duration) -> BoxFuture<'static, Result<Vec<u8>, ProfileError>>;
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProfileError(pub String);
