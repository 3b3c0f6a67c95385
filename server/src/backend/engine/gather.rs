//! A file whose writes wait to become long ones.
//!
//! An engine writes page by page, in no order. While a new file is filled nothing of it has to last before all of it
//! does, so its pages wait until many lie side by side. They go to the disk in long runs, past the cache of the operating
//! system, which keeps what is in use: the file has just come from another member, and is read little by little.

use std::collections::BTreeMap;
use std::io::Result;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::io::IoFile;

/// Bytes that wait at most.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// Bytes of one write at most.
const RUN_BYTES_MAX: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct GatheringFile {
    file: Arc<dyn IoFile>,
    waiting: Mutex<Waiting>,
}

/// What was written and is not in the file yet, by its position; no two overlap.
#[derive(Debug, Default)]
struct Waiting {
    pages: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
}

impl Waiting {
    /// The page that lies exactly there. What only overlaps it is written, so that nothing of it waits any more.
    fn page(&mut self, offset: u64, len: usize, file: &dyn IoFile) -> Result<Option<&mut Vec<u8>>> {
        let waits = self.pages.get(&offset).is_some_and(|page| page.len() == len);
        if !waits && self.overlaps(offset, len) {
            self.write_to(file)?;
        }
        Ok(self.pages.get_mut(&offset))
    }

    fn overlaps(&self, offset: u64, len: usize) -> bool {
        let before = self.pages.range(..offset + len as u64).next_back();
        before.is_some_and(|(at, page)| at + page.len() as u64 > offset)
    }

    fn write_to(&mut self, file: &dyn IoFile) -> Result<()> {
        self.bytes = 0;
        let mut pages = std::mem::take(&mut self.pages).into_iter();
        let Some((mut begins, mut run)) = pages.next() else { return Ok(()) };
        for (offset, page) in pages {
            let follows = offset == begins + run.len() as u64 && run.len() + page.len() <= RUN_BYTES_MAX;
            if !follows {
                file.write_past_cache(&run, begins)?;
                begins = offset;
                run.clear();
            }
            run.extend_from_slice(&page);
        }
        file.write_past_cache(&run, begins)
    }
}

impl GatheringFile {
    pub(super) fn over(file: Arc<dyn IoFile>) -> Self {
        GatheringFile { file, waiting: Mutex::default() }
    }

    fn write_waiting(&self) -> Result<()> {
        self.waiting.lock().write_to(self.file.as_ref())
    }
}

impl IoFile for GatheringFile {
    fn len(&self) -> Result<u64> {
        self.write_waiting()?;
        self.file.len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut waiting = self.waiting.lock();
        if let Some(page) = waiting.page(offset, buffer.len(), self.file.as_ref())? {
            buffer.copy_from_slice(page);
            return Ok(());
        }
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()> {
        let mut waiting = self.waiting.lock();
        if let Some(page) = waiting.page(offset, data.len(), self.file.as_ref())? {
            page.copy_from_slice(data);
            return Ok(());
        }
        waiting.pages.insert(offset, data.to_vec());
        waiting.bytes += data.len();
        if waiting.bytes >= WAITING_BYTES_MAX { waiting.write_to(self.file.as_ref()) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.write_waiting()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.write_waiting()?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> Result<()> {
        self.write_waiting()?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::io::disk::DiskIo;
    use crate::io::{Io, OpenMode};

    /// Pages, parts of pages, reads and changes of the length, in any order, beside the same in memory.
    #[test]
    fn it_reads_as_written_whatever_waits() {
        const LEN: usize = 64 << 12;
        let dir = tempfile::tempdir().unwrap();
        let open = |path: &Path| DiskIo.open(path, OpenMode::Any).unwrap();
        let path = dir.path().join("file");
        let gathering = GatheringFile::over(open(&path));
        gathering.set_len(LEN as u64).unwrap();
        let mut expected = vec![0; LEN];
        let mut random = rand::rngs::SmallRng::seed_from_u64(7);
        for step in 0..20_000_u32 {
            let pages = 1 << random.random_range(0..3);
            let whole = random.random_ratio(9, 10);
            let (offset, len) = match whole {
                true => (random.random_range(0..=64 - pages) << 12, pages << 12),
                false => {
                    let offset = random.random_range(0..LEN);
                    (offset, random.random_range(0..=LEN - offset))
                }
            };
            if random.random_ratio(1, 2) {
                let data = vec![step as u8; len];
                gathering.write_all_at(&data, offset as u64).unwrap();
                expected[offset..offset + len].copy_from_slice(&data);
            } else {
                let mut read = vec![0; len];
                gathering.read_exact_at(&mut read, offset as u64).unwrap();
                assert!(read == expected[offset..offset + len], "step {step}: {len} bytes at {offset}");
            }
        }
        gathering.sync_data().unwrap();
        assert!(std::fs::read(&path).unwrap() == expected);
    }
}
