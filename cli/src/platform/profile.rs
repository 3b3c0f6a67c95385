//! Profiles for `/debug/pprof/profile`, which `--enable-pprof` opens: the stacks of the threads that run, a hundred times a
//! second, as Go's profiler has it.
//!
//! A profile carries addresses and the files they are in, and names of functions as far as this program has them. One that
//! was stripped, as shipped, has none: `go tool pprof UNSTRIPPED-PROGRAM PROFILE` puts them in afterwards.

mod format;

use std::time::Duration;

use etcdkit_server::profile::{ProfileError, Profiler};
use futures::FutureExt;
use futures::future::BoxFuture;
use pprof::{ProfilerGuard, ProfilerGuardBuilder};
use tokio::sync::{Semaphore, SemaphorePermit};

use format::Builder;

/// Samples a second.
const FREQUENCY: i32 = 100;

/// A signal in these libraries may have interrupted the loader or the unwinder themselves, which hold locks.
const NOT_INTERRUPTED: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

/// There is one timer in a process.
static TIMER: Semaphore = Semaphore::const_new(1);

/// Interrupts the threads of this process.
#[derive(Debug)]
pub(super) struct Interrupting;

impl Profiler for Interrupting {
    fn profile(&self, time: Duration) -> BoxFuture<'static, Result<Vec<u8>, ProfileError>> {
        async move {
            let in_use = |_| ProfileError("cpu profiling already in use".to_owned());
            let _alone: SemaphorePermit<'_> = TIMER.try_acquire().map_err(in_use)?;
            let guard = ProfilerGuardBuilder::default()
                .frequency(FREQUENCY)
                .blocklist(&NOT_INTERRUPTED)
                .build()
                .map_err(|error| ProfileError(error.to_string()))?;
            tracing::info!(seconds = time.as_secs(), "profiling this process");
            tokio::time::sleep(time).await;
            let written = tokio::task::spawn_blocking(move || write(&guard, time)).await;
            written.map_err(|error| ProfileError(error.to_string()))?
        }
        .boxed()
    }
}

/// Looking up names takes long.
fn write(guard: &ProfilerGuard<'_>, time: Duration) -> Result<Vec<u8>, ProfileError> {
    let report = guard.report().build_unresolved().map_err(|error| ProfileError(error.to_string()))?;
    let mut builder = Builder::new(FREQUENCY, report.timing.start_time, time);
    for (stack, count) in &report.data {
        let thread = String::from_utf8_lossy(&stack.thread_name[..stack.thread_name_length]);
        let addresses = stack.frames.iter().map(|frame| frame.ip() as u64);
        builder.add(addresses, &thread, *count as i64);
    }
    Ok(builder.finish())
}
