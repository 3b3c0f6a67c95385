//! What the log promises while nothing goes wrong.

use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::io::Io;

#[test]
fn an_empty_log_holds_nothing() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    assert_eq!(Model::of(&wal), Model::default());
    assert_eq!(wal.committed(), None);
}

#[test]
fn entries_are_readable_before_the_sync_and_after_a_restart() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    let lines: Vec<Line> = (0..50).map(|index| line(1, index, 300)).collect();
    for line in &lines {
        wal.append([line.clone()], Box::new(|_| ())).unwrap();
        assert_eq!(wal.read(line.position.index..u64::MAX).unwrap(), std::slice::from_ref(line));
    }
    assert_eq!(everything(&wal), lines);
    drop(wal);
    let wal = open(&io);
    assert_eq!(everything(&wal), lines);
    assert_eq!(wal.last(), Some(at(1, 49)));
    assert_eq!(wal.term(49), Some(1));
    assert_eq!(wal.term(50), None);
}

#[test]
fn entries_behind_the_cache_are_read_from_the_segments() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    let lines: Vec<Line> = (0..200).map(|index| line(1, index, 200)).collect();
    append(&wal, lines[..100].to_vec());
    append(&wal, lines[100..].to_vec());
    assert_eq!(wal.read(3..150).unwrap(), lines[3..150]);
    assert!(io.list(Path::new(DIR)).unwrap().len() > 1, "the test should need several segments");
}

#[test]
fn vote_and_committed_are_kept() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    let (done, receiver) = signal();
    wal.save_vote(Bytes::from_static(b"me"), done).unwrap();
    receiver.recv().unwrap().unwrap();
    append(&wal, vec![line(1, 0, 10)]);
    wal.save_committed(Some(at(1, 0))).unwrap();
    assert_eq!(wal.committed(), Some(at(1, 0)));
    drop(wal);
    let wal = open(&io);
    assert_eq!(wal.vote().unwrap(), "me");
    assert_eq!(wal.committed(), Some(at(1, 0)));
}

#[test]
fn vote_is_kept_although_its_segment_was_deleted() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    wal.save_vote(Bytes::from_static(b"me"), Box::new(|_| ())).unwrap();
    for index in 0..100 {
        append(&wal, vec![line(1, index, 300)]);
    }
    let (done, receiver) = signal();
    wal.purge(at(1, 90), done).unwrap();
    receiver.recv().unwrap().unwrap();
    drop(wal);
    assert!(!io.exists(&Path::new(DIR).join("0000000000000001.wal")).unwrap());
    let wal = open(&io);
    assert_eq!(wal.vote().unwrap(), "me");
    assert_eq!(wal.purged(), Some(at(1, 90)));
    assert_eq!(everything(&wal).len(), 9);
}

#[test]
fn truncated_entries_are_replaced_by_those_of_a_new_leader() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    append(&wal, (0..10).map(|index| line(1, index, 400)).collect());
    wal.truncate_after(Some(at(1, 4)), Box::new(|_| ())).unwrap();
    append(&wal, vec![line(2, 5, 30), line(2, 6, 30)]);
    let expected = Model::of(&wal);
    assert_eq!(expected.last, Some(at(2, 6)));
    assert_eq!(wal.term(5), Some(2));
    drop(wal);
    assert_eq!(Model::of(&open(&io)), expected);
}

#[test]
fn a_purge_beyond_the_end_leaves_an_empty_log_that_goes_on_behind_it() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    append(&wal, vec![line(1, 0, 10), line(1, 1, 10)]);
    wal.purge(at(3, 20), Box::new(|_| ())).unwrap();
    assert_eq!(wal.last(), Some(at(3, 20)));
    append(&wal, vec![line(3, 21, 10)]);
    drop(wal);
    let wal = open(&io);
    assert_eq!(everything(&wal), [line(3, 21, 10)]);
}

#[test]
fn a_gap_is_refused() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    append(&wal, vec![line(1, 0, 10)]);
    let error = wal.append([line(1, 2, 10)], Box::new(|_| ())).unwrap_err();
    assert!(matches!(error, WalError::Refused(_)), "{error}");
}

#[test]
fn completions_come_once_in_order_and_only_after_the_sync() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    let order = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = mpsc::channel();
    const ROUNDS: u64 = 2000;
    for round in 0..ROUNDS {
        let (order, io, sender) = (order.clone(), io.clone(), sender.clone());
        let done: Completion = Box::new(move |result| {
            result.unwrap();
            // The preparer works beside; the segments themselves must be on the disk.
            let open = io.unsynced();
            let unsynced = open.iter().find(|change| change.path.extension().is_some_and(|end| end == "wal"));
            order.lock().push((round, unsynced.cloned()));
            if round + 1 == ROUNDS {
                sender.send(()).unwrap();
            }
        });
        match round % 5 {
            4 => wal.save_vote(Bytes::from(round.to_string()), done).unwrap(),
            _ => {
                let next = wal.last().map_or(0, |last| last.index + 1);
                wal.append([line(1, next, round as usize % 200)], done).unwrap();
            }
        }
    }
    receiver.recv().unwrap();
    let order = order.lock();
    let expected: Vec<_> = (0..ROUNDS).map(|round| (round, None)).collect();
    assert_eq!(*order, expected);
}

#[test]
fn a_closed_log_takes_nothing_and_lost_nothing() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    wal.append([line(1, 0, 10)], Box::new(|_| ())).unwrap();
    wal.close();
    let error = wal.append([line(1, 1, 10)], Box::new(|_| ())).unwrap_err();
    assert!(matches!(error, WalError::Closed), "{error}");
    drop(wal);
    assert_eq!(everything(&open(&io)), [line(1, 0, 10)]);
}

#[test]
fn a_log_on_the_real_disk_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = WalOptions::new(Arc::new(crate::io::disk::DiskIo), dir.path().join("wal"));
    let wal: Wal<Line> = Wal::open(options.clone()).unwrap();
    let lines: Vec<Line> = (0..3000).map(|index| line(1, index, 1000)).collect();
    for some in lines.chunks(100) {
        append(&wal, some.to_vec());
    }
    drop(wal);
    let wal: Wal<Line> = Wal::open(options).unwrap();
    assert_eq!(everything(&wal), lines);
}
