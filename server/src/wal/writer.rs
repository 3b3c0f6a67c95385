//! The one thread that writes the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::log::{Note, Place, Queue, Shared};
use super::prepare::Preparer;
use super::record::{self, HEADER_BYTES, Kind, State};
use super::recovery::Recovered;
use super::segment::{self, Segment};
use super::{LogEntry, Position, WalError, WalOptions};
use crate::fail_point;
use crate::io::IoFile;
use crate::metrics::Metrics;

/// Buffers that grew beyond this for one large batch are given back, in bytes.
const BUFFER_BYTES_KEPT: usize = 1 << 20;

/// Each segment is this much larger than its predecessor, up to the bound of the options.
const SEGMENT_GROWTH: u64 = 4;

#[derive(Debug)]
pub(super) struct Writer {
    dir: PathBuf,
    segment_bytes_first: u64,
    segment_bytes_max: u64,
    preparer: Preparer,
    segment: u64,
    path: PathBuf,
    file: Arc<dyn IoFile>,
    /// Where the next record goes.
    offset: u64,
    /// Number of the last batch.
    batch: u64,
    /// What a new segment would have to begin with.
    state: State,
    metrics: Arc<Metrics>,
}

/// Size of a state record with room to spare, in bytes; only saves growing a buffer.
const STATE_BYTES: usize = 256;

/// What became of a batch: where its entries are.
type Places = Vec<(Position, u64, Place)>;

impl Writer {
    /// Goes on where the recovered log ends; begins the first segment when there is none.
    pub(super) fn new(
        options: &WalOptions,
        preparer: Preparer,
        recovered: &mut Recovered,
    ) -> Result<Writer, WalError> {
        if recovered.segments.is_empty() {
            let path = segment::path(&options.dir, 1);
            let file = preparer.take(&path, options.segment_bytes_first)?;
            recovered.segments.push(Segment { number: 1, path, file, index_max: 0 });
        }
        let Some(current) = recovered.segments.last() else {
            unreachable!("invariant: a log has a segment");
        };
        Ok(Writer {
            dir: options.dir.clone(),
            segment_bytes_first: options.segment_bytes_first,
            segment_bytes_max: options.segment_bytes_max,
            preparer,
            segment: current.number,
            path: current.path.clone(),
            file: current.file.clone(),
            offset: recovered.end,
            batch: recovered.batch,
            state: recovered.state(),
            metrics: options.metrics.clone(),
        })
    }

    /// Writes until the log is closed or fails.
    pub(super) fn run<E: LogEntry>(mut self, shared: &Shared<E>) {
        let mut batch = Queue::default();
        // Segments purged right before a crash.
        self.delete(shared.placed(&[], self.state.purged));
        loop {
            let closed = shared.take(&mut batch);
            if closed && self.offset > 0 {
                batch.push(Kind::Close, Note::Close, |_| {});
            }
            match self.write(&mut batch, shared) {
                Ok(places) => self.delete(shared.placed(&places, self.state.purged)),
                Err(error) => return shared.fail(error, batch),
            }
            for done in batch.completions.drain(..) {
                done(Ok(()));
            }
            batch.records.clear();
            batch.buffer.clear();
            batch.buffer.shrink_to(BUFFER_BYTES_KEPT);
            if closed {
                return;
            }
        }
    }

