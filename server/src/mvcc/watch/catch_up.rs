//! Reading history for watchers that lag, until the writer can feed them.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};

use bytes::Bytes;

use super::super::record;
use super::super::revision::RecordKey;
use super::super::write::{Change, ChangeKind};
use super::super::{MvccError, Store};
use super::event::EventList;
use super::frame::WatchFrame;
use super::group::{Interest, Previous, encode};
use super::hub::{Hub, Place, State, StreamId};
use super::matcher::Matcher;
use super::queue::Receiver;
use crate::backend::Table;
use crate::fail_point;

/// Watchers served by one step, as in etcd.
const WATCHERS_PER_STEP: usize = 512;

/// Revisions read by one step, as in etcd: one response brings no more.
const REVISIONS_PER_STEP: usize = 1000;

/// Bytes of records read by one step, not counting that a revision is never cut. Keeps a step of large
/// values within what a stream may queue.
const BYTES_PER_STEP: usize = 1 << 20;

/// A gap this small is read while the writer waits, so that a watcher catches up with any writer. Large
/// enough to be met between two steps, small enough to cost the writer less than a millisecond.
const FINAL_GAP_REVISIONS: i64 = 64;

/// A watcher as it was when a step began.
struct Chosen {
    receiver: Receiver,
    serial: u64,
    from: i64,
    want: usize,
}

/// One thing to look for in history, for all chosen watchers that look for it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Want {
    interest: Interest,
    from: i64,
}

/// The work of one step.
struct Pursuit {
    chosen: Vec<Chosen>,
    wants: Vec<Want>,
    from: i64,
    upto: i64,
}

/// What a step found.
struct History {
    /// For each want.
    lists: Vec<EventList>,
    /// The first revision that has not been read.
    next: i64,
}

impl Hub {
    /// Does one step for a stream: reads some history for its watchers that lag most, and hands those
    /// that have caught up to the writer. Bounded, except that no revision is cut.
    pub(super) fn catch_up(&self, id: StreamId) -> Result<(), MvccError> {
        let store = &self.shared.store;
        let Some(pursuit) = self.pursue(id) else { return Ok(()) };
        fail_point::pass("beforeSyncWatchers");
        let Some(history) = pursuit.read(store, pursuit.from, pursuit.upto, BYTES_PER_STEP)? else {
            return Ok(());
        };
        let mut state = self.shared.state.lock();
        pursuit.deliver(&mut state, id, &history);
        let gap = state.revision - history.next + 1;
        if history.next > pursuit.upto && (1..=FINAL_GAP_REVISIONS).contains(&gap) {
            let upto = state.revision;
            if let Some(rest) = pursuit.read(store, history.next, upto, usize::MAX)? {
                pursuit.deliver(&mut state, id, &rest);
            }
        }
        Ok(())
    }

    /// Chooses the watchers of a step; ends those whose history is compacted.
    fn pursue(&self, id: StreamId) -> Option<Pursuit> {
        let mut state = self.shared.state.lock();
        let compacted = self.shared.compacted();
        state.end_compacted(id, compacted);
        let stream = state.streams.get(&id)?;
        let (from, _) = *stream.lagging.first()?;
        let mut pursuit = Pursuit { chosen: Vec::new(), wants: Vec::new(), from, upto: state.revision };
        let mut places: HashMap<Want, usize> = HashMap::new();
        for (from, watch_id) in stream.lagging.iter().take(WATCHERS_PER_STEP) {
            let Some(watcher) = stream.watchers.get(watch_id) else { continue };
            let want = Want { interest: watcher.interest.clone(), from: *from };
            let place = *places.entry(want).or_insert_with_key(|want| {
                pursuit.wants.push(want.clone());
                pursuit.wants.len() - 1
            });
            let (receiver, serial) = (watcher.receiver, watcher.serial);
            pursuit.chosen.push(Chosen { receiver, serial, from: *from, want: place });
        }
        Some(pursuit)
    }
}

impl State {
    /// Ends the watchers of a stream that lag behind the compact revision, as many as one step serves.
    fn end_compacted(&mut self, id: StreamId, compacted: i64) {
        for _ in 0..WATCHERS_PER_STEP {
            let Some(stream) = self.streams.get(&id) else { return };
            let Some(&(from, watch_id)) = stream.lagging.first() else { return };
            if from >= compacted {
                return;
            }
            stream.queue.push_control(WatchFrame::compacted(watch_id, compacted));
            self.remove(id, watch_id);
        }
    }
}

