//! The log: whatever the segments hold, opening them tells damage or gives a log that works.
//!
//! Records carry checksums, behind which nobody gets by chance. So an input is either the bytes of a segment, or says
//! what records to write, which are then given the checksums they need:
//!
//! ```text
//! 0, bytes of the first segment
//! 1, { kind, | ends batch 8 | begins with the magic 16 | skips a batch 32, | begins a segment 64: u8, length u8, payload }
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use etcdkit_server::io::memory::MemoryIo;
use etcdkit_server::io::{Io, OpenMode};
use etcdkit_server::wal::{LogEntry, Position, Wal, WalError, WalOptions};

const DIR: &str = "/wal";
const HEADER_BYTES: usize = 20;
const KIND_MASK: u8 = 7;
const ENDS_BATCH: u8 = 8;
const WITH_MAGIC: u8 = 16;
const SKIPS_BATCH: u8 = 32;
const BEGINS_SEGMENT: u8 = 64;
const STATE_BEGIN: &[u8] = b"etcdkitW\x01\0\0\0";

/// An entry that means nothing.
#[derive(Clone)]
struct Line(Position, Bytes);

impl LogEntry for Line {
    fn position(&self) -> Position {
        self.0
    }

    fn footprint(&self) -> usize {
        self.1.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.1);
    }

    fn decode(position: Position, body: Bytes) -> Result<Line, String> {
        Ok(Line(position, body))
    }
}

pub(crate) fn run(input: &[u8]) {
    let Some((mode, input)) = input.split_first() else { return };
    let segments = match mode {
        0 => vec![input.to_vec()],
        _ => written(input),
    };
    let io = MemoryIo::default();
    io.create_dir(Path::new(DIR)).expect("a directory in memory");
    for (order, bytes) in segments.iter().enumerate() {
        let path = Path::new(DIR).join(format!("{:016x}.wal", order + 1));
        let file = io.open(&path, OpenMode::New).expect("a file in memory");
        file.write_all_at(bytes, 0).expect("memory takes it");
    }
    match open(&io) {
        Ok(wal) => works(&io, wal),
        Err(WalError::Damaged { .. }) => {}
        Err(error) => panic!("neither damage nor a log: {error}"),
    }
}

fn open(io: &MemoryIo) -> Result<Wal<Line>, WalError> {
    let options = WalOptions {
        segment_bytes_first: 1 << 10,
        segment_bytes_max: 4 << 10,
        cache_bytes_max: 1 << 10,
        ..WalOptions::new(Arc::new(io.clone()), Path::new(DIR))
    };
    Wal::open(options)
}

/// A log that was opened can be read, continued and opened again.
fn works(io: &MemoryIo, wal: Wal<Line>) {
    let read = wal.read(0..u64::MAX).expect("what was verified can be read").len();
    let before = wal.last().max(wal.purged());
    let next =
        Position { term: before.map_or(1, |last| last.term), index: before.map_or(0, |last| last.index + 1) };
    let (sender, receiver) = mpsc::channel();
    let done = Box::new(move |result| drop(sender.send(result)));
    match wal.append([Line(next, Bytes::from_static(b"next"))], done) {
        Ok(()) => receiver.recv().expect("an answer comes").expect("memory takes it"),
        Err(error) => panic!("an entry behind the last is refused: {error}"),
    }
    let (vote, purged) = (wal.vote(), wal.purged());
    wal.close();
    drop(wal);
    let again = open(io).expect("what was closed in order opens");
    assert_eq!((again.last(), again.vote(), again.purged()), (Some(next), vote, purged));
    assert_eq!(again.read(0..u64::MAX).expect("a log reads back").len(), read + 1);
}

