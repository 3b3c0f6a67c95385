//! Reads the file that etcd keeps its store in: a B+ tree of pages, as bbolt writes it.
//!
//! ```text
//! page     id u64, flags u16, count u16, overflow u32, then elements
//! branch   element: pos u32, key length u32, child page u64
//! leaf     element: flags u32, pos u32, key length u32, value length u32; flag 1: the value is a bucket
//! bucket   root page u64, sequence u64, and when the root is 0 a leaf page of its own
//! meta     magic u32, version u32, page size u32, flags u32, root bucket, freelist u64, pages u64, transaction u64,
//!          FNV-1a of all before it u64
//! ```
//!
//! Integers are little-endian, `pos` counts from the element. Pages 0 and 1 are metas; the one of the newer
//! transaction that verifies counts. Nothing read is trusted: a damaged file is told, not followed.

use std::io::{Read, Seek, SeekFrom};

use bytes::Bytes;

use super::OfflineError;
use crate::backend::Table;
use crate::mvcc::{self, RecordKey};

pub(super) const KEY: &[u8] = b"key";
pub(super) const META: &[u8] = b"meta";
/// Where etcd keeps the version of its format.
pub(super) const STORAGE_VERSION: &[u8] = b"storageVersion";

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER_BYTES: usize = 16;
const META_BYTES: usize = 64;
const ELEMENT_BYTES: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const BUCKET: u32 = 1;

/// Page sizes are those of operating systems.
const PAGE_BYTES_MAX: u32 = 64 << 10;

/// A tree of pages with two children each and this depth would not fit on a disk.
const DEPTH_MAX: usize = 64;

/// Largest page with its overflow that is read at once. etcd takes requests of a few megabytes; a damaged length must
/// not ask for all memory.
const PAGE_RUN_BYTES_MAX: u64 = 1 << 30;

/// What is wrong with a file.
#[derive(Debug)]
pub(super) enum Problem {
    Read(std::io::Error),
    Damaged(String),
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged("it ends in the middle of a page"),
            _ => Problem::Read(error),
        }
    }
}

fn damaged(what: &str) -> Problem {
    Problem::Damaged(what.to_owned())
}

/// Takes the pairs of a bucket: key and value.
type EachPair<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), OfflineError> + 'a;

/// Takes what is in a leaf: its flags, key and value.
type EachElement<'a> = dyn FnMut(u32, &[u8], &[u8]) -> Result<(), Problem> + 'a;

/// Whether a file begins as bbolt's do.
pub(super) fn is_bolt(start: &[u8]) -> bool {
    Fields(start).u32(PAGE_HEADER_BYTES) == Some(MAGIC)
}

/// A bucket of the root.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) name: Vec<u8>,
    root: u64,
    /// The page of a bucket so small that it has none in the file.
    inline: Vec<u8>,
}

/// An open file.
pub(super) struct Bolt<'f, F> {
    file: &'f mut F,
    page_bytes: u64,
    pages: u64,
    root: u64,
    /// Pages read in one walk. A tree has each once; with more, pages name one another in a circle, and the walk would
    /// take longer than anybody waits.
    walked: u64,
}

impl<'f, F: Read + Seek> Bolt<'f, F> {
    /// Reads the metas of a file with so many bytes of data.
    pub(super) fn open(file: &'f mut F, data_bytes: u64) -> Result<Self, Problem> {
        let first = read_at(file, 0, PAGE_HEADER_BYTES + META_BYTES)?;
        // The first meta may be the torn one, but then its page size still stands in most cases; else the usual one.
        let told = Fields(&first).u32(PAGE_HEADER_BYTES + 8).unwrap_or_default();
        let page_bytes =
            if told.is_power_of_two() && (1024..=PAGE_BYTES_MAX).contains(&told) { told } else { 4096 };
        let second = read_at(file, u64::from(page_bytes), PAGE_HEADER_BYTES + META_BYTES)?;
        let newest = [Meta::parse(&first), Meta::parse(&second)]
            .into_iter()
            .flatten()
            .max_by_key(|meta| meta.transaction);
        let meta = newest.ok_or_else(|| damaged("neither of its two meta pages verifies"))?;
        let page_bytes = u64::from(meta.page_bytes);
        if meta.pages.checked_mul(page_bytes).is_none_or(|bytes| bytes > data_bytes) {
            return Err(damaged("it is shorter than its meta page says"));
        }
        Ok(Bolt { file, page_bytes, pages: meta.pages, root: meta.root, walked: 0 })
    }

