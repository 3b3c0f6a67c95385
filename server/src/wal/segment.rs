//! One file of the log: its name, and reading its records one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::WalError;
use super::record::{HEADER_BYTES, Header};
use crate::io::IoFile;

const SUFFIX: &str = ".wal";

/// The path of a segment. Segments are numbered from 1 without gaps.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016x}{SUFFIX}"))
}

/// The number in the name of a segment; none when the name is not that of a segment.
pub(super) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    if digits.len() != 16 {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

/// A segment that entries are read from.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn IoFile>,
    /// Highest index of the entries ever written to it; zero when there are none.
    pub(super) index_max: u64,
}

/// Reads ahead in pieces of this size, in bytes: large enough that recovery is bound by the disk, small
/// enough not to show in the memory of a starting server.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// A window over a file that only moves forward.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    segment: u64,
    path: &'a Path,
    file: &'a dyn IoFile,
    len: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(segment: u64, path: &'a Path, file: &'a dyn IoFile) -> Result<Scanner<'a>, WalError> {
        let len = file.len().map_err(WalError::io("read the length of", path))?;
        Ok(Scanner { segment, path, file, len, window: Vec::new(), window_start: 0 })
    }

    pub(super) fn file(&self) -> &dyn IoFile {
        self.file
    }

    pub(super) fn path(&self) -> &Path {
        self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes at `offset`, at most `count`; fewer only at the end of the file.
    pub(super) fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8], WalError> {
        let count = count.min(self.len.saturating_sub(offset).try_into().unwrap_or(usize::MAX));
        let window_end = self.window_start + self.window.len() as u64;
        if offset < self.window_start || offset + count as u64 > window_end {
            let ahead = count.max(READ_AHEAD_BYTES).min((self.len - offset) as usize);
            self.window.resize(ahead, 0);
            self.file.read_exact_at(&mut self.window, offset).map_err(WalError::io("read", self.path))?;
            self.window_start = offset;
        }
        let start = (offset - self.window_start) as usize;
        Ok(&self.window[start..start + count])
    }

    /// The header at `offset`; none when no valid one is there.
    pub(super) fn header(&mut self, offset: u64) -> Result<Option<Header>, WalError> {
        let segment = self.segment;
        let bytes = self.bytes(offset, HEADER_BYTES)?;
        Ok(bytes.first_chunk().and_then(|bytes| Header::parse(bytes, segment, offset)))
    }

    /// The record at `offset`, header and payload; none when no valid one is there.
    pub(super) fn record(&mut self, offset: u64) -> Result<Option<(Header, &[u8])>, WalError> {
        let Some(header) = self.header(offset)? else {
            return Ok(None);
        };
        // Checked before memory is taken for it.
        if header.record_len() as u64 > self.len - offset {
            return Ok(None);
        }
        let record = self.bytes(offset, header.record_len())?;
        Ok(header.verifies(record).then_some((header, record)))
    }

    /// The first byte from `offset` on that is not zero; none when there are only zeros.
    pub(super) fn next_nonzero(&mut self, mut offset: u64) -> Result<Option<u64>, WalError> {
        while offset < self.len {
            let window_end = self.window_start + self.window.len() as u64;
            let count = match window_end.checked_sub(offset) {
                Some(rest) if rest > 0 && offset >= self.window_start => rest as usize,
                _ => READ_AHEAD_BYTES,
            };
            let bytes = self.bytes(offset, count)?;
            // Comparing whole pieces first lets the compiler use wide instructions: the unwritten rest
            // of a segment is read at every start.
            if bytes.iter().fold(0, |all, byte| all | byte) != 0 {
                let position = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
                return Ok(Some(offset + position as u64));
            }
            offset += bytes.len() as u64;
        }
        Ok(None)
    }
}
