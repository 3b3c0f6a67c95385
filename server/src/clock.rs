//! The two clocks of a server: one that never goes back, by which everything is decided, and the one on the wall, which
//! people set, and which is only told and written down.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds by which the wall clock is wrong, for tests.
static SHIFT_MS: AtomicI64 = AtomicI64::new(0);

/// Counts from the start of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Clock(Instant::now())
    }

    /// Milliseconds since the start.
    pub(crate) fn now_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The time since 1970 on the wall; nothing for a clock before that, which does no harm where it is used.
pub(crate) fn wall() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let shift = SHIFT_MS.load(Ordering::Relaxed);
    let by = Duration::from_millis(shift.unsigned_abs());
    if shift < 0 { since.saturating_sub(by) } else { since.saturating_add(by) }
}

/// Sets the wall clock of all servers of this process wrong by so many milliseconds. Nothing in this crate does: the program
/// does it, for tests, see `cli/src/server/fail_points.rs`.
pub fn shift_wall(by_ms: i64) {
    SHIFT_MS.store(by_ms, Ordering::Relaxed);
}
