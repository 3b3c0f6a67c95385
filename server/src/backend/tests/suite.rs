//! What every engine must do alike.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::backend::{Backend, BackendError, BackendOptions, EngineKind, Table};
use crate::io::disk::DiskIo;

/// Flushes only when told to.
fn manual() -> BackendOptions {
    BackendOptions { flush_interval: Duration::from_secs(3600), ..BackendOptions::default() }
}

fn open(kind: EngineKind, dir: &Path, options: BackendOptions) -> Result<Backend, BackendError> {
    Backend::open(Arc::new(DiskIo), &dir.join("backend"), kind, options)
}

struct Fixture {
    dir: TempDir,
    kind: EngineKind,
    backend: Option<Backend>,
}

impl Fixture {
    fn new(kind: EngineKind) -> Self {
        Self::with(kind, manual())
    }

    fn with(kind: EngineKind, options: BackendOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let backend = Some(open(kind, dir.path(), options).unwrap());
        Fixture { dir, kind, backend }
    }

    fn backend(&self) -> &Backend {
        self.backend.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.backend = None;
        self.backend = Some(open(self.kind, self.dir.path(), manual()).unwrap());
    }
}

fn key(n: u32) -> Bytes {
    Bytes::from(format!("key{n:06}"))
}

fn put(backend: &Backend, keys: impl IntoIterator<Item = u32>, value: &str) {
    let mut run = backend.write();
    for n in keys {
        run.put(Table::Key, key(n), value.to_owned());
    }
    run.commit().unwrap();
}

fn delete(backend: &Backend, keys: impl IntoIterator<Item = u32>) {
    let mut run = backend.write();
    for n in keys {
        run.delete(Table::Key, key(n));
    }
    run.commit().unwrap();
}

fn get(backend: &Backend, n: u32) -> Option<String> {
    let value = backend.get(Table::Key, &key(n)).unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

/// All rows as "number=value" separated by blanks.
fn rows(backend: &Backend) -> String {
    scan(backend, Bound::Unbounded, Bound::Unbounded, usize::MAX)
}

fn scan(backend: &Backend, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> String {
    let rows = backend.scan(Table::Key, from, to, limit).unwrap();
    let rows = rows.iter().map(|(key, value)| {
        let number: u32 = std::str::from_utf8(&key[3..]).unwrap().parse().unwrap();
        format!("{number}={}", std::str::from_utf8(value).unwrap())
    });
    rows.collect::<Vec<_>>().join(" ")
}

fn a_run_is_seen_whole_after_its_commit_and_before_by_its_writer_alone(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, [1], "old");
    let mut run = backend.write();
    run.put(Table::Key, key(1), "new");
    run.put(Table::Key, key(2), "new");
    assert_eq!(run.get(Table::Key, &key(1)).unwrap().unwrap(), "new");
    assert_eq!(rows(backend), "1=old");
    run.delete(Table::Key, key(1));
    assert_eq!(run.get(Table::Key, &key(1)).unwrap(), None);
    run.commit().unwrap();
    assert_eq!(rows(backend), "2=new");
}

fn a_run_dropped_without_commit_never_happened(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, [1], "kept");
    let mut run = backend.write();
    run.put(Table::Key, key(2), "dropped");
    run.delete(Table::Key, key(1));
    run.mark("dropped");
    drop(run);
    backend.flush().unwrap();
    assert_eq!(rows(backend), "1=kept");
    assert_eq!(backend.durable_mark(), None);
}

fn tables_are_apart(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    let mut run = backend.write();
    for table in Table::ALL {
        run.put(table, "same key", format!("{table:?}"));
    }
    run.commit().unwrap();
    for _ in 0..2 {
        for table in Table::ALL {
            let rows = backend.scan(table, Bound::Unbounded, Bound::Unbounded, 10).unwrap();
            assert_eq!(rows, [(Bytes::from("same key"), Bytes::from(format!("{table:?}")))]);
        }
        backend.flush().unwrap();
    }
}

fn what_is_newer_hides_what_is_in_the_engine(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, [1, 2, 3, 5, 7, 8], "engine");
    backend.flush().unwrap();
    put(backend, [0, 2, 4, 9], "overlay");
    delete(backend, [1, 7, 100]);
    let expected = "0=overlay 2=overlay 3=engine 4=overlay 5=engine 8=engine 9=overlay";
    assert_eq!(rows(backend), expected);
    assert_eq!(get(backend, 1), None);
    assert_eq!(get(backend, 2).unwrap(), "overlay");
    assert_eq!(get(backend, 3).unwrap(), "engine");
    backend.flush().unwrap();
    assert_eq!(rows(backend), expected);
    assert_eq!(get(backend, 1), None);
}

