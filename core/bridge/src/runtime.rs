//! One runtime for all clients of a process, which a forked child never touches.
//!
//! `fork` copies the runtime's memory but not its threads: whoever waits on the copy waits for ever, and whoever
//! drops it writes to sockets the parent still uses. So a child leaves the copy alone and builds its own. Nothing
//! here takes a lock that another thread could have held at the moment of the fork.

use std::any::Any;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::BridgeError;
use crate::handle::{Handles, MARKS_MAX};

/// Threads that run the client: parsing and bookkeeping for one process, which two can do on any machine. None where it is
/// left to the reader of results.
pub const WORKER_THREADS: usize = 2;
/// Processes in one line of descent that each use the library; a runtime of each generation stays in the memory copy.
const GENERATIONS_MAX: usize = MARKS_MAX;

static TABLE: RuntimeTable = RuntimeTable::new(std::process::id);

/// The process that an object belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkGuard {
    process: u64,
}

impl ForkGuard {
    /// Belongs to the present process.
    pub fn new() -> Self {
        Self { process: TABLE.process() }
    }

    /// Fails in a child of the process the object was made in.
    pub fn check(&self) -> Result<(), BridgeError> {
        self.check_in(&TABLE)
    }

    fn check_in(&self, table: &RuntimeTable) -> Result<(), BridgeError> {
        if self.process == table.process() { Ok(()) } else { Err(BridgeError::forked()) }
    }
}

impl Default for ForkGuard {
    fn default() -> Self {
        Self::new()
    }
}

/// A value of this process: a forked child can neither use nor drop its copy, which would reach into the parent's
/// connections and wait for threads that do not exist in the child.
#[derive(Debug)]
pub struct ForkSafe<T> {
    /// `None` only while being dropped.
    value: Option<T>,
    process: ForkGuard,
}

impl<T> ForkSafe<T> {
    /// Takes a value of the present process.
    pub fn new(value: T) -> Self {
        Self { value: Some(value), process: ForkGuard::new() }
    }

    /// The value. Fails in a child of the process it was made in.
    pub fn get(&self) -> Result<&T, BridgeError> {
        self.process.check()?;
        self.value.as_ref().ok_or_else(BridgeError::closed)
    }
}

impl<T> Drop for ForkSafe<T> {
    fn drop(&mut self) {
        if self.process.check().is_err() {
            std::mem::forget(self.value.take());
        }
    }
}

/// Tells the library that this process is a fresh child. Optional: it covers the reuse of a process id by a descendant.
pub fn after_fork_in_child() {
    TABLE.forks.fetch_add(1, Ordering::Relaxed);
}

/// An object of a binding that speaks in handles.
pub type AnyObject = dyn Any + Send + Sync;

/// What one process of the line of descent has: it lives as long as the process and is left alone by its children.
pub(crate) struct Process {
    pub(crate) runtime: Runtime,
    runs: Runs,
    pub(crate) calls: Handles<CancellationToken>,
    pub(crate) objects: Handles<AnyObject>,
    threads: &'static AtomicUsize,
}

/// Who runs the client of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    OnItsThreads,
    /// On the thread that [`drive`]s, as long as it does.
    OnTheDriver,
}

/// What this process has, made at first use: its runtime is never shut down.
pub(crate) fn process() -> Result<&'static Process, BridgeError> {
    TABLE.present(Runs::OnItsThreads)
}

/// Leaves it to a thread of the language to run the client, by [`drive`]: what comes for it then wakes that thread and no
/// other one before it. Whether it is so: a process that has used the library has a client with threads of its own.
pub fn leave_to_driver() -> Result<bool, BridgeError> {
    Ok(TABLE.present(Runs::OnTheDriver)?.runs == Runs::OnTheDriver)
}

/// Runs the client of this process on this thread until something is done; after [`leave_to_driver`], which said yes. Not
/// for threads of the runtime. The signal of a broken pipe stays blocked in this thread afterwards.
pub fn drive<T>(until: impl Future<Output = T>) -> Result<T, BridgeError> {
    thread_local! {
        static READY: () = crate::platform::block_broken_pipe_signal();
    }
    let process = TABLE.present(Runs::OnTheDriver)?;
    READY.with(|()| Ok(process.runtime.block_on(until)))
}

/// What this process has, if it has used the library.
pub(crate) fn process_if_used() -> Option<&'static Process> {
    TABLE.used()
}

/// The objects of this process, by handle. A handle of its parent is told as [`Kind::Forked`](crate::Kind::Forked).
pub fn objects() -> Result<&'static Handles<AnyObject>, BridgeError> {
    Ok(&process()?.objects)
}

/// The objects of this process, if it has used the library: for closing, which makes nothing new.
pub fn objects_if_used() -> Option<&'static Handles<AnyObject>> {
    Some(&process_if_used()?.objects)
}

/// What is alive in this process, for tests that look for leaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Objects held by handle.
    pub objects: usize,
    /// Calls in flight.
    pub calls: usize,
    /// Threads of the runtime: its workers, and those that run blocking work or wait for more.
    pub threads: usize,
}

/// What is alive in this process now.
pub fn statistics() -> Statistics {
    let Some(process) = process_if_used() else { return Statistics::default() };
    Statistics {
        objects: process.objects.len(),
        calls: process.calls.len(),
        threads: process.threads.load(Ordering::Relaxed),
    }
}

/// Runs something that blocks, away from the threads that run the client.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BridgeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BridgeError::internal(format!("work off the runtime failed: {error}")))
}

/// Makes the runtime of this process the one that `tokio::spawn` and timers of this thread use while the guard lives.
pub fn enter() -> Result<EnterGuard<'static>, BridgeError> {
    Ok(process()?.runtime.enter())
}

