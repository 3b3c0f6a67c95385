//! What waits to be sent on one stream.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::event::EventList;
use super::frame::WatchFrame;

/// What a frame costs beside its events: itself, its place in the queue, and its message.
const FRAME_BYTES: usize = 160;

/// What surrounds the events in a message: header and ids. Counted when a message is cut into fragments.
const MESSAGE_OVERHEAD_BYTES: usize = 48;

/// The queue of one stream and those who wait at its two ends.
pub(super) struct StreamQueue {
    /// Beyond this nothing is added but answers to requests; below half of it there is room for history.
    bytes_max: usize,
    inner: Mutex<Inner>,
    /// Some watcher of the stream has history to read.
    lagging: AtomicBool,
    /// There may be something to send.
    ready: Notify,
    /// There may be room.
    room: Notify,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Queued>,
    bytes: usize,
    /// Watchers that want progress told, and whether they heard nothing since the last tick.
    quiet: HashMap<i64, bool>,
}

struct Queued {
    frame: WatchFrame,
    charge: usize,
}

/// One receiver of a list of events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Receiver {
    pub(super) watch_id: i64,
    /// Cut messages above this size; none leaves them whole.
    pub(super) fragment_bytes: Option<usize>,
}

impl StreamQueue {
    pub(super) fn new(bytes_max: usize) -> Self {
        StreamQueue {
            bytes_max,
            inner: Mutex::default(),
            lagging: AtomicBool::new(false),
            ready: Notify::new(),
            room: Notify::new(),
        }
    }

    /// Adds a message that is not events. Such messages answer requests, and the edge reads no further
    /// requests while the queue is full.
    pub(super) fn push_control(&self, frame: WatchFrame) {
        let mut inner = self.inner.lock();
        inner.push(frame, FRAME_BYTES);
        drop(inner);
        self.ready.notify_one();
    }

    /// Adds a list of events for several watchers; false, and nothing added, when the queue has no room.
    /// An empty queue takes a list of any size: a revision is never split for want of room.
    pub(super) fn push_events(
        &self,
        list: &EventList,
        revision: i64,
        receivers: impl ExactSizeIterator<Item = Receiver>,
    ) -> bool {
        let mut inner = self.inner.lock();
        let cost = list.bytes().len() + receivers.len() * FRAME_BYTES;
        if inner.bytes > 0 && inner.bytes + cost > self.bytes_max {
            return false;
        }
        inner.push_list(list, revision, receivers);
        drop(inner);
        self.ready.notify_one();
        true
    }

    /// As [`Self::push_events`], room or not: for history, which is read only when there is room.
    pub(super) fn push_history(
        &self,
        list: &EventList,
        revision: i64,
        receivers: impl Iterator<Item = Receiver>,
    ) {
        self.inner.lock().push_list(list, revision, receivers);
        self.ready.notify_one();
    }

    pub(super) fn pop(&self) -> Option<WatchFrame> {
        let mut inner = self.inner.lock();
        let Queued { frame, charge } = inner.frames.pop_front()?;
        let was_full = inner.bytes > self.bytes_max;
        inner.bytes -= charge;
        if was_full && inner.bytes <= self.bytes_max {
            self.room.notify_one();
        }
        if frame.event_count > 0
            && let Some(quiet) = inner.quiet.get_mut(&frame.watch_id)
        {
            *quiet = false;
        }
        Some(frame)
    }

    /// How many events wait.
    pub(super) fn events(&self) -> usize {
        self.inner.lock().frames.iter().map(|queued| queued.frame.event_count).sum()
    }

    /// What the queue is charged for.
    pub(super) fn bytes(&self) -> usize {
        self.inner.lock().bytes
    }

    /// Whether there is history to read and room for it.
    pub(super) fn wants_history(&self) -> bool {
        self.lagging.load(Ordering::Acquire) && self.inner.lock().bytes <= self.bytes_max / 2
    }

    pub(super) fn set_lagging(&self, lagging: bool) {
        self.lagging.store(lagging, Ordering::Release);
        if lagging {
            self.ready.notify_one();
        }
    }

    pub(super) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Waits until the queue is within its bound.
    pub(super) async fn room(&self) {
        while self.inner.lock().bytes > self.bytes_max {
            self.room.notified().await;
        }
    }

    pub(super) fn watch_progress(&self, watch_id: i64) {
        self.inner.lock().quiet.insert(watch_id, true);
    }

    pub(super) fn forget_progress(&self, watch_id: i64) {
        self.inner.lock().quiet.remove(&watch_id);
    }

    /// Watchers that are due to be told of progress; all others are at the next tick, unless they are
    /// sent events before.
    pub(super) fn take_quiet(&self) -> Vec<i64> {
        let mut inner = self.inner.lock();
        inner
            .quiet
            .iter_mut()
            .filter_map(|(id, quiet)| std::mem::replace(quiet, true).then_some(*id))
            .collect()
    }
}

impl Inner {
    fn push(&mut self, frame: WatchFrame, charge: usize) {
        self.bytes += charge;
        self.frames.push_back(Queued { frame, charge });
    }

    fn push_list(&mut self, list: &EventList, revision: i64, receivers: impl Iterator<Item = Receiver>) {
        // The bytes are shared by all the frames, so only the first pays for them.
        let mut shared = list.bytes().len();
        for receiver in receivers {
            let frame = WatchFrame { revision, watch_id: receiver.watch_id, ..WatchFrame::default() };
            let whole = receiver.fragment_bytes.is_none_or(|bytes_max| {
                list.len() < 2 || list.bytes().len() + MESSAGE_OVERHEAD_BYTES < bytes_max
            });
            let charge = FRAME_BYTES + std::mem::take(&mut shared);
            if whole {
                let (events, event_count) = (list.bytes().clone(), list.len());
                self.push(WatchFrame { events, event_count, ..frame }, charge);
                continue;
            }
            let parts = list.parts(MESSAGE_OVERHEAD_BYTES, receiver.fragment_bytes.unwrap_or(usize::MAX));
            let last = parts.len() - 1;
            for (place, (events, event_count)) in parts.into_iter().enumerate() {
                let charge = if place == 0 { charge } else { FRAME_BYTES };
                self.push(
                    WatchFrame { events, event_count, fragment: place < last, ..frame.clone() },
                    charge,
                );
            }
        }
    }
}
