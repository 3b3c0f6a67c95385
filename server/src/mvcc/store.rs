//! The store as its readers see it, and how it comes back after a restart.

use std::collections::HashMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{RangeRequest, RangeResponse};
use etcdkit_proto::mvccpb::KeyValue;
use parking_lot::{Mutex, RwLock};

use super::compact::{Compaction, FINISHED_COMPACT, SCHEDULED_COMPACT};
use super::key_index::KeyIndex;
use super::range::{self, Counting, Records};
use super::revision::{FIRST_REVISION, NEVER_COMPACTED, RecordKey, Revision};
use super::{MvccError, record};
use crate::backend::{Backend, Table};
use crate::metrics::Metrics;

/// Times a read at the newest revision starts over because compaction overtook it. Each time needs
/// another compaction to be applied within one read, so the bound is never met in practice.
const OVERTAKEN_RETRIES_MAX: usize = 8;

/// The two revisions that bound what can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// The newest revision.
    pub revision: i64,
    /// The oldest revision that can be read; -1 before the first compaction.
    pub compacted: i64,
}

impl Marks {
    /// The revision a read is answered at: zero and less mean the newest.
    pub(super) fn resolve(self, asked: i64) -> Result<i64, EtcdError> {
        if asked > self.revision {
            return Err(EtcdError::FutureRevision);
        }
        let revision = if asked <= 0 { self.revision } else { asked };
        if revision < self.compacted {
            return Err(EtcdError::Compacted);
        }
        Ok(revision)
    }
}

/// The key space. Cheap to clone; all methods may be called from any thread.
///
/// Lock order: compaction, then the backend's writer, then the index, then the marks.
#[derive(Clone)]
pub struct Store {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) backend: Backend,
    pub(super) index: RwLock<KeyIndex>,
    pub(super) marks: RwLock<Marks>,
    pub(super) compaction: Mutex<Compaction>,
    /// The last compaction whose records are gone.
    pub(super) finished: tokio::sync::watch::Sender<i64>,
    /// Told when there is something to compact.
    pub(super) compaction_due: tokio::sync::Notify,
    pub(super) metrics: Arc<Metrics>,
}

impl Store {
    /// Opens the key space in a backend, rebuilding the index, and calls `attach` for every live key that
    /// hangs on a lease.
    pub fn open(backend: Backend, mut attach: impl FnMut(i64, &[u8])) -> Result<Self, MvccError> {
        let contents = Contents::read(&backend, &mut attach)?;
        let shared = Shared {
            metrics: Arc::clone(backend.metrics()),
            backend,
            index: RwLock::new(contents.index),
            marks: RwLock::new(contents.marks),
            compaction: Mutex::new(Compaction::default()),
            finished: tokio::sync::watch::Sender::new(contents.finished),
            compaction_due: tokio::sync::Notify::new(),
        };
        shared.compaction_due.notify_one();
        Ok(Store { shared: Arc::new(shared) })
    }

    /// Takes over the key space of another member: `replace` puts its records in the place of the own ones, `contents`
    /// is what was read from them. A compaction under way is begun again with the new records.
    pub(crate) fn adopt<E>(
        &self,
        contents: Contents,
        replace: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let shared = &self.shared;
        let mut compaction = shared.compaction.lock();
        replace()?;
        {
            let mut index = shared.index.write();
            *index = contents.index;
            *shared.marks.write() = contents.marks;
        }
        *compaction = Compaction::default();
        drop(compaction);
        shared.finished.send_replace(contents.finished);
        shared.compaction_due.notify_one();
        Ok(())
    }

    /// The newest revision and the oldest readable one, consistent with each other.
    pub fn marks(&self) -> Marks {
        *self.shared.marks.read()
    }

    /// The newest revision.
    pub fn revision(&self) -> i64 {
        self.marks().revision
    }

    /// How many keys exist.
    pub fn keys(&self) -> usize {
        self.shared.index.read().live()
    }

    /// Answers a range request from local state. The request has passed the checks of the edge; an
    /// unknown sort option counts as the default here.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError> {
        self.range_counting(request, Counting::All)
    }

    pub(super) fn range_counting(
        &self,
        request: &RangeRequest,
        counting: Counting,
    ) -> Result<RangeResponse, MvccError> {
        for _ in 0..OVERTAKEN_RETRIES_MAX {
            let marks = self.marks();
            let overtaken = match self.snapshot_at(marks).range_counting(request, counting) {
                Err(MvccError::Api(EtcdError::Compacted)) => request.revision <= 0,
                answer => return answer,
            };
            if !overtaken {
                break;
            }
        }
        Err(EtcdError::Compacted.into())
    }

    /// The pair as it was at a revision; an error when the revision is compacted or still to come.
    pub fn get(&self, key: &[u8], revision: i64) -> Result<Option<KeyValue>, MvccError> {
        self.snapshot().get(key, revision)
    }

    /// A view of the newest revision, for several reads that must agree.
    pub fn snapshot(&self) -> Snapshot<'_> {
        self.snapshot_at(self.marks())
    }

    fn snapshot_at(&self, marks: Marks) -> Snapshot<'_> {
        Snapshot { store: self, marks }
    }

    pub(super) fn publish(&self, marks: Marks) {
        let compacted_further = {
            let mut current = self.shared.marks.write();
            let further = marks.compacted > current.compacted;
            *current = marks;
            further
        };
        if compacted_further {
            self.shared.compaction_due.notify_one();
        }
    }
}

