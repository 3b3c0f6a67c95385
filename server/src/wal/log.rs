//! The log as its owner sees it: submit, read, wait.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::prepare::Preparer;
use super::record::{self, HEADER_BYTES, Header, Kind, POSITION_BYTES};
use super::recovery::{Recovered, recover};
use super::segment::Segment;
use super::writer::Writer;
use super::{Completion, LogEntry, Position, QUEUE_BYTES_MAX, RECORD_BYTES_MAX, WalError, WalOptions};
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Entries read from a segment in one piece, in bytes: as much as a disk reads in about a millisecond.
const READ_BYTES_MAX: u64 = 1 << 20;

/// Where an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not synced yet, so only in the cache. The ticket tells it from an earlier entry of the same index.
    Cache { ticket: u64 },
    /// In a segment: the whole record, in bytes.
    At { segment: u64, offset: u32, len: u32 },
}

/// What is remembered of each entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) term: u64,
    pub(super) place: Place,
}

/// What the writer must know of a submitted record beyond its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Note {
    State,
    Entry { position: Position, ticket: u64 },
    Vote,
    Committed(Option<Position>),
    Truncate(Option<Position>),
    Purge(Position),
    Close,
}

/// What waits for the writer, in order.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) buffer: Vec<u8>,
    /// Length of each record in `buffer`, and what it is.
    pub(super) records: Vec<(usize, Note)>,
    pub(super) completions: Vec<Completion>,
    /// The committed position moved; it rides along with the next batch.
    committed_moved: bool,
}

pub(super) struct Inner<E> {
    pub(super) purged: Option<Position>,
    last: Option<Position>,
    committed: Option<Position>,
    vote: Option<Bytes>,
    /// Index of the first of `slots`.
    first: u64,
    slots: VecDeque<Slot>,
    /// The entries of the last of `slots`.
    cache: VecDeque<E>,
    cache_bytes: usize,
    next_ticket: u64,
    /// Oldest first; the last one is being written.
    pub(super) segments: Vec<Segment>,
    queue: Queue,
    closed: bool,
}

pub(super) struct Shared<E> {
    pub(super) inner: Mutex<Inner<E>>,
    wake: Condvar,
    room: Notify,
    failure: watch::Sender<Option<Arc<WalError>>>,
    cache_bytes_max: usize,
}

/// A write-ahead log. Shared between threads by reference; closed when dropped.
pub struct Wal<E: LogEntry> {
    shared: Arc<Shared<E>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl<E: LogEntry> std::fmt::Debug for Wal<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.shared.inner.lock();
        f.debug_struct("Wal")
            .field("purged", &inner.purged)
            .field("last", &inner.last)
            .field("segments", &inner.segments.len())
            .finish_non_exhaustive()
    }
}

impl<E: LogEntry> Wal<E> {
    /// Opens the log, recovers what it holds and starts its threads. Blocks.
    pub fn open(options: WalOptions) -> Result<Wal<E>, WalError> {
        options.io.create_dir(&options.dir).map_err(WalError::io("create", &options.dir))?;
        let mut recovered = recover(&options)?;
        let preparer = Preparer::start(options.io.clone(), &options.dir)
            .map_err(WalError::io("start a thread for", &options.dir))?;
        let writer = Writer::new(&options, preparer, &mut recovered)?;
        let shared = Arc::new(Shared::new(recovered, options.cache_bytes_max));
        let thread = std::thread::Builder::new()
            .name("wal-write".into())
            .spawn({
                let shared = shared.clone();
                move || writer.run(&shared)
            })
            .map_err(WalError::io("start a thread for", &options.dir))?;
        Ok(Wal { shared, writer: Mutex::new(Some(thread)) })
    }

    /// The vote saved last.
    pub fn vote(&self) -> Option<Bytes> {
        self.shared.inner.lock().vote.clone()
    }

    /// The committed position saved last.
    pub fn committed(&self) -> Option<Position> {
        self.shared.inner.lock().committed
    }

    /// Position up to which entries were purged.
    pub fn purged(&self) -> Option<Position> {
        self.shared.inner.lock().purged
    }

    /// Position of the last entry, or of the last purged one when there are no entries.
    pub fn last(&self) -> Option<Position> {
        let inner = self.shared.inner.lock();
        inner.last.max(inner.purged)
    }

