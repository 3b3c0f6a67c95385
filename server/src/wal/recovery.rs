//! Opening a log: reading what is there, cutting what was never finished, refusing what is damaged.
//!
//! A crash may leave any part of the last batch on disk, in any order, because none of it was synced.
//! Everything before was synced, so nothing may be wrong with it. The question at the first record that
//! does not verify is which of the two it is in. It is damage, and the log is refused, when
//!
//! - a later batch has a valid record behind it: then this one had been synced;
//! - or no sector of the broken record is still as it was before the write. A disk writes sectors of
//!   512 bytes whole or not at all, and segments are zeroed before use, so an unfinished record has at
//!   least one sector of zeros (or the file ends within it).
//!
//! Otherwise the whole last batch is cut and its bytes are zeroed, so that they cannot be mistaken for
//! something the next time. Nobody was told that anything in it was durable.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::log::{Place, Slot};
use super::record::{self, HEADER_BYTES, Kind, State};
use super::segment::{self, Scanner, Segment};
use super::{Position, WalError, WalOptions};
use crate::io::OpenMode;

/// Size of the unit that a disk writes whole or not at all, in bytes.
const SECTOR_BYTES: u64 = 512;

/// What a log holds, found at opening.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    pub(super) segments: Vec<Segment>,
    /// Where the next record goes, in the last segment.
    pub(super) end: u64,
    /// Number of the last batch.
    pub(super) batch: u64,
    pub(super) purged: Option<Position>,
    pub(super) last: Option<Position>,
    pub(super) committed: Option<Position>,
    pub(super) vote: Option<Bytes>,
    /// One for each entry behind `purged`, up to `last`.
    pub(super) slots: VecDeque<Slot>,
    /// Index of the first entry in `slots`.
    first: u64,
}

/// Reads the log in the directory, which must exist.
pub(super) fn recover(options: &WalOptions) -> Result<Recovered, WalError> {
    let mut recovered = Recovered::default();
    let numbers = segment_numbers(options)?;
    for (order, number) in numbers.iter().enumerate() {
        let is_last = order + 1 == numbers.len();
        if !recovered.read_segment(options, *number, is_last)? {
            break;
        }
    }
    recovered.finish()?;
    Ok(recovered)
}

/// The numbers of the segments, oldest first. What a crash left half done is removed: unfinished
/// segments, and segments in front of a gap, whose deletion had begun.
fn segment_numbers(options: &WalOptions) -> Result<VecDeque<u64>, WalError> {
    let names = options.io.list(&options.dir).map_err(WalError::io("list", &options.dir))?;
    let mut numbers = VecDeque::new();
    let mut removed = false;
    for name in names {
        if let Some(number) = segment::number(&name) {
            numbers.push_back(number);
        } else if name.ends_with(super::prepare::SUFFIX) {
            remove(options, &options.dir.join(name))?;
            removed = true;
        }
    }
    let Some(gap) = (1..numbers.len()).rev().find(|order| numbers[order - 1] + 1 != numbers[*order]) else {
        return Ok(numbers);
    };
    for number in numbers.drain(..gap) {
        remove(options, &segment::path(&options.dir, number))?;
        removed = true;
    }
    if removed {
        options.io.sync_dir(&options.dir).map_err(WalError::io("sync", &options.dir))?;
    }
    Ok(numbers)
}

fn remove(options: &WalOptions, path: &Path) -> Result<(), WalError> {
    options.io.remove(path).map_err(WalError::io("remove", path))
}

/// One record of a batch that is not complete yet.
struct Held {
    kind: Kind,
    offset: u64,
    record: Vec<u8>,
}

