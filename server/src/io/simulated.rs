//! A file system in memory that knows what was synced, for tests.
//!
//! Everything done to it is remembered as a journal of events. [`SimulatedIo::replay`] walks along that
//! journal, and at each point can produce the disk as a power loss there might leave it: what was synced
//! is there, and of what was not, any part that the caller chooses, writes also torn between sectors. A
//! name survives only when its directory was synced, whatever was synced of the file.
//!
//! It also fails on demand ([`SimulatedIo::fail`]): once, or from some operation on. After a failed sync
//! the bytes it was to save are gone, and a later sync does not save them, as on Linux.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Io, IoFile, IoLock, OpenMode};

/// Size of the unit that a disk writes whole or not at all, in bytes.
pub const SECTOR_BYTES: u64 = 512;

/// What a power loss leaves of a change that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Lost,
    /// All of it.
    Whole,
    /// Of a write, those sectors whose bit is set, counted from the first one it touches; sector 64 is
    /// bit 0 again. Changes that are not writes are atomic, and lost.
    Sectors(u64),
}

/// A change that was not synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsynced {
    /// The file or directory, under its present name; empty when it has none any more.
    pub path: PathBuf,
    /// Sectors a write touches; zero for other changes.
    pub sectors: u64,
}

/// An error to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Operations that still succeed.
    pub after: u64,
    /// What the operation then fails with; [`ErrorKind::StorageFull`] spares reads and syncs.
    pub kind: ErrorKind,
    /// Whether all operations behind it fail as well.
    pub for_good: bool,
}

/// The file system; clones share it.
#[derive(Clone, Debug, Default)]
pub struct SimulatedIo {
    disk: Arc<Mutex<Disk>>,
}

/// A walk along what was done to a file system. Begins before the first event.
#[derive(Debug)]
pub struct Replay {
    events: Vec<Event>,
    done: usize,
    files: Files,
}

#[derive(Debug, Default)]
struct Disk {
    files: Files,
    /// What the journal starts from.
    base: Files,
    journal: Vec<Event>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    failure: Option<Failure>,
}

type Inode = u64;

#[derive(Clone, Debug)]
enum Event {
    Change(Change),
    SyncFile(Inode),
    SyncDir(PathBuf),
    /// A sync that failed: what it was to save is never saved.
    Forget(Inode),
}

#[derive(Clone, Debug)]
enum Change {
    MakeDir(PathBuf),
    Create(PathBuf, Inode),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(Inode, u64, Arc<[u8]>),
    SetLen(Inode, u64),
}

/// What is visible, what is durable, and the changes between the two.
#[derive(Clone, Debug, Default)]
struct Files {
    now: Tree,
    durable: Tree,
    pending: Vec<Change>,
    next_inode: Inode,
}

#[derive(Clone, Debug, Default)]
struct Tree {
    dirs: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, Inode>,
    contents: BTreeMap<Inode, Vec<u8>>,
}

impl SimulatedIo {
    /// An empty file system.
    pub fn new() -> SimulatedIo {
        SimulatedIo::default()
    }

    fn with_tree(tree: Tree) -> SimulatedIo {
        let next_inode = tree.contents.keys().next_back().map_or(0, |inode| inode + 1);
        let files = Files { now: tree.clone(), durable: tree, pending: Vec::new(), next_inode };
        let disk = Disk { base: files.clone(), files, ..Disk::default() };
        SimulatedIo { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Number of events so far: compare with [`Replay::events`] to know what was done by then.
    pub fn events(&self) -> usize {
        self.disk.lock().journal.len()
    }

    /// Number of operations so far, those that [`SimulatedIo::fail`] counts.
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// Lets an operation to come fail. Replaces what was asked for before.
    pub fn fail(&self, failure: Failure) {
        self.disk.lock().failure = Some(failure);
    }

    /// Lets everything succeed again.
    pub fn heal(&self) {
        self.disk.lock().failure = None;
    }

    /// Walks along everything done so far.
    pub fn replay(&self) -> Replay {
        let disk = self.disk.lock();
        Replay { events: disk.journal.clone(), done: 0, files: disk.base.clone() }
    }

    /// The disk after a power loss now. `survives` is asked for each change that was not synced, oldest
    /// first.
    pub fn crash(&self, survives: impl FnMut(usize, &Unsynced) -> Survival) -> SimulatedIo {
        self.disk.lock().files.crash(survives)
    }

    /// What was not synced, oldest first.
    pub fn unsynced(&self) -> Vec<Unsynced> {
        self.disk.lock().files.unsynced()
    }

    /// The bytes of a file as they are visible now; none when there is no such file.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk.lock();
        let inode = disk.files.now.names.get(path)?;
        disk.files.now.contents.get(inode).cloned()
    }

    /// Changes the bytes of a file behind everybody's back, durably. Nothing happens when there is no
    /// such file.
    pub fn corrupt(&self, path: &Path, change: impl Fn(&mut Vec<u8>)) {
        let mut disk = self.disk.lock();
        let files = &mut disk.files;
        let Some(inode) = files.now.names.get(path).copied() else {
            return;
        };
        for tree in [&mut files.now, &mut files.durable] {
            if let Some(contents) = tree.contents.get_mut(&inode) {
                change(contents);
            }
        }
    }
}

impl Replay {
    /// Goes one event further; false at the end.
    pub fn step(&mut self) -> bool {
        let Some(event) = self.events.get(self.done) else {
            return false;
        };
        self.files.perform(event.clone());
        self.done += 1;
        true
    }

