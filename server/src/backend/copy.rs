//! A copy of the whole backend as a stream of bytes, for snapshots.
//!
//! ```text
//! magic "etcdkit backend copy 1\n"
//! record: table u8 (discriminant + 1), key length u32, value length u32, key, value     ... repeated
//! end:    0 u8, has mark u8, mark length u32, mark, records u64, CRC-32C of all before it u32
//! ```
//!
//! Integers are little-endian.

use std::io::{Read, Write};
use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::engine::{self, View};
use super::{Backend, BackendError, BackendOptions, EngineKind, Table};
use crate::io::Io;

const MAGIC: &[u8] = b"etcdkit backend copy 1\n";

/// Longest key or value taken from a stream: far above what a request may carry, far below what a
/// damaged length could ask for.
const FIELD_BYTES_MAX: u32 = 64 << 20;

/// Sees each record of a copy; an error ends the reading.
pub(super) type RecordVisitor<'a> = dyn FnMut(Table, &[u8], &[u8]) -> Result<(), BackendError> + 'a;

impl Backend {
    /// Writes a copy of one moment: everything committed before the call, and nothing after it. The mark
    /// of the newest run comes along. Flushes wait until it is written, except with redb.
    ///
    /// # Errors
    /// What the disk, the engine or `out` says.
    pub fn export(&self, out: &mut dyn Write) -> Result<(), BackendError> {
        self.still(|base, mark| self.write_copy(base, mark, out))
    }

    /// As [`Self::export`], to what `start` makes when it is told how many bytes will come.
    ///
    /// # Errors
    /// As [`Self::export`].
    pub fn export_to<W: Write>(&self, start: impl FnOnce(u64) -> W) -> Result<W, BackendError> {
        self.still(|base, mark| {
            let mut counted = Counted(0);
            self.write_copy(base, mark, &mut counted)?;
            let mut out = start(counted.0);
            self.write_copy(base, mark, &mut out)?;
            Ok(out)
        })
    }

    /// Shows the records of one moment and their mark.
    fn still<T>(
        &self,
        look: impl FnOnce(&dyn View, Option<&[u8]>) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        self.flush()?;
        let shared = self.shared();
        // A compaction that waits for its turn at the gate would hold up all readers.
        let _copying = shared.copying.read();
        let _gate = shared.gate.read();
        let still = shared.engine_still.lock();
        let base = shared.state.read().base.clone();
        let mark = self.durable_mark();
        let _still = (!base.is_snapshot()).then_some(still);
        look(base.as_ref(), mark.as_deref())
    }

    fn write_copy(
        &self,
        base: &dyn View,
        mark: Option<&[u8]>,
        out: &mut dyn Write,
    ) -> Result<(), BackendError> {
        let mut copy = CopyWriter { out, crc: 0, records: 0 };
        copy.put(MAGIC).map_err(write_error)?;
        for table in Table::ALL {
            let mut written = Ok(());
            let scanned = engine::guarded(|| {
                base.scan(table, Bound::Unbounded, Bound::Unbounded, &mut |key, value| {
                    written = copy.record(table, key, value);
                    if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                })
            });
            scanned.map_err(|source| self.shared().engine_error(source))?;
            written.map_err(write_error)?;
        }
        copy.end(mark).map_err(write_error)
    }

    /// Opens a new backend in an empty directory with the content of a copy, durable when it returns. `look` sees each
    /// record before. When it fails the directory is useless: remove it.
    ///
    /// # Errors
    /// A directory that is not empty, a copy that is cut short or damaged, what `look` says, and what the disk says.
    pub(super) fn import(
        io: Arc<dyn Io>,
        dir: &Path,
        kind: EngineKind,
        options: BackendOptions,
        source: &mut dyn Read,
        look: &mut RecordVisitor<'_>,
    ) -> Result<Backend, BackendError> {
        Self::fill(io, dir, kind, options, |filling| {
            let mark = read_copy(source, &mut |table, key, value| {
                look(table, &key, &value)?;
                filling.put(table, key, value)
            })?;
            mark.into_iter().for_each(|mark| filling.mark(mark));
            Ok(())
        })
    }
}