fn scans_keep_to_their_bounds_and_limit(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, (0..20).step_by(2), "e");
    backend.flush().unwrap();
    put(backend, (1..20).step_by(4), "o");
    delete(backend, [6, 8]);
    let (low, high) = (key(4), key(14));
    let (low, high): (&[u8], &[u8]) = (&low, &high);
    let all = usize::MAX;
    use Bound::{Excluded, Included, Unbounded};
    assert_eq!(scan(backend, Included(low), Excluded(high), all), "4=e 5=o 9=o 10=e 12=e 13=o");
    assert_eq!(scan(backend, Excluded(low), Included(high), all), "5=o 9=o 10=e 12=e 13=o 14=e");
    assert_eq!(scan(backend, Included(low), Unbounded, 4), "4=e 5=o 9=o 10=e");
    assert_eq!(scan(backend, Unbounded, Excluded(low), all), "0=e 1=o 2=e");
    assert_eq!(scan(backend, Unbounded, Included(low), 1), "0=e");
    assert_eq!(scan(backend, Unbounded, Unbounded, 0), "");
    assert_eq!(scan(backend, Included(high), Excluded(low), all), "");
    assert_eq!(scan(backend, Excluded(low), Excluded(low), all), "");
    assert_eq!(scan(backend, Included(low), Included(low), all), "4=e");
}

/// Random runs, flushes and scans against a map.
fn the_backend_is_a_map_whatever_is_flushed_when(kind: EngineKind) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut below = move |bound: u32| random.random_range(0..bound);
    let mut fixture = Fixture::new(kind);
    let mut model = std::collections::BTreeMap::new();
    for step in 0..300 {
        let mut run = fixture.backend().write();
        for _ in 0..below(8) {
            let n = below(60);
            if below(3) == 0 {
                run.delete(Table::Key, key(n));
                model.remove(&n);
            } else {
                run.put(Table::Key, key(n), format!("{step}"));
                model.insert(n, step);
            }
        }
        run.commit().unwrap();
        if below(10) == 0 {
            fixture.backend().flush().unwrap();
        }
        if below(60) == 0 && kind != EngineKind::Memory {
            fixture.reopen();
        }
        let (from, limit) = (below(60), below(20) as usize);
        let expected = model.range(from..).take(limit).map(|(n, value)| format!("{n}={value}"));
        let expected = expected.collect::<Vec<_>>().join(" ");
        let found = scan(fixture.backend(), Bound::Included(&key(from)), Bound::Unbounded, limit);
        assert_eq!(found, expected, "seed {seed}, step {step}");
    }
}

fn visiting_shows_what_scanning_does(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, 0..3500, "e");
    backend.flush().unwrap();
    delete(backend, (0..3500).step_by(7));
    put(backend, 3400..3600, "o");
    let mut visited = Vec::new();
    backend
        .visit(Table::Key, Bound::Excluded(&key(3)), Bound::Unbounded, |key, value| {
            visited.push((Bytes::copy_from_slice(key), Bytes::copy_from_slice(value)));
            if visited.len() == 2900 {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        })
        .unwrap();
    let scanned = backend.scan(Table::Key, Bound::Excluded(&key(3)), Bound::Unbounded, 2900).unwrap();
    assert_eq!(visited, scanned);
}

fn the_mark_tells_the_newest_durable_run(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    for n in 1..=3 {
        let mut run = backend.write();
        run.put(Table::Key, key(n), "v");
        run.mark(format!("run {n}"));
        run.commit().unwrap();
        assert_eq!(backend.durable_mark(), (n > 2).then(|| Bytes::from("run 2")));
        if n == 2 {
            backend.flush().unwrap();
            assert_eq!(backend.durable_mark().unwrap(), "run 2");
        }
    }
    // A run without a mark does not take it away.
    put(backend, [9], "v");
    backend.flush().unwrap();
    assert_eq!(backend.durable_mark().unwrap(), "run 3");
}

fn runs_become_durable_without_being_told(kind: EngineKind) {
    let options = BackendOptions { flush_interval: Duration::from_millis(5), ..BackendOptions::default() };
    let fixture = Fixture::with(kind, options);
    let mut run = fixture.backend().write();
    run.mark("on its own");
    run.commit().unwrap();
    while fixture.backend().durable_mark().is_none() {
        std::thread::yield_now();
    }
    assert_eq!(fixture.backend().durable_mark().unwrap(), "on its own");
}

