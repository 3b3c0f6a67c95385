//! Revisions, and the record keys that order all changes by revision.

use bytes::Bytes;

/// The place of one change in the history: `main` counts commands that changed something, `sub` the
/// changes within one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// What clients call the revision.
    pub main: i64,
    /// Order within the revision, from 0.
    pub sub: i64,
}

/// Revision of a store nobody has written to; the first write makes it 2, as in etcd.
pub const FIRST_REVISION: i64 = 1;

/// Compact revision of a store that was never compacted, as etcd reports it.
pub const NEVER_COMPACTED: i64 = -1;

/// Bytes of a revision in a record key: main, `_`, sub.
const REVISION_BYTES: usize = 17;

/// Last byte of the record key of a deletion.
const TOMBSTONE_MARK: u8 = b't';

/// Key of one record: `main` big-endian, `_`, `sub` big-endian, and a mark when it records a deletion.
/// Byte order is revision order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordKey {
    bytes: [u8; REVISION_BYTES + 1],
    length: u8,
}

impl RecordKey {
    /// Key of the record of a put.
    pub fn put(revision: Revision) -> Self {
        Self::new(revision, false)
    }

    /// Key of the record of a deletion.
    pub fn tombstone(revision: Revision) -> Self {
        Self::new(revision, true)
    }

    /// Key of the record of either kind.
    pub fn new(revision: Revision, tombstone: bool) -> Self {
        let mut bytes = [0; REVISION_BYTES + 1];
        bytes[..8].copy_from_slice(&revision.main.to_be_bytes());
        bytes[8] = b'_';
        bytes[9..REVISION_BYTES].copy_from_slice(&revision.sub.to_be_bytes());
        bytes[REVISION_BYTES] = TOMBSTONE_MARK;
        RecordKey { bytes, length: if tombstone { REVISION_BYTES as u8 + 1 } else { REVISION_BYTES as u8 } }
    }

    /// The first possible key of a main revision.
    pub fn first_of(main: i64) -> Self {
        Self::put(Revision { main, sub: 0 })
    }

    /// As stored.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Reads a stored key: its revision, and whether it records a deletion.
    pub fn parse(key: &[u8]) -> Option<(Revision, bool)> {
        let tombstone = match key.len() {
            REVISION_BYTES => false,
            n if n == REVISION_BYTES + 1 && key[REVISION_BYTES] == TOMBSTONE_MARK => true,
            _ => return None,
        };
        let main = i64::from_be_bytes(key[..8].try_into().ok()?);
        let sub = i64::from_be_bytes(key[9..REVISION_BYTES].try_into().ok()?);
        Some((Revision { main, sub }, tombstone))
    }
}

impl From<RecordKey> for Bytes {
    fn from(key: RecordKey) -> Self {
        Bytes::copy_from_slice(key.as_slice())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn record_keys_order_as_revisions_do() {
        let at = |main, sub| Revision { main, sub };
        let keys = [
            RecordKey::put(at(2, 0)),
            RecordKey::tombstone(at(2, 0)),
            RecordKey::put(at(2, 1)),
            RecordKey::put(at(3, 0)),
            RecordKey::put(at(256, 0)),
        ];
        assert!(keys.windows(2).all(|pair| pair[0].as_slice() < pair[1].as_slice()));
    }

    #[test]
    fn a_record_key_reads_back() {
        for tombstone in [false, true] {
            let revision = Revision { main: 77, sub: 5 };
            let key = RecordKey::new(revision, tombstone);
            assert_eq!(RecordKey::parse(key.as_slice()).unwrap(), (revision, tombstone));
        }
        assert_eq!(RecordKey::parse(b"short"), None);
    }
}