    /// Number of events behind.
    pub fn events(&self) -> usize {
        self.done
    }

    /// As [`SimulatedIo::unsynced`], at this point.
    pub fn unsynced(&self) -> Vec<Unsynced> {
        self.files.unsynced()
    }

    /// As [`SimulatedIo::crash`], at this point.
    pub fn crash(&self, survives: impl FnMut(usize, &Unsynced) -> Survival) -> SimulatedIo {
        self.files.crash(survives)
    }
}

impl Files {
    fn perform(&mut self, event: Event) {
        match event {
            Event::Change(change) => {
                if let Change::Create(_, inode) = &change {
                    self.next_inode = self.next_inode.max(inode + 1);
                    // The inode is there at once, empty; only its name waits for a sync.
                    self.durable.contents.insert(*inode, Vec::new());
                }
                self.now.apply(&change, u64::MAX);
                self.pending.push(change);
            }
            Event::SyncFile(inode) => self.save(|change| change.inode() == Some(inode)),
            Event::SyncDir(dir) => self.save(|change| change.dir() == Some(&dir)),
            Event::Forget(inode) => self.pending.retain(|change| change.inode() != Some(inode)),
        }
    }

    fn save(&mut self, which: impl Fn(&Change) -> bool) {
        let (saved, pending) = std::mem::take(&mut self.pending).into_iter().partition(which);
        self.pending = pending;
        let saved: Vec<Change> = saved;
        for change in saved {
            self.durable.apply(&change, u64::MAX);
        }
    }

    fn unsynced(&self) -> Vec<Unsynced> {
        self.pending.iter().map(|change| self.describe(change)).collect()
    }

    fn describe(&self, change: &Change) -> Unsynced {
        let name = |inode: &Inode| {
            let named = self.now.names.iter().find(|(_, other)| *other == inode);
            named.map(|(path, _)| path.clone()).unwrap_or_default()
        };
        match change {
            Change::MakeDir(path) | Change::Create(path, _) | Change::Remove(path) => {
                Unsynced { path: path.clone(), sectors: 0 }
            }
            Change::Rename(_, to) => Unsynced { path: to.clone(), sectors: 0 },
            Change::SetLen(inode, _) => Unsynced { path: name(inode), sectors: 0 },
            Change::Write(inode, offset, data) => {
                let last = offset + (data.len() as u64).max(1) - 1;
                Unsynced { path: name(inode), sectors: last / SECTOR_BYTES - offset / SECTOR_BYTES + 1 }
            }
        }
    }

    fn crash(&self, mut survives: impl FnMut(usize, &Unsynced) -> Survival) -> SimulatedIo {
        let mut tree = self.durable.clone();
        for (order, change) in self.pending.iter().enumerate() {
            match survives(order, &self.describe(change)) {
                Survival::Lost => {}
                Survival::Whole => tree.apply(change, u64::MAX),
                Survival::Sectors(sectors) if matches!(change, Change::Write(..)) => {
                    tree.apply(change, sectors);
                }
                Survival::Sectors(_) => {}
            }
        }
        let Tree { dirs, names, contents } = &mut tree;
        names.retain(|path, _| path.parent().is_none_or(|dir| dirs.contains(dir)));
        let named: BTreeSet<Inode> = names.values().copied().collect();
        contents.retain(|inode, _| named.contains(inode));
        SimulatedIo::with_tree(tree)
    }
}

impl Change {
    /// The file whose sync saves the change.
    fn inode(&self) -> Option<Inode> {
        match self {
            Change::Write(inode, ..) | Change::SetLen(inode, _) => Some(*inode),
            _ => None,
        }
    }