/// The store at one revision. It holds no lock: a compaction past its revision makes reads fail with
/// [`EtcdError::Compacted`].
#[derive(Clone, Copy)]
pub struct Snapshot<'s> {
    store: &'s Store,
    marks: Marks,
}

impl Snapshot<'_> {
    /// The bounds of this view.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// Answers a range request as of this view.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, MvccError> {
        self.range_counting(request, Counting::All)
    }

    fn range_counting(&self, request: &RangeRequest, counting: Counting) -> Result<RangeResponse, MvccError> {
        let shared = &self.store.shared;
        shared.metrics.mvcc.ranges.inc();
        let revision = self.marks.resolve(request.revision)?;
        let answer = range::range(&shared.index, self, request, revision, self.marks.revision, counting);
        self.unless_overtaken(revision, answer)
    }

    /// The pair as it was at a revision, zero being this view's own.
    pub fn get(&self, key: &[u8], revision: i64) -> Result<Option<KeyValue>, MvccError> {
        let revision = self.marks.resolve(revision)?;
        let found = self.store.shared.index.read().at(key, revision);
        let answer = match found {
            Some(found) => self.record(found.modified).and_then(record::decode).map(Some),
            None => Ok(None),
        };
        self.unless_overtaken(revision, answer)
    }

    /// An answer stands only if what it was read from had not been compacted meanwhile.
    fn unless_overtaken<T>(&self, revision: i64, answer: Result<T, MvccError>) -> Result<T, MvccError> {
        if revision < self.store.marks().compacted {
            return Err(EtcdError::Compacted.into());
        }
        answer
    }
}

impl Records for Snapshot<'_> {
    fn record(&self, revision: Revision) -> Result<Bytes, MvccError> {
        let key = RecordKey::put(revision);
        let record = self.store.shared.backend.get(Table::Key, key.as_slice())?;
        record.ok_or(MvccError::MissingRecord(revision))
    }
}

/// What a backend holds of a key space.
pub(crate) struct Contents {
    index: KeyIndex,
    marks: Marks,
    finished: i64,
}

impl Contents {
    /// Reads all of it, and calls `attach` for every live key that hangs on a lease.
    pub(crate) fn read(backend: &Backend, attach: &mut dyn FnMut(i64, &[u8])) -> Result<Self, MvccError> {
        let mut restoring = Restoring::default();
        let mut outcome = Ok(());
        backend.visit(Table::Key, Bound::Unbounded, Bound::Unbounded, |key, record| {
            outcome = restoring.add(key, record);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        outcome?;
        Self::of(restoring, backend, attach)
    }

    /// As [`Self::read`], when all records of the backend were shown to `restored` already.
    pub(crate) fn of(
        restored: Restoring,
        backend: &Backend,
        attach: &mut dyn FnMut(i64, &[u8]),
    ) -> Result<Self, MvccError> {
        let compacted = read_mark(backend, SCHEDULED_COMPACT)?.unwrap_or(NEVER_COMPACTED);
        let finished = read_mark(backend, FINISHED_COMPACT)?.unwrap_or(NEVER_COMPACTED);
        for (key, lease) in &restored.leases {
            attach(*lease, key);
        }
        let marks = Marks { revision: restored.revision.max(compacted), compacted };
        Ok(Contents { index: restored.index, marks, finished })
    }
}

/// What the records tell, one after another.
pub(crate) struct Restoring {
    index: KeyIndex,
    revision: i64,
    leases: HashMap<Box<[u8]>, i64>,
}

impl Default for Restoring {
    fn default() -> Self {
        Restoring { index: KeyIndex::default(), revision: FIRST_REVISION, leases: HashMap::new() }
    }
}

impl std::fmt::Debug for Restoring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restoring").field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl Restoring {
    /// Takes the next record of the key space, in the order of their keys.
    pub(crate) fn add(&mut self, key: &[u8], record: &[u8]) -> Result<(), MvccError> {
        let parsed = RecordKey::parse(key).zip(record::head(record));
        let ((revision, tombstone), head) =
            parsed.ok_or_else(|| MvccError::BadRecord(format!("key {key:02x?}")))?;
        self.index.restore(head.key, head.create_revision, head.version, revision, tombstone);
        self.revision = self.revision.max(revision.main);
        if head.lease != 0 {
            self.leases.insert(head.key.into(), head.lease);
        } else if !self.leases.is_empty() {
            self.leases.remove(head.key);
        }
        Ok(())
    }
}

fn read_mark(backend: &Backend, name: &[u8]) -> Result<Option<i64>, MvccError> {
    let Some(bytes) = backend.get(Table::Meta, name)? else { return Ok(None) };
    let bytes = bytes.as_ref().try_into().map_err(|_| MvccError::BadRecord("compaction mark".to_owned()))?;
    Ok(Some(i64::from_be_bytes(bytes)))
}
