//! The hub: all streams and watchers, and the place where a run becomes visible to readers and watchers
//! at once.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::WatchCreateRequest;
use etcdkit_proto::key_range::KeyRange;
use parking_lot::Mutex;

use super::super::Store;
use super::super::write::{Change, Committed};
use super::event::Filters;
use super::frame::{NO_WATCHER, WatchFrame};
use super::group::{GroupId, Groups, Interest, Previous, encode};
use super::queue::{Receiver, StreamQueue};
use super::stream::WatchStream;
use crate::fail_point;

/// A watch on no key, in etcd's words.
const EMPTY_RANGE: &str = "mvcc: watcher range is empty";
/// An id taken on this stream, in etcd's words.
const DUPLICATE_ID: &str = "mvcc: duplicate watch ID provided on the WatchStream";

/// Settings of the hub.
#[derive(Clone, Copy, Debug)]
pub struct HubOptions {
    /// Size at which messages to watchers that asked for fragments are cut. etcd takes its request limit
    /// (1.5 MiB) and 512 KiB more, which is the default.
    pub fragment_bytes: usize,
    /// Bytes a stream may hold for its client. A client that reads slower than that is served from
    /// history, so this is the memory one hostile stream can take. Default 4 MiB.
    pub queue_bytes: usize,
}

impl Default for HubOptions {
    fn default() -> Self {
        HubOptions { fragment_bytes: (1536 + 512) << 10, queue_bytes: 4 << 20 }
    }
}

/// Number of a stream, in order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StreamId(u64);

/// All watchers of a server. Cheap to clone; may be used from any thread.
#[derive(Clone)]
pub struct Hub {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) store: Store,
    options: HubOptions,
    pub(super) state: Mutex<State>,
}

pub(super) struct State {
    /// The newest revision delivered. It moves together with the store's.
    pub(super) revision: i64,
    pub(super) streams: HashMap<StreamId, StreamState>,
    pub(super) groups: Groups,
    /// Watchers of the future, by the revision they start at.
    waiting: BTreeSet<(i64, StreamId, i64)>,
    /// Counts streams and watchers ever made.
    serial: u64,
}

pub(super) struct StreamState {
    pub(super) queue: Arc<StreamQueue>,
    pub(super) watchers: HashMap<i64, Watcher>,
    next_id: i64,
    /// Lagging watchers by the first revision they miss.
    pub(super) lagging: BTreeSet<(i64, i64)>,
    waiting: usize,
}

pub(super) struct Watcher {
    pub(super) interest: Interest,
    pub(super) receiver: Receiver,
    pub(super) place: Place,
    /// Tells apart watchers that had the same id one after the other.
    pub(super) serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Fed by the writer.
    Synced,
    /// Until this revision comes.
    Waiting(i64),
    /// Has everything before this revision.
    Lagging(i64),
}

/// How many streams and watchers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Streams.
    pub streams: usize,
    /// Watchers of all streams.
    pub watchers: usize,
    /// Watchers that still read history.
    pub slow_watchers: usize,
    /// Events that wait for their connection.
    pub pending_events: usize,
}

impl Hub {
    /// A hub for a store.
    pub fn new(store: Store, options: HubOptions) -> Self {
        let state = State {
            revision: store.revision(),
            streams: HashMap::new(),
            groups: Groups::default(),
            waiting: BTreeSet::new(),
            serial: 0,
        };
        Hub { shared: Arc::new(Shared { store, options, state: Mutex::new(state) }) }
    }

    /// Opens a stream without watchers.
    pub fn stream(&self) -> WatchStream {
        let mut state = self.shared.state.lock();
        state.serial += 1;
        let id = StreamId(state.serial);
        let queue = Arc::new(StreamQueue::new(self.shared.options.queue_bytes));
        let stream = StreamState {
            queue: queue.clone(),
            watchers: HashMap::new(),
            next_id: 0,
            lagging: BTreeSet::new(),
            waiting: 0,
        };
        state.streams.insert(id, stream);
        WatchStream::new(self.clone(), id, queue)
    }

    /// How much there is to do.
    pub fn load(&self) -> Load {
        let state = self.shared.state.lock();
        let sum = |of: fn(&StreamState) -> usize| state.streams.values().map(of).sum();
        Load {
            streams: state.streams.len(),
            watchers: sum(|stream| stream.watchers.len()),
            slow_watchers: sum(|stream| stream.lagging.len()),
            pending_events: sum(|stream| stream.queue.events()),
        }
    }

    /// Makes a committed run visible to readers, and hands it to the watchers. Never blocks on a client.
    pub fn publish(&self, committed: Committed) {
        // Readers and new watchers see the new revision together: who reads up to a revision and watches
        // from the next one must neither miss nor repeat an event.
        let mut state = self.shared.state.lock();
        self.shared.store.publish(committed.marks);
        state.revision = committed.marks.revision;
        state.deliver(&self.shared.store, &committed.changes);
    }

