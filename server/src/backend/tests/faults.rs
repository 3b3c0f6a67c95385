//! redb on a disk that fails: at every operation of a small workload.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::{Backend, BackendError, BackendOptions, EngineKind, Table};
use crate::io::simulated::{Failure, SimulatedIo, Survival, Unsynced};

const DIR: &str = "/data/backend";
const RUNS: u32 = 24;

/// Ways in which a power loss may hit what was not synced, tried after each operation.
const OUTCOMES: u64 = 6;

fn open(disk: &SimulatedIo) -> Result<Backend, BackendError> {
    // The smallest cache makes redb write and read pages in the middle of a transaction.
    let options = BackendOptions {
        cache_bytes: 1 << 16,
        flush_interval: Duration::from_secs(3600),
        ..BackendOptions::default()
    };
    Backend::open(Arc::new(disk.clone()), Path::new(DIR), EngineKind::Redb, options)
}

/// What survives of un-synced changes: nothing, everything, or by chance any part, down to sectors.
fn survival(outcome: u64) -> impl FnMut(usize, &Unsynced) -> Survival {
    let mut random = StdRng::seed_from_u64(outcome);
    move |_, _| match (outcome, random.random_range(0..3)) {
        (0, _) => Survival::Lost,
        (1, _) => Survival::Whole,
        (_, 0) => Survival::Lost,
        (_, 1) => Survival::Whole,
        _ => Survival::Sectors(random.random()),
    }
}

/// What a run changes: some keys written, some removed.
fn changes(run: u32) -> BTreeMap<u32, Option<String>> {
    let written = (0..6).map(|n| ((run * 7 + n * 5) % 40, Some(format!("{run}").repeat(150))));
    let removed = (0..3).map(|n| ((run * 11 + n * 3) % 40, None));
    written.chain(removed).collect()
}