    /// Bytes of the pages in use and free.
    pub(super) fn size(&self) -> u64 {
        self.pages * self.page_bytes
    }

    /// The buckets, by name.
    pub(super) fn buckets(&mut self) -> Result<Vec<Bucket>, Problem> {
        let mut buckets = Vec::new();
        self.walked = 0;
        self.walk(self.root, DEPTH_MAX, &mut |flags, name, value| {
            if flags & BUCKET == 0 {
                return Err(damaged("there is a pair outside all buckets"));
            }
            let root = Fields(value).u64(0).ok_or_else(|| damaged("a bucket is too short"))?;
            let inline = if root == 0 { value.get(16..).unwrap_or_default().to_vec() } else { Vec::new() };
            buckets.push(Bucket { name: name.to_vec(), root, inline });
            Ok(())
        })?;
        Ok(buckets)
    }

    /// Shows the pairs of a bucket in order.
    pub(super) fn each(&mut self, bucket: &Bucket, each: &mut EachPair<'_>) -> Result<(), OfflineError> {
        let mut stopped = None;
        self.walked = 0;
        let mut show = |flags: u32, key: &[u8], value: &[u8]| {
            if flags & BUCKET != 0 {
                return Err(damaged("there is a bucket inside a bucket"));
            }
            each(key, value).map_err(|error| {
                stopped = Some(error);
                damaged("stopped")
            })
        };
        let walked = match bucket.root {
            0 => leaf(&bucket.inline, &mut show),
            root => self.walk(root, DEPTH_MAX, &mut show),
        };
        match stopped {
            Some(error) => Err(error),
            None => Ok(walked?),
        }
    }

    fn walk(&mut self, page: u64, depth_left: usize, show: &mut EachElement<'_>) -> Result<(), Problem> {
        if depth_left == 0 {
            return Err(damaged("its tree has no end"));
        }
        let page = self.page(page)?;
        let fields = Fields(&page);
        match fields.u16(8) {
            Some(LEAF) => leaf(&page, show),
            Some(BRANCH) => {
                for index in 0..count(&page)? {
                    let element = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
                    let child = fields.u64(element + 8).ok_or_else(|| damaged("a branch page is cut"))?;
                    self.walk(child, depth_left - 1, show)?;
                }
                Ok(())
            }
            _ => Err(damaged("a page of the tree is neither branch nor leaf")),
        }
    }

    /// A page with what overflows it.
    fn page(&mut self, id: u64) -> Result<Vec<u8>, Problem> {
        if id >= self.pages {
            return Err(damaged("a page is outside the file"));
        }
        let at = id * self.page_bytes;
        let header = read_at(self.file, at, PAGE_HEADER_BYTES)?;
        let fields = Fields(&header);
        if fields.u64(0) != Some(id) {
            return Err(damaged("a page is not where it belongs"));
        }
        let overflow = u64::from(fields.u32(12).unwrap_or_default());
        let bytes = (overflow + 1) * self.page_bytes;
        if id + overflow >= self.pages || bytes > PAGE_RUN_BYTES_MAX {
            return Err(damaged("a page is longer than the file"));
        }
        self.walked += overflow + 1;
        if self.walked > self.pages {
            return Err(damaged("a page stands in its tree twice"));
        }
        read_at(self.file, at, bytes as usize)
    }
}

fn read_at<F: Read + Seek>(file: &mut F, offset: u64, count: usize) -> Result<Vec<u8>, Problem> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; count];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn count(page: &[u8]) -> Result<usize, Problem> {
    Fields(page).u16(10).map(usize::from).ok_or_else(|| damaged("a page is cut"))
}

fn leaf(page: &[u8], show: &mut EachElement<'_>) -> Result<(), Problem> {
    for index in 0..count(page)? {
        let at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
        let (flags, key, value) = element(page, at).ok_or_else(|| damaged("a pair is outside its page"))?;
        show(flags, key, value)?;
    }
    Ok(())
}