struct RuntimeTable {
    cells: [Cell; GENERATIONS_MAX],
    forks: AtomicU32,
    pid: fn() -> u32,
}

/// The place of one process of the line of descent.
struct Cell {
    /// 0 while free.
    process: AtomicU64,
    /// All that has a lock is in here and not in a static of its own: another thread may have held it at the moment
    /// of a fork.
    made: OnceLock<Result<Process, String>>,
    threads: AtomicUsize,
}

impl Cell {
    const fn new() -> Self {
        Self { process: AtomicU64::new(0), made: OnceLock::new(), threads: AtomicUsize::new(0) }
    }

    fn made(&'static self, mark: usize, runs: Runs) -> Result<&'static Process, BridgeError> {
        // Only threads of this very process ever wait here, so the one who builds is alive.
        let build = || build(mark, runs, &self.threads).map_err(|error| error.to_string());
        let made = self.made.get_or_init(build);
        made.as_ref().map_err(|error| BridgeError::internal(format!("no runtime: {error}")))
    }
}

impl RuntimeTable {
    const fn new(pid: fn() -> u32) -> Self {
        Self { cells: [const { Cell::new() }; GENERATIONS_MAX], forks: AtomicU32::new(0), pid }
    }

    fn process(&self) -> u64 {
        u64::from(self.forks.load(Ordering::Relaxed)) << 32 | u64::from((self.pid)())
    }

    /// What this process has, made the way it `runs` if it has nothing.
    fn present(&'static self, runs: Runs) -> Result<&'static Process, BridgeError> {
        let (mark, cell) = self.claim(self.process()).ok_or_else(|| {
            BridgeError::exhausted(format!(
                "the library was used in more than {GENERATIONS_MAX} generations of forks"
            ))
        })?;
        cell.made(mark, runs)
    }

    fn used(&'static self) -> Option<&'static Process> {
        let process = self.process();
        let cell = self.cells.iter().find(|cell| cell.process.load(Ordering::Acquire) == process)?;
        cell.made.get()?.as_ref().ok()
    }

    fn claim(&self, process: u64) -> Option<(usize, &Cell)> {
        self.cells.iter().enumerate().find(|(_, cell)| {
            let claimed = cell.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            claimed.is_ok() || claimed == Err(process)
        })
    }
}

fn build(mark: usize, runs: Runs, threads: &'static AtomicUsize) -> std::io::Result<Process> {
    let mut builder = match runs {
        Runs::OnItsThreads => Builder::new_multi_thread(),
        Runs::OnTheDriver => Builder::new_current_thread(),
    };
    let runtime = builder
        .worker_threads(WORKER_THREADS)
        .thread_name("etcdkit")
        .on_thread_start(|| {
            crate::platform::block_broken_pipe_signal();
            threads.fetch_add(1, Ordering::Relaxed);
        })
        .on_thread_stop(|| {
            threads.fetch_sub(1, Ordering::Relaxed);
        })
        .enable_all()
        .build()?;
    let (calls, objects) = (Handles::with_mark(mark), Handles::with_mark(mark));
    Ok(Process { runtime, runs, calls, objects, threads })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;

    static PID: AtomicU32 = AtomicU32::new(100);

    #[test]
    fn a_child_gets_a_runtime_of_its_own_and_refuses_what_its_parent_made() {
        static FAMILY: RuntimeTable = RuntimeTable::new(|| PID.load(Ordering::Relaxed));
        let parent = std::ptr::from_ref(FAMILY.present(Runs::OnItsThreads).unwrap());
        let made_by_parent = ForkGuard { process: FAMILY.process() };
        let opened_by_parent =
            FAMILY.present(Runs::OnItsThreads).unwrap().objects.insert(Arc::new(())).unwrap();
        assert!(made_by_parent.check_in(&FAMILY).is_ok());
        assert!(std::ptr::eq(parent, FAMILY.present(Runs::OnItsThreads).unwrap()));

        PID.store(101, Ordering::Relaxed);
        assert_eq!(made_by_parent.check_in(&FAMILY).unwrap_err().kind, crate::Kind::Forked);
        assert!(FAMILY.used().is_none(), "a child that does not use the library has nothing of its own");
        let child = FAMILY.present(Runs::OnItsThreads).unwrap();
        assert!(!std::ptr::eq(parent, child));
        assert_eq!(child.runtime.block_on(async { 7 }), 7);
        let opened_by_child = child.objects.insert(Arc::new(())).unwrap();
        assert_eq!(child.objects.get(opened_by_parent).unwrap_err().kind, crate::Kind::Forked);
        assert!(child.objects.get(opened_by_child).is_ok());

        // A grandchild that the system gave its grandparent's number.
        PID.store(100, Ordering::Relaxed);
        FAMILY.forks.fetch_add(1, Ordering::Relaxed);
        assert!(made_by_parent.check_in(&FAMILY).is_err());
        assert!(!std::ptr::eq(parent, FAMILY.present(Runs::OnItsThreads).unwrap()));
    }

    #[test]
    fn a_line_of_descent_longer_than_the_table_is_told_so() {
        static LINE: RuntimeTable = RuntimeTable::new(|| 1);
        assert!((0..GENERATIONS_MAX).all(|generation| LINE.claim(generation as u64 + 1).is_some()));
        LINE.forks.store(1, Ordering::Relaxed);
        assert_eq!(
            LINE.present(Runs::OnItsThreads).map(|_| ()).unwrap_err().kind,
            crate::Kind::ResourceExhausted
        );
    }
}