fn a_writer_ahead_of_the_disk_waits_and_the_overlay_stays_bounded(kind: EngineKind) {
    let options = BackendOptions { overlay_bytes_flush: 64 << 10, overlay_bytes_max: 128 << 10, ..manual() };
    let fixture = Fixture::with(kind, options);
    let backend = fixture.backend();
    for n in 0..2000 {
        put(backend, [n], &"x".repeat(1000));
        let state = backend.shared().state.read();
        assert!(state.active.bytes() < (130 << 10), "{} bytes wait in memory", state.active.bytes());
    }
    backend.flush().unwrap();
    assert_eq!(backend.scan(Table::Key, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap().len(), 2000);
}

fn readers_see_whole_runs_during_flushes(kind: EngineKind) {
    const KEYS: u32 = 50;
    let options = BackendOptions { flush_interval: Duration::ZERO, ..BackendOptions::default() };
    let fixture = Fixture::with(kind, options);
    let backend = fixture.backend();
    put(backend, 0..KEYS, "0");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut newest = 0;
                while !done.load(Ordering::Relaxed) {
                    let rows =
                        backend.scan(Table::Key, Bound::Unbounded, Bound::Unbounded, usize::MAX).unwrap();
                    assert_eq!(rows.len(), KEYS as usize);
                    assert!(rows.iter().all(|(_, value)| *value == rows[0].1), "a torn run: {rows:?}");
                    let run: u32 = std::str::from_utf8(&rows[0].1).unwrap().parse().unwrap();
                    assert!(run >= newest, "run {run} after run {newest}");
                    newest = run;
                }
            });
        }
        for run in 1..400 {
            // Half of the keys are deleted in between, so that they come and go in both levels.
            let mut writer = backend.write();
            for n in 0..KEYS {
                writer.delete(Table::Key, key(n));
                writer.put(Table::Key, key(n), run.to_string());
            }
            writer.commit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn size_counts_records_and_compaction_keeps_them(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, [0], "not flushed yet, or just now");
    assert!(backend.size().unwrap().total_bytes > 0);
    put(backend, 0..4000, &"x".repeat(1000));
    backend.flush().unwrap();
    let full = backend.size().unwrap();
    assert_eq!(full.in_use_bytes, 4000 * 1009);
    assert!(full.total_bytes >= full.in_use_bytes, "{full:?}");
    put(backend, [0], "short");
    delete(backend, 100..4000);
    delete(backend, [5000]);
    backend.flush().unwrap();
    assert_eq!(backend.size().unwrap().in_use_bytes, 99 * 1009 + 14);
    backend.compact().unwrap();
    let small = backend.size().unwrap();
    assert_eq!(small.in_use_bytes, 99 * 1009 + 14);
    if kind != EngineKind::Sled {
        assert!(small.total_bytes < full.total_bytes / 4, "{full:?} became {small:?}");
    }
    assert_eq!(get(backend, 0).unwrap(), "short");
    assert_eq!(get(backend, 100), None);
    put(backend, [100], "after");
    backend.flush().unwrap();
    assert_eq!(get(backend, 100).unwrap(), "after");
}

fn ignore(_: Table, _: &[u8], _: &[u8]) -> Result<(), BackendError> {
    Ok(())
}

fn a_copy_has_everything_and_its_mark(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    let backend = fixture.backend();
    put(backend, 0..5000, &"x".repeat(500));
    let mut run = backend.write();
    run.put(Table::Lease, "lease", "ttl");
    run.mark("here");
    run.commit().unwrap();
    let mut copy = Vec::new();
    backend.export(&mut copy).unwrap();
    for target in [EngineKind::Redb, EngineKind::Sled, EngineKind::Memory] {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("backend");
        let import = |bytes: &[u8]| {
            Backend::import(Arc::new(DiskIo), &place, target, manual(), &mut { bytes }, &mut ignore)
        };
        let imported = import(&copy).unwrap();
        assert_eq!(rows(&imported), rows(backend));
        assert_eq!(imported.get(Table::Lease, b"lease").unwrap().unwrap(), "ttl");
        assert_eq!(imported.durable_mark().unwrap(), "here");
        drop(imported);
        if target != EngineKind::Memory {
            assert_eq!(rows(&open(target, dir.path(), manual()).unwrap()), rows(backend));
            assert!(import(&copy).unwrap_err().to_string().contains("empty directory"));
        }
    }
}