fn element(page: &[u8], at: usize) -> Option<(u32, &[u8], &[u8])> {
    let fields = Fields(page);
    let size = |offset: usize| fields.u32(at + offset).and_then(|size| usize::try_from(size).ok());
    let key_start = at.checked_add(size(4)?)?;
    let value_start = key_start.checked_add(size(8)?)?;
    let value_end = value_start.checked_add(size(12)?)?;
    Some((fields.u32(at)?, page.get(key_start..value_start)?, page.get(value_start..value_end)?))
}

struct Meta {
    page_bytes: u32,
    root: u64,
    pages: u64,
    transaction: u64,
}

impl Meta {
    /// Reads the meta behind a page header; none when it does not verify.
    fn parse(page: &[u8]) -> Option<Self> {
        let meta = page.get(PAGE_HEADER_BYTES..)?;
        let fields = Fields(meta);
        let checked = meta.get(..META_BYTES - 8)?;
        let is_whole =
            fields.u32(0)? == MAGIC && fields.u32(4)? == VERSION && fields.u64(56)? == fnv_1a(checked);
        let page_bytes = fields.u32(8)?;
        let sane = page_bytes.is_power_of_two() && page_bytes <= PAGE_BYTES_MAX;
        (is_whole && sane).then_some(Meta {
            page_bytes,
            root: fields.u64(16)?,
            pages: fields.u64(40)?,
            transaction: fields.u64(48)?,
        })
    }
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Little-endian numbers at offsets; none beyond the end.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        self.0.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.0.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn u64(&self, at: usize) -> Option<u64> {
        self.0.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }
}

/// A record as our backend keeps it.
type Converted = Option<(Table, Bytes, Bytes)>;

/// The record of ours that stands for one of etcd's; none for what is etcd's own affair.
pub(super) fn converted(bucket: &[u8], key: &[u8], value: &[u8]) -> Result<Converted, String> {
    let same = |table| Ok(Some((table, Bytes::copy_from_slice(key), Bytes::copy_from_slice(value))));
    match bucket {
        KEY => key_record(key, value),
        META => Ok(compaction_mark(key, value)),
        b"lease" => same(Table::Lease),
        b"alarm" => Ok(crate::alarm::stored(key).map(|stored| (Table::Alarm, stored.into(), Bytes::new()))),
        b"authUsers" => Ok(Some(auth_record(&crate::auth::user_key(&text(key)?), value))),
        b"authRoles" => Ok(Some(auth_record(&crate::auth::role_key(&text(key)?), value))),
        b"auth" => Ok(match key {
            b"authEnabled" => Some(auth_record(crate::auth::ENABLED_KEY, value)),
            b"authRevision" => Some(auth_record(crate::auth::REVISION_KEY, value)),
            _ => None,
        }),
        _ => Ok(None),
    }
}

fn text(name: &[u8]) -> Result<String, String> {
    String::from_utf8(name.to_vec()).map_err(|_| format!("a name is not text: {name:02x?}"))
}

fn auth_record(key: &[u8], value: &[u8]) -> (Table, Bytes, Bytes) {
    (Table::Auth, Bytes::copy_from_slice(key), Bytes::copy_from_slice(value))
}

/// Our records of deletions tell their revision too, because they are sent to watchers as they are. A record without a
/// key is what etcdutl leaves when it raises the revision; the compaction mark says the same.
fn key_record(key: &[u8], value: &[u8]) -> Result<Converted, String> {
    let (revision, is_tombstone) =
        RecordKey::parse(key).ok_or_else(|| format!("cannot parse revision key: {key:02x?}"))?;
    if value.is_empty() {
        return Ok(None);
    }
    let stored = match is_tombstone {
        false => Bytes::copy_from_slice(value),
        true => {
            let deleted = mvcc::record_key_of(value)
                .ok_or_else(|| format!("cannot unmarshal value, key: {key:02x?}"))?;
            mvcc::tombstone(deleted, revision.main)
        }
    };
    Ok(Some((Table::Key, Bytes::copy_from_slice(key), stored)))
}

/// etcd keeps whole revisions, of which the first half counts.
fn compaction_mark(key: &[u8], value: &[u8]) -> Converted {
    let name = match key {
        b"scheduledCompactRev" => mvcc::SCHEDULED_COMPACT,
        b"finishedCompactRev" => mvcc::FINISHED_COMPACT,
        _ => return None,
    };
    let main = value.first_chunk::<8>()?;
    Some((Table::Meta, Bytes::from_static(name), Bytes::copy_from_slice(main)))
}