    /// Lets `adopt` put another member's key space in the place of the own one. Watchers that were fed by the writer
    /// read what they missed from history.
    pub(crate) fn adopt<E>(&self, adopt: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        let mut state = self.shared.state.lock();
        let missed = state.revision + 1;
        adopt()?;
        state.revision = self.shared.store.revision();
        if state.revision >= missed {
            state.all_lag(missed);
        }
        Ok(())
    }

    pub(super) fn create(&self, id: StreamId, request: &WatchCreateRequest) {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        let revision = state.revision;
        let Some(stream) = state.streams.get_mut(&id) else { return };
        let frame = match stream.admit(request) {
            Ok((watch_id, range)) => {
                let filters = Filters::of(request);
                let interest = Interest { range, filters, prev_kv: request.prev_kv };
                let fragment_bytes = request.fragment.then_some(self.shared.options.fragment_bytes);
                let receiver = Receiver { watch_id, fragment_bytes };
                if request.progress_notify {
                    stream.queue.watch_progress(watch_id);
                }
                stream.queue.push_control(WatchFrame::created(watch_id, revision));
                return state.add(id, interest, receiver, request.start_revision);
            }
            Err(reason) => WatchFrame::refused(revision, reason),
        };
        stream.queue.push_control(frame);
    }

    pub(super) fn refuse(&self, id: StreamId, reason: String) {
        let state = self.shared.state.lock();
        let Some(stream) = state.streams.get(&id) else { return };
        stream.queue.push_control(WatchFrame::refused(state.revision, reason));
    }

    pub(super) fn cancel(&self, id: StreamId, watch_id: i64) {
        self.end(id, watch_id, Cow::Borrowed(""));
    }

    pub(super) fn revoke(&self, id: StreamId, watch_id: i64, reason: String) {
        self.end(id, watch_id, Cow::Owned(reason));
    }

    fn end(&self, id: StreamId, watch_id: i64, cancel_reason: Cow<'static, str>) {
        let mut state = self.shared.state.lock();
        if !state.remove(id, watch_id) {
            return;
        }
        let revision = state.revision;
        let Some(stream) = state.streams.get(&id) else { return };
        let frame = WatchFrame { cancel_reason, ..WatchFrame::canceled(watch_id, revision) };
        stream.queue.push_control(frame);
    }

    pub(super) fn ranges(&self, id: StreamId) -> Vec<(i64, Bytes, Bytes)> {
        let state = self.shared.state.lock();
        let watchers = state.streams.get(&id).into_iter().flat_map(|stream| &stream.watchers);
        let spelled = |(watch_id, watcher): (&i64, &Watcher)| {
            let (key, range_end) = watcher.interest.range.to_request();
            (*watch_id, key, range_end)
        };
        watchers.map(spelled).collect()
    }

    /// Answers for the whole stream, or not at all: an answer means that no watcher of the stream will get
    /// an event of this revision or before.
    pub(super) fn progress_of_stream(&self, id: StreamId) {
        fail_point::pass("beforeProgressIfSync");
        let state = self.shared.state.lock();
        let Some(stream) = state.streams.get(&id) else { return };
        let all_synced = stream.lagging.is_empty() && stream.waiting == 0;
        if !stream.watchers.is_empty() && all_synced {
            stream.queue.push_control(WatchFrame::progress(NO_WATCHER, state.revision));
        }
    }

    pub(super) fn progress_of_watchers(&self, id: StreamId) {
        let state = self.shared.state.lock();
        let Some(stream) = state.streams.get(&id) else { return };
        for watch_id in stream.queue.take_quiet() {
            if stream.watchers.get(&watch_id).is_some_and(|watcher| watcher.place == Place::Synced) {
                stream.queue.push_control(WatchFrame::progress(watch_id, state.revision));
            }
        }
    }

    pub(super) fn close(&self, id: StreamId) {
        let mut state = self.shared.state.lock();
        let Some(stream) = state.streams.get(&id) else { return };
        let watchers: Vec<i64> = stream.watchers.keys().copied().collect();
        for watch_id in watchers {
            state.remove(id, watch_id);
        }
        state.streams.remove(&id);
    }
}

impl StreamState {
    /// Checks a creation; the id and the range of the new watcher, or why there is none.
    fn admit(&mut self, request: &WatchCreateRequest) -> Result<(i64, KeyRange), &'static str> {
        if request.start_revision < 0 {
            return Err(EtcdError::Compacted.message());
        }
        // No key means the smallest one. Copies, because a slice would keep its whole request in memory.
        let key = if request.key.is_empty() { b"\0" } else { request.key.as_ref() };
        let end = Bytes::copy_from_slice(&request.range_end);
        let range = KeyRange::new(Bytes::copy_from_slice(key), end);
        if range.is_empty() {
            return Err(EMPTY_RANGE);
        }
        if request.watch_id != 0 {
            let taken = self.watchers.contains_key(&request.watch_id);
            return if taken { Err(DUPLICATE_ID) } else { Ok((request.watch_id, range)) };
        }
        while self.watchers.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Ok((self.next_id - 1, range))
    }
}

