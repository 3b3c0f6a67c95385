//! One runtime for all clients of a process, which a forked child never touches.
//!
//! `fork` copies the runtime's memory but not its threads: whoever waits on the copy waits for ever, and whoever
//! drops it writes to sockets the parent still uses. So a child leaves the copy alone and builds its own. Nothing
//! here takes a lock that another thread could have held at the moment of the fork.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio_util::sync::CancellationToken;

use crate::error::BridgeError;
use crate::handle::Handles;

/// Threads that run the client: parsing and bookkeeping for one process, which two can do on any machine.
pub const WORKER_THREADS: usize = 2;
/// Processes in one line of descent that each use the library; a runtime of each generation stays in the memory copy.
const GENERATIONS_MAX: usize = 64;

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

/// The runtime of this process, built at first use and never shut down, and its calls in flight.
pub(crate) fn process() -> Result<(&'static Runtime, &'static Handles<CancellationToken>), BridgeError> {
    let cell = TABLE.cell()?;
    Ok((cell.runtime()?, &cell.calls))
}

/// Makes the runtime of this process the one that `tokio::spawn` and timers of this thread use while the guard lives.
pub fn enter() -> Result<EnterGuard<'static>, BridgeError> {
    Ok(process()?.0.enter())
}

struct RuntimeTable {
    cells: [Cell; GENERATIONS_MAX],
    forks: AtomicU32,
    pid: fn() -> u32,
}

/// The runtime of one process of the line of descent.
struct Cell {
    /// 0 while free.
    process: AtomicU64,
    runtime: OnceLock<Result<Runtime, String>>,
    /// Here and not in a static of its own: another thread may have held its lock at the moment of a fork.
    calls: Handles<CancellationToken>,
}

impl Cell {
    const fn new() -> Self {
        Self { process: AtomicU64::new(0), runtime: OnceLock::new(), calls: Handles::new() }
    }

    fn runtime(&self) -> Result<&Runtime, BridgeError> {
        // Only threads of this very process ever wait here, so the one who builds is alive.
        let built = self.runtime.get_or_init(|| build().map_err(|error| error.to_string()));
        built.as_ref().map_err(|error| BridgeError::internal(format!("no runtime: {error}")))
    }
}

impl RuntimeTable {
    const fn new(pid: fn() -> u32) -> Self {
        Self { cells: [const { Cell::new() }; GENERATIONS_MAX], forks: AtomicU32::new(0), pid }
    }

    fn process(&self) -> u64 {
        u64::from(self.forks.load(Ordering::Relaxed)) << 32 | u64::from((self.pid)())
    }

    fn cell(&self) -> Result<&Cell, BridgeError> {
        self.claim(self.process()).ok_or_else(|| {
            BridgeError::exhausted(format!(
                "the library was used in more than {GENERATIONS_MAX} generations of forks"
            ))
        })
    }

    fn claim(&self, process: u64) -> Option<&Cell> {
        self.cells.iter().find(|cell| {
            let claimed = cell.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            claimed.is_ok() || claimed == Err(process)
        })
    }
}

fn build() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(WORKER_THREADS).thread_name("etcdkit").enable_all().build()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    static PID: AtomicU32 = AtomicU32::new(100);

    #[test]
    fn a_child_gets_a_runtime_of_its_own_and_refuses_what_its_parent_made() {
        static FAMILY: RuntimeTable = RuntimeTable::new(|| PID.load(Ordering::Relaxed));
        let parent = std::ptr::from_ref(FAMILY.cell().unwrap().runtime().unwrap());
        let made_by_parent = ForkGuard { process: FAMILY.process() };
        assert!(made_by_parent.check_in(&FAMILY).is_ok());
        assert!(std::ptr::eq(parent, FAMILY.cell().unwrap().runtime().unwrap()));

        PID.store(101, Ordering::Relaxed);
        assert_eq!(made_by_parent.check_in(&FAMILY).unwrap_err().kind, crate::Kind::Forked);
        let child = FAMILY.cell().unwrap().runtime().unwrap();
        assert!(!std::ptr::eq(parent, child));
        assert_eq!(child.block_on(async { 7 }), 7);

        // A grandchild that the system gave its grandparent's number.
        PID.store(100, Ordering::Relaxed);
        FAMILY.forks.fetch_add(1, Ordering::Relaxed);
        assert!(made_by_parent.check_in(&FAMILY).is_err());
        assert!(!std::ptr::eq(parent, FAMILY.cell().unwrap().runtime().unwrap()));
    }

    #[test]
    fn a_line_of_descent_longer_than_the_table_is_told_so() {
        static LINE: RuntimeTable = RuntimeTable::new(|| 1);
        assert!((0..GENERATIONS_MAX).all(|generation| LINE.claim(generation as u64 + 1).is_some()));
        LINE.forks.store(1, Ordering::Relaxed);
        assert_eq!(LINE.cell().map(|_| ()).unwrap_err().kind, crate::Kind::ResourceExhausted);
    }
}
