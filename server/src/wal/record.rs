//! The records of a segment.
//!
//! A record is a header of 20 bytes and a payload, little endian:
//!
//! ```text
//! header crc: u32 | payload length: u32 | batch << 8 | ends batch << 7 | kind: u64 | payload crc: u32
//! ```
//!
//! Both are CRC32C. That of the header covers the rest of the header, and before it the number of the
//! segment and the offset of the record, so that a record that shows up in another place than it was
//! written to is not one. It stands by itself so that the length of a broken record can be trusted. The
//! kind is never zero: zeros are the unwritten rest of a segment. Batches are numbered without gaps
//! throughout the log.

use super::Position;

/// Size of a record without its payload, in bytes.
pub(super) const HEADER_BYTES: usize = 20;

/// Size of the position in front of an entry's body, in bytes.
pub(super) const POSITION_BYTES: usize = 16;

/// Greatest index of an entry: what comes behind it can be counted too.
const INDEX_MAX: u64 = i64::MAX as u64;

const ENDS_BATCH: u64 = 1 << 7;
const KIND_MASK: u64 = ENDS_BATCH - 1;
const BATCH_SHIFT: u32 = 8;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// First record of each segment: all that earlier segments said which is still in force.
    State = 1,
    /// One entry: its position, then its body.
    Entry = 2,
    /// The vote of this node.
    Vote = 3,
    /// Position up to which entries are known to be committed.
    Committed = 4,
    /// Position of the last entry that stays; absent when none does.
    Truncate = 5,
    /// Position up to which entries are no longer needed.
    Purge = 6,
    /// The log was closed in order.
    Close = 7,
}

impl Kind {
    fn from_tag(tag: u64) -> Option<Kind> {
        Some(match tag & KIND_MASK {
            1 => Kind::State,
            2 => Kind::Entry,
            3 => Kind::Vote,
            4 => Kind::Committed,
            5 => Kind::Truncate,
            6 => Kind::Purge,
            7 => Kind::Close,
            _ => return None,
        })
    }
}

/// The header of a record, as it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) batch: u64,
    pub(super) ends_batch: bool,
    pub(super) payload_len: usize,
    payload_crc: u32,
}

impl Header {
    /// Reads the header at a place; none when it is not what was written there.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES], segment: u64, offset: u64) -> Option<Header> {
        let tag = u64::from_le_bytes(field(bytes, 8));
        // Cheap, and nearly always enough to reject what is no header.
        let kind = Kind::from_tag(tag)?;
        if u32::from_le_bytes(field(bytes, 0)) != header_crc(bytes, segment, offset) {
            return None;
        }
        Some(Header {
            kind,
            batch: tag >> BATCH_SHIFT,
            ends_batch: tag & ENDS_BATCH != 0,
            payload_len: u32::from_le_bytes(field(bytes, 4)) as usize,
            payload_crc: u32::from_le_bytes(field(bytes, 16)),
        })
    }

    pub(super) fn record_len(&self) -> usize {
        HEADER_BYTES + self.payload_len
    }

    /// Whether `record`, header and payload, is what was written.
    pub(super) fn verifies(&self, record: &[u8]) -> bool {
        crc32c::crc32c(&record[HEADER_BYTES..]) == self.payload_crc
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn header_crc(header: &[u8], segment: u64, offset: u64) -> u32 {
    let mut place = [0; 16];
    place[..8].copy_from_slice(&segment.to_le_bytes());
    place[8..].copy_from_slice(&offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), &header[4..HEADER_BYTES])
}

/// Appends a record whose header is filled in by [`seal`] when its place is known. Returns its length.
pub(super) fn push(out: &mut Vec<u8>, kind: Kind, payload: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    payload(out);
    out[start + 8] = kind as u8;
    out.len() - start
}

/// Fills in the header of a record made by [`push`].
pub(super) fn seal(record: &mut [u8], segment: u64, offset: u64, batch: u64, ends_batch: bool) {
    let kind = u64::from(record[8]) & KIND_MASK;
    let tag = (batch << BATCH_SHIFT) | if ends_batch { ENDS_BATCH } else { 0 } | kind;
    let payload_len = (record.len() - HEADER_BYTES) as u32;
    let payload_crc = crc32c::crc32c(&record[HEADER_BYTES..]);
    record[4..8].copy_from_slice(&payload_len.to_le_bytes());
    record[8..16].copy_from_slice(&tag.to_le_bytes());
    record[16..20].copy_from_slice(&payload_crc.to_le_bytes());
    let header_crc = header_crc(record, segment, offset);
    record[..4].copy_from_slice(&header_crc.to_le_bytes());
}

/// All that is in force at the start of a segment, so that older segments can be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Where the records of the segment before ended; zero for the first segment.
    pub(super) previous_end: u64,
    pub(super) purged: Option<Position>,
    /// Last entry; none when there never was one. May lie before `purged`.
    pub(super) last: Option<Position>,
    pub(super) committed: Option<Position>,
    pub(super) vote: Option<bytes::Bytes>,
}

const MAGIC: &[u8; 8] = b"etcdkitW";
const FORMAT_VERSION: u32 = 1;

impl State {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.previous_end.to_le_bytes());
        for position in [self.purged, self.last, self.committed] {
            encode_optional(position, out);
        }
        match &self.vote {
            None => out.push(0),
            Some(vote) => {
                out.push(1);
                out.extend_from_slice(vote);
            }
        }
    }

    pub(super) fn decode(payload: &[u8]) -> Result<State, String> {
        let mut rest = payload;
        if take(&mut rest, MAGIC.len())? != MAGIC {
            return Err("not a segment of this program".into());
        }
        let version = u32::from_le_bytes(take_array(&mut rest)?);
        if version != FORMAT_VERSION {
            return Err(format!("format {version} is unknown here: the log was written by a newer release"));
        }
        let previous_end = u64::from_le_bytes(take_array(&mut rest)?);
        let purged = take_optional(&mut rest)?;
        let last = take_optional(&mut rest)?;
        let committed = take_optional(&mut rest)?;
        let vote = match take_array::<1>(&mut rest)? {
            [0] => None,
            _ => Some(bytes::Bytes::copy_from_slice(rest)),
        };
        Ok(State { previous_end, purged, last, committed, vote })
    }
}

pub(super) fn encode_position(position: Position, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.term.to_le_bytes());
    out.extend_from_slice(&position.index.to_le_bytes());
}

pub(super) fn encode_optional(position: Option<Position>, out: &mut Vec<u8>) {
    out.push(u8::from(position.is_some()));
    encode_position(position.unwrap_or(Position { term: 0, index: 0 }), out);
}

pub(super) fn take_position(rest: &mut &[u8]) -> Result<Position, String> {
    let term = u64::from_le_bytes(take_array(rest)?);
    let index = u64::from_le_bytes(take_array(rest)?);
    if index > INDEX_MAX {
        return Err(format!("no log reaches index {index}"));
    }
    Ok(Position { term, index })
}

pub(super) fn take_optional(rest: &mut &[u8]) -> Result<Option<Position>, String> {
    let [present] = take_array::<1>(rest)?;
    let position = take_position(rest)?;
    Ok((present != 0).then_some(position))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    if rest.len() < count {
        return Err("the record is shorter than its kind needs".into());
    }
    let (head, tail) = rest.split_at(count);
    *rest = tail;
    Ok(head)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let mut array = [0; N];
    array.copy_from_slice(take(rest, N)?);
    Ok(array)
}