    /// The directory whose sync saves the change.
    fn dir(&self) -> Option<&Path> {
        match self {
            Change::MakeDir(path)
            | Change::Create(path, _)
            | Change::Remove(path)
            | Change::Rename(_, path) => path.parent(),
            Change::Write(..) | Change::SetLen(..) => None,
        }
    }
}

impl Tree {
    /// Applies a change; of a write only the sectors with a bit set.
    fn apply(&mut self, change: &Change, sectors: u64) {
        match change {
            Change::MakeDir(path) => {
                self.dirs.insert(path.clone());
            }
            Change::Create(path, inode) => {
                self.names.insert(path.clone(), *inode);
                self.contents.entry(*inode).or_default();
            }
            Change::Remove(path) => {
                self.names.remove(path);
            }
            Change::Rename(from, to) => {
                if let Some(inode) = self.names.remove(from) {
                    self.names.insert(to.clone(), inode);
                }
            }
            Change::SetLen(inode, len) => {
                self.contents.entry(*inode).or_default().resize(*len as usize, 0);
            }
            Change::Write(inode, offset, data) => {
                let contents = self.contents.entry(*inode).or_default();
                write_sectors(contents, *offset, data, sectors);
            }
        }
    }
}

fn write_sectors(contents: &mut Vec<u8>, offset: u64, data: &[u8], sectors: u64) {
    let first = offset / SECTOR_BYTES;
    let end = offset + data.len() as u64;
    let mut at = offset;
    while at < end {
        let sector = at / SECTOR_BYTES;
        let upto = end.min((sector + 1) * SECTOR_BYTES);
        if sectors == u64::MAX || sectors & (1 << ((sector - first) % 64)) != 0 {
            if contents.len() < upto as usize {
                contents.resize(upto as usize, 0);
            }
            let piece = &data[(at - offset) as usize..(upto - offset) as usize];
            contents[at as usize..upto as usize].copy_from_slice(piece);
        }
        at = upto;
    }
}

/// Whether an operation needs space on the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Space,
    NoSpace,
}

impl Disk {
    /// Counts an operation, which fails when its time has come.
    fn operate(&mut self, needs: Needs) -> Result<()> {
        self.operations += 1;
        let Some(failure) = &mut self.failure else {
            return Ok(());
        };
        if failure.after > 0 {
            failure.after -= 1;
            return Ok(());
        }
        if failure.kind == ErrorKind::StorageFull && needs == Needs::NoSpace {
            return Ok(());
        }
        let error = Error::new(failure.kind, "simulated");
        if !failure.for_good {
            self.failure = None;
        }
        Err(error)
    }

    fn perform(&mut self, event: Event) {
        self.files.perform(event.clone());
        self.journal.push(event);
    }

    fn change(&mut self, change: Change) {
        self.perform(Event::Change(change));
    }

