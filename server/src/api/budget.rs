//! Memory of answers that are on their way.
//!
//! The answer to a range is made whole before it is sent, and a client that reads slowly keeps it in memory meanwhile.
//! So large answers are counted until the connection has taken them, and while too many bytes are out a range that may
//! become large waits for its turn. One key alone never waits: it is no larger than a request was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use tokio::sync::Notify;

/// Bytes of large answers that may be out when another range begins. Beyond it stand the answers of the ranges that
/// read at that moment, one for each thread of the runtime.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// Answers below this are not counted: the streams of one connection times this is little.
const LARGE_BYTES: usize = 64 * 1024;

/// How long a range waits for its turn. Longer, and those that are out are not being read.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The budget of one server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    less: Notify,
}

impl Budget {
    /// Waits until there is room for another large answer.
    ///
    /// # Errors
    /// [`EtcdError::TooManyRequests`], when others do not read theirs.
    pub(crate) async fn room(&self) -> Result<(), EtcdError> {
        self.room_within(WAIT_MAX).await
    }

    async fn room_within(&self, wait_max: Duration) -> Result<(), EtcdError> {
        if self.has_room() {
            return Ok(());
        }
        let waiting = async {
            loop {
                let less = self.shared.less.notified();
                tokio::pin!(less);
                less.as_mut().enable();
                if self.has_room() {
                    return;
                }
                less.await;
            }
        };
        tokio::time::timeout(wait_max, waiting).await.map_err(|_elapsed| EtcdError::TooManyRequests)
    }

    fn has_room(&self) -> bool {
        self.shared.bytes.load(Ordering::Relaxed) < BYTES_MAX
    }

    /// Counts an answer for as long as somebody holds it.
    pub(crate) fn hold(&self, answer: Bytes) -> Bytes {
        if answer.len() < LARGE_BYTES {
            return answer;
        }
        self.shared.bytes.fetch_add(answer.len(), Ordering::Relaxed);
        Bytes::from_owner(Held { answer, shared: Arc::clone(&self.shared) })
    }
}

/// Gives the bytes back when the last part of the answer is sent or dropped.
struct Held {
    answer: Bytes,
    shared: Arc<Shared>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.answer
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.bytes.fetch_sub(self.answer.len(), Ordering::Relaxed);
        self.shared.less.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_range_waits_for_answers_that_are_out_and_not_for_ever() {
        let budget = Budget::default();
        let small = budget.hold(Bytes::from_static(b"small"));
        assert_eq!(budget.shared.bytes.load(Ordering::Relaxed), 0);
        let large = budget.hold(Bytes::from(vec![0; BYTES_MAX]));
        let refused = budget.room_within(Duration::from_millis(1)).await;
        assert_eq!(refused, Err(EtcdError::TooManyRequests));
        let part = large.slice(..10);
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.room().await }
        });
        tokio::task::yield_now().await;
        drop(large);
        assert!(!waiting.is_finished(), "a part of it is still held");
        drop(part);
        assert_eq!(waiting.await.ok(), Some(Ok(())));
        drop(small);
    }
}
