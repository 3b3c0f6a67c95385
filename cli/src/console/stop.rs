//! Commands that hold something until they are told to stop.

use std::pin::Pin;

use super::failure::Outcome;
use crate::platform;

/// What came first.
pub(crate) enum Ended<T> {
    /// The work was done.
    Done(T),
    /// A signal asked to stop.
    Stopped,
}

/// Listens for the signals that ask to stop, from its making on.
///
/// One listener serves all steps of a command: a signal between two steps must not be lost.
pub(crate) struct Stop {
    requested: Pin<Box<dyn Future<Output = ()>>>,
    stopped: bool,
}

impl Stop {
    pub(crate) fn listen() -> Outcome<Self> {
        Ok(Stop { requested: Box::pin(platform::stop_requested()?), stopped: false })
    }

    /// Does the work, unless a signal comes first; then the work is dropped where it stands.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Ended<T> {
        if self.stopped {
            return Ended::Stopped;
        }
        tokio::select! {
            biased;
            () = &mut self.requested => {
                self.stopped = true;
                Ended::Stopped
            }
            result = work => Ended::Done(result),
        }
    }
}