impl State {
    fn add(&mut self, id: StreamId, interest: Interest, receiver: Receiver, start: i64) {
        self.serial += 1;
        let watcher = Watcher { interest, receiver, place: Place::Synced, serial: self.serial };
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.watchers.insert(receiver.watch_id, watcher);
        let place = match start {
            0 => Place::Synced,
            _ if start > self.revision => Place::Waiting(start),
            _ => Place::Lagging(start),
        };
        self.enter(id, receiver.watch_id, place);
    }

    /// Puts a watcher that is on no way onto one.
    pub(super) fn enter(&mut self, id: StreamId, watch_id: i64, place: Place) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(watcher) = stream.watchers.get_mut(&watch_id) else { return };
        watcher.place = place;
        match place {
            Place::Synced => self.groups.join(&watcher.interest, id, &stream.queue, watcher.receiver),
            Place::Waiting(start) => {
                stream.waiting += 1;
                self.waiting.insert((start, id, watch_id));
            }
            Place::Lagging(from) => {
                stream.lagging.insert((from, watch_id));
                stream.queue.set_lagging(true);
            }
        }
    }

    /// Takes a watcher off the way it is on.
    pub(super) fn exit(&mut self, id: StreamId, watch_id: i64) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(watcher) = stream.watchers.get(&watch_id) else { return };
        match watcher.place {
            Place::Synced => self.groups.leave(&watcher.interest, id, watch_id),
            Place::Waiting(start) => {
                stream.waiting -= 1;
                self.waiting.remove(&(start, id, watch_id));
            }
            Place::Lagging(from) => {
                stream.lagging.remove(&(from, watch_id));
                stream.queue.set_lagging(!stream.lagging.is_empty());
            }
        }
    }

    /// Ends a watcher; false when there is none.
    pub(super) fn remove(&mut self, id: StreamId, watch_id: i64) -> bool {
        self.exit(id, watch_id);
        let Some(stream) = self.streams.get_mut(&id) else { return false };
        stream.queue.forget_progress(watch_id);
        stream.watchers.remove(&watch_id).is_some()
    }

    /// Sends everybody to history: watchers that were fed, from `missed` on, and those whose time has come.
    fn all_lag(&mut self, missed: i64) {
        let mut lagging = Vec::new();
        for (id, stream) in &self.streams {
            for (watch_id, watcher) in &stream.watchers {
                match watcher.place {
                    Place::Synced => lagging.push((*id, *watch_id, missed)),
                    Place::Waiting(start) if start <= self.revision => lagging.push((*id, *watch_id, start)),
                    Place::Waiting(_) | Place::Lagging(_) => {}
                }
            }
        }
        for (id, watch_id, from) in lagging {
            self.exit(id, watch_id);
            self.enter(id, watch_id, Place::Lagging(from));
        }
    }

    fn deliver(&mut self, store: &Store, changes: &[Change]) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else { return };
        self.wake_waiting(first.revision, last.revision);
        let mut previous = Previous::new(store);
        let mut without_room: Vec<(GroupId, StreamId)> = Vec::new();
        for id in self.groups.match_changes(changes) {
            let Some((group, pending)) = self.groups.take_pending(id) else { continue };
            let list = match encode(&group.interest, changes, pending.into_iter(), &mut previous) {
                Ok(list) => list,
                // Their streams will meet the same error when they read history, and report it.
                Err(_) => {
                    without_room.extend(group.members.keys().map(|stream| (id, *stream)));
                    continue;
                }
            };
            for (stream, members) in &group.members {
                if !members.queue.push_events(&list, list.revision, members.receivers()) {
                    without_room.push((id, *stream));
                }
            }
        }
        for (group, stream) in without_room {
            for watch_id in self.groups.leave_all(group, stream) {
                self.enter(stream, watch_id, Place::Lagging(first.revision));
            }
        }
    }

    /// Brings in the watchers whose time comes with this run. Those that start within it have to leave out
    /// its beginning, so they read it from history.
    fn wake_waiting(&mut self, first: i64, last: i64) {
        while let Some(&(start, id, watch_id)) = self.waiting.first() {
            if start > last {
                return;
            }
            self.exit(id, watch_id);
            let place = if start <= first { Place::Synced } else { Place::Lagging(start) };
            self.enter(id, watch_id, place);
        }
    }
}

impl Shared {
    pub(super) fn compacted(&self) -> i64 {
        self.store.marks().compacted
    }
}
