//! redb on a file that was changed behind its back: every read ends in an answer or an error, whatever the pages say.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::backend::{Backend, BackendError, BackendOptions, EngineKind, Table};
use crate::io::disk::DiskIo;

const RECORDS: u32 = 3_000;
const DAMAGES: u64 = 60;
const DAMAGED_BYTES: usize = 48;

fn open(dir: &Path) -> Result<Backend, BackendError> {
    // A cache that holds nothing, so that damage on disk is met.
    let options = BackendOptions { cache_bytes: 1 << 12, ..BackendOptions::default() };
    Backend::open(Arc::new(DiskIo), dir, EngineKind::Redb, options)
}

fn write(dir: &Path) {
    let backend = open(dir).unwrap();
    let mut run = backend.write();
    for number in 0..RECORDS {
        run.put(Table::Key, number.to_be_bytes().to_vec(), vec![number as u8; 100]);
    }
    run.commit().unwrap();
    backend.flush().unwrap();
}

/// Reads all there is, one by one and as a whole, and writes; the first complaint ends it.
fn use_all(backend: &Backend) -> Result<(), BackendError> {
    for number in (0..RECORDS).step_by(37) {
        backend.get(Table::Key, &number.to_be_bytes())?;
    }
    backend.visit(Table::Key, Bound::Unbounded, Bound::Unbounded, |_, _| ControlFlow::Continue(()))?;
    backend.scan(Table::Key, Bound::Unbounded, Bound::Unbounded, 100)?;
    backend.size()?;
    let mut run = backend.write();
    run.put(Table::Key, b"new".to_vec(), b"value".to_vec());
    run.commit()?;
    backend.flush()
}

#[test]
fn a_damaged_page_is_an_error_and_not_the_end_of_a_thread() {
    let origin = tempfile::tempdir().unwrap();
    write(origin.path());
    let sound = std::fs::read(origin.path().join("data.redb")).unwrap();
    let record = std::fs::read(origin.path().join("engine")).unwrap();
    let mut complaints = 0;
    for seed in 0..DAMAGES {
        let mut random = StdRng::seed_from_u64(seed);
        let mut damaged = sound.clone();
        let at = random.random_range(0..damaged.len() - DAMAGED_BYTES);
        random.fill(&mut damaged[at..at + DAMAGED_BYTES]);
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("data.redb"), damaged).unwrap();
        std::fs::write(dir.path().join("engine"), &record).unwrap();
        let Ok(backend) = open(dir.path()) else {
            complaints += 1;
            continue;
        };
        let Err(error) = use_all(&backend) else { continue };
        complaints += 1;
        if error.to_string().contains("panicked") {
            assert!(backend.failure().is_some(), "seed {seed}: nothing more may be written after {error}");
            let told = backend.failures().borrow().clone().unwrap();
            assert!(told.contains("its data may be damaged"), "seed {seed}: {told}");
        }
    }
    assert!(complaints > 0, "no damage was met, the test shows nothing");
}
