//! A file system in memory, for servers that keep nothing.
//!
//! Files are kept in chunks that exist once something is written to them, so a preallocated log costs no
//! memory before it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::{Io, IoFile, IoLock, OpenMode};

/// Granularity of memory, bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file system of its own, empty at first; clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryIo {
    tree: Arc<Mutex<Tree>>,
}

#[derive(Debug, Default)]
struct Tree {
    files: BTreeMap<PathBuf, Arc<MemoryFile>>,
    dirs: BTreeSet<PathBuf>,
    locked: BTreeSet<PathBuf>,
}

impl Io for MemoryIo {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn IoFile>> {
        let mut tree = self.tree.lock();
        match (tree.files.get(path), mode) {
            (Some(_), OpenMode::New) => Err(ErrorKind::AlreadyExists.into()),
            (Some(file), _) => Ok(Arc::clone(file) as Arc<dyn IoFile>),
            (None, OpenMode::Existing) => Err(ErrorKind::NotFound.into()),
            (None, _) => {
                let file = Arc::new(MemoryFile::default());
                tree.files.insert(path.to_owned(), Arc::clone(&file));
                Ok(file)
            }
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut tree = self.tree.lock();
        let file = tree.files.remove(from).ok_or(ErrorKind::NotFound)?;
        tree.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.tree.lock().files.remove(path).map(drop).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        let tree = self.tree.lock();
        Ok(tree.files.contains_key(path) || tree.dirs.contains(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let tree = self.tree.lock();
        let names: BTreeSet<String> = tree
            .files
            .keys()
            .chain(&tree.dirs)
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        Ok(names.into_iter().collect())
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        let mut tree = self.tree.lock();
        tree.dirs.extend(dir.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> Result<()> {
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn IoLock>> {
        if !self.tree.lock().locked.insert(path.to_owned()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(MemoryLock { tree: Arc::clone(&self.tree), path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct MemoryLock {
    tree: Arc<Mutex<Tree>>,
    path: PathBuf,
}

impl IoLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.tree.lock().locked.remove(&self.path);
    }
}

#[derive(Debug, Default)]
struct MemoryFile {
    content: RwLock<Content>,
}

#[derive(Debug, Default)]
struct Content {
    len: u64,
    chunks: BTreeMap<u64, Box<[u8]>>,
}

impl IoFile for MemoryFile {
    fn len(&self) -> Result<u64> {
        Ok(self.content.read().len)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let content = self.content.read();
        if end(offset, buffer.len())? > content.len {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for piece in pieces(offset, buffer.len()) {
            let target = &mut buffer[piece.at..piece.at + piece.len];
            match content.chunks.get(&piece.chunk) {
                Some(chunk) => target.copy_from_slice(&chunk[piece.within..piece.within + piece.len]),
                None => target.fill(0),
            }
        }
        Ok(())
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()> {
        let end = end(offset, data.len())?;
        let mut content = self.content.write();
        for piece in pieces(offset, data.len()) {
            let source = &data[piece.at..piece.at + piece.len];
            if source.iter().all(|byte| *byte == 0) && !content.chunks.contains_key(&piece.chunk) {
                continue;
            }
            let chunk = content.chunks.entry(piece.chunk).or_insert_with(|| vec![0; CHUNK_BYTES].into());
            chunk[piece.within..piece.within + piece.len].copy_from_slice(source);
        }
        content.len = content.len.max(end);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut content = self.content.write();
        if len < content.len {
            let first_gone = len.div_ceil(CHUNK_BYTES as u64);
            content.chunks.split_off(&first_gone);
            let within = (len % CHUNK_BYTES as u64) as usize;
            if let Some(chunk) = content.chunks.get_mut(&(len / CHUNK_BYTES as u64)) {
                chunk[within..].fill(0);
            }
        }
        content.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }
}

fn end(offset: u64, len: usize) -> Result<u64> {
    offset.checked_add(len as u64).ok_or_else(|| Error::from(ErrorKind::InvalidInput))
}

/// The part of a span that lies in one chunk.
struct Piece {
    chunk: u64,
    within: usize,
    /// Where the part begins in the span.
    at: usize,
    len: usize,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at == len {
            return None;
        }
        let position = offset + at as u64;
        let within = (position % CHUNK_BYTES as u64) as usize;
        let piece = Piece {
            chunk: position / CHUNK_BYTES as u64,
            within,
            at,
            len: (CHUNK_BYTES - within).min(len - at),
        };
        at += piece.len;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_file_reads_back_across_chunks() {
        let io = MemoryIo::default();
        let file = io.open(Path::new("/a"), OpenMode::New).unwrap();
        let data: Vec<u8> = (0..200_000_u32).map(|number| number as u8 | 1).collect();
        file.write_all_at(&data, 100).unwrap();
        let mut back = vec![9; data.len() + 100];
        file.read_exact_at(&mut back, 0).unwrap();
        assert!(back[..100].iter().all(|byte| *byte == 0));
        assert_eq!(back[100..], data);
        file.set_len(150).unwrap();
        file.set_len(1000).unwrap();
        let mut tail = vec![9; 850];
        file.read_exact_at(&mut tail, 150).unwrap();
        assert!(tail.iter().all(|byte| *byte == 0));
        assert_eq!(file.read_exact_at(&mut tail, 151).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn names_work_as_on_a_disk() {
        let io = MemoryIo::default();
        io.create_dir(Path::new("/d/e")).unwrap();
        io.open(Path::new("/d/x"), OpenMode::Any).unwrap();
        assert_eq!(io.list(Path::new("/d")).unwrap(), ["e", "x"]);
        io.rename(Path::new("/d/x"), Path::new("/d/y")).unwrap();
        assert!(!io.exists(Path::new("/d/x")).unwrap());
        let lock = io.lock(Path::new("/d/lock")).unwrap();
        assert_eq!(io.lock(Path::new("/d/lock")).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(lock);
        assert!(io.lock(Path::new("/d/lock")).is_ok());
        assert_eq!(io.open(Path::new("/d/x"), OpenMode::Existing).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