impl Recovered {
    /// Reads one segment. False when it turned out to be the unused successor of the previous one and
    /// was removed.
    fn read_segment(&mut self, options: &WalOptions, number: u64, is_last: bool) -> Result<bool, WalError> {
        let path = segment::path(&options.dir, number);
        let file = options.io.open(&path, OpenMode::Existing).map_err(WalError::io("open", &path))?;
        let mut scanner = Scanner::new(number, &path, file.as_ref())?;
        let is_first = self.segments.is_empty();
        self.segments.push(Segment { number, path: path.clone(), file: file.clone(), index_max: 0 });
        let previous_end = std::mem::take(&mut self.end);

        let mut offset = 0;
        let mut batch: Vec<Held> = Vec::new();
        while let Some((header, record)) = scanner.record(offset)? {
            let first_ever = is_first && offset == 0 && batch.is_empty();
            let expected = if first_ever { header.batch } else { self.batch + 1 };
            if header.batch != expected || (offset == 0) != (header.kind == Kind::State) {
                return Err(damaged(&path, offset, "a valid record of another place in the log"));
            }
            let record = record.to_vec();
            let length = record.len() as u64;
            batch.push(Held { kind: header.kind, offset, record });
            if first_ever {
                self.batch = header
                    .batch
                    .checked_sub(1)
                    .ok_or_else(|| damaged(&path, offset, "a batch without a number"))?;
            }
            offset += length;
            if header.ends_batch {
                for held in batch.drain(..) {
                    self.replay(number, &path, is_first, previous_end, &held)?;
                }
                self.batch = header.batch;
                self.end = offset;
            }
        }

        if !is_last {
            // The next segment was begun only after all of this one was synced.
            if !batch.is_empty() || scanner.bytes(offset, HEADER_BYTES)?.iter().any(|byte| *byte != 0) {
                return Err(damaged(&path, offset, "a broken record, followed by a later segment"));
            }
            return Ok(true);
        }
        cut_unfinished(&mut scanner, &path, self.end, offset, self.batch + 1)?;
        if self.end > 0 {
            return Ok(true);
        }
        if is_first && number > 1 {
            return Err(damaged(&path, 0, "the segment is empty and the segments before it are missing"));
        }
        self.segments.pop();
        self.end = previous_end;
        drop(file);
        remove(options, &path)?;
        options.io.sync_dir(&options.dir).map_err(WalError::io("sync", &options.dir))?;
        Ok(false)
    }

    fn replay(
        &mut self,
        number: u64,
        path: &Path,
        is_first: bool,
        previous_end: u64,
        held: &Held,
    ) -> Result<(), WalError> {
        let wrong = |what: String| WalError::Damaged { path: path.into(), offset: held.offset, what };
        let mut payload = &held.record[HEADER_BYTES..];
        match held.kind {
            Kind::State => {
                let state = State::decode(payload).map_err(wrong)?;
                self.adopt(state, is_first, previous_end).map_err(wrong)?;
            }
            Kind::Entry => {
                let position = record::take_position(&mut payload).map_err(wrong)?;
                let place =
                    Place::At { segment: number, offset: held.offset as u32, len: held.record.len() as u32 };
                self.append(position, place).map_err(wrong)?;
            }
            Kind::Vote => self.vote = Some(Bytes::copy_from_slice(payload)),
            Kind::Committed => self.committed = record::take_optional(&mut payload).map_err(wrong)?,
            Kind::Truncate => {
                self.truncate(record::take_optional(&mut payload).map_err(wrong)?).map_err(wrong)?;
            }
            Kind::Purge => self.purge(record::take_position(&mut payload).map_err(wrong)?).map_err(wrong)?,
            Kind::Close => {}
        }
        Ok(())
    }

    fn adopt(&mut self, state: State, is_first: bool, previous_end: u64) -> Result<(), String> {
        if is_first {
            self.purged = state.purged;
            self.last = state.last;
            self.committed = state.committed;
            self.vote = state.vote;
            self.first = next_index(self.last.max(self.purged));
            return Ok(());
        }
        if state.previous_end != previous_end {
            return Err(format!(
                "the segment before it has records up to offset {previous_end}, but had them up to {}",
                state.previous_end
            ));
        }
        if state.last != self.last || state.purged != self.purged {
            return Err("the segment does not continue the one before it".into());
        }
        Ok(())
    }

    fn append(&mut self, position: Position, place: Place) -> Result<(), String> {
        let expected = next_index(self.last.max(self.purged));
        let starts_log = self.last.is_none() && self.purged.is_none();
        if position.index != expected && !starts_log {
            return Err(format!("entry {} where entry {expected} was expected", position.index));
        }
        if Some(position) < self.last.max(self.purged) {
            return Err(format!("entry {} is of an older term than the one before it", position.index));
        }
        if starts_log {
            self.first = position.index;
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.index_max = segment.index_max.max(position.index);
        }
        self.slots.push_back(Slot { term: position.term, place });
        self.last = Some(position);
        Ok(())
    }

    fn truncate(&mut self, last: Option<Position>) -> Result<(), String> {
        let index = |position: Option<Position>| position.map(|position| position.index);
        if index(last) >= index(self.last.max(self.purged)) {
            return Err("entries are dropped that are not there".into());
        }
        let next = next_index(last.max(self.purged));
        if next < self.first {
            self.slots.clear();
            self.first = next;
        }
        self.slots.truncate((next - self.first) as usize);
        self.last = last;
        Ok(())
    }

    fn purge(&mut self, upto: Position) -> Result<(), String> {
        let is_behind_all = self.last.max(self.purged).is_none_or(|last| upto.index > last.index);
        if is_behind_all && Some(upto) < self.last.max(self.purged) {
            return Err(format!("entries up to {} were given up in an older term than the last", upto.index));
        }
        let gone = (upto.index + 1).saturating_sub(self.first).min(self.slots.len() as u64);
        self.slots.drain(..gone as usize);
        self.first += gone;
        if self.slots.is_empty() {
            self.first = self.first.max(upto.index + 1);
        }
        self.purged = self.purged.max(Some(upto));
        self.last = self.last.max(Some(upto));
        Ok(())
    }

