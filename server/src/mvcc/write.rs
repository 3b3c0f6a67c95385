//! The write side: one run of commands, seen by nobody until it is committed.

use std::cell::Cell;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{RangeRequest, RangeResponse};
use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::KeyValue;
use prost::Message;

use super::compact::SCHEDULED_COMPACT;
use super::range::{self, Counting, Records};
use super::revision::{RecordKey, Revision};
use super::store::Marks;
use super::{MvccError, Store, record};
use crate::backend::{BackendWriter, Table};
use crate::metrics::Mvcc;

/// What a change did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A put of a key that did not exist.
    Create,
    /// A put of a key that existed.
    Update,
    /// A deletion.
    Delete,
}

/// One change of one key, as the watchers are told of it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Main revision.
    pub revision: i64,
    /// What was done.
    pub kind: ChangeKind,
    /// The key.
    pub key: Bytes,
    /// The encoded `KeyValue` after the change; for a deletion it holds the key and the revision.
    pub record: Bytes,
}

/// A run that the backend holds, to be published.
#[derive(Debug)]
#[must_use = "readers see the run only once it is published"]
pub struct Committed {
    pub(super) marks: Marks,
    pub(super) changes: Vec<Change>,
}

/// Applies the commands of one run. Each command that changes something takes the next revision, and
/// sees all that was done before it. Dropped without a commit, the store must not be written again: the
/// index is ahead of the backend (readers do not notice, for they ask for published revisions).
pub struct StoreWriter<'s> {
    store: &'s Store,
    backend: BackendWriter<'s>,
    marks: Marks,
    /// Changes made by the present command.
    subs: i64,
    changes: Vec<Change>,
    counts: Counts,
}

/// Operations of a run, counted here so that the shared counters are touched once for all of them.
#[derive(Clone, Debug, Default)]
struct Counts {
    puts: u64,
    deletes: u64,
    ranges: Cell<u64>,
    txns: u64,
    put_bytes: u64,
    /// Of the present command.
    operations: Cell<u64>,
}

impl<'s> StoreWriter<'s> {
    /// Starts a run; waits for a writer at work.
    pub fn new(store: &'s Store) -> Self {
        let backend = store.shared.backend.write();
        StoreWriter {
            store,
            backend,
            marks: store.marks(),
            subs: 0,
            changes: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// The revision of the last finished command.
    pub fn revision(&self) -> i64 {
        self.marks.revision
    }

    /// The revision that reads of the present command see: its own once it has changed something.
    pub fn read_revision(&self) -> i64 {
        self.marks.revision + i64::from(self.subs > 0)
    }

    /// The oldest revision that can be read.
    pub fn compacted(&self) -> i64 {
        self.marks.compacted
    }

    /// Ends the present command and tells the revision it left.
    pub fn finish_command(&mut self) -> i64 {
        self.marks.revision = self.read_revision();
        self.subs = 0;
        self.counts.txns += u64::from(self.counts.operations.take() > 1);
        self.marks.revision
    }

    /// The pair as the present command sees it.
    pub fn get(&self, key: &[u8]) -> Result<Option<KeyValue>, MvccError> {
        let found = self.store.shared.index.read().at(key, self.read_revision());
        found.map(|found| self.record(found.modified).and_then(record::decode)).transpose()
    }

    /// Answers a range request as the present command sees it.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError> {
        one_more(&self.counts.ranges);
        one_more(&self.counts.operations);
        let current = Marks { revision: self.read_revision(), ..self.marks };
        let revision = current.resolve(request.revision)?;
        range::range(&self.store.shared.index, self, request, revision, current.revision, Counting::All)
    }

    /// Writes one key.
    pub fn put(&mut self, key: &Bytes, value: Bytes, lease: i64) {
        self.counts.puts += 1;
        one_more(&self.counts.operations);
        self.counts.put_bytes += (key.len() + value.len()) as u64;
        let revision = self.next();
        let placed = self.store.shared.index.write().put(key, revision);
        let pair = KeyValue {
            key: key.clone(),
            create_revision: placed.found.created,
            mod_revision: revision.main,
            version: placed.found.version,
            value,
            lease,
        };
        let kind = if placed.existed { ChangeKind::Update } else { ChangeKind::Create };
        self.keep(RecordKey::put(revision), kind, key.clone(), pair.encode_to_vec().into());
    }

    /// Deletes a range and tells the keys that went, in order.
    pub fn delete_range(&mut self, range: &KeyRange) -> Vec<Bytes> {
        self.counts.deletes += 1;
        one_more(&self.counts.operations);
        let keys = range::keys(&self.store.shared.index, range, self.read_revision());
        for key in &keys {
            self.delete(key);
        }
        keys
    }

    /// Deletes one key that exists.
    fn delete(&mut self, key: &Bytes) {
        let revision = self.next();
        self.store.shared.index.write().delete(key, revision);
        let record = record::tombstone(key, revision.main);
        self.keep(RecordKey::tombstone(revision), ChangeKind::Delete, key.clone(), record);
    }

    /// Makes all revisions before this one unreadable. Their records go in the background.
    pub fn compact(&mut self, revision: i64) -> Result<(), MvccError> {
        if revision <= self.marks.compacted {
            return Err(EtcdError::Compacted.into());
        }
        if revision > self.marks.revision {
            return Err(EtcdError::FutureRevision.into());
        }
        self.marks.compacted = revision;
        self.backend.put(Table::Meta, SCHEDULED_COMPACT, revision.to_be_bytes().to_vec());
        Ok(())
    }

    /// The backend's part of the run, for other state that changes with it.
    pub fn backend(&mut self) -> &mut BackendWriter<'s> {
        &mut self.backend
    }

    /// Hands the run to the backend as one atomic batch marked with `progress`. Not durable yet, and not
    /// visible before [`watch::Hub::publish`](super::watch::Hub::publish).
    pub fn commit(mut self, progress: Bytes) -> Result<Committed, MvccError> {
        self.backend.mark(progress);
        self.backend.commit()?;
        self.counts.add_to(&self.store.shared.metrics.mvcc);
        Ok(Committed { marks: self.marks, changes: self.changes })
    }

    fn next(&self) -> Revision {
        Revision { main: self.marks.revision + 1, sub: self.subs }
    }

    fn keep(&mut self, key: RecordKey, kind: ChangeKind, name: Bytes, record: Bytes) {
        self.backend.put(Table::Key, key, record.clone());
        self.changes.push(Change { revision: self.marks.revision + 1, kind, key: name, record });
        self.subs += 1;
    }
}

fn one_more(count: &Cell<u64>) {
    count.set(count.get() + 1);
}

impl Counts {
    fn add_to(&self, mvcc: &Mvcc) {
        mvcc.puts.inc_by(self.puts);
        mvcc.deletes.inc_by(self.deletes);
        mvcc.ranges.inc_by(self.ranges.get());
        mvcc.txns.inc_by(self.txns);
        mvcc.put_bytes.add(i64::try_from(self.put_bytes).unwrap_or(i64::MAX));
    }
}

impl Records for StoreWriter<'_> {
    fn record(&self, revision: Revision) -> Result<Bytes, MvccError> {
        let record = self.backend.get(Table::Key, RecordKey::put(revision).as_slice())?;
        record.ok_or(MvccError::MissingRecord(revision))
    }
}
