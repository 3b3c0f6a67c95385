//! Who waits for a position of the log to be applied here.
//!
//! A follower that passed a write or a read on to the leader is told a position, and answers when its own state has
//! reached it. Each waiter is woken once: waking all of them for each run would cost more than the runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The position applied, and those who wait for a later one. Bounded by the requests that wait.
#[derive(Debug, Default)]
pub(super) struct AppliedIndex {
    applied: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
}

impl AppliedIndex {
    /// Everything up to `index` is applied.
    pub(super) fn advance(&self, index: u64) {
        self.applied.store(index, Ordering::SeqCst);
        let mut waiting = self.waiting.lock();
        if waiting.is_empty() {
            return;
        }
        let later = waiting.split_off(&(index + 1));
        let reached = std::mem::replace(&mut *waiting, later);
        drop(waiting);
        for waiter in reached.into_values().flatten() {
            // Who does not wait any more needs no waking.
            let _ = waiter.send(());
        }
    }

    /// Returns when everything up to `index` is applied, or never once the member has stopped.
    pub(super) async fn reach(&self, index: u64) {
        if self.applied.load(Ordering::SeqCst) >= index {
            return;
        }
        let receiver = {
            let mut waiting = self.waiting.lock();
            // Looked at again under the lock, which `advance` takes after it has stored.
            if self.applied.load(Ordering::SeqCst) >= index {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            waiting.entry(index).or_default().push(sender);
            receiver
        };
        if receiver.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn each_waiter_is_woken_when_its_position_is_reached() {
        let applied = AppliedIndex::default();
        let (mut third, mut fifth) = (Box::pin(applied.reach(3)), Box::pin(applied.reach(5)));
        assert!(third.as_mut().now_or_never().is_none());
        assert!(fifth.as_mut().now_or_never().is_none());
        applied.advance(4);
        assert!(third.as_mut().now_or_never().is_some());
        assert!(fifth.as_mut().now_or_never().is_none());
        applied.advance(5);
        assert!(fifth.as_mut().now_or_never().is_some());
        assert!(applied.reach(2).now_or_never().is_some());
    }
}
