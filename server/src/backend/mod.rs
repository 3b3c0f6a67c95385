//! Where state is kept between restarts: the only place that names a storage engine.
//!
//! The problem: the state machine applies runs of commands many times in a millisecond, while an engine
//! with one writer pays one or two fsyncs for each commit. Durability does not need those commits: until
//! the next flush the log is the truth. So a commit here only changes an overlay in memory, and a thread
//! of its own moves the overlay into the engine about every 100 ms:
//!
//! ```text
//!             commit                freeze                    flush (one engine transaction, fsync)
//!  writer  ─────────►  active layer ─────► frozen layer ──────────────────────► engine
//!  reader looks in        first               then                               last
//! ```
//!
//! * A run is in one layer, and a layer becomes durable as a whole: after a crash the engine stands at
//!   the end of a run that was committed, and the log replays the rest. Which run that is says the mark
//!   the caller gave with it ([`Backend::durable_mark`]).
//! * Readers take a short lock to look at the layers and none while they read the engine: redb gives
//!   them a snapshot that stands until the next flush is complete.
//! * The overlay is bounded ([`BackendOptions::overlay_bytes_max`]): a writer that is ahead of the disk
//!   waits in [`Backend::write`].
//! * Any failure to write or sync is final: what reached the disk is unknown, so nothing is written
//!   any more, every later commit and flush reports the cause, and the durable mark stands still. The
//!   log has everything acknowledged, and a restart reads the disk again.
//!
//! Lock order: `writing`, `copying`, `gate`, `engine_still`, `recorded`, `state`, `engine`, `control`; a rebuild, which alone
//! holds `copying` exclusively with compaction in place, takes the gate last.

mod copy;
mod directory;
mod engine;
mod error;
mod fill;
mod flusher;
mod layer;
mod read;
mod rebuild;
mod replace;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::watch;

pub use copy::{is_copy, read_copy};
pub use error::{BackendError, UnknownEngine};
pub use fill::Filling;
pub use replace::Incoming;
pub use writer::BackendWriter;

use crate::io::Io;
use crate::metrics::Metrics;
use crate::sync::{Condvar, Mutex};
use directory::Directory;
use engine::{Engine, View};
use flusher::{Control, Flusher};
use layer::Layer;
use rebuild::Recorded;

/// The tables of the backend. Keys of a table are ordered bytewise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Records of the key space under their revision.
    Key,
    /// Marks of the layers above, such as the compacted revision.
    Meta,
    /// Leases under their id.
    Lease,
    /// Members of the cluster.
    Member,
    /// Alarms that are raised.
    Alarm,
    /// Users, roles and settings of authentication.
    Auth,
}

impl Table {
    /// All tables, each at the position of its discriminant.
    pub const ALL: [Table; 6] =
        [Table::Key, Table::Meta, Table::Lease, Table::Member, Table::Alarm, Table::Auth];

    /// The name of the table.
    pub fn name(self) -> &'static str {
        match self {
            Table::Key => "key",
            Table::Meta => "meta",
            Table::Lease => "lease",
            Table::Member => "member",
            Table::Alarm => "alarm",
            Table::Auth => "auth",
        }
    }
}

/// The storage engines, by the names a user gives them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// A copy-on-write B-tree in one file; the default.
    #[default]
    Redb,
    /// sled 0.34; it does its own I/O, and we sync its files because its flush does not.
    Sled,
    /// Nothing on disk: state ends with the process.
    Memory,
}

impl EngineKind {
    /// The name in flags, messages and the data directory.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Redb => "redb",
            EngineKind::Sled => "sled",
            EngineKind::Memory => "memory",
        }
    }
}

impl std::fmt::Display for EngineKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for EngineKind {
    type Err = UnknownEngine;

    fn from_str(name: &str) -> Result<Self, UnknownEngine> {
        let all = [EngineKind::Redb, EngineKind::Sled, EngineKind::Memory];
        all.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownEngine(name.to_owned()))
    }
}

