//! The targets with mutated seeds: what of fuzzing runs on any machine.
//!
//! Each runs for a moment; ETCDKIT_FUZZ_SECONDS=60 makes it a minute, and ETCDKIT_FUZZ_NUMBER chooses the inputs. What
//! was found once is in `fuzz/found/<target>/` and comes first.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use etcdkit_fuzz_targets::{GATEWAY, Mutator, RANGES, REQUESTS, SNAPSHOT, Target, WAL};

/// Time for each target when none is asked for.
const SECONDS_DEFAULT: u64 = 2;

/// An input that takes longer than this is a finding of its own.
const INPUT_TIME_MAX: Duration = Duration::from_secs(30);

/// How often somebody looks whether an input takes too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

static PANICS: AtomicU64 = AtomicU64::new(0);
static HOOK: Once = Once::new();

/// Panics are counted wherever they are: a task of the server would keep its own to itself.
fn count_panics() {
    HOOK.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            told(panic);
        }));
    });
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn drive(target: &Target) {
    count_panics();
    let seconds = number("ETCDKIT_FUZZ_SECONDS").unwrap_or(SECONDS_DEFAULT);
    let chosen = number("ETCDKIT_FUZZ_NUMBER").unwrap_or(1);
    let current = watch_over(target.name);
    let mut tried = 0;
    let try_one = |input: Vec<u8>| {
        *current.lock().unwrap() = Some((Instant::now(), input.clone()));
        let before = PANICS.load(Ordering::SeqCst);
        let outcome = std::panic::catch_unwind(|| (target.run)(&input));
        if outcome.is_err() || PANICS.load(Ordering::SeqCst) != before {
            let kept = keep(target.name, &input);
            panic!(
                "{}: found with ETCDKIT_FUZZ_NUMBER={chosen}; the input is in {}",
                target.name,
                kept.display()
            );
        }
    };
    for path in found(target.name) {
        try_one(std::fs::read(path).unwrap());
        tried += 1;
    }
    for input in (target.seeds)() {
        try_one(input);
        tried += 1;
    }
    let mut inputs = Mutator::new(target, chosen);
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        try_one(inputs.next_input());
        tried += 1;
    }
    *current.lock().unwrap() = None;
    println!("{}: {tried} inputs of ETCDKIT_FUZZ_NUMBER={chosen}", target.name);
}

/// The input at hand, with the time it was begun.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// An input without end cannot fail by itself.
fn watch_over(name: &'static str) -> Current {
    let current = Current::default();
    let watched = Arc::downgrade(&current);
    std::thread::spawn(move || {
        while let Some(current) = watched.upgrade() {
            if let Some((begun, input)) = &*current.lock().unwrap()
                && begun.elapsed() > INPUT_TIME_MAX
            {
                eprintln!("{name}: an input takes too long; it is in {}", keep(name, input).display());
                std::process::abort();
            }
            drop(current);
            std::thread::sleep(LOOK_INTERVAL);
        }
    });
    current
}

fn keep(name: &str, input: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("etcdkit-fuzz-{name}-{}", std::process::id()));
    std::fs::write(&path, input).unwrap();
    path
}

fn found(name: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../found").join(name);
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn wal() {
    drive(&WAL);
}

#[test]
fn snapshot() {
    drive(&SNAPSHOT);
}

#[test]
fn gateway() {
    drive(&GATEWAY);
}

#[test]
fn requests() {
    drive(&REQUESTS);
}

#[test]
fn ranges() {
    drive(&RANGES);
}
