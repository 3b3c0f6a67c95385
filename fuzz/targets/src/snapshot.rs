//! Snapshots, ours and etcd's: whatever is in one, it is read or refused, in a time and a memory that its size bounds.
//!
//! The first byte of an input says what is mended before the rest is read, for nobody gets behind a checksum by chance:
//! 1 the checksums inside, 2 the digest at the end.

use std::io::Cursor;

use etcdkit_server::offline::{OfflineError, Snapshot};
use sha2::{Digest as _, Sha256};

use crate::bolt;
use crate::service::SERVICE;

const MENDS_INSIDE: u8 = 1;
const MENDS_DIGEST: u8 = 2;
const BLOCK_BYTES: usize = 512;
const CRC_BYTES: usize = 4;
const DIGEST_BYTES: usize = 32;
const OURS: &[u8] = b"etcdkit backend copy 1\n";

pub(crate) const WORDS: &[&[u8]] =
    &[OURS, b"\xed\xda\x0c\xed", b"scheduledCompactRev", b"authUsers", b"lease", b"alarm"];

pub(crate) fn run(input: &[u8]) {
    let Some((mode, input)) = input.split_first() else { return };
    let mut file = input.to_vec();
    if mode & MENDS_INSIDE != 0 {
        mend(&mut file);
    }
    if mode & MENDS_DIGEST != 0 {
        file.resize(file.len().next_multiple_of(BLOCK_BYTES), 0);
        let digest = Sha256::digest(&file);
        file.extend_from_slice(&digest);
    }
    let mut snapshot = match Snapshot::open(Cursor::new(file.as_slice())) {
        Ok(snapshot) => snapshot,
        Err(error) => return refused(&error),
    };
    match snapshot.check_digest() {
        Ok(()) => {}
        Err(error) => refused(&error),
    }
    match snapshot.status() {
        Ok(status) => assert!(status.total_keys <= file.len(), "{status:?}"),
        Err(error) => refused(&error),
    }
    if let Err(error) = snapshot.hash_kv(0) {
        refused(&error);
    }
}

/// A refusal says why.
fn refused(error: &OfflineError) {
    assert!(error.to_string().len() > 10, "{error:?}");
}

fn mend(file: &mut [u8]) {
    if !file.starts_with(OURS) {
        return bolt::seal(file);
    }
    let Some(end) = file.len().checked_sub(CRC_BYTES) else { return };
    let crc = crc32c::crc32c(&file[..end]);
    file[end..].copy_from_slice(&crc.to_le_bytes());
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let saved = SERVICE.snapshot();
    let ours = &saved[..saved.len() - DIGEST_BYTES];
    let with = |mode: u8, file: &[u8]| [&[mode], file].concat();
    let theirs = bolt::file();
    vec![
        with(0, &saved),
        with(1, ours),
        with(3, ours),
        with(0, &theirs),
        with(1, &theirs),
        with(3, &theirs),
        with(1, &bolt::circle()),
    ]
}