/// Memory and time the backend may take.
#[derive(Clone, Debug)]
pub struct BackendOptions {
    /// Page cache of the engine, in bytes. Default 6 MiB: the whole server is to stay within 48 MiB after
    /// 100,000 puts of 256 bytes, and the operating system caches the file once more.
    pub cache_bytes: usize,
    /// How long a committed run waits for its flush at most when the disk keeps up. Default 100 ms, as etcd.
    pub flush_interval: Duration,
    /// Size at which the active layer is flushed without waiting for the interval. Default 2 MiB.
    pub overlay_bytes_flush: usize,
    /// Size of the active layer at which [`Backend::write`] waits for the disk. Default 8 MiB; with the
    /// frozen layer the overlay holds at most twice that, and one run.
    pub overlay_bytes_max: usize,
    /// Where the backend and what is kept in it are counted.
    pub metrics: Arc<Metrics>,
}

impl Default for BackendOptions {
    fn default() -> Self {
        BackendOptions {
            cache_bytes: 6 << 20,
            flush_interval: Duration::from_millis(100),
            overlay_bytes_flush: 2 << 20,
            overlay_bytes_max: 8 << 20,
            metrics: Arc::default(),
        }
    }
}

/// Space the backend takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes on disk; for the memory engine, of its records and of what is committed and not flushed yet.
    pub total_bytes: u64,
    /// Bytes of the records in the engine (keys and values, without the engine's own structures). What
    /// is committed and not flushed yet is not counted.
    pub in_use_bytes: u64,
}

/// Durable tables of bytes. A handle: clones share one backend, which flushes a last time and closes when
/// the last clone is dropped. All methods may be called from any thread; all but `write` may run at once.
#[derive(Clone)]
pub struct Backend {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// Ends the flusher when dropped, which needs `shared` and so comes with it.
    _flusher: Flusher,
}

struct Shared {
    /// Replaced when it is rebuilt, or by another member's, under the gate.
    engine: RwLock<Arc<dyn Engine>>,
    io: Arc<dyn Io>,
    dir: PathBuf,
    kind: EngineKind,
    options: BackendOptions,
    /// Held shared while the engine is copied, which may take long, exclusively while it is compacted.
    copying: RwLock<()>,
    /// Held shared while the engine is read, exclusively while it is compacted.
    gate: RwLock<()>,
    /// Held by the one writer.
    writing: Mutex<()>,
    state: RwLock<State>,
    control: Mutex<Control>,
    /// Tells why nothing is written any more.
    failed: watch::Sender<Option<Arc<str>>>,
    /// Something for the flusher to do.
    work: Condvar,
    /// The flusher did something, or failed.
    progress: Condvar,
    /// Held while a layer goes into the engine, and by whoever needs the engine to stand still.
    engine_still: Mutex<()>,
    /// What came into the engine since a copy of it began.
    recorded: Mutex<Option<Recorded>>,
    /// Kept, as the last, until the engine is closed: a second backend on the directory is refused.
    directory: Option<Directory>,
}

/// What a reader sees: three levels, the upper hides the lower.
struct State {
    active: Layer,
    /// On its way into the engine; readable until `base` contains it.
    frozen: Option<Arc<Layer>>,
    base: Arc<dyn View>,
    /// How many layers were frozen so far. A view without a snapshot is known not to have run ahead of
    /// the layers a reader looked at as long as this number stands.
    freezes: u64,
}

impl Backend {
    /// Opens the backend in its own directory, creating it when absent. The memory engine leaves the
    /// directory alone.
    ///
    /// # Errors
    /// Another engine's directory, one that is not a backend's, one in use, one whose import was not
    /// finished, and anything the disk or the engine refuses.
    pub fn open(
        io: Arc<dyn Io>,
        dir: &Path,
        kind: EngineKind,
        options: BackendOptions,
    ) -> Result<Backend, BackendError> {
        let directory = match kind {
            EngineKind::Memory => None,
            EngineKind::Redb | EngineKind::Sled => Some(Directory::open(io.clone(), dir, kind)?),
        };
        let opened = engine::guarded(|| {
            let engine = engine::open(&io, dir, kind, &options)?;
            let mark = engine.mark()?;
            Ok((engine, mark))
        });
        let (engine, mark) = opened.map_err(|source| BackendError::engine(kind, source))?;
        let backend = Self::start(&io, dir, kind, options, (engine, mark), directory)?;
        backend.shared().directory_ready()?;
        Ok(backend)
    }