fn state_after(runs: u32) -> BTreeMap<u32, String> {
    let mut state = BTreeMap::new();
    for (key, value) in (1..=runs).flat_map(changes) {
        match value {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
    state
}

fn state_of(backend: &Backend) -> BTreeMap<u32, String> {
    let rows = backend.scan(Table::Key, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
    let row = |(key, value): &(bytes::Bytes, bytes::Bytes)| {
        (u32::from_be_bytes(key.as_ref().try_into().unwrap()), String::from_utf8(value.to_vec()).unwrap())
    };
    rows.iter().map(row).collect()
}

fn durable_run(backend: &Backend) -> u32 {
    backend.durable_mark().map_or(0, |mark| u32::from_be_bytes(mark.as_ref().try_into().unwrap()))
}

/// How far a workload came.
#[derive(Clone, Copy, Debug, Default)]
struct Reached {
    /// Events on the disk by then.
    events: usize,
    committed: u32,
    flushed: u32,
}

fn commit(backend: &Backend, run: u32) -> Result<(), BackendError> {
    let mut writer = backend.write();
    for (key, value) in changes(run) {
        let key = key.to_be_bytes().to_vec();
        match value {
            Some(value) => writer.put(Table::Key, key, value),
            None => writer.delete(Table::Key, key),
        }
    }
    writer.mark(run.to_be_bytes().to_vec());
    writer.commit()
}

/// Runs, a flush after every third, compaction and reopening in between; until something fails. Each
/// step that was reached is recorded.
fn work(disk: &SimulatedIo, steps: &mut Vec<Reached>) -> Result<(), BackendError> {
    let mut backend = open(disk)?;
    let mut reached = Reached::default();
    for run in 1..=RUNS {
        commit(&backend, run)?;
        reached.committed = run;
        steps.push(Reached { events: disk.events(), ..reached });
        if run % 3 == 0 {
            backend.flush()?;
            reached.flushed = run;
            steps.push(Reached { events: disk.events(), ..reached });
        }
        if run == RUNS / 2 {
            backend.compact()?;
            drop(backend);
            backend = open(disk)?;
        }
    }
    Ok(())
}

fn assert_is_at_a_run(disk: &SimulatedIo, reached: Reached, context: &str) {
    let backend = open(disk).unwrap_or_else(|error| panic!("{context}: {error}"));
    let run = durable_run(&backend);
    assert!(reached.flushed <= run && run <= reached.committed, "{context}: at run {run}, {reached:?}");
    assert_eq!(state_of(&backend), state_after(run), "{context}: content of run {run}");
    // It goes on from there.
    commit(&backend, run + 1).unwrap();
    backend.flush().unwrap();
    assert_eq!(state_of(&backend), state_after(run + 1), "{context}: after one more run");
}

#[test]
fn after_a_power_loss_at_any_operation_it_opens_at_a_run_not_older_than_the_last_flush() {
    let disk = SimulatedIo::new();
    let mut steps = vec![Reached::default()];
    work(&disk, &mut steps).unwrap();
    let mut replay = disk.replay();
    let mut states = 0;
    loop {
        let events = replay.events();
        let reached = steps.iter().rfind(|step| step.events <= events).copied().unwrap();
        for outcome in 0..OUTCOMES {
            let context = format!("power loss after event {events}, outcome {outcome}");
            assert_is_at_a_run(&replay.crash(survival(outcome)), reached, &context);
            states += 1;
        }
        if !replay.step() {
            break;
        }
    }
    println!("{states} states after a power loss");
    assert!(states > 1000, "the workload is too small: {states} states");
}

/// The workload with a failure at each operation in turn, and a power loss after it.
fn fail_everywhere(kind: ErrorKind, for_good: bool) {
    for after in 0.. {
        let disk = SimulatedIo::new();
        disk.fail(Failure { after, kind, for_good });
        let mut steps = vec![Reached::default()];
        let worked = work(&disk, &mut steps);
        if worked.is_ok() && disk.operations() <= after {
            println!("failed at {after} operations in turn");
            return;
        }
        disk.heal();
        let reached = steps.last().copied().unwrap();
        for outcome in [0, 2] {
            let context = format!("{kind:?} after {after} operations, outcome {outcome}");
            assert_is_at_a_run(&disk.crash(survival(outcome)), reached, &context);
        }
    }
}

#[test]
fn after_a_single_error_at_any_operation_a_restart_finds_what_was_flushed() {
    fail_everywhere(ErrorKind::Other, false);
}

#[test]
fn a_disk_full_from_any_operation_on_costs_nothing_that_was_flushed() {
    fail_everywhere(ErrorKind::StorageFull, true);
}

#[test]
fn once_a_flush_has_failed_every_write_says_why_and_reads_go_on() {
    for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
        let disk = SimulatedIo::new();
        let backend = open(&disk).unwrap();
        commit(&backend, 1).unwrap();
        backend.flush().unwrap();
        commit(&backend, 2).unwrap();
        disk.fail(Failure { after: 0, kind, for_good: false });
        let error = backend.flush().unwrap_err();
        assert!(matches!(error, BackendError::Failed { kind: EngineKind::Redb, .. }), "{error}");
        assert!(error.to_string().contains("simulated"), "the cause is missing: {error}");

        // Although the disk is well again, nobody trusts it.
        assert_eq!(commit(&backend, 3).unwrap_err().to_string(), error.to_string());
        assert_eq!(backend.flush().unwrap_err().to_string(), error.to_string());
        assert_eq!(backend.compact().unwrap_err().to_string(), error.to_string());
        assert_eq!(backend.failure().unwrap().to_string(), error.to_string());
        assert_eq!(durable_run(&backend), 1);
        assert_eq!(state_of(&backend), state_after(2), "what was committed stays visible");
        drop(backend);
        let reached = Reached { committed: 2, flushed: 1, events: 0 };
        assert_is_at_a_run(&disk.crash(survival(0)), reached, "restart");
    }
}

#[test]
fn a_panic_of_the_engine_is_a_failure_like_any_other() {
    let disk = SimulatedIo::new();
    let backend = open(&disk).unwrap();
    for run in 1..=RUNS {
        commit(&backend, run).unwrap();
    }
    backend.flush().unwrap();
    drop(backend);
    // All pages behind the header; redb panics over them while it opens.
    disk.corrupt(&Path::new(DIR).join("data.redb"), |bytes| bytes[8192..].fill(0xa5));
    let error = match open(&disk) {
        Err(error) => error,
        Ok(backend) => commit(&backend, RUNS + 1).and_then(|()| backend.flush()).unwrap_err(),
    };
    assert!(matches!(error, BackendError::Engine { .. } | BackendError::Failed { .. }), "{error}");
}