impl Pursuit {
    /// Reads history between two revisions, both included, as far as the bounds of a step allow. None
    /// when a compaction has overtaken it.
    fn read(
        &self,
        store: &Store,
        from: i64,
        upto: i64,
        bytes_max: usize,
    ) -> Result<Option<History>, MvccError> {
        let mut matcher = Matcher::default();
        for (place, want) in self.wants.iter().enumerate() {
            matcher.insert(&want.interest.range, place);
        }
        let mut scan = Scan { matcher, wants: &self.wants, changes: Vec::new(), hits: Vec::new(), bytes: 0 };
        scan.hits.resize_with(self.wants.len(), Vec::new);
        let next = scan.run(store, from, upto, bytes_max)?;
        if from < store.marks().compacted {
            return Ok(None);
        }
        let mut previous = Previous::new(store);
        let lists =
            self.wants.iter().zip(&scan.hits).map(|(want, hits)| {
                encode(&want.interest, &scan.changes, hits.iter().copied(), &mut previous)
            });
        Ok(Some(History { lists: lists.collect::<Result<_, _>>()?, next }))
    }

    /// Queues what was found and moves the watchers on.
    fn deliver(&self, state: &mut State, id: StreamId, history: &History) {
        let revision = state.revision;
        let mut receivers: Vec<Vec<Receiver>> = vec![Vec::new(); self.wants.len()];
        for chosen in &self.chosen {
            let watch_id = chosen.receiver.watch_id;
            let Some(stream) = state.streams.get(&id) else { return };
            let same = stream.watchers.get(&watch_id).filter(|watcher| watcher.serial == chosen.serial);
            let Some(Place::Lagging(from)) = same.map(|watcher| watcher.place) else { continue };
            if chosen.from < history.next {
                receivers[chosen.want].push(chosen.receiver);
            }
            let next = from.max(history.next);
            state.exit(id, watch_id);
            state.enter(id, watch_id, if next > revision { Place::Synced } else { Place::Lagging(next) });
        }
        let Some(stream) = state.streams.get(&id) else { return };
        for (list, receivers) in history.lists.iter().zip(receivers) {
            if list.len() > 0 && !receivers.is_empty() {
                stream.queue.push_history(list, revision, receivers.into_iter());
            }
        }
    }
}

/// A pass over records.
struct Scan<'p> {
    matcher: Matcher<usize>,
    wants: &'p [Want],
    changes: Vec<Change>,
    /// For each want, the places of its changes.
    hits: Vec<Vec<usize>>,
    bytes: usize,
}

impl Scan<'_> {
    /// Collects the wanted changes; the first revision that was not read.
    fn run(&mut self, store: &Store, from: i64, upto: i64, bytes_max: usize) -> Result<i64, MvccError> {
        let (start, end) = (RecordKey::first_of(from), RecordKey::first_of(upto + 1));
        let (start, end) = (Bound::Included(start.as_slice()), Bound::Excluded(end.as_slice()));
        let (mut main, mut revisions) = (0, 0);
        let mut next = upto + 1;
        let mut outcome = Ok(());
        store.shared.backend.visit(Table::Key, start, end, |key, record| {
            let Some((revision, tombstone)) = RecordKey::parse(key) else {
                outcome = Err(MvccError::BadRecord(format!("key {key:02x?}")));
                return ControlFlow::Break(());
            };
            if revision.main != main {
                if revisions >= REVISIONS_PER_STEP || self.bytes >= bytes_max {
                    next = revision.main;
                    return ControlFlow::Break(());
                }
                main = revision.main;
                revisions += 1;
            }
            outcome = self.look_at(main, tombstone, record);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome.map(|()| next)
    }

    fn look_at(&mut self, main: i64, tombstone: bool, record: &[u8]) -> Result<(), MvccError> {
        let head = record::head(record).ok_or_else(|| MvccError::BadRecord(format!("revision {main}")))?;
        let kind = match tombstone {
            true => ChangeKind::Delete,
            false if head.create_revision == head.mod_revision => ChangeKind::Create,
            false => ChangeKind::Update,
        };
        let place = self.changes.len();
        let (wants, hits) = (self.wants, &mut self.hits);
        let mut wanted = false;
        self.matcher.matches(head.key, |want| {
            if main >= wants[want].from && wants[want].interest.filters.pass(kind) {
                hits[want].push(place);
                wanted = true;
            }
        });
        if wanted {
            let record = Bytes::copy_from_slice(record);
            self.bytes += record.len();
            let key = Bytes::copy_from_slice(head.key);
            self.changes.push(Change { revision: main, kind, key, record });
        }
        Ok(())
    }
}
