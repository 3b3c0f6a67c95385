//! The backend's directory: whose it is, and whether it is complete.
//!
//! A file `engine` names the engine that wrote the rest. It is there before the engine creates anything,
//! so that a crash at any moment leaves a directory of which we know what it is: one that never became
//! ready is begun again, one that was ready and has lost its data is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{BackendError, EngineKind, engine};
use crate::io::{Io, IoLock, OpenMode};

const RECORD: &str = "engine";
const RECORD_NEW: &str = "engine.new";
const LOCK: &str = "lock";
const HEADER: &str = "etcdkit backend 1";

/// Longest record that makes sense; a longer file is not read.
const RECORD_BYTES_MAX: u64 = 256;

/// How far the directory has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The engine's first files are being made.
    Creating,
    /// A copy is being read in.
    Importing,
    /// In use since.
    Ready,
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Creating, Stage::Importing, Stage::Ready];

    fn name(self) -> &'static str {
        match self {
            Stage::Creating => "creating",
            Stage::Importing => "importing",
            Stage::Ready => "ready",
        }
    }
}

/// A directory that is ours while this lives.
#[derive(Debug)]
pub(super) struct Directory {
    io: Arc<dyn Io>,
    dir: PathBuf,
    kind: EngineKind,
    stage: Mutex<Stage>,
    _lock: Box<dyn IoLock>,
}

impl Directory {
    /// Takes the directory for an engine, as it was left or from the beginning.
    pub(super) fn open(io: Arc<dyn Io>, dir: &Path, kind: EngineKind) -> Result<Self, BackendError> {
        let (directory, recorded) = Self::take(io, dir, kind)?;
        engine::recover(&directory.io, dir, kind).map_err(BackendError::file("recover", dir))?;
        let (data, _) = engine::traces(dir, kind);
        match recorded {
            Some(Stage::Importing) => return Err(BackendError::ImportUnfinished { dir: dir.to_owned() }),
            Some(Stage::Ready) if !directory.exists(&data)? => {
                return Err(BackendError::Missing { path: data });
            }
            Some(Stage::Ready) => *directory.stage.lock() = Stage::Ready,
            Some(Stage::Creating) => directory.clear()?,
            None => directory.record(Stage::Creating)?,
        }
        Ok(directory)
    }

    /// Takes an empty directory to read a copy into.
    pub(super) fn open_for_import(
        io: Arc<dyn Io>,
        dir: &Path,
        kind: EngineKind,
    ) -> Result<Self, BackendError> {
        let (directory, recorded) = Self::take(io, dir, kind)?;
        match recorded {
            Some(Stage::Importing) => Err(BackendError::ImportUnfinished { dir: dir.to_owned() }),
            Some(Stage::Ready) => {
                let reason = format!("{} is in use already: import into an empty directory", dir.display());
                Err(BackendError::Copy(reason))
            }
            Some(Stage::Creating) => {
                directory.clear()?;
                directory.record(Stage::Importing)?;
                Ok(directory)
            }
            None => {
                directory.record(Stage::Importing)?;
                Ok(directory)
            }
        }
    }

    /// Declares the directory complete; all in it is durable by now.
    pub(super) fn ready(&self) -> Result<(), BackendError> {
        if *self.stage.lock() == Stage::Ready { Ok(()) } else { self.record(Stage::Ready) }
    }

