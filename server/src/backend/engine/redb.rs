//! redb: a copy-on-write B-tree in one file, on our [`Io`].
//!
//! Each layer is one transaction in two phases (`set_quick_repair`): after a kill the file opens at once,
//! at the last commit, instead of being walked to rebuild its allocator. Readers share one read
//! transaction, replaced after each layer, so pages freed by a layer are reused one layer later.

use std::io::Result as IoResult;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition, WriteTransaction,
};

use super::gather::GatheringFile;
use super::{Engine, EngineError, View};
use crate::backend::layer::Layer;
use crate::backend::read::RowVisitor;
use crate::backend::{BackendOptions, Size, Table};
use crate::io::{Io, IoFile, OpenMode};

/// The file in the backend's directory.
pub(super) const FILE: &str = "data.redb";
/// Its successor while that is made.
const FILE_NEW: &str = "data.redb.new";

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type Records = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// Of the backend itself, no table of the layers above.
const INTERNAL: Definition = TableDefinition::new("backend");
const MARK: &[u8] = b"mark";
/// Bytes of all keys and values, 8 bytes big-endian.
const RECORD_BYTES: &[u8] = b"record_bytes";

fn definition(table: Table) -> Definition {
    TableDefinition::new(match table {
        Table::Key => "key",
        Table::Meta => "meta",
        Table::Lease => "lease",
        Table::Member => "member",
        Table::Alarm => "alarm",
        Table::Auth => "auth",
    })
}

impl<E: Into<redb::Error>> From<E> for EngineError {
    fn from(error: E) -> Self {
        EngineError::new(error.into())
    }
}

pub(super) struct RedbEngine {
    /// Changed, in redb's sense, by compaction alone.
    database: RwLock<Database>,
    file: Arc<dyn IoFile>,
    io: Arc<dyn Io>,
    dir: PathBuf,
    options: BackendOptions,
}

/// How records come into their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Each by itself, wherever it belongs.
    Single,
    /// Those behind the last one together: they fill their pages, which are half empty otherwise, and take some 10 MiB of
    /// memory more. For a file that is filled.
    Appending,
}

impl RedbEngine {
    pub(super) fn open(io: Arc<dyn Io>, dir: &Path, options: &BackendOptions) -> Result<Self, EngineError> {
        remove_successor(io.as_ref(), dir)?;
        let file = open_file(io.as_ref(), dir, FILE)?;
        Self::open_in(file, io, dir, options)
    }

    pub(super) fn open_to_fill(
        io: Arc<dyn Io>,
        dir: &Path,
        options: &BackendOptions,
    ) -> Result<Self, EngineError> {
        let file = GatheringFile::over(open_file(io.as_ref(), dir, FILE)?);
        Self::open_in(Arc::new(file), io, dir, options)
    }

    fn open_in(
        file: Arc<dyn IoFile>,
        io: Arc<dyn Io>,
        dir: &Path,
        options: &BackendOptions,
    ) -> Result<Self, EngineError> {
        let database = Builder::new()
            .set_cache_size(options.cache_bytes)
            .create_with_backend(RedbFile { file: file.clone() })?;
        let (dir, options) = (dir.to_owned(), options.clone());
        let engine = RedbEngine { database: RwLock::new(database), file, io, dir, options };
        engine.create_tables()?;
        Ok(engine)
    }

    /// So that views find every table.
    fn create_tables(&self) -> Result<(), EngineError> {
        if self.database.read().begin_read()?.open_table(INTERNAL).is_ok() {
            return Ok(());
        }
        let transaction = self.begin()?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
        transaction.open_table(INTERNAL)?;
        Ok(transaction.commit()?)
    }