    fn inode(&self, path: &Path) -> Result<Inode> {
        self.files.now.names.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Io for SimulatedIo {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn IoFile>> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::Space)?;
        let inode = match (disk.inode(path), mode) {
            (Ok(_), OpenMode::New) => return Err(ErrorKind::AlreadyExists.into()),
            (Err(error), OpenMode::Existing) => return Err(error),
            (Ok(inode), _) => inode,
            (Err(_), _) => {
                if path.parent().is_some_and(|dir| !disk.files.now.dirs.contains(dir)) {
                    return Err(ErrorKind::NotFound.into());
                }
                let inode = disk.files.next_inode;
                disk.change(Change::Create(path.into(), inode));
                inode
            }
        };
        Ok(Arc::new(SimulatedFile { disk: self.disk.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::Space)?;
        disk.inode(from)?;
        disk.change(Change::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::NoSpace)?;
        disk.inode(path)?;
        disk.change(Change::Remove(path.into()));
        Ok(())
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        let disk = self.disk.lock();
        Ok(disk.files.now.names.contains_key(path) || disk.files.now.dirs.contains(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<String>> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::NoSpace)?;
        let now = &disk.files.now;
        if !now.dirs.contains(dir) {
            return Err(ErrorKind::NotFound.into());
        }
        let mut names: Vec<String> = now
            .names
            .keys()
            .chain(&now.dirs)
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::Space)?;
        // The root, or the working directory, is always there.
        let mut missing: Vec<&Path> = dir
            .ancestors()
            .take_while(|dir| {
                dir.parent().is_some() && !dir.as_os_str().is_empty() && !disk.files.now.dirs.contains(*dir)
            })
            .collect();
        while let Some(dir) = missing.pop() {
            disk.change(Change::MakeDir(dir.into()));
            if let Some(parent) = dir.parent() {
                disk.perform(Event::SyncDir(parent.into()));
            }
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::NoSpace)?;
        disk.perform(Event::SyncDir(dir.into()));
        Ok(())
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn IoLock>> {
        self.open(path, OpenMode::Any)?;
        let mut disk = self.disk.lock();
        if !disk.locked.insert(path.into()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimulatedLock { disk: self.disk.clone(), path: path.into() }))
    }
}

#[derive(Debug)]
struct SimulatedLock {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
}

impl IoLock for SimulatedLock {}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.lock().locked.remove(&self.path);
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: Arc<Mutex<Disk>>,
    inode: Inode,
}

impl SimulatedFile {
    fn sync(&self) -> Result<()> {
        let mut disk = self.disk.lock();
        match disk.operate(Needs::NoSpace) {
            Ok(()) => {
                disk.perform(Event::SyncFile(self.inode));
                Ok(())
            }
            Err(error) => {
                disk.perform(Event::Forget(self.inode));
                Err(error)
            }
        }
    }
}

impl IoFile for SimulatedFile {
    fn len(&self) -> Result<u64> {
        let disk = self.disk.lock();
        Ok(disk.files.now.contents.get(&self.inode).map_or(0, |contents| contents.len() as u64))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::NoSpace)?;
        let contents = disk.files.now.contents.get(&self.inode).map_or(&[][..], Vec::as_slice);
        let offset = offset as usize;
        let piece = contents.get(offset..offset + buffer.len()).ok_or(ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(piece);
        Ok(())
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::Space)?;
        disk.change(Change::Write(self.inode, offset, data.into()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut disk = self.disk.lock();
        disk.operate(Needs::Space)?;
        disk.change(Change::SetLen(self.inode, len));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> Result<()> {
        self.sync()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn written(io: &SimulatedIo, synced: bool) -> PathBuf {
        let path = PathBuf::from("/data/a");
        io.create_dir(Path::new("/data")).unwrap();
        let file = io.open(&path, OpenMode::New).unwrap();
        file.write_all_at(&[1; 1024], 0).unwrap();
        if synced {
            file.sync_data().unwrap();
            io.sync_dir(Path::new("/data")).unwrap();
        }
        path
    }

    #[test]
    fn a_power_loss_takes_what_was_not_synced() {
        let io = SimulatedIo::new();
        let path = written(&io, true);
        io.open(&path, OpenMode::Existing).unwrap().write_all_at(&[2; 1024], 0).unwrap();
        assert_eq!(io.contents(&path).unwrap(), [2; 1024]);
        let after = io.crash(|_, _| Survival::Lost);
        assert_eq!(after.contents(&path).unwrap(), [1; 1024]);
    }

    #[test]
    fn a_name_is_lost_when_its_directory_was_not_synced() {
        let io = SimulatedIo::new();
        let path = written(&io, false);
        io.open(&path, OpenMode::Existing).unwrap().sync_data().unwrap();
        assert!(io.crash(|_, _| Survival::Lost).contents(&path).is_none());
        assert_eq!(io.crash(|_, _| Survival::Whole).contents(&path).unwrap(), [1; 1024]);
    }

    #[test]
    fn a_torn_write_leaves_whole_sectors() {
        let io = SimulatedIo::new();
        let path = written(&io, true);
        io.open(&path, OpenMode::Existing).unwrap().write_all_at(&[2; 600], 300).unwrap();
        let after = io.crash(|_, _| Survival::Sectors(0b10)).contents(&path).unwrap();
        assert_eq!(after[..512], [1; 512]);
        assert_eq!(after[512..900], [2; 388]);
        assert_eq!(after[900..], [1; 124]);
    }

    #[test]
    fn bytes_of_a_failed_sync_stay_lost_although_a_later_sync_succeeds() {
        let io = SimulatedIo::new();
        let path = written(&io, true);
        let file = io.open(&path, OpenMode::Existing).unwrap();
        file.write_all_at(&[2; 8], 0).unwrap();
        io.fail(Failure { after: 0, kind: ErrorKind::Other, for_good: false });
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        assert_eq!(io.crash(|_, _| Survival::Whole).contents(&path).unwrap(), [1; 1024]);
    }
}