    fn take(io: Arc<dyn Io>, dir: &Path, kind: EngineKind) -> Result<(Self, Option<Stage>), BackendError> {
        io.create_dir(dir).map_err(BackendError::file("create", dir))?;
        let names = io.list(dir).map_err(BackendError::file("list", dir))?;
        let is_recorded = names.iter().any(|name| name == RECORD);
        let foreign = names.into_iter().find(|name| name != RECORD_NEW && name != LOCK);
        if let Some(found) = foreign.filter(|_| !is_recorded) {
            return Err(BackendError::Foreign { dir: dir.to_owned(), found });
        }
        let lock = match io.lock(&dir.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(BackendError::InUse { dir: dir.to_owned() });
            }
            Err(source) => {
                return Err(BackendError::File { what: "lock", path: dir.join(LOCK), source });
            }
        };
        let stage = Mutex::new(Stage::Creating);
        let directory = Directory { io, dir: dir.to_owned(), kind, stage, _lock: lock };
        let recorded = if is_recorded { Some(directory.recorded()?) } else { None };
        Ok((directory, recorded))
    }

    /// The recorded stage, of a directory of this engine.
    fn recorded(&self) -> Result<Stage, BackendError> {
        let path = self.dir.join(RECORD);
        let text = self.read(&path)?;
        let damaged = |reason: &str| BackendError::Record { path: path.clone(), reason: reason.to_owned() };
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(damaged("its first line is not \"etcdkit backend 1\""));
        }
        let engine = lines.next().and_then(|line| line.strip_prefix("engine "));
        let engine: EngineKind = engine
            .ok_or_else(|| damaged("it has no engine line"))?
            .parse()
            .map_err(|unknown: super::UnknownEngine| damaged(&unknown.to_string()))?;
        let stage = lines.next().and_then(|line| line.strip_prefix("stage "));
        let stage = Stage::ALL.into_iter().find(|known| Some(known.name()) == stage);
        let stage = stage.ok_or_else(|| damaged("it has no stage line"))?;
        if engine != self.kind {
            let dir = self.dir.clone();
            return Err(BackendError::OtherEngine { dir, recorded: engine, asked: self.kind });
        }
        Ok(stage)
    }

    fn read(&self, path: &Path) -> Result<String, BackendError> {
        let read = || -> std::io::Result<Vec<u8>> {
            let file = self.io.open(path, OpenMode::Existing)?;
            let len = file.len()?.min(RECORD_BYTES_MAX);
            let mut bytes = vec![0; len as usize];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        };
        let bytes = read().map_err(BackendError::file("read", path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes the record anew, durably, in one step.
    fn record(&self, stage: Stage) -> Result<(), BackendError> {
        let path = self.dir.join(RECORD);
        let new = self.dir.join(RECORD_NEW);
        let text = format!("{HEADER}\nengine {}\nstage {}\n", self.kind, stage.name());
        let write = || -> std::io::Result<()> {
            let file = self.io.open(&new, OpenMode::Any)?;
            file.set_len(0)?;
            file.write_all_at(text.as_bytes(), 0)?;
            file.sync_all()?;
            drop(file);
            self.io.rename(&new, &path)?;
            self.io.sync_dir(&self.dir)
        };
        write().map_err(BackendError::file("write", &path))?;
        *self.stage.lock() = stage;
        Ok(())
    }

    /// Removes what an interrupted creation left; nobody has used it yet.
    fn clear(&self) -> Result<(), BackendError> {
        let (data, dirs) = engine::traces(&self.dir, self.kind);
        if self.exists(&data)? {
            self.io.remove(&data).map_err(BackendError::file("remove", &data))?;
        }
        for dir in dirs {
            self.clear_dir(&dir)?;
        }
        self.io.sync_dir(&self.dir).map_err(BackendError::file("sync", &self.dir))
    }

    fn clear_dir(&self, dir: &Path) -> Result<(), BackendError> {
        if !self.exists(dir)? {
            return Ok(());
        }
        for name in self.io.list(dir).map_err(BackendError::file("list", dir))? {
            let path = dir.join(name);
            // Directories stay; their own turn has come before.
            if self.io.open(&path, OpenMode::Existing).is_ok() {
                self.io.remove(&path).map_err(BackendError::file("remove", &path))?;
            }
        }
        self.io.sync_dir(dir).map_err(BackendError::file("sync", dir))
    }

    fn exists(&self, path: &Path) -> Result<bool, BackendError> {
        self.io.exists(path).map_err(BackendError::file("look for", path))
    }
}