/// Whether a file begins as a copy does.
pub fn is_copy(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// Shows the records of a copy; its mark. What follows the copy in `source` is not read.
///
/// # Errors
/// A copy that is cut short or damaged, and what `each` says.
pub fn read_copy(
    source: &mut dyn Read,
    each: &mut dyn FnMut(Table, Bytes, Bytes) -> Result<(), BackendError>,
) -> Result<Option<Bytes>, BackendError> {
    let mut copy = CopyReader { source, crc: 0, records: 0 };
    copy.magic()?;
    while let Some((table, key, value)) = copy.record()? {
        each(table, key, value)?;
    }
    copy.end()
}

fn write_error(error: std::io::Error) -> BackendError {
    BackendError::Copy(format!("writing it: {error}"))
}

/// Counts what a copy takes, which a receiver wants to know before it comes.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0 += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct CopyWriter<'a> {
    out: &'a mut dyn Write,
    crc: u32,
    records: u64,
}

impl CopyWriter<'_> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.out.write_all(bytes)
    }

    fn put_length(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let fits = u32::try_from(bytes.len()).ok().filter(|length| *length <= FIELD_BYTES_MAX);
        let length = fits.ok_or_else(|| std::io::Error::other("a record is too large for a copy"))?;
        self.put(&length.to_le_bytes())
    }

    fn record(&mut self, table: Table, key: &[u8], value: &[u8]) -> std::io::Result<()> {
        self.put(&[table as u8 + 1])?;
        self.put_length(key)?;
        self.put_length(value)?;
        self.put(key)?;
        self.put(value)?;
        self.records += 1;
        Ok(())
    }

    fn end(mut self, mark: Option<&[u8]>) -> std::io::Result<()> {
        self.put(&[0, u8::from(mark.is_some())])?;
        self.put_length(mark.unwrap_or_default())?;
        self.put(mark.unwrap_or_default())?;
        self.put(&self.records.to_le_bytes())?;
        self.out.write_all(&self.crc.to_le_bytes())?;
        self.out.flush()
    }
}

struct CopyReader<'a> {
    source: &'a mut dyn Read,
    crc: u32,
    records: u64,
}

impl CopyReader<'_> {
    fn take(&mut self, bytes: &mut [u8]) -> Result<(), BackendError> {
        self.source.read_exact(bytes).map_err(|error| BackendError::Copy(format!("reading it: {error}")))?;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BackendError> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn length(&mut self) -> Result<usize, BackendError> {
        let length = u32::from_le_bytes(self.array()?);
        if length > FIELD_BYTES_MAX {
            return Err(damaged("a length is out of bounds"));
        }
        Ok(length as usize)
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes, BackendError> {
        let mut bytes = vec![0; length];
        self.take(&mut bytes)?;
        Ok(bytes.into())
    }

    fn magic(&mut self) -> Result<(), BackendError> {
        let magic: [u8; MAGIC.len()] = self.array()?;
        if magic == MAGIC { Ok(()) } else { Err(damaged("it does not begin as a copy of a backend")) }
    }

    /// The next record, or none at the end of the records.
    fn record(&mut self) -> Result<Option<(Table, Bytes, Bytes)>, BackendError> {
        let [tag] = self.array()?;
        if tag == 0 {
            return Ok(None);
        }
        let table = Table::ALL.get(usize::from(tag) - 1).copied();
        let table = table.ok_or_else(|| damaged("a record is of no known table"))?;
        let (key_length, value_length) = (self.length()?, self.length()?);
        let (key, value) = (self.bytes(key_length)?, self.bytes(value_length)?);
        self.records += 1;
        Ok(Some((table, key, value)))
    }

    /// Checks the copy as a whole; its mark.
    fn end(mut self) -> Result<Option<Bytes>, BackendError> {
        let [has_mark] = self.array()?;
        let length = self.length()?;
        let mark = self.bytes(length)?;
        if u64::from_le_bytes(self.array()?) != self.records {
            return Err(damaged("records are missing"));
        }
        let computed = self.crc;
        if u32::from_le_bytes(self.array()?) != computed {
            return Err(damaged("its checksum is wrong"));
        }
        Ok((has_mark != 0).then_some(mark))
    }
}

fn damaged(reason: &str) -> BackendError {
    BackendError::Copy(format!("the copy is damaged: {reason}"))
}
