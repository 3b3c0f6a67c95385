//! Commands that run until they are told to stop.

use super::failure::Outcome;
use crate::platform;

/// What came first.
pub(super) enum Ended<T> {
    /// The work was done.
    Done(T),
    /// A signal asked to stop.
    Stopped,
}

/// Does the work, unless a signal comes first; then the work is dropped where it stands.
pub(super) async fn unless_stopped<T>(work: impl Future<Output = T>) -> Outcome<Ended<T>> {
    let stop = platform::stop_requested()?;
    Ok(tokio::select! {
        result = work => Ended::Done(result),
        () = stop => Ended::Stopped,
    })
}
