//! The file system of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Io, IoFile, IoLock, OpenMode};
use crate::platform;

/// Files on the real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskIo;

impl Io for DiskIo {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn IoFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match mode {
            OpenMode::Existing => {}
            OpenMode::New => {
                options.create_new(true);
            }
            OpenMode::Any => {
                options.create(true).truncate(false);
            }
        }
        platform::owner_only(&mut options);
        Ok(Arc::new(DiskFile { file: options.open(path)?, direct: Mutex::new(Direct::Untried) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path)
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        path.try_exists()
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        if dir.is_dir() {
            return Ok(());
        }
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent {
            self.create_dir(parent)?;
        }
        match platform::create_private_dir(dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.sync_dir(parent.unwrap_or(Path::new("."))),
        }
    }

    fn dir_mode_if_wide(&self, dir: &Path) -> Result<Option<u32>> {
        platform::dir_mode_if_wide(dir)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        platform::sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn IoLock>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        platform::owner_only(&mut options);
        let file = options.open(path)?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => Ok(Box::new(DiskLock { _file: file })),
            Err(fs4::TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(fs4::TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct DiskLock {
    /// The operating system releases the lock when the descriptor closes, also when the process is killed.
    _file: File,
}

impl IoLock for DiskLock {}

#[derive(Debug)]
struct DiskFile {
    file: File,
    direct: Mutex<Direct>,
}

/// The same file, past the cache of the operating system.
#[derive(Debug)]
enum Direct {
    Untried,
    /// With a buffer for what is written.
    Open(File, Vec<u8>),
    /// The file system cannot do it.
    Refused,
}

impl Direct {
    /// Bytes of which positions, lengths and buffers are multiples. Disks want 512 or 4096.
    const BLOCK: usize = 4096;

    /// False when it has to be written in the usual way.
    fn write(&mut self, file: &File, data: &[u8], offset: u64) -> Result<bool> {
        if !data.len().is_multiple_of(Self::BLOCK) || !offset.is_multiple_of(Self::BLOCK as u64) {
            return Ok(false);
        }
        if let Direct::Untried = self {
            let opened = platform::open_direct(file);
            *self = opened.map_or(Direct::Refused, |file| Direct::Open(file, Vec::new()));
        }
        let Direct::Open(direct, buffer) = self else { return Ok(false) };
        buffer.resize(buffer.len().max(data.len() + Self::BLOCK), 0);
        let begin = buffer.as_ptr().align_offset(Self::BLOCK);
        let aligned = &mut buffer[begin..begin + data.len()];
        aligned.copy_from_slice(data);
        match platform::write_all_at(direct, aligned, offset) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                *self = Direct::Refused;
                Ok(false)
            }
            written => written.map(|()| true),
        }
    }
}

impl IoFile for DiskFile {
    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        platform::read_exact_at(&self.file, buffer, offset)
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()> {
        platform::write_all_at(&self.file, data, offset)
    }

    fn write_past_cache(&self, data: &[u8], offset: u64) -> Result<()> {
        if self.direct.lock().write(&self.file, data, offset)? {
            Ok(())
        } else {
            self.write_all_at(data, offset)
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> Result<()> {
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_second_lock_on_the_same_file_is_refused_until_the_first_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = DiskIo.lock(&path).unwrap();
        assert_eq!(DiskIo.lock(&path).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(first);
        DiskIo.lock(&path).unwrap();
    }

    #[test]
    fn written_bytes_are_read_back_and_reading_past_the_end_fails() {
        let dir = tempfile::tempdir().unwrap();
        let nested = dir.path().join("member/wal");
        DiskIo.create_dir(&nested).unwrap();
        let file = DiskIo.open(&nested.join("a"), OpenMode::New).unwrap();
        file.write_all_at(b"world", 6).unwrap();
        file.write_all_at(b"hello ", 0).unwrap();
        file.sync_data().unwrap();
        let mut buffer = [0; 11];
        file.read_exact_at(&mut buffer, 0).unwrap();
        assert_eq!(&buffer, b"hello world");
        assert_eq!(file.read_exact_at(&mut buffer, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(DiskIo.list(&nested).unwrap(), ["a"]);
        assert_eq!(
            DiskIo.open(&nested.join("a"), OpenMode::New).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(
            DiskIo.open(&nested.join("b"), OpenMode::Existing).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
