//! The log and the vote, for openraft, on the write-ahead log.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds, RangeInclusive};
use std::sync::Arc;

use futures::Stream;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, RaftLogReader};
use tokio::sync::oneshot;

use super::encoding::{Logged, decode_vote, encode_vote, log_id, position};
use super::{Entry, LogId, TypeConfig, Vote};
use crate::wal::{Completion, LogEntry, Position, Wal, WalError};

/// Entries handed to the state machine in one piece: bounds what a node that catches up holds in memory.
const STREAM_ENTRIES_MAX: u64 = 1024;

/// Bytes of entries after which an append to a follower takes no more: large enough for the network to be busy, small
/// enough for the follower to answer often.
const APPEND_BYTES: usize = 4 << 20;

/// Entries looked at at once for an append: bounds how far beyond [`APPEND_BYTES`] it may go.
const APPEND_STEP_ENTRIES: usize = 32;

/// A handle on the log; all clones share it.
#[derive(Clone, Debug)]
pub(super) struct LogStore {
    wal: Arc<Wal<Logged>>,
}

impl LogStore {
    pub(super) fn new(wal: Arc<Wal<Logged>>) -> LogStore {
        LogStore { wal }
    }

    /// Clips a range to something that can be counted.
    fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        start..end
    }
}

/// A completion for [`Wal`] and what to wait for.
fn completion() -> (Completion, oneshot::Receiver<Result<(), WalError>>) {
    let (sender, receiver) = oneshot::channel();
    let done = move |result| {
        // Nobody waits any more when the caller was cancelled.
        let _ = sender.send(result);
    };
    (Box::new(done), receiver)
}

async fn completed(receiver: oneshot::Receiver<Result<(), WalError>>) -> io::Result<()> {
    receiver.await.map_err(|_| io::Error::from(WalError::Closed))?.map_err(io::Error::from)
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        // Nearly always from memory; a file is read inline, since the pages were written lately.
        let entries = self.wal.read(Self::bounds(&range))?;
        Ok(entries.into_iter().map(|Logged(entry)| entry).collect())
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, io::Error> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for from in (start..end).step_by(APPEND_STEP_ENTRIES) {
            let step = self.wal.read(from..end.min(from + APPEND_STEP_ENTRIES as u64))?;
            bytes += step.iter().map(LogEntry::footprint).sum::<usize>();
            entries.extend(step.into_iter().map(|Logged(entry)| entry));
            if bytes >= APPEND_BYTES {
                break;
            }
        }
        Ok(entries)
    }

    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = Result<Entry, io::Error>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        EntriesStream { wal: self.wal.clone(), rest: Self::bounds(&range), piece: Vec::new().into_iter() }
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.wal.vote().map(decode_vote).transpose().map_err(io::Error::other)
    }

    async fn get_key_log_ids(&mut self, range: RangeInclusive<LogId>) -> Result<Vec<LogId>, io::Error> {
        // The last entry of each leader: terms are in memory, so looking at each of them is cheaper than
        // reading the few entries of a binary search.
        let (first, last) = range.into_inner();
        let mut ids = Vec::new();
        let mut before = first;
        for index in first.index + 1..=last.index {
            let term = self.wal.term(index).ok_or_else(|| {
                io::Error::other(format!("entry {index} is missing in the write-ahead log"))
            })?;
            if term != before.leader_id.term {
                ids.push(before);
            }
            before = log_id(Position { term, index });
        }
        ids.push(before);
        Ok(ids)
    }
}

/// Entries of a range, read a piece at a time.
struct EntriesStream {
    wal: Arc<Wal<Logged>>,
    rest: Range<u64>,
    piece: std::vec::IntoIter<Logged>,
}

impl Stream for EntriesStream {
    type Item = Result<Entry, io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.piece.len() == 0 && !this.rest.is_empty() {
            let end = this.rest.end.min(this.rest.start.saturating_add(STREAM_ENTRIES_MAX));
            match this.wal.read(this.rest.start..end) {
                Ok(entries) => {
                    // A piece with nothing in it is the end of the log.
                    this.rest.start = if entries.is_empty() { this.rest.end } else { end };
                    this.piece = entries.into_iter();
                }
                Err(error) => {
                    this.rest.start = this.rest.end;
                    return std::task::Poll::Ready(Some(Err(error.into())));
                }
            }
        }
        std::task::Poll::Ready(this.piece.next().map(|Logged(entry)| Ok(entry)))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, io::Error> {
        Ok(LogState {
            last_purged_log_id: self.wal.purged().map(log_id),
            last_log_id: self.wal.last().map(log_id),
        })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        let (done, receiver) = completion();
        self.wal.save_vote(encode_vote(vote), done)?;
        completed(receiver).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        Ok(self.wal.save_committed(committed.as_ref().map(position))?)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        // Written ahead of the entries it speaks of when the crash cut them off.
        Ok(self.wal.committed().min(self.wal.last()).map(log_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.wal.room().await;
        let done = move |result: Result<(), WalError>| callback.io_completed(result.map_err(io::Error::from));
        Ok(self.wal.append(entries.into_iter().map(Logged), Box::new(done))?)
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> Result<(), io::Error> {
        // Not waited for: whatever is appended later is written later.
        let last = last_log_id.as_ref().map(position);
        Ok(self.wal.truncate_after(last, Box::new(|_| ()))?)
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), io::Error> {
        // Not waited for: should it be lost, the log is only longer.
        Ok(self.wal.purge(position(&log_id), Box::new(|_| ()))?)
    }
}
