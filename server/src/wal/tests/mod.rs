//! Tests of the log, on a disk that forgets and fails.

#![allow(clippy::unwrap_used)]

mod behaviour;
mod crash;
mod damage;
mod faults;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;

use super::{Completion, LogEntry, Position, Wal, WalError, WalOptions};
use crate::io::simulated::SimulatedIo;

const DIR: &str = "/data/member/wal";

/// An entry of the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    position: Position,
    body: Bytes,
}

impl LogEntry for Line {
    fn position(&self) -> Position {
        self.position
    }

    fn footprint(&self) -> usize {
        self.body.len()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.body);
    }

    fn decode(position: Position, body: Bytes) -> Result<Line, String> {
        Ok(Line { position, body })
    }
}

fn at(term: u64, index: u64) -> Position {
    Position { term, index }
}

/// An entry whose body is `size` bytes, none of them zero.
fn line(term: u64, index: u64, size: usize) -> Line {
    let body = (0..size).map(|order| (order as u64 * 7 + index * 13 + term) as u8 | 1).collect();
    Line { position: at(term, index), body }
}

/// Small segments and a small cache, so that a short test crosses their bounds.
fn options(io: &SimulatedIo) -> WalOptions {
    WalOptions {
        segment_bytes_first: 2 << 10,
        segment_bytes_max: 8 << 10,
        cache_bytes_max: 2 << 10,
        ..WalOptions::new(Arc::new(io.clone()), Path::new(DIR))
    }
}

fn open(io: &SimulatedIo) -> Wal<Line> {
    Wal::open(options(io)).unwrap()
}

fn signal() -> (Completion, mpsc::Receiver<Result<(), WalError>>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

fn append(wal: &Wal<Line>, lines: Vec<Line>) {
    let (done, receiver) = signal();
    wal.append(lines, done).unwrap();
    receiver.recv().unwrap().unwrap();
}

fn everything(wal: &Wal<Line>) -> Vec<Line> {
    wal.read(0..u64::MAX).unwrap()
}

/// What a log should hold: the same operations on plain values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    vote: Option<Bytes>,
    purged: Option<Position>,
    last: Option<Position>,
    lines: BTreeMap<u64, Line>,
}

impl Model {
    fn of(wal: &Wal<Line>) -> Model {
        let lines = everything(wal).into_iter().map(|line| (line.position.index, line)).collect();
        Model { vote: wal.vote(), purged: wal.purged(), last: wal.last(), lines }
    }

    fn next_index(&self) -> u64 {
        self.last.map_or(0, |last| last.index + 1)
    }

    fn append(&mut self, line: Line) {
        self.last = Some(line.position);
        self.lines.insert(line.position.index, line);
    }

    fn truncate(&mut self, last: Option<Position>) {
        self.last = last.max(self.purged);
        let next = self.next_index();
        self.lines.retain(|index, _| *index < next);
    }

    fn purge(&mut self, upto: Position) {
        self.purged = self.purged.max(Some(upto));
        self.last = self.last.max(Some(upto));
        self.lines.retain(|index, _| *index > upto.index);
    }
}