    fn write<E: LogEntry>(&mut self, batch: &mut Queue, shared: &Shared<E>) -> Result<Places, WalError> {
        if batch.records.is_empty() {
            return Ok(Places::new());
        }
        if self.offset > 0 && self.offset + batch.buffer.len() as u64 > self.capacity(self.segment) {
            self.begin_segment(shared)?;
        }
        let mut places = Places::new();
        let number = self.batch + 1;
        if self.offset == 0 {
            self.prepend_state(batch);
        }
        let mut at = self.offset;
        let mut rest = batch.buffer.as_mut_slice();
        for (order, (length, note)) in batch.records.iter().enumerate() {
            let (record, tail) = rest.split_at_mut(*length);
            rest = tail;
            record::seal(record, self.segment, at, number, order + 1 == batch.records.len());
            if let Note::Entry { position, ticket } = note {
                let place = Place::At { segment: self.segment, offset: at as u32, len: *length as u32 };
                places.push((*position, *ticket, place));
            }
            self.state.note(note, &record[HEADER_BYTES..]);
            at += *length as u64;
        }
        // In one piece: recovery knows what a torn write looks like, not two of them in one sector.
        fail_point::pass("raftBeforeSave");
        let begun = Instant::now();
        self.file.write_all_at(&batch.buffer, self.offset).map_err(WalError::io("write", &self.path))?;
        let written = Instant::now();
        self.file.sync_data().map_err(WalError::io("sync", &self.path))?;
        fail_point::pass("raftAfterSave");
        let disk = &self.metrics.disk;
        disk.wal_write.observe((written - begun).as_secs_f64());
        disk.wal_fsync.observe(written.elapsed().as_secs_f64());
        disk.wal_write_bytes.add(batch.buffer.len() as i64);
        self.batch = number;
        self.offset = at;
        self.prepare_next();
        Ok(places)
    }

    /// Each segment begins with what is in force, as part of its first batch.
    fn prepend_state(&self, batch: &mut Queue) {
        let mut buffer = Vec::with_capacity(batch.buffer.len() + STATE_BYTES);
        let length = record::push(&mut buffer, Kind::State, |out| self.state.encode(out));
        buffer.append(&mut batch.buffer);
        batch.buffer = buffer;
        batch.records.insert(0, (length, Note::State));
    }

    /// Everything in the current segment is synced: that is what recovery relies on.
    fn begin_segment<E: LogEntry>(&mut self, shared: &Shared<E>) -> Result<(), WalError> {
        let number = self.segment + 1;
        let path = segment::path(&self.dir, number);
        let file = self.preparer.take(&path, 0)?;
        shared.inner.lock().segments.push(Segment {
            number,
            path: path.clone(),
            file: file.clone(),
            index_max: 0,
        });
        self.state.previous_end = self.offset;
        self.segment = number;
        self.path = path;
        self.file = file;
        self.offset = 0;
        Ok(())
    }

    fn capacity(&self, segment: u64) -> u64 {
        let growth = SEGMENT_GROWTH.saturating_pow(u32::try_from(segment - 1).unwrap_or(u32::MAX));
        self.segment_bytes_first.saturating_mul(growth).min(self.segment_bytes_max)
    }

    /// From a quarter of the current segment on the next one is zeroed, so that it is complete at three
    /// quarters; a log that stays small never has a second one.
    fn prepare_next(&self) {
        let capacity = self.capacity(self.segment);
        let progress = self.offset.saturating_sub(capacity / 4);
        if progress == 0 {
            return;
        }
        let next = self.capacity(self.segment + 1);
        let wanted = (u128::from(next) * u128::from(progress) * 2 / u128::from(capacity)) as u64;
        self.preparer.want(wanted.min(next));
    }

    fn delete(&self, segments: Vec<Segment>) {
        let any = !segments.is_empty();
        for segment in segments {
            self.preparer.delete(segment.path);
        }
        if any {
            fail_point::pass("raftAfterWALRelease");
        }
    }
}

impl State {
    /// What the record changes.
    fn note(&mut self, note: &Note, payload: &[u8]) {
        match note {
            Note::Entry { position, .. } => self.last = Some(*position),
            Note::Vote => self.vote = Some(Bytes::copy_from_slice(payload)),
            Note::Committed(committed) => self.committed = *committed,
            Note::Truncate(last) => self.last = *last,
            Note::Purge(upto) => {
                self.purged = self.purged.max(Some(*upto));
                self.last = self.last.max(Some(*upto));
            }
            Note::State | Note::Close => {}
        }
    }
}
