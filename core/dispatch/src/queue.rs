//! Where the results of calls gather for a thread of the language, which takes them in batches.
//!
//! A callback into Go or the JVM from a thread it does not know costs more than the call itself, and is forbidden ground
//! at the end of the process. So those languages have one thread of their own that waits here. It may run the client
//! meanwhile: a result is then there where it is read, and no second thread has to be woken for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcdkit_bridge::{BridgeError, Completion, Scope, drive, leave_to_driver};
use tokio::sync::Notify;

use crate::object::{self, Thing, close_all};
use crate::start::{Answer, Outcome, start};

/// Results of one queue that may be on their way or unread: a reader that is gone shows as an error, not as memory.
pub const QUEUE_RESULTS_MAX: usize = 1 << 20;

/// The number of a call that was refused: never that of a call in flight.
const REFUSED: u64 = u64::MAX;

/// A finished call.
#[derive(Debug)]
pub struct Finished {
    /// What the caller gave.
    pub tag: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// Results, for one reader at a time.
///
/// The reader waits for most of its life. parking_lot would keep it in a table that a forked child inherits with the
/// entry of a thread it does not have, and then loses its own in; the standard library's locks have no such table.
pub struct Queue {
    state: Mutex<State>,
    changed: Changed,
    /// What [`Queue::lend`] has lent.
    lent: Mutex<Vec<Finished>>,
}

/// Tells the reader to look again.
enum Changed {
    /// It sleeps.
    Sleeping(Condvar),
    /// It runs the client.
    Driving(Notify),
}

impl Changed {
    fn tell(&self) {
        match self {
            Self::Sleeping(changed) => changed.notify_one(),
            Self::Driving(changed) => changed.notify_one(),
        }
    }
}

#[derive(Default)]
struct State {
    /// The reader may be looking at results that are owned by the queue.
    is_lent: bool,
    finished: VecDeque<Finished>,
    /// Calls that will bring a result.
    expected: usize,
    closed: bool,
}

impl Queue {
    /// Opens a queue and returns its handle.
    pub fn open() -> Result<u64, BridgeError> {
        Self::of(Changed::Sleeping(Condvar::new()))
    }

    /// Opens a queue whose reader runs the client while it waits, and nobody else does: to be opened first of all, and
    /// read for as long as the client is used. In a process that has used the library before it is like any other.
    pub fn open_driving() -> Result<u64, BridgeError> {
        if leave_to_driver()? { Self::of(Changed::Driving(Notify::new())) } else { Self::open() }
    }

    fn of(changed: Changed) -> Result<u64, BridgeError> {
        let queue = Self { state: Mutex::default(), changed, lent: Mutex::default() };
        object::adopt(Thing::Queue(Arc::new(queue)), Scope::new())
    }

    /// The queue with this handle.
    pub fn get(handle: u64) -> Result<Arc<Self>, BridgeError> {
        match &object::get(handle)?.thing {
            Thing::Queue(queue) => Ok(queue.clone()),
            _ => Err(BridgeError::closed()),
        }
    }

    /// Starts a call like [`start`], whose result comes here; a refused one too, with a number that is no call's.
    ///
    /// `None` when no result will come: the queue is closed, or nobody reads it.
    pub fn start(
        self: &Arc<Self>,
        target: u64,
        method: u32,
        request: Bytes,
        timeout_ms: i64,
        tag: u64,
    ) -> Option<u64> {
        let completion = self.expect(tag)?;
        Some(start(target, method, request, timeout_ms, completion).unwrap_or(REFUSED))
    }

    /// The result of a call that was refused before it could be started; answers like [`start`](Self::start).
    pub fn refuse(self: &Arc<Self>, error: BridgeError, tag: u64) -> Option<u64> {
        self.expect(tag)?.complete(Err(error));
        Some(REFUSED)
    }

    fn expect(self: &Arc<Self>, tag: u64) -> Option<Delivery> {
        let mut state = self.state();
        if state.closed || state.expected + state.finished.len() >= QUEUE_RESULTS_MAX {
            return None;
        }
        state.expected += 1;
        Some(Delivery { queue: self.clone(), tag, outcome: None })
    }

