//! A snapshot file: what it is, whether it is whole, and what it holds.

use std::collections::HashSet;
use std::io::{BufReader, Read, Seek, SeekFrom};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::OfflineError;
use super::bolt::{self, Bolt};
use crate::api::STORAGE_VERSION;
use crate::backend::{self, Backend, BackendOptions, EngineKind, Table};
use crate::io::memory::MemoryIo;
use crate::mvcc::{KeyValueHash, RecordKey, Store, record_key_of};

/// Bytes of the digest at the end of a snapshot that was saved from a server.
const DIGEST_BYTES: u64 = 32;

/// By its length, 32 above a multiple of this, one tells that a snapshot has a digest.
const BLOCK_BYTES: u64 = 512;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// What a snapshot was written by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// This server.
    Etcdkit,
    /// etcd.
    Etcd,
}

/// What a snapshot holds, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// CRC-32C over all records; of a snapshot of etcd the one that etcdutl tells.
    pub hash: u32,
    /// The newest revision.
    pub revision: i64,
    /// Keys that are alive at it.
    pub total_keys: usize,
    /// Bytes of the store, without the digest.
    pub total_bytes: u64,
    /// Version of the stored format; empty when the snapshot does not tell.
    pub version: String,
}

/// An open snapshot file.
pub struct Snapshot<F> {
    file: F,
    format: Format,
    data_bytes: u64,
    has_digest: bool,
}

impl<F: Read + Seek> Snapshot<F> {
    /// Looks at the beginning and the length of a snapshot. Reads no more than that.
    ///
    /// # Errors
    /// [`OfflineError::Unknown`], and what the file says.
    pub fn open(mut file: F) -> Result<Self, OfflineError> {
        let bytes = file.seek(SeekFrom::End(0))?;
        let has_digest = bytes % BLOCK_BYTES == DIGEST_BYTES;
        let data_bytes = if has_digest { bytes - DIGEST_BYTES } else { bytes };
        let mut start = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        (&mut file).take(BLOCK_BYTES).read_to_end(&mut start)?;
        let format = match () {
            () if backend::is_copy(&start) => Format::Etcdkit,
            () if bolt::is_bolt(&start) => Format::Etcd,
            () => return Err(OfflineError::Unknown),
        };
        Ok(Snapshot { file, format, data_bytes, has_digest })
    }

