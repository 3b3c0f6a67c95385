//! The next segment, made ready while the current one fills.
//!
//! Overwriting bytes that are already there syncs half again as fast as appending, because no metadata
//! changes; and to be there they must have been written, since space that is only reserved is converted
//! at the first write. So a thread of its own writes zeros to the next segment, a piece at a time, in
//! step with the filling of the current one, and deletes segments that are no longer needed, which takes
//! a file system milliseconds. The log goes on without it: a segment that is not ready is only slower.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::WalError;
use crate::io::{Io, IoFile, OpenMode};
use crate::sync::{Condvar, Mutex};

/// Ends the name of a segment that is not part of the log yet.
pub(super) const SUFFIX: &str = ".tmp";

/// Zeros written between two syncs, in bytes: a sync of the log waits for at most about this much.
const PIECE_BYTES: u64 = 1 << 20;

/// Size of one write of zeros, in bytes.
const WRITE_BYTES: usize = 64 << 10;

static ZEROS: [u8; WRITE_BYTES] = [0; WRITE_BYTES];

pub(super) fn write_zeros(file: &dyn IoFile, mut start: u64, end: u64) -> std::io::Result<()> {
    while start < end {
        let count = (end - start).min(WRITE_BYTES as u64);
        file.write_all_at(&ZEROS[..count as usize], start)?;
        start += count;
    }
    Ok(())
}

#[derive(Debug)]
struct Work {
    /// Length up to which the next segment is to be zeroed; zero while none is wanted.
    wanted: u64,
    /// The next segment and the length up to which it is zeroed. Taken out while it is worked on.
    ready: Option<Prepared>,
    busy: bool,
    /// Preparing failed; the next segment is made by the writer, which can report it.
    failed: bool,
    doomed: Vec<PathBuf>,
    closed: bool,
}

#[derive(Debug)]
struct Prepared {
    file: Arc<dyn IoFile>,
    zeroed: u64,
}

#[derive(Debug)]
struct Shared {
    io: Arc<dyn Io>,
    dir: PathBuf,
    path: PathBuf,
    work: Mutex<Work>,
    changed: Condvar,
}

/// Makes segments and deletes them.
#[derive(Debug)]
pub(super) struct Preparer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    pub(super) fn start(io: Arc<dyn Io>, dir: &Path) -> std::io::Result<Preparer> {
        let shared = Arc::new(Shared {
            io,
            dir: dir.into(),
            path: dir.join(format!("next{SUFFIX}")),
            work: Mutex::new(Work {
                wanted: 0,
                ready: None,
                busy: false,
                failed: false,
                doomed: Vec::new(),
                closed: false,
            }),
            changed: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("wal-prepare".into()).spawn({
            let shared = shared.clone();
            move || shared.run()
        })?;
        Ok(Preparer { shared, thread: Some(thread) })
    }

    /// Wants the next segment zeroed up to this length.
    pub(super) fn want(&self, length: u64) {
        let mut work = self.shared.work.lock();
        if length > work.wanted {
            work.wanted = length;
            self.shared.changed.notify_all();
        }
    }

    /// Deletes a segment when there is time.
    pub(super) fn delete(&self, path: PathBuf) {
        self.shared.work.lock().doomed.push(path);
        self.shared.changed.notify_all();
    }

    /// Hands out the next segment under its final name, zeroed up to at least `length_min` bytes. The
    /// name is durable when this returns.
    pub(super) fn take(&self, path: &Path, length_min: u64) -> Result<Arc<dyn IoFile>, WalError> {
        let mut work = self.shared.work.lock();
        while work.busy {
            self.shared.changed.wait(&mut work);
        }
        work.wanted = 0;
        work.failed = false;
        let prepared = work.ready.take();
        drop(work);

        let prepared = match prepared {
            Some(prepared) => prepared,
            None => self.shared.create().map_err(WalError::io("create", &self.shared.path))?,
        };
        if prepared.zeroed < length_min {
            write_zeros(prepared.file.as_ref(), prepared.zeroed, length_min)
                .and_then(|()| prepared.file.sync_all())
                .map_err(WalError::io("fill", &self.shared.path))?;
        }
        self.shared.io.rename(&self.shared.path, path).map_err(WalError::io("create", path))?;
        self.shared.io.sync_dir(&self.shared.dir).map_err(WalError::io("sync", &self.shared.dir))?;
        Ok(prepared.file)
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        self.shared.work.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that prepares log segments panicked");
        }
    }
}

enum Step {
    Delete(Vec<PathBuf>),
    Zero(Option<Prepared>, u64),
}

impl Shared {
    fn run(&self) {
        while let Some(step) = self.next_step() {
            match step {
                Step::Delete(paths) => self.delete(&paths),
                Step::Zero(prepared, wanted) => {
                    let result = self.zero_piece(prepared, wanted);
                    let mut work = self.work.lock();
                    work.busy = false;
                    match result {
                        Ok(prepared) => work.ready = Some(prepared),
                        Err(error) => {
                            work.failed = true;
                            tracing::warn!(path = %self.path.display(), %error, "cannot prepare a log segment");
                        }
                    }
                    self.changed.notify_all();
                }
            }
        }
    }

    /// Waits for something to do; none when the log is closed.
    fn next_step(&self) -> Option<Step> {
        let mut work = self.work.lock();
        loop {
            if !work.doomed.is_empty() {
                return Some(Step::Delete(std::mem::take(&mut work.doomed)));
            }
            if work.closed {
                return None;
            }
            let zeroed = work.ready.as_ref().map_or(0, |prepared| prepared.zeroed);
            if zeroed < work.wanted && !work.failed {
                work.busy = true;
                let wanted = work.wanted;
                return Some(Step::Zero(work.ready.take(), wanted));
            }
            self.changed.wait(&mut work);
        }
    }

    fn create(&self) -> std::io::Result<Prepared> {
        if self.io.exists(&self.path)? {
            self.io.remove(&self.path)?;
        }
        Ok(Prepared { file: self.io.open(&self.path, OpenMode::New)?, zeroed: 0 })
    }

    fn zero_piece(&self, prepared: Option<Prepared>, wanted: u64) -> std::io::Result<Prepared> {
        let mut prepared = match prepared {
            Some(prepared) => prepared,
            None => self.create()?,
        };
        let end = wanted.min(prepared.zeroed + PIECE_BYTES);
        write_zeros(prepared.file.as_ref(), prepared.zeroed, end)?;
        prepared.file.sync_all()?;
        prepared.zeroed = end;
        Ok(prepared)
    }

    /// Deletes in the given order, oldest first: a crash may leave the newer ones, never a hole.
    fn delete(&self, paths: &[PathBuf]) {
        for path in paths {
            if let Err(error) = self.io.remove(path) {
                // The next start finds it purged and deletes it then.
                tracing::warn!(path = %path.display(), %error, "cannot delete a log segment");
                return;
            }
        }
        if let Err(error) = self.io.sync_dir(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot sync the directory of the log");
        }
    }
}