    /// Waits for results and takes up to `max` of them; none when `timeout` is over first. `None` for ever after the
    /// queue is closed.
    pub fn next(&self, max: usize, timeout: Option<Duration>) -> Option<Vec<Finished>> {
        self.take(max, timeout, false)
    }

    fn take(&self, max: usize, timeout: Option<Duration>, lend: bool) -> Option<Vec<Finished>> {
        // A limit beyond the clock's range is none.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.state().is_lent = false;
        let mut state = match &self.changed {
            Changed::Sleeping(changed) => self.sleep(changed, deadline),
            Changed::Driving(changed) => {
                drive(self.has_changed(changed, deadline)).ok()?;
                self.state()
            }
        };
        if state.closed {
            drop(state);
            // Should another one wait too.
            self.changed.tell();
            return None;
        }
        let count = max.min(state.finished.len());
        // Under the same lock as the taking: whoever closes now must know.
        state.is_lent = lend && count > 0;
        Some(state.finished.drain(..count).collect())
    }

    fn sleep(&self, changed: &Condvar, deadline: Option<Instant>) -> MutexGuard<'_, State> {
        let mut state = self.state();
        while !state.has_changed() {
            match deadline {
                None => state = whole(changed.wait(state)),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    state = whole(changed.wait_timeout(state, left)).0;
                }
            }
        }
        state
    }

    async fn has_changed(&self, changed: &Notify, deadline: Option<Instant>) {
        let is_over = || deadline.is_some_and(|deadline| deadline <= Instant::now());
        if self.state().has_changed() || is_over() {
            // The client gets its turn all the same: refused calls in a row, or a reader that never waits, would be its end.
            return tokio::task::yield_now().await;
        }
        let change = async {
            while !self.state().has_changed() {
                changed.notified().await;
            }
        };
        match deadline {
            None => change.await,
            Some(deadline) => _ = tokio::time::timeout_at(deadline.into(), change).await,
        }
    }

    /// Like [`next`](Self::next), for a reader that looks at the results where they are: they are shown one by one,
    /// and stay until it asks again, also when the queue is closed meanwhile.
    pub fn lend(
        &self,
        max: usize,
        timeout: Option<Duration>,
        mut show: impl FnMut(&Finished),
    ) -> Option<usize> {
        whole(self.lent.lock()).clear();
        let batch = self.take(max, timeout, true)?;
        let mut lent = whole(self.lent.lock());
        *lent = batch;
        lent.iter().for_each(&mut show);
        Some(lent.len())
    }

    /// Whether results are lent, which must stay until the reader asks again.
    pub(crate) fn is_lent(&self) -> bool {
        self.state().is_lent
    }

    /// Ends every wait. Results that nobody has taken are dropped, and what they made is closed.
    pub(crate) fn close(&self) {
        let unread = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.finished)
        };
        self.changed.tell();
        close_unread(unread);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        whole(self.state.lock())
    }

    fn push(&self, finished: Finished) {
        let mut state = self.state();
        state.expected = state.expected.saturating_sub(1);
        if state.closed {
            drop(state);
            return close_unread([finished]);
        }
        state.finished.push_back(finished);
        drop(state);
        self.changed.tell();
    }
}

impl State {
    fn has_changed(&self) -> bool {
        self.closed || !self.finished.is_empty()
    }
}

/// What a lock guards is whole at every moment, so it does not matter whether a holder panicked.
fn whole<T>(locked: Result<T, PoisonError<T>>) -> T {
    locked.unwrap_or_else(PoisonError::into_inner)
}

fn close_unread(unread: impl IntoIterator<Item = Finished>) {
    close_all(unread.into_iter().filter_map(|finished| finished.outcome.ok()).map(|answer| answer.handle));
}

/// Brings the result of one call, whatever becomes of the call.
struct Delivery {
    queue: Arc<Queue>,
    tag: u64,
    outcome: Option<Outcome>,
}

impl Completion<Answer> for Delivery {
    fn complete(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let abandoned = || Err(BridgeError::internal("the call was abandoned"));
        let outcome = self.outcome.take().unwrap_or_else(abandoned);
        self.queue.push(Finished { tag: self.tag, outcome });
    }
}
