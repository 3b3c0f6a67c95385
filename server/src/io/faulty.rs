//! A file system that fails and stalls on demand, around another one: for tests of running members.
//!
//! [`super::simulated`] is exact and lives in one process with its test. This one is for members that are processes of
//! their own: the program puts it around the real disk when a test says so, see `cli/src/server/fail_points.rs`.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{Io, IoFile, IoLock, OpenMode};

/// What is wrong with the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Nothing is written, with this error.
    pub writes_fail: Option<ErrorKind>,
    /// Nothing is synced, with this error.
    pub syncs_fail: Option<ErrorKind>,
    /// A sync takes so much longer.
    pub sync_pause: Duration,
}

impl Faults {
    fn write(self) -> Result<()> {
        self.writes_fail.map_or(Ok(()), |kind| Err(Error::new(kind, "a test lets writes fail")))
    }

    fn sync(self) -> Result<()> {
        std::thread::sleep(self.sync_pause);
        self.syncs_fail.map_or(Ok(()), |kind| Err(Error::new(kind, "a test lets syncs fail")))
    }
}

#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Faults>>);

impl Shared {
    fn now(&self) -> Faults {
        *self.0.lock()
    }
}

/// The file system; clones share what is wrong with it.
#[derive(Clone, Debug)]
pub struct FaultyIo {
    inner: Arc<dyn Io>,
    faults: Shared,
}

impl FaultyIo {
    /// Around this file system, with nothing wrong yet.
    pub fn around(inner: Arc<dyn Io>) -> Self {
        FaultyIo { inner, faults: Shared::default() }
    }

    /// What is wrong from now on.
    pub fn set(&self, faults: Faults) {
        *self.faults.0.lock() = faults;
    }
}

impl Io for FaultyIo {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn IoFile>> {
        if mode != OpenMode::Existing {
            self.faults.now().write()?;
        }
        let file = self.inner.open(path, mode)?;
        Ok(Arc::new(FaultyFile { file, faults: self.faults.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.faults.now().write()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.inner.remove(path)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        self.inner.exists(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        self.inner.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        self.faults.now().write()?;
        self.inner.create_dir(dir)
    }

    fn dir_mode_if_wide(&self, dir: &Path) -> Result<Option<u32>> {
        self.inner.dir_mode_if_wide(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.faults.now().sync()?;
        self.inner.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn IoLock>> {
        self.inner.lock(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn IoFile>,
    faults: Shared,
}

impl IoFile for FaultyFile {
    fn len(&self) -> Result<u64> {
        self.file.len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()> {
        self.faults.now().write()?;
        self.file.write_all_at(data, offset)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.faults.now().write()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.faults.now().sync()?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> Result<()> {
        self.faults.now().sync()?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::memory::MemoryIo;
    use super::*;

    #[test]
    fn what_is_wrong_is_wrong_with_open_files_too_and_ends() {
        let io = FaultyIo::around(Arc::new(MemoryIo::default()));
        io.create_dir(Path::new("/d")).unwrap();
        let file = io.open(Path::new("/d/a"), OpenMode::New).unwrap();
        io.set(Faults { writes_fail: Some(ErrorKind::StorageFull), ..Faults::default() });
        assert_eq!(file.write_all_at(b"a", 0).unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(io.open(Path::new("/d/b"), OpenMode::New).is_err());
        file.sync_data().unwrap();
        io.set(Faults { syncs_fail: Some(ErrorKind::Other), ..Faults::default() });
        file.write_all_at(b"a", 0).unwrap();
        assert!(file.sync_data().is_err());
        io.set(Faults::default());
        file.sync_data().unwrap();
    }
}