/// Segments of the records that the input asks for.
fn written(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut segments = vec![Vec::new()];
    let mut batch = 1;
    while let [control, length, rest @ ..] = input {
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        input = rest;
        if control & BEGINS_SEGMENT != 0 {
            segments.push(Vec::new());
        }
        let number = segments.len() as u64;
        let Some(segment) = segments.last_mut() else { return segments };
        let begin = if control & WITH_MAGIC != 0 { STATE_BEGIN } else { &[] };
        record(segment, number, batch, control & (KIND_MASK | ENDS_BATCH), &[begin, payload].concat());
        batch += u64::from(control & ENDS_BATCH != 0) + u64::from(control & SKIPS_BATCH != 0);
    }
    segments
}

fn record(segment: &mut Vec<u8>, number: u64, batch: u64, control: u8, payload: &[u8]) {
    let ends = if control & ENDS_BATCH != 0 { 1 << 7 } else { 0 };
    let tag = (batch << 8) | ends | u64::from(control & KIND_MASK);
    let place = [number.to_le_bytes(), (segment.len() as u64).to_le_bytes()].concat();
    let mut header = vec![0; 4];
    header.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    header.extend_from_slice(&tag.to_le_bytes());
    header.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    debug_assert_eq!(header.len(), HEADER_BYTES);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&place), &header[4..]);
    header[..4].copy_from_slice(&crc.to_le_bytes());
    segment.extend_from_slice(&header);
    segment.extend_from_slice(payload);
}

/// A log as it is written, and orders for some.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let io = MemoryIo::default();
    let wal = open(&io).expect("a log in memory");
    wal.save_vote(Bytes::from_static(b"me"), Box::new(drop)).expect("a vote is taken");
    for index in 0..4 {
        let line = Line(Position { term: 1, index }, Bytes::from(vec![b'x'; 40]));
        wal.append([line], Box::new(drop)).expect("an entry is taken");
    }
    wal.close();
    let names = io.list(Path::new(DIR)).expect("a directory in memory");
    let name = names.iter().find(|name| name.ends_with(".wal")).expect("a log has a segment");
    let file = io.open(&Path::new(DIR).join(name), OpenMode::Existing).expect("a file in memory");
    let mut raw = vec![0; file.len().expect("a length") as usize + 1];
    file.read_exact_at(&mut raw[1..], 0).expect("it reads");

    let position = |term: u64, index: u64| [term.to_le_bytes(), index.to_le_bytes()].concat();
    let order = |control: u8, payload: &[u8]| [&[control, payload.len() as u8], payload].concat();
    let state = |previous_end: u64, last: Option<u64>| {
        let some = last.map_or(vec![0; 17], |last| [vec![1], position(1, last)].concat());
        [previous_end.to_le_bytes().to_vec(), vec![0; 17], some, vec![0; 17], vec![0]].concat()
    };
    let (kind_state, entry, vote, committed, truncate, purge, close) = (1, 2, 3, 4, 5, 6, 7);
    let begin = order(kind_state | ENDS_BATCH | WITH_MAGIC, &state(0, None));
    let entries =
        (0..3).flat_map(|index| order(entry | ENDS_BATCH, &position(1, index))).collect::<Vec<u8>>();
    let some = |index| [vec![1], position(1, index)].concat();
    let plain = [vec![1], begin.clone(), entries.clone()].concat();
    let eventful = [
        plain.clone(),
        order(vote | ENDS_BATCH, b"you"),
        order(truncate | ENDS_BATCH, &some(1)),
        order(entry, &position(2, 2)),
        order(committed | ENDS_BATCH, &some(1)),
        order(purge | ENDS_BATCH, &position(1, 1)),
        order(close | ENDS_BATCH, b""),
    ]
    .concat();
    let second = order(kind_state | ENDS_BATCH | WITH_MAGIC | BEGINS_SEGMENT, &state(0, Some(2)));
    let two = [plain.clone(), second].concat();
    let overtaken = [vec![1], begin, order(purge | ENDS_BATCH, &position(3, 9))].concat();
    vec![raw, plain, eventful, two, overtaken]
}
