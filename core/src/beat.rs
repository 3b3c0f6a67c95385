//! A timer that is earlier than the limits of calls.
//!
//! tokio wakes the thread that waits for I/O whenever a timer is set that is earlier than all others. In a client that does
//! one call after another that is the limit of each call, and the thread wakes for nothing, each time. So while calls are
//! made one timer is always set that is earlier.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Shorter than the limits that callers use, as a rule; and so long that the thread hardly wakes for this one.
const BEAT: Duration = Duration::from_millis(500);

const STOPPED: u8 = 0;
const BEATING: u8 = 1;
/// It beats, and a call was made since the last time.
const CALLED: u8 = 2;

/// Beats while calls are made. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat {
    stage: Arc<AtomicU8>,
}

impl Beat {
    /// A call is made.
    pub(crate) fn call(&self) {
        if self.stage.load(Ordering::Relaxed) != CALLED
            && self.stage.swap(CALLED, Ordering::Relaxed) == STOPPED
        {
            tokio::spawn(Beating(self.clone()).run());
        }
    }
}

/// Stops when it is dropped, also with a runtime that ends.
struct Beating(Beat);

impl Beating {
    async fn run(self) {
        let stage = &self.0.stage;
        loop {
            sleep(BEAT).await;
            if stage.swap(BEATING, Ordering::Relaxed) == BEATING {
                return;
            }
        }
    }
}

impl Drop for Beating {
    fn drop(&mut self) {
        // A call that comes just now goes without.
        self.0.stage.store(STOPPED, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_beats_while_calls_are_made_and_no_longer() {
        let beat = Beat::default();
        let stage = || beat.stage.load(Ordering::Relaxed);
        for _ in 0..2 {
            for _ in 0..10 {
                beat.call();
                sleep(BEAT / 2).await;
                assert_ne!(stage(), STOPPED);
            }
            sleep(BEAT * 2).await;
            assert_eq!(stage(), STOPPED, "nothing is called");
        }
    }

    #[test]
    fn one_that_ended_with_its_runtime_beats_in_the_next() {
        let beat = Beat::default();
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async { beat.call() });
            assert_eq!(beat.stage.load(Ordering::Relaxed), CALLED);
            drop(runtime);
            assert_eq!(beat.stage.load(Ordering::Relaxed), STOPPED);
        }
    }
}