fn a_damaged_copy_is_refused(kind: EngineKind) {
    let fixture = Fixture::new(kind);
    put(fixture.backend(), 0..3, "value");
    let mut copy = Vec::new();
    fixture.backend().export(&mut copy).unwrap();
    let import = |bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        Backend::import(
            Arc::new(DiskIo),
            dir.path(),
            EngineKind::Memory,
            manual(),
            &mut { bytes },
            &mut ignore,
        )
    };
    import(&copy).unwrap();
    for at in 0..copy.len() {
        let mut damaged = copy.clone();
        damaged[at] ^= 0x41;
        import(&damaged).unwrap_err();
        import(&copy[..at]).unwrap_err();
    }
}

macro_rules! for_all_engines {
    ($($test:ident),* $(,)?) => {
        mod redb { $(#[test] fn $test() { super::$test(crate::backend::EngineKind::Redb) })* }
        mod sled { $(#[test] fn $test() { super::$test(crate::backend::EngineKind::Sled) })* }
        mod memory { $(#[test] fn $test() { super::$test(crate::backend::EngineKind::Memory) })* }
    };
}

for_all_engines!(
    a_run_is_seen_whole_after_its_commit_and_before_by_its_writer_alone,
    a_run_dropped_without_commit_never_happened,
    tables_are_apart,
    what_is_newer_hides_what_is_in_the_engine,
    scans_keep_to_their_bounds_and_limit,
    the_backend_is_a_map_whatever_is_flushed_when,
    visiting_shows_what_scanning_does,
    the_mark_tells_the_newest_durable_run,
    runs_become_durable_without_being_told,
    a_writer_ahead_of_the_disk_waits_and_the_overlay_stays_bounded,
    readers_see_whole_runs_during_flushes,
    size_counts_records_and_compaction_keeps_them,
    a_copy_has_everything_and_its_mark,
    a_damaged_copy_is_refused,
);

const ON_DISK: [EngineKind; 2] = [EngineKind::Redb, EngineKind::Sled];

#[test]
fn what_was_committed_is_there_after_closing_and_opening() {
    for kind in ON_DISK {
        let mut fixture = Fixture::new(kind);
        put(fixture.backend(), 0..100, "v");
        let mut run = fixture.backend().write();
        run.delete(Table::Key, key(50));
        run.mark("last");
        run.commit().unwrap();
        let before = rows(fixture.backend());
        fixture.reopen();
        assert_eq!(rows(fixture.backend()), before);
        assert_eq!(fixture.backend().durable_mark().unwrap(), "last");
    }
}

#[test]
fn another_engine_is_refused_with_both_names_and_the_flag() {
    for (wrote, opens) in [(EngineKind::Redb, EngineKind::Sled), (EngineKind::Sled, EngineKind::Redb)] {
        let mut fixture = Fixture::new(wrote);
        fixture.backend = None;
        let error = open(opens, fixture.dir.path(), manual()).unwrap_err();
        assert!(matches!(error, BackendError::OtherEngine { .. }), "{error}");
        let advice = format!(
            "written by the storage engine {wrote}, not {opens}: start with --storage-engine {wrote}"
        );
        assert!(error.to_string().contains(&advice), "{error}");
        fixture.reopen();
    }
}

#[test]
fn a_second_backend_on_the_directory_is_refused_until_the_first_is_closed() {
    for kind in ON_DISK {
        let mut fixture = Fixture::new(kind);
        let error = open(kind, fixture.dir.path(), manual()).unwrap_err();
        assert!(matches!(error, BackendError::InUse { .. }), "{error}");
        fixture.reopen();
    }
}

#[test]
fn directories_that_are_not_ours_are_refused_and_left_alone() {
    for kind in ON_DISK {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("backend");
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("thesis.tex"), "dear").unwrap();
        let error = open(kind, dir.path(), manual()).unwrap_err();
        assert!(matches!(&error, BackendError::Foreign { found, .. } if found == "thesis.tex"), "{error}");
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);

        std::fs::remove_file(place.join("thesis.tex")).unwrap();
        std::fs::write(place.join("engine"), "V8\n").unwrap();
        let error = open(kind, dir.path(), manual()).unwrap_err();
        assert!(matches!(error, BackendError::Record { .. }), "{error}");

        std::fs::write(place.join("engine"), "etcdkit backend 1\nengine rocket\nstage ready\n").unwrap();
        let error = open(kind, dir.path(), manual()).unwrap_err();
        assert!(error.to_string().contains("rocket"), "{error}");

        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Backend::open(Arc::new(DiskIo), &file, kind, manual()).unwrap_err();
        assert!(matches!(error, BackendError::File { .. }), "{error}");
    }
}

#[test]
fn lost_data_is_not_taken_for_a_new_store() {
    for (kind, data) in [(EngineKind::Redb, "data.redb"), (EngineKind::Sled, "sled/db")] {
        let mut fixture = Fixture::new(kind);
        fixture.backend = None;
        std::fs::remove_file(fixture.dir.path().join("backend").join(data)).unwrap();
        let error = open(kind, fixture.dir.path(), manual()).unwrap_err();
        assert!(matches!(error, BackendError::Missing { .. }), "{error}");
    }
}

#[test]
fn a_file_that_is_not_redbs_is_an_error_not_a_panic() {
    let mut fixture = Fixture::new(EngineKind::Redb);
    fixture.backend = None;
    std::fs::write(fixture.dir.path().join("backend/data.redb"), vec![7; 100_000]).unwrap();
    let error = open(EngineKind::Redb, fixture.dir.path(), manual()).unwrap_err();
    assert!(matches!(error, BackendError::Engine { .. }), "{error}");
}

#[test]
fn an_unfinished_import_is_refused() {
    let source = Fixture::new(EngineKind::Memory);
    put(source.backend(), 0..3, "value");
    let mut copy = Vec::new();
    source.backend().export(&mut copy).unwrap();
    let cut = &copy[..copy.len() - 1];
    for kind in ON_DISK {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("backend");
        Backend::import(Arc::new(DiskIo), &place, kind, manual(), &mut { cut }, &mut ignore).unwrap_err();
        let error = open(kind, dir.path(), manual()).unwrap_err();
        assert!(matches!(error, BackendError::ImportUnfinished { .. }), "{error}");
    }
}

#[test]
fn the_memory_engine_leaves_nothing_behind() {
    let fixture = Fixture::new(EngineKind::Memory);
    put(fixture.backend(), 0..3, "value");
    fixture.backend().flush().unwrap();
    assert_eq!(std::fs::read_dir(fixture.dir.path()).unwrap().count(), 0);
}

#[test]
fn engines_are_known_by_their_names() {
    for kind in [EngineKind::Redb, EngineKind::Sled, EngineKind::Memory] {
        assert_eq!(kind.to_string().parse::<EngineKind>().unwrap(), kind);
    }
    let error = "bolt".parse::<EngineKind>().unwrap_err();
    assert_eq!(error.to_string(), "unknown storage engine \"bolt\": it is one of redb, sled, memory");
}

#[test]
fn the_records_of_another_take_the_place_of_the_own_ones() {
    let source = Fixture::new(EngineKind::Memory);
    put(source.backend(), 0..300, "theirs");
    let mut copy = Vec::new();
    source.backend().export(&mut copy).unwrap();
    for kind in ON_DISK {
        let mut fixture = Fixture::new(kind);
        put(fixture.backend(), 200..400, "own");
        // Twice, as what is left of the first time must not be in the way of the second.
        for round in 0..2 {
            let incoming = fixture.backend().receive(&mut copy.as_slice(), &mut ignore).unwrap();
            fixture.backend().replace(incoming).unwrap();
            let get = |n| fixture.backend().get(Table::Key, &key(n)).unwrap();
            assert_eq!(get(299).as_deref(), Some(&b"theirs"[..]), "{kind} {round}");
            assert_eq!(get(300), None, "{kind} {round}");
            put(fixture.backend(), 500..510, "after");
        }
        fixture.backend().flush().unwrap();
        fixture.reopen();
        assert_eq!(fixture.backend().get(Table::Key, &key(505)).unwrap().as_deref(), Some(&b"after"[..]));
        assert_eq!(fixture.backend().get(Table::Key, &key(0)).unwrap().as_deref(), Some(&b"theirs"[..]));
    }
}

/// sled's directory is replaced by two renames, and between them there is none.
#[test]
fn an_exchange_of_sleds_directories_that_was_interrupted_is_taken_back() {
    let mut fixture = Fixture::new(EngineKind::Sled);
    put(fixture.backend(), 0..3, "own");
    fixture.backend().flush().unwrap();
    fixture.backend = None;
    let (own, old) = (fixture.dir.path().join("backend/sled"), fixture.dir.path().join("backend/sled.old"));
    std::fs::rename(&own, &old).unwrap();
    fixture.reopen();
    assert_eq!(fixture.backend().get(Table::Key, &key(2)).unwrap().as_deref(), Some(&b"own"[..]));
    // After the second rename the new one counts.
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("db"), "what was before").unwrap();
    fixture.reopen();
    assert!(!old.exists());
    assert_eq!(fixture.backend().get(Table::Key, &key(2)).unwrap().as_deref(), Some(&b"own"[..]));
}