    /// What it was written by.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Checks that the snapshot is what the server sent.
    ///
    /// # Errors
    /// [`OfflineError::NoDigest`] for a copy of a file that was not sent by a server, [`OfflineError::WrongDigest`].
    pub fn check_digest(&mut self) -> Result<(), OfflineError> {
        if !self.has_digest {
            return Err(OfflineError::NoDigest);
        }
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(READ_BYTES, &mut self.file);
        let mut digest = Sha256::new();
        let mut buffer = vec![0; READ_BYTES];
        let mut left = self.data_bytes;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES);
            reader.read_exact(&mut buffer[..wanted])?;
            digest.update(&buffer[..wanted]);
            left -= wanted as u64;
        }
        let mut expected = vec![0; DIGEST_BYTES as usize];
        reader.read_exact(&mut expected)?;
        let computed = digest.finalize().to_vec();
        if expected == computed { Ok(()) } else { Err(OfflineError::WrongDigest { expected, computed }) }
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// [`OfflineError::Damaged`], and what the file says.
    pub fn status(&mut self) -> Result<Status, OfflineError> {
        let mut tally = Tally::default();
        match self.format {
            Format::Etcdkit => {
                let mut last = None;
                self.each_record(&mut |table, key, value| {
                    if last.replace(table) != Some(table) {
                        tally.hash(table.name().as_bytes());
                    }
                    tally.record(table == Table::Key, &key, &value)
                })?;
                Ok(tally.status(self.data_bytes, STORAGE_VERSION.to_owned()))
            }
            Format::Etcd => {
                let mut bolt = Bolt::open(&mut self.file, self.data_bytes)?;
                let mut version = String::new();
                for bucket in bolt.buckets()? {
                    tally.hash(&bucket.name);
                    let (is_key, is_meta) = (bucket.name == bolt::KEY, bucket.name == bolt::META);
                    bolt.each(&bucket, &mut |key, value| {
                        if is_meta && key == bolt::STORAGE_VERSION {
                            version = String::from_utf8_lossy(value).into_owned();
                        }
                        tally.record(is_key, key, value)
                    })?;
                }
                Ok(tally.status(bolt.size(), version))
            }
        }
    }

    /// Hashes the history in it up to a revision, as a server does; 0 is the newest.
    ///
    /// # Errors
    /// As [`Self::status`], and a revision that is not in it.
    pub fn hash_kv(&mut self, revision: i64) -> Result<KeyValueHash, OfflineError> {
        let io = std::sync::Arc::new(MemoryIo::default());
        let dir = std::path::Path::new("/snapshot");
        let backend = Backend::fill(io, dir, EngineKind::Memory, BackendOptions::default(), |filling| {
            self.each_record(&mut |table, key, value| {
                filling.put(table, key, value)?;
                Ok(())
            })
        })?;
        Ok(Store::open(backend, |_, _| {})?.hash_kv(revision)?)
    }

    /// Shows every record in the form in which our backend keeps it, table by table.
    pub(super) fn each_record(
        &mut self,
        each: &mut dyn FnMut(Table, Bytes, Bytes) -> Result<(), OfflineError>,
    ) -> Result<(), OfflineError> {
        match self.format {
            Format::Etcdkit => {
                self.file.seek(SeekFrom::Start(0))?;
                let mut reader = BufReader::with_capacity(READ_BYTES, &mut self.file).take(self.data_bytes);
                let mut failed = None;
                let read = backend::read_copy(&mut reader, &mut |table, key, value| {
                    each(table, key, value).map_err(|error| {
                        failed = Some(error);
                        backend::BackendError::Copy("stopped".to_owned())
                    })
                });
                match (failed, read) {
                    (Some(error), _) => Err(error),
                    (None, Err(error)) => Err(OfflineError::Damaged(error.to_string())),
                    (None, Ok(_mark)) => Ok(()),
                }
            }
            Format::Etcd => {
                let mut bolt = Bolt::open(&mut self.file, self.data_bytes)?;
                for bucket in bolt.buckets()? {
                    bolt.each(&bucket, &mut |key, value| {
                        let record = bolt::converted(&bucket.name, key, value);
                        record
                            .map_err(OfflineError::Damaged)?
                            .map_or(Ok(()), |(table, key, value)| each(table, key, value))
                    })?;
                }
                Ok(())
            }
        }
    }
}

/// Counts and hashes records in the order in which they come.
#[derive(Default)]
struct Tally {
    hash: u32,
    revision: i64,
    alive: HashSet<Vec<u8>>,
}

impl Tally {
    fn hash(&mut self, bytes: &[u8]) {
        self.hash = crc32c::crc32c_append(self.hash, bytes);
    }

    fn record(&mut self, of_keys: bool, key: &[u8], value: &[u8]) -> Result<(), OfflineError> {
        self.hash(key);
        self.hash(value);
        if !of_keys {
            return Ok(());
        }
        let damaged = |what: &str| OfflineError::Damaged(format!("{what}, key: {key:02x?}"));
        let (revision, is_tombstone) =
            RecordKey::parse(key).ok_or_else(|| damaged("cannot parse revision key"))?;
        self.revision = revision.main;
        let key = record_key_of(value).ok_or_else(|| damaged("cannot unmarshal value"))?;
        if is_tombstone {
            self.alive.remove(key);
        } else {
            self.alive.insert(key.to_vec());
        }
        Ok(())
    }

    fn status(self, total_bytes: u64, version: String) -> Status {
        let Tally { hash, revision, alive } = self;
        Status { hash, revision, total_keys: alive.len(), total_bytes, version }
    }
}

impl From<bolt::Problem> for OfflineError {
    fn from(problem: bolt::Problem) -> Self {
        match problem {
            bolt::Problem::Read(error) => OfflineError::Read(error),
            bolt::Problem::Damaged(what) => OfflineError::Damaged(what),
        }
    }
}
