//! What differs between operating systems.

/// A write to a connection that the other side has closed raises SIGPIPE in the thread that writes, and its default
/// ends the process. Programs of Rust ignore it, a program of another language need not; so the threads of the runtime
/// block it for themselves, and the handlers of the host stay as they are.
#[cfg(unix)]
pub(crate) fn block_broken_pipe_signal() {
    let mut signals = nix::sys::signal::SigSet::empty();
    signals.add(nix::sys::signal::Signal::SIGPIPE);
    // Fails for an unknown way of changing the mask only.
    let _ = signals.thread_block();
}

/// There is no such signal here.
#[cfg(not(unix))]
pub(crate) fn block_broken_pipe_signal() {}