    /// Term of the entry at `index`; none when it is not in the log.
    pub fn term(&self, index: u64) -> Option<u64> {
        let inner = self.shared.inner.lock();
        let order = index.checked_sub(inner.first)?;
        inner.slots.get(usize::try_from(order).ok()?).map(|slot| slot.term)
    }

    /// Tells when the log stopped because of an error, and which.
    pub fn failure(&self) -> watch::Receiver<Option<Arc<WalError>>> {
        self.shared.failure.subscribe()
    }

    /// Waits until the log can take more; submitting does not wait, so that a caller which never asks
    /// grows the queue without bound.
    pub async fn room(&self) {
        loop {
            let notified = self.shared.room.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let inner = self.shared.inner.lock();
                if inner.queue.buffer.len() < QUEUE_BYTES_MAX || self.shared.failure.borrow().is_some() {
                    return;
                }
            }
            notified.await;
        }
    }

    /// Appends entries, which must continue the log. They can be read as soon as this returns.
    pub fn append(&self, entries: impl IntoIterator<Item = E>, done: Completion) -> Result<(), WalError> {
        let mut inner = self.shared.submit()?;
        for entry in entries {
            inner.append(entry)?;
        }
        inner.evict(self.shared.cache_bytes_max);
        inner.queue.completions.push(done);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Saves the vote of this node.
    pub fn save_vote(&self, vote: Bytes, done: Completion) -> Result<(), WalError> {
        let mut inner = self.shared.submit()?;
        inner.queue.push(Kind::Vote, Note::Vote, |out| out.extend_from_slice(&vote));
        inner.vote = Some(vote);
        inner.queue.completions.push(done);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Notes up to where entries are committed. Becomes durable with whatever is submitted next: a stale
    /// value costs nothing but a later replay.
    pub fn save_committed(&self, committed: Option<Position>) -> Result<(), WalError> {
        let mut inner = self.shared.submit()?;
        inner.committed = committed;
        inner.queue.committed_moved = true;
        Ok(())
    }

    /// Drops the entries behind `last`, all of them when it is none. Nothing to do when there are none.
    pub fn truncate_after(&self, last: Option<Position>, done: Completion) -> Result<(), WalError> {
        let mut inner = self.shared.submit()?;
        let index = |position: Option<Position>| position.map(|position| position.index);
        if index(last) < index(inner.last.max(inner.purged)) {
            inner.truncate(last);
            inner.queue.push(Kind::Truncate, Note::Truncate(last), |out| record::encode_optional(last, out));
        }
        inner.queue.completions.push(done);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Drops the entries up to and including `upto`, which may lie behind the last one. Their files are
    /// deleted once this is durable.
    pub fn purge(&self, upto: Position, done: Completion) -> Result<(), WalError> {
        let mut inner = self.shared.submit()?;
        inner.purge(upto);
        inner.queue.push(Kind::Purge, Note::Purge(upto), |out| record::encode_position(upto, out));
        inner.queue.completions.push(done);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// The entries of the log with an index in `range`. May read files, so it may block for as long as
    /// the disk takes.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<E>, WalError> {
        let (stored, cached) = {
            let inner = self.shared.inner.lock();
            let end = range.end.min(inner.first + inner.slots.len() as u64);
            let cache_first = inner.first + (inner.slots.len() - inner.cache.len()) as u64;
            let start = range.start.max(inner.first);
            let mut stored = Vec::new();
            for index in start..end.min(cache_first) {
                let slot = inner.slots[(index - inner.first) as usize];
                stored.push((Position { term: slot.term, index }, slot.place));
            }
            let cached_from = start.max(cache_first);
            let cached: Vec<E> =
                (cached_from..end).map(|index| inner.cache[(index - cache_first) as usize].clone()).collect();
            (inner.locate(&stored), cached)
        };
        let mut entries = Vec::with_capacity(cached.len());
        for piece in stored {
            piece.read_into(&mut entries)?;
        }
        entries.extend(cached);
        Ok(entries)
    }

    /// Writes what was submitted, notes the orderly end, and stops. Everything submitted later fails.
    pub fn close(&self) {
        self.shared.inner.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(writer) = self.writer.lock().take()
            && writer.join().is_err()
        {
            tracing::error!("the thread of the write-ahead log panicked");
        }
    }
}

impl<E: LogEntry> Drop for Wal<E> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<E: LogEntry> Shared<E> {
    fn new(recovered: Recovered, cache_bytes_max: usize) -> Shared<E> {
        let first = recovered.first();
        Shared {
            inner: Mutex::new(Inner {
                purged: recovered.purged,
                last: recovered.last,
                committed: recovered.committed,
                vote: recovered.vote,
                first,
                slots: recovered.slots,
                cache: VecDeque::new(),
                cache_bytes: 0,
                next_ticket: 0,
                segments: recovered.segments,
                queue: Queue::default(),
                closed: false,
            }),
            wake: Condvar::new(),
            room: Notify::new(),
            failure: watch::Sender::new(None),
            cache_bytes_max,
        }
    }

    /// The state, when the log still takes something.
    fn submit(&self) -> Result<MutexGuard<'_, Inner<E>>, WalError> {
        let inner = self.inner.lock();
        if let Some(error) = self.failure.borrow().as_ref() {
            return Err(WalError::Stopped(error.clone()));
        }
        if inner.closed {
            return Err(WalError::Closed);
        }
        Ok(inner)
    }

    /// Waits for something to write and moves it into `batch`. True when it is the last of the log.
    pub(super) fn take(&self, batch: &mut Queue) -> bool {
        let mut inner = self.inner.lock();
        while inner.queue.records.is_empty() && inner.queue.completions.is_empty() && !inner.closed {
            self.wake.wait(&mut inner);
        }
        std::mem::swap(&mut inner.queue, batch);
        if std::mem::take(&mut batch.committed_moved) {
            let committed = inner.committed;
            batch.push(Kind::Committed, Note::Committed(committed), |out| {
                record::encode_optional(committed, out);
            });
        }
        let closed = inner.closed;
        drop(inner);
        self.room.notify_waiters();
        closed
    }

    /// Notes where the entries of a synced batch are, and returns the segments nobody needs any more.
    pub(super) fn placed(&self, places: &[(Position, u64, Place)], purged: Option<Position>) -> Vec<Segment> {
        let mut inner = self.inner.lock();
        for (position, ticket, place) in places {
            inner.place(position.index, *ticket, *place);
        }
        if let (Some(segment), Some(index_max)) =
            (inner.segments.last_mut(), places.iter().map(|(position, ..)| position.index).max())
        {
            segment.index_max = segment.index_max.max(index_max);
        }
        inner.evict(self.cache_bytes_max);
        inner.unneeded(purged)
    }

    /// Ends the log: nothing is taken any more, and what waits fails, the batch being written first.
    pub(super) fn fail(&self, error: WalError, batch: Queue) {
        let error = Arc::new(error);
        tracing::error!(%error, "the write-ahead log stops");
        let waiting = {
            let mut inner = self.inner.lock();
            self.failure.send_replace(Some(error.clone()));
            std::mem::take(&mut inner.queue)
        };
        self.room.notify_waiters();
        for done in batch.completions.into_iter().chain(waiting.completions) {
            done(Err(WalError::Stopped(error.clone())));
        }
    }
}

impl Queue {
    pub(super) fn push(&mut self, kind: Kind, note: Note, payload: impl FnOnce(&mut Vec<u8>)) {
        let length = record::push(&mut self.buffer, kind, payload);
        self.records.push((length, note));
    }
}

impl<E: LogEntry> Inner<E> {
    fn append(&mut self, entry: E) -> Result<(), WalError> {
        let position = entry.position();
        let next = self.last.max(self.purged).map(|last| last.index + 1);
        match next {
            Some(next) if next != position.index => {
                let what = format!("entry {} cannot follow entry {}", position.index, next - 1);
                return Err(WalError::Refused(what));
            }
            Some(_) => {}
            None => self.first = position.index,
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let start = self.queue.buffer.len();
        self.queue.push(Kind::Entry, Note::Entry { position, ticket }, |out| {
            record::encode_position(position, out);
            entry.encode(out);
        });
        let length = self.queue.buffer.len() - start;
        if length > RECORD_BYTES_MAX {
            self.queue.buffer.truncate(start);
            self.queue.records.pop();
            return Err(WalError::Refused(format!("an entry of {length} bytes is too large")));
        }
        self.cache_bytes += entry.footprint();
        self.cache.push_back(entry);
        self.slots.push_back(Slot { term: position.term, place: Place::Cache { ticket } });
        self.last = Some(position);
        Ok(())
    }

    fn truncate(&mut self, last: Option<Position>) {
        let next = last.max(self.purged).map_or(0, |last| last.index + 1);
        let keep = next.saturating_sub(self.first) as usize;
        while self.slots.len() > keep {
            self.slots.pop_back();
            if let Some(entry) = self.cache.pop_back() {
                self.cache_bytes -= entry.footprint();
            }
        }
        if self.slots.is_empty() {
            self.first = next;
        }
        self.last = last;
    }

    fn purge(&mut self, upto: Position) {
        while self.first <= upto.index && !self.slots.is_empty() {
            if self.cache.len() == self.slots.len() {
                self.uncache();
            }
            self.slots.pop_front();
            self.first += 1;
        }
        if self.slots.is_empty() {
            self.first = self.first.max(upto.index + 1);
        }
        self.purged = self.purged.max(Some(upto));
        self.last = self.last.max(Some(upto));
    }

    fn uncache(&mut self) {
        if let Some(entry) = self.cache.pop_front() {
            self.cache_bytes -= entry.footprint();
        }
    }

    /// Drops the oldest cached entries above the bound, as far as they can be read from a segment.
    fn evict(&mut self, bytes_max: usize) {
        while self.cache_bytes > bytes_max {
            let oldest = self.slots.len() - self.cache.len();
            match self.slots.get(oldest).map(|slot| slot.place) {
                Some(Place::At { .. }) => self.uncache(),
                _ => return,
            }
        }
    }

    fn place(&mut self, index: u64, ticket: u64, place: Place) {
        let Some(order) = index.checked_sub(self.first) else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(order as usize)
            && slot.place == (Place::Cache { ticket })
        {
            slot.place = place;
        }
    }

    /// Takes out the segments all of whose entries are purged, durably. The one being written stays.
    fn unneeded(&mut self, purged: Option<Position>) -> Vec<Segment> {
        let Some(purged) = purged else {
            return Vec::new();
        };
        let older = self.segments.len().saturating_sub(1);
        let count =
            self.segments[..older].iter().take_while(|segment| segment.index_max <= purged.index).count();
        self.segments.drain(..count).collect()
    }

    /// Groups places that can be read in one piece, with the files they are in.
    fn locate(&self, stored: &[(Position, Place)]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (position, place) in stored {
            let Place::At { segment, offset, len } = *place else {
                unreachable!("invariant: an entry outside the cache is in a segment");
            };
            let offset = u64::from(offset);
            if let Some(piece) = pieces.last_mut()
                && piece.segment.number == segment
                && offset >= piece.end
                && offset + u64::from(len) - piece.start <= READ_BYTES_MAX
            {
                piece.records.push((*position, offset, len as usize));
                piece.end = offset + u64::from(len);
                continue;
            }
            let Ok(order) = self.segments.binary_search_by_key(&segment, |segment| segment.number) else {
                unreachable!("invariant: a segment with entries is not deleted");
            };
            pieces.push(Piece {
                segment: self.segments[order].clone(),
                start: offset,
                end: offset + u64::from(len),
                records: vec![(*position, offset, len as usize)],
            });
        }
        pieces
    }
}

/// Records that stand close to each other in one segment.
struct Piece {
    segment: Segment,
    start: u64,
    end: u64,
    records: Vec<(Position, u64, usize)>,
}

impl Piece {
    fn read_into<E: LogEntry>(self, entries: &mut Vec<E>) -> Result<(), WalError> {
        let mut bytes = vec![0; (self.end - self.start) as usize];
        self.segment
            .file
            .read_exact_at(&mut bytes, self.start)
            .map_err(WalError::io("read", &self.segment.path))?;
        let bytes = Bytes::from(bytes);
        for (position, offset, len) in self.records {
            let from = (offset - self.start) as usize;
            let record = bytes.slice(from..from + len);
            let damaged = |what: &str| WalError::Damaged {
                path: self.segment.path.clone(),
                offset,
                what: what.to_owned(),
            };
            let header = record
                .first_chunk::<HEADER_BYTES>()
                .and_then(|bytes| Header::parse(bytes, self.segment.number, offset))
                .filter(|header| header.kind == Kind::Entry && header.record_len() == len)
                .filter(|header| header.verifies(&record));
            if header.is_none() {
                return Err(damaged("a record changed after it was written"));
            }
            let body = record.slice(HEADER_BYTES + POSITION_BYTES..);
            entries.push(E::decode(position, body).map_err(|what| damaged(&what))?);
        }
        Ok(())
    }
}