    fn begin(&self) -> Result<WriteTransaction, EngineError> {
        let mut transaction = self.database.read().begin_write()?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    fn internal(&self, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let table = self.database.read().begin_read()?.open_table(INTERNAL)?;
        Ok(table.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn record_bytes(&self) -> Result<u64, EngineError> {
        let value = self.internal(RECORD_BYTES)?;
        Ok(value.and_then(|value| value.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    fn bring_in(&self, layer: &Layer, transaction: WriteTransaction, way: Way) -> Result<(), EngineError> {
        let mut record_bytes = self.record_bytes()?;
        for table in Table::ALL {
            let (added, removed) = change(&transaction, layer, table, way)?;
            record_bytes = (record_bytes + added).saturating_sub(removed);
        }
        let mut internal = transaction.open_table(INTERNAL)?;
        internal.insert(RECORD_BYTES, record_bytes.to_be_bytes().as_slice())?;
        if let Some(mark) = &layer.mark {
            internal.insert(MARK, mark.as_ref())?;
        }
        drop(internal);
        Ok(transaction.commit()?)
    }
}

impl Engine for RedbEngine {
    fn apply(&self, layer: &Layer) -> Result<(), EngineError> {
        self.bring_in(layer, self.begin()?, Way::Single)
    }

    fn load(&self, layer: &Layer) -> Result<(), EngineError> {
        let mut transaction = self.database.read().begin_write()?;
        transaction.set_durability(Durability::None)?;
        self.bring_in(layer, transaction, Way::Appending)
    }

    fn view(&self) -> Result<Arc<dyn View>, EngineError> {
        let transaction = self.database.read().begin_read()?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            tables.push(transaction.open_table(definition(table))?);
        }
        Ok(Arc::new(RedbView { tables }))
    }

    fn mark(&self) -> Result<Option<Bytes>, EngineError> {
        self.internal(MARK)
    }

    fn size(&self) -> Result<Size, EngineError> {
        let total_bytes = self.file.len().map_err(EngineError::new)?;
        Ok(Size { total_bytes, in_use_bytes: self.record_bytes()? })
    }

    fn compact(&self) -> Result<(), EngineError> {
        self.database.write().compact()?;
        Ok(())
    }

    fn successor(&self) -> Result<Option<Box<dyn Engine>>, EngineError> {
        remove_successor(self.io.as_ref(), &self.dir)?;
        let file = open_file(self.io.as_ref(), &self.dir, FILE_NEW)?;
        let successor = Self::open_in(file, Arc::clone(&self.io), &self.dir, &self.options)?;
        Ok(Some(Box::new(successor)))
    }

    fn take_over(&self) -> Result<(), EngineError> {
        // It was filled in order and is as full as the one before was; what it took beyond that goes now.
        self.database.write().compact()?;
        self.io.rename(&self.dir.join(FILE_NEW), &self.dir.join(FILE)).map_err(EngineError::new)?;
        self.io.sync_dir(&self.dir).map_err(EngineError::new)
    }
}

fn open_file(io: &dyn Io, dir: &Path, name: &str) -> Result<Arc<dyn IoFile>, EngineError> {
    let file = io.open(&dir.join(name), OpenMode::Any).map_err(EngineError::new)?;
    io.sync_dir(dir).map_err(EngineError::new)?;
    Ok(file)
}

/// Removes what an interrupted copy left.
fn remove_successor(io: &dyn Io, dir: &Path) -> Result<(), EngineError> {
    let path = dir.join(FILE_NEW);
    if io.exists(&path).map_err(EngineError::new)? {
        io.remove(&path).map_err(EngineError::new)?;
        io.sync_dir(dir).map_err(EngineError::new)?;
    }
    Ok(())
}

/// Brings the layer's changes of one table in; the bytes of records added and removed.
fn change(
    transaction: &WriteTransaction,
    layer: &Layer,
    table: Table,
    way: Way,
) -> Result<(u64, u64), EngineError> {
    if layer.table(table).is_empty() {
        return Ok((0, 0));
    }
    let mut records = transaction.open_table(definition(table))?;
    let last = match way {
        Way::Single => None,
        Way::Appending => records.last()?.map(|(key, _)| key.value().to_vec()),
    };
    let is_single = |key: &[u8]| way == Way::Single || Some(key) <= last.as_deref();
    let (mut added, mut removed) = (0, 0);
    let mut entries = layer.table(table).iter().peekable();
    while let Some((key, entry)) = entries.next_if(|(key, _)| is_single(key)) {
        let old = match entry {
            Some(value) => {
                added += key.len() + value.len();
                records.insert(key.as_ref(), value.as_ref())?
            }
            None => records.remove(key.as_ref())?,
        };
        removed += old.map_or(0, |old| key.len() + old.value().len());
    }
    if way == Way::Appending {
        let mut end = records.upper_bound_mut(Bound::<&[u8]>::Unbounded)?;
        for (key, value) in entries.filter_map(|(key, entry)| Some((key, entry.as_ref()?))) {
            added += key.len() + value.len();
            end.insert_before(key.as_ref(), value.as_ref())?;
        }
        end.close()?;
    }
    Ok((added as u64, removed as u64))
}

struct RedbView {
    /// At the position of the table's discriminant.
    tables: Vec<Records>,
}

impl View for RedbView {
    fn is_snapshot(&self) -> bool {
        true
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, EngineError> {
        let value = self.tables[table as usize].get(key)?;
        Ok(value.map(|value| Bytes::copy_from_slice(value.value())))
    }

    fn scan(
        &self,
        table: Table,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visitor: &mut RowVisitor<'_>,
    ) -> Result<(), EngineError> {
        for row in self.tables[table as usize].range::<&[u8]>((from, to))? {
            let (key, value) = row?;
            if visitor(key.value(), value.value()) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

/// A file of ours as redb wants it. Locking is left to the directory's lock.
#[derive(Debug)]
struct RedbFile {
    file: Arc<dyn IoFile>,
}

impl StorageBackend for RedbFile {
    fn len(&self) -> IoResult<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> IoResult<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> IoResult<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> IoResult<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> IoResult<()> {
        self.file.write_all_at(data, offset)
    }
}
