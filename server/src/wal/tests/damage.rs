//! Bytes that change by themselves: found, or without effect. Never a wrong answer.

use super::*;
use crate::io::Io;
use crate::io::simulated::Survival;

/// A log of several batches in two segments, closed in order or not.
fn written(closed: bool) -> (SimulatedIo, Model) {
    let io = SimulatedIo::new();
    let wal = open(&io);
    wal.save_vote(Bytes::from_static(b"me"), Box::new(|_| ())).unwrap();
    for index in 0..6 {
        append(&wal, vec![line(1, index, 300)]);
    }
    append(&wal, vec![line(2, 6, 40), line(2, 7, 700)]);
    let model = Model::of(&wal);
    let disk = io.crash(|_, _| Survival::Lost);
    wal.close();
    (if closed { io } else { disk }, model)
}

fn segments(io: &SimulatedIo) -> Vec<std::path::PathBuf> {
    let names = io.list(Path::new(DIR)).unwrap();
    names.iter().filter(|name| name.ends_with(".wal")).map(|name| Path::new(DIR).join(name)).collect()
}

#[test]
fn a_changed_byte_is_found_or_has_no_effect() {
    let (mut found, mut harmless) = (0, 0);
    for closed in [false, true] {
        let (io, model) = written(closed);
        assert!(segments(&io).len() > 1);
        for path in segments(&io) {
            let contents = io.contents(&path).unwrap();
            let used = contents.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            // Of the unwritten rest, which is all alike, a few.
            for offset in (0..used).chain((used..contents.len()).step_by(61)) {
                for flip in [0x01, 0x80, 0xff] {
                    let disk = io.crash(|_, _| Survival::Whole);
                    disk.corrupt(&path, |bytes| bytes[offset] ^= flip);
                    match Wal::<Line>::open(options(&disk)) {
                        Ok(wal) => {
                            let context = format!("{}: byte {offset} ^ {flip:#x}", path.display());
                            assert_eq!(Model::of(&wal), model, "{context}");
                            harmless += 1;
                        }
                        Err(WalError::Damaged { path: named, .. }) => {
                            assert!(named.starts_with(DIR), "{}", named.display());
                            found += 1;
                        }
                        Err(error) => panic!("{}: byte {offset}: {error}", path.display()),
                    }
                }
            }
        }
    }
    println!("{found} changes found, {harmless} without effect");
    assert!(found > harmless / 10);
}

#[test]
fn the_error_names_the_file_the_offset_and_what_to_do() {
    let (io, _) = written(false);
    let path = segments(&io)[0].clone();
    io.corrupt(&path, |bytes| bytes[400] ^= 1);
    let error = Wal::<Line>::open(options(&io)).unwrap_err().to_string();
    assert!(error.contains("0000000000000001.wal at offset "), "{error}");
    assert!(error.contains("restore"), "{error}");
}

#[test]
fn a_missing_segment_is_refused() {
    let (io, _) = written(false);
    io.remove(&segments(&io)[0]).unwrap();
    let error = Wal::<Line>::open(options(&io)).unwrap_err();
    assert!(matches!(error, WalError::Damaged { .. }), "{error}");
}

#[test]
fn a_foreign_file_is_refused() {
    let io = SimulatedIo::new();
    io.create_dir(Path::new(DIR)).unwrap();
    let file = io.open(&Path::new(DIR).join("0000000000000001.wal"), crate::io::OpenMode::New).unwrap();
    file.write_all_at(&[b'x'; 3000], 0).unwrap();
    let error = Wal::<Line>::open(options(&io)).unwrap_err();
    assert!(matches!(error, WalError::Damaged { offset: 0, .. }), "{error}");
}

#[test]
fn a_byte_that_changes_while_the_log_is_open_is_found_when_it_is_read() {
    let io = SimulatedIo::new();
    let wal = open(&io);
    for index in 0..40 {
        append(&wal, vec![line(1, index, 200)]);
    }
    io.corrupt(&segments(&io)[0], |bytes| bytes[500] ^= 1);
    let error = wal.read(0..10).unwrap_err();
    assert!(matches!(error, WalError::Damaged { .. }), "{error}");
}
