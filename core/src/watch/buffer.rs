//! What has arrived for one watch stream and has not been read yet.
//!
//! It is bounded. A reader that falls behind does not stall the other watches of the client, which share the
//! connection, and does not fill the memory: its watch is paused, which costs the server nothing, and goes on from the
//! revision it stopped at once the reader has caught up.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::{Event, WatchResponse};
use crate::error::{Error, Result};

/// Unread events of one stream: some tenths of a second of a busy server.
pub(super) const EVENTS_MAX: usize = 8192;
/// Unread bytes of one stream, so that large values do not multiply the bound above.
pub(super) const BYTES_MAX: usize = 16 << 20;

/// Unread messages above which progress notices are left out; a later one tells the same and more.
const NOTICES_MAX: usize = 256;

/// Whether a message was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Taken,
    Full,
}

#[derive(Default)]
pub(super) struct Buffer {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Result<WatchResponse>>,
    events: usize,
    bytes: usize,
    /// Watches that feed this buffer, paused ones included.
    watches: usize,
    waker: Option<Waker>,
}

impl Buffer {
    /// Takes a message with events unless there is too much unread already. A lone message is taken whatever its size.
    pub(super) fn push_events(&self, response: WatchResponse) -> Pushed {
        let mut state = self.state.lock();
        let (events, bytes) = weight(&response);
        let full = state.events + events > EVENTS_MAX || state.bytes + bytes > BYTES_MAX;
        if full && state.events > 0 {
            return Pushed::Full;
        }
        state.events += events;
        state.bytes += bytes;
        state.push(Ok(response));
        Pushed::Taken
    }

    /// Takes a progress notice, unless the reader has not even read what came before.
    pub(super) fn push_progress(&self, notice: WatchResponse) {
        let mut state = self.state.lock();
        if state.queue.len() < NOTICES_MAX {
            state.push(Ok(notice));
        }
    }

    /// Takes a message without events: at most a few for each watch.
    pub(super) fn push_notice(&self, notice: Result<WatchResponse>) {
        self.state.lock().push(notice);
    }

    pub(super) fn watch_added(&self) {
        self.state.lock().watches += 1;
    }

    pub(super) fn watch_ended(&self) {
        let mut state = self.state.lock();
        state.watches -= 1;
        state.wake();
    }

    /// The next message, and whether paused watches should go on. `None` once no watch is left.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Result<WatchResponse>>> {
        let mut state = self.state.lock();
        if let Some(message) = state.queue.pop_front() {
            if let Ok(response) = &message {
                let (events, bytes) = weight(response);
                state.events -= events;
                state.bytes -= bytes;
            }
            return Poll::Ready(Some(message));
        }
        if state.watches == 0 {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether enough has been read for paused watches to go on.
    pub(super) fn has_room(&self) -> bool {
        let state = self.state.lock();
        state.events <= EVENTS_MAX / 2 && state.bytes <= BYTES_MAX / 2
    }
}

impl State {
    fn push(&mut self, message: Result<WatchResponse, Error>) {
        self.queue.push_back(message);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

fn weight(response: &WatchResponse) -> (usize, usize) {
    let pair = |kv: Option<&crate::KeyValue>| kv.map_or(0, |kv| kv.key().len() + kv.value().len());
    let size = |event: &Event| pair(event.kv()) + pair(event.prev_kv());
    (response.events.len(), response.events.iter().map(size).sum())
}
