//! A disk that reports errors: after the first one nothing is acknowledged, and nothing acknowledged
//! before is lost.

use std::io::ErrorKind;

use super::*;
use crate::io::simulated::{Failure, Survival};

const ROUNDS: u64 = 60;

/// Appends until an error; returns how many entries were acknowledged.
fn append_until_error(io: &SimulatedIo) -> Result<u64, WalError> {
    let wal: Wal<Line> = Wal::open(options(io))?;
    let mut failed = false;
    let mut acknowledged = 0;
    for index in 0..ROUNDS {
        let (done, receiver) = signal();
        let result = match wal.append([line(1, index, 200)], done) {
            Ok(()) => receiver.recv().unwrap(),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => {
                assert!(!failed, "entry {index} was acknowledged after an error");
                acknowledged += 1;
            }
            Err(error) => {
                failed = true;
                assert!(matches!(error, WalError::Stopped(_)), "{error}");
                assert!(wal.failure().borrow().is_some());
            }
        }
        if index == ROUNDS / 2 {
            let _ = wal.purge(at(1, 3), Box::new(|_| ()));
        }
    }
    Ok(acknowledged)
}

#[test]
fn after_any_error_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() {
    let total = {
        let io = SimulatedIo::new();
        append_until_error(&io).unwrap();
        io.operations()
    };
    let mut failures = 0;
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        for for_good in [false, true] {
            for after in 0..total {
                let io = SimulatedIo::new();
                io.fail(Failure { after, kind, for_good });
                let acknowledged = append_until_error(&io).unwrap_or(0);
                failures += u32::from(acknowledged < ROUNDS);
                // What the kernel still had is lost too.
                let disk = io.crash(|_, _| Survival::Lost);
                let context = format!("{kind:?} after {after} operations, for good: {for_good}");
                let wal =
                    Wal::<Line>::open(options(&disk)).unwrap_or_else(|error| panic!("{context}: {error}"));
                let next = wal.last().map_or(0, |last| last.index + 1);
                assert!(next >= acknowledged, "{context}: {acknowledged} acknowledged, {next} there");
            }
        }
    }
    println!("{} runs, {failures} stopped by an error", total * 4);
    assert!(failures > 0);
}

#[test]
fn the_waiting_hear_of_the_error_in_order_and_room_does_not_wait_for_ever() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    append(&wal, vec![line(1, 0, 10)]);
    io.fail(Failure { after: 0, kind: ErrorKind::Other, for_good: true });
    let (sender, receiver) = mpsc::channel();
    for index in 1..200 {
        let sender = sender.clone();
        let done: Completion = Box::new(move |result| sender.send((index, result.is_ok())).unwrap());
        if wal.append([line(1, index, 10)], done).is_err() {
            break;
        }
    }
    drop(sender);
    let heard: Vec<(u64, bool)> = receiver.iter().collect();
    let expected: Vec<(u64, bool)> = (1..=heard.len() as u64).map(|index| (index, false)).collect();
    assert_eq!(heard, expected);
    futures::executor::block_on(wal.room());
}
