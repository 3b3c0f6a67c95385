//! A panic that leaves a C function ends the host's process, so none does.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an export; a panic in it is answered with `otherwise`.
pub(crate) fn fenced<T>(otherwise: T, export: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "panic-injection")]
        injection::strike();
        export()
    }))
    .unwrap_or(otherwise)
}

/// Panics on demand, for the test that sees that every export is fenced.
#[cfg(feature = "panic-injection")]
mod injection {
    use std::cell::Cell;

    thread_local! {
        static ARMED: Cell<bool> = const { Cell::new(false) };
    }

    /// Makes the next export that this thread calls panic. Only in builds with the feature `panic-injection`.
    #[unsafe(no_mangle)]
    pub(super) extern "C" fn etcdkit_test_panic_next() {
        ARMED.set(true);
    }

    pub(super) fn strike() {
        assert!(!ARMED.replace(false), "a panic on demand, in an export");
    }
}