    /// Starts the flusher of an engine with its mark; to declare the directory ready is left to the caller.
    fn start(
        io: &Arc<dyn Io>,
        dir: &Path,
        kind: EngineKind,
        options: BackendOptions,
        (engine, durable_mark): (Box<dyn Engine>, Option<Bytes>),
        directory: Option<Directory>,
    ) -> Result<Backend, BackendError> {
        let viewed = engine::guarded(|| engine.view());
        let base = viewed.map_err(|source| BackendError::engine(kind, source))?;
        let shared = Arc::new(Shared {
            engine: RwLock::new(engine.into()),
            io: Arc::clone(io),
            dir: dir.to_owned(),
            kind,
            options,
            copying: RwLock::new(()),
            gate: RwLock::new(()),
            writing: Mutex::new(()),
            state: RwLock::new(State { active: Layer::default(), frozen: None, base, freezes: 0 }),
            control: Mutex::new(Control::starting_at(durable_mark)),
            failed: watch::Sender::new(None),
            work: Condvar::new(),
            progress: Condvar::new(),
            engine_still: Mutex::new(()),
            recorded: Mutex::new(None),
            directory,
        });
        let flusher = Flusher::start(shared.clone()).map_err(|source| BackendError::Thread { source })?;
        Ok(Backend { handle: Arc::new(Handle { shared, _flusher: flusher }) })
    }

    /// The engine in use.
    pub fn kind(&self) -> EngineKind {
        self.shared().kind
    }

    /// Where the backend and what is kept in it are counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared().options.metrics
    }

    /// Makes everything committed before the call durable.
    ///
    /// # Errors
    /// The cause, when writing or syncing failed now or earlier.
    pub fn flush(&self) -> Result<(), BackendError> {
        self.shared().flush()
    }

    /// The mark of the newest run that survives a crash; none when no durable run had one. Marks
    /// survive a restart.
    pub fn durable_mark(&self) -> Option<Bytes> {
        self.shared().control.lock().durable_mark.clone()
    }

    /// Follows [`Self::failure`].
    pub fn failures(&self) -> watch::Receiver<Option<Arc<str>>> {
        self.shared().failed.subscribe()
    }

    /// The cause for which nothing is written any more, if so.
    pub fn failure(&self) -> Option<BackendError> {
        self.shared().control.lock().failure()
    }

    /// Space taken now.
    pub fn size(&self) -> Result<Size, BackendError> {
        let shared = self.shared();
        let _gate = shared.gate.read();
        // Before the engine is asked: what moves into it meanwhile is counted twice, not never.
        let overlay_bytes = shared.state.read().bytes();
        let size = engine::guarded(|| shared.engine().size());
        let mut size = size.map_err(|source| shared.engine_error(source))?;
        // A file has a size before anything is in it; memory is as large as what was put there.
        if shared.kind == EngineKind::Memory {
            size.total_bytes += overlay_bytes as u64;
        }
        Ok(size)
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Shared {
    fn engine(&self) -> Arc<dyn Engine> {
        Arc::clone(&self.engine.read())
    }

    /// An engine that panicked while it was read is not written to any more either: the log has what was
    /// acknowledged, and the next start says what is wrong with the file.
    fn engine_error(&self, source: engine::EngineError) -> BackendError {
        if source.is_panic() {
            return self.fail(&source);
        }
        BackendError::engine(self.kind, source)
    }

    fn directory_ready(&self) -> Result<(), BackendError> {
        match &self.directory {
            Some(directory) => directory.ready(),
            None => Ok(()),
        }
    }
}