    /// Index of the first entry in `slots`, or that the next entry will have.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// What a new segment would have to begin with.
    pub(super) fn state(&self) -> State {
        State {
            previous_end: 0,
            purged: self.purged,
            last: self.last,
            committed: self.committed,
            vote: self.vote.clone(),
        }
    }

    /// Entries may be missing only when they were purged.
    fn finish(&mut self) -> Result<(), WalError> {
        let Some(oldest) = self.segments.first() else {
            return Ok(());
        };
        let wanted = next_index(self.purged);
        if oldest.number > 1 && self.first > wanted && next_index(self.last) > wanted {
            let what = format!(
                "entries {wanted} to {} are missing: a segment before this one is gone",
                self.first - 1
            );
            return Err(WalError::Damaged { path: oldest.path.clone(), offset: 0, what });
        }
        Ok(())
    }
}

fn next_index(last: Option<Position>) -> u64 {
    last.map_or(0, |last| last.index + 1)
}

fn damaged(path: &Path, offset: u64, what: &str) -> WalError {
    WalError::Damaged { path: PathBuf::from(path), offset, what: what.into() }
}

/// Decides about what stands behind the last complete batch, which ends at `end`: an unfinished batch
/// is zeroed, damage is an error. Records verify from `end` up to `broken`, where `batch` goes on.
fn cut_unfinished(
    scanner: &mut Scanner<'_>,
    path: &Path,
    end: u64,
    broken: u64,
    batch: u64,
) -> Result<(), WalError> {
    let Some(mut dirty_end) = scanner.next_nonzero(end)? else {
        return Ok(());
    };
    if let Some(later) = later_batch(scanner, broken, batch)? {
        let what = format!("a broken record, followed by a valid one at offset {later}");
        return Err(damaged(path, broken, &what));
    }
    if !is_unfinished(scanner, broken)? {
        return Err(damaged(path, broken, "a broken record that had been written completely"));
    }
    while let Some(nonzero) = scanner.next_nonzero(dirty_end)? {
        dirty_end = nonzero + 1;
    }
    scanner.zero(end, dirty_end)
}

/// Looks behind a broken record of `batch` for a valid record of a later batch.
fn later_batch(scanner: &mut Scanner<'_>, broken: u64, batch: u64) -> Result<Option<u64>, WalError> {
    let mut offset = broken;
    while let Some(nonzero) = scanner.next_nonzero(offset)? {
        // A CRC may begin with up to four zero bytes, which then belong to the header.
        let from = nonzero.saturating_sub(4).max(offset);
        for candidate in from..=nonzero {
            let later = scanner.header(candidate)?.is_some_and(|header| header.batch > batch);
            if later && scanner.record(candidate)?.is_some() {
                return Ok(Some(candidate));
            }
        }
        offset = nonzero + 1;
    }
    Ok(None)
}

/// Whether the record at `broken` still has a sector from before the write, or ends behind the file.
fn is_unfinished(scanner: &mut Scanner<'_>, broken: u64) -> Result<bool, WalError> {
    let header_end = broken + HEADER_BYTES as u64;
    if header_end > scanner.len() || has_zero_sector(scanner, broken, header_end, true)? {
        return Ok(true);
    }
    // No sector of the header is missing, so it is what was written, or it is damaged.
    let Some(header) = scanner.header(broken)? else {
        return Ok(false);
    };
    let record_end = broken + header.record_len() as u64;
    Ok(record_end > scanner.len() || has_zero_sector(scanner, broken, record_end, false)?)
}

/// Whether some sector holds nothing but zeros in its part of `start..end`; with `whole`, in all of it
/// from `start` on.
fn has_zero_sector(scanner: &mut Scanner<'_>, start: u64, end: u64, whole: bool) -> Result<bool, WalError> {
    let mut at = start;
    while at < end {
        let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
        let upto = if whole { sector_end } else { sector_end.min(end) };
        if scanner.bytes(at, (upto - at) as usize)?.iter().all(|byte| *byte == 0) {
            return Ok(true);
        }
        at = sector_end;
    }
    Ok(false)
}

impl Scanner<'_> {
    /// Makes `start..end` zeros, durably.
    fn zero(&mut self, start: u64, end: u64) -> Result<(), WalError> {
        super::prepare::write_zeros(self.file(), start, end)
            .and_then(|()| self.file().sync_data())
            .map_err(WalError::io("cut the unfinished end of", self.path()))
    }
}
