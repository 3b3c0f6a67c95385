//! Hashes of the key space, equal on members that hold the same history.

use std::ops::{Bound, ControlFlow};

use etcdkit_proto::EtcdError;

use super::revision::RecordKey;
use super::{MvccError, Store, record};
use crate::backend::Table;

/// The tables that make up the state of a member, apart from what differs between members.
const HASHED_TABLES: [Table; 2] = [Table::Key, Table::Lease];

/// Hash of the history up to a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyValueHash {
    /// CRC-32C over keys and records.
    pub hash: u32,
    /// The compact revision it was computed with; hashes with different ones are not comparable.
    pub compact_revision: i64,
    /// The last revision in it.
    pub hash_revision: i64,
    /// The newest revision of the store.
    pub current_revision: i64,
}

impl Store {
    /// Hashes every record up to a revision (zero: the newest) that compaction keeps, whether or not the
    /// others are gone yet. Holds compaction up, not writes.
    pub fn hash_kv(&self, revision: i64) -> Result<KeyValueHash, MvccError> {
        let _no_removal = self.shared.compaction.lock();
        let _timer = self.shared.metrics.mvcc.hash_rev.start_timer();
        let marks = self.marks();
        if revision > 0 && revision < marks.compacted {
            return Err(EtcdError::Compacted.into());
        }
        if revision > marks.revision {
            return Err(EtcdError::FutureRevision.into());
        }
        let upto = if revision <= 0 { marks.revision } else { revision };
        let end = RecordKey::first_of(upto.saturating_add(1));
        let mut hash = crc32c::crc32c(b"key");
        self.each_record(Table::Key, Bound::Excluded(end.as_slice()), |key, value| {
            if self.compaction_keeps(key, value, marks.compacted)? {
                hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, key), value);
            }
            Ok(())
        })?;
        Ok(KeyValueHash {
            hash,
            compact_revision: marks.compacted,
            hash_revision: upto,
            current_revision: marks.revision,
        })
    }

    /// Hashes the whole replicated state as it is stored.
    pub fn hash(&self) -> Result<u32, MvccError> {
        let _no_removal = self.shared.compaction.lock();
        let _timer = self.shared.metrics.mvcc.hash.start_timer();
        // Not nothing even for an empty state: gateways leave out a field of zero.
        let mut hash = crc32c::crc32c(b"state");
        for table in HASHED_TABLES {
            self.each_record(table, Bound::Unbounded, |key, value| {
                hash = crc32c::crc32c_append(crc32c::crc32c_append(hash, key), value);
                Ok(())
            })?;
        }
        Ok(hash)
    }

    fn compaction_keeps(&self, key: &[u8], value: &[u8], compacted: i64) -> Result<bool, MvccError> {
        let parsed = RecordKey::parse(key).zip(record::head(value));
        let ((revision, _), head) = parsed.ok_or_else(|| MvccError::BadRecord(format!("key {key:02x?}")))?;
        if revision.main >= compacted {
            return Ok(true);
        }
        let index = self.shared.index.read();
        Ok(index.history(head.key).is_some_and(|history| history.keeps(revision, compacted)))
    }

    fn each_record(
        &self,
        table: Table,
        end: Bound<&[u8]>,
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), MvccError>,
    ) -> Result<(), MvccError> {
        let mut outcome = Ok(());
        self.shared.backend.visit(table, Bound::Unbounded, end, |key, value| {
            outcome = each(key, value);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome
    }
}
