//! Every state in which a power loss may leave the disk, or a fair sample of them.
//!
//! A workload runs on the simulated disk. At each event of its journal, and for many choices of what
//! survives of the un-synced changes, the log is opened again. It must hold exactly what it held after
//! some operation: not before the last one that was acknowledged by then, not after the last one that had
//! been submitted.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::io::simulated::{Replay, Survival, Unsynced};

/// Changes up to which all subsets are tried, instead of a sample.
const PENDING_EXHAUSTIVE: usize = 5;
const SAMPLES: usize = 24;

#[derive(Debug)]
struct Recorded {
    /// The model after each operation; the first one is before all.
    models: Vec<Model>,
    /// Events in the journal when the operation was acknowledged.
    acknowledged: Vec<usize>,
    /// Events in the journal when it was submitted.
    submitted: Vec<usize>,
}

/// Runs random operations; some wait for the sync, some do not, and now and then the log is reopened.
fn run(io: &SimulatedIo, seed: u64, operations: usize) -> Recorded {
    let mut random = StdRng::seed_from_u64(seed);
    let mut wal = open(io);
    let mut model = Model::default();
    let mut recorded = Recorded { models: vec![model.clone()], acknowledged: vec![], submitted: vec![] };
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut term = 1;
    for _ in 0..operations {
        let (done, receiver) = signal();
        let done: Completion = Box::new({
            let (io, acknowledged) = (io.clone(), acknowledged.clone());
            move |result| {
                acknowledged.lock().push(io.events());
                done(result);
            }
        });
        recorded.submitted.push(io.events());
        match random.random_range(0..20) {
            0..14 => {
                let count = random.random_range(1..4);
                let size_max = if random.random_bool(0.2) { 1500 } else { 120 };
                let lines: Vec<Line> = (0..count)
                    .map(|order| line(term, model.next_index() + order, random.random_range(0..size_max)))
                    .collect();
                lines.iter().cloned().for_each(|line| model.append(line));
                wal.append(lines, done).unwrap();
            }
            14..16 => {
                term += 1;
                let vote = Bytes::from(format!("term {term}"));
                model.vote = Some(vote.clone());
                wal.save_vote(vote, done).unwrap();
            }
            16..18 => {
                let keep = random.random_range(0..4);
                let last = model.lines.values().rev().nth(keep).map(|line| line.position).or(model.purged);
                model.truncate(last);
                term += 1;
                wal.truncate_after(last, done).unwrap();
            }
            _ => {
                let keep = random.random_range(0..8);
                let Some(upto) = model.lines.values().rev().nth(keep).map(|line| line.position) else {
                    recorded.submitted.pop();
                    continue;
                };
                model.purge(upto);
                wal.purge(upto, done).unwrap();
            }
        }
        wal.save_committed(model.last).unwrap();
        recorded.models.push(model.clone());
        if random.random_bool(0.7) {
            receiver.recv().unwrap().unwrap();
        }
        if random.random_bool(0.03) {
            wal.close();
            wal = open(io);
            assert_eq!(Model::of(&wal), model, "seed {seed}: an orderly restart");
        }
    }
    drop(wal);
    recorded.acknowledged = acknowledged.lock().clone();
    assert_eq!(recorded.acknowledged.len(), recorded.submitted.len());
    recorded
}

/// Choices of what survives, one for each pending change.
fn choices(pending: &[Unsynced], random: &mut StdRng) -> Vec<Vec<Survival>> {
    let mut choices = Vec::new();
    if pending.len() <= PENDING_EXHAUSTIVE {
        for subset in 0..1 << pending.len() {
            let survives = |order| if subset >> order & 1 == 1 { Survival::Whole } else { Survival::Lost };
            choices.push((0..pending.len()).map(survives).collect());
        }
        // All there but one write, which is torn: after each sector, and at random.
        for (torn, change) in pending.iter().enumerate() {
            for sectors in 1..change.sectors.min(16) {
                for mask in [(1 << sectors) - 1, !((1 << sectors) - 1), random.random()] {
                    let mut choice = vec![Survival::Whole; pending.len()];
                    choice[torn] = Survival::Sectors(mask);
                    choices.push(choice);
                }
            }
        }
        return choices;
    }
    for _ in 0..SAMPLES {
        let survives = |_: &Unsynced| match random.random_range(0..3) {
            0 => Survival::Lost,
            1 => Survival::Whole,
            _ => Survival::Sectors(random.random()),
        };
        choices.push(pending.iter().map(survives).collect());
    }
    choices
}

fn check(replay: &Replay, choice: &[Survival], recorded: &Recorded, context: &str) -> Model {
    let disk = replay.crash(|order, _| choice[order]);
    let done = replay.events();
    let acknowledged = recorded.acknowledged.iter().filter(|events| **events <= done).count();
    let submitted = recorded.submitted.iter().filter(|events| **events <= done).count();
    let wal = Wal::open(options(&disk)).unwrap_or_else(|error| panic!("{context}: {error}"));
    let found = Model::of(&wal);
    let fits = recorded.models[acknowledged..=submitted].contains(&found);
    assert!(
        fits,
        "{context}: holds {found:?}, not what was there after operation {acknowledged} to {submitted}"
    );
    // And it goes on from there, also over another crash.
    let next = line(found.last.map_or(1, |last| last.term), found.next_index(), 700);
    append(&wal, vec![next.clone()]);
    let again = disk.crash(|_, _| Survival::Lost);
    let reopened = Wal::open(options(&again)).unwrap_or_else(|error| panic!("{context}, again: {error}"));
    let mut expected = found.clone();
    expected.append(next);
    assert_eq!(Model::of(&reopened), expected, "{context}: after going on");
    found
}

#[test]
fn every_crash_state_opens_with_all_that_was_acknowledged() {
    let seeds: u64 = std::env::var("WAL_CRASH_SEEDS").map_or(6, |seeds| seeds.parse().unwrap());
    let mut states = 0;
    let mut distinct = HashSet::new();
    for seed in 0..seeds {
        let io = SimulatedIo::new();
        let recorded = run(&io, seed, 60);
        let mut random = StdRng::seed_from_u64(seed);
        let mut replay = io.replay();
        loop {
            let pending = replay.unsynced();
            for choice in choices(&pending, &mut random) {
                let context = format!("seed {seed}, event {}, survivors {choice:?}", replay.events());
                let found = check(&replay, &choice, &recorded, &context);
                distinct.insert((seed, format!("{:?} {:?} {:?}", found.last, found.purged, found.vote)));
                states += 1;
            }
            if !replay.step() {
                break;
            }
        }
    }
    println!("{seeds} seeds, {states} crash states, {} different logs", distinct.len());
}
