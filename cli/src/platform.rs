//! What differs between operating systems, so that nothing else in this crate has to ask.

#[cfg(unix)]
mod profile;
pub(crate) mod signals;

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;

use etcdkit_server::profile::Profiler;

/// Waits until the user or the system asks the process to stop: SIGINT or SIGTERM, on Windows Ctrl-C.
///
/// The handlers are installed when the call is made, not when the future is first polled, so a signal that
/// comes in between is not lost.
#[cfg(unix)]
pub(crate) fn stop_requested() -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits until the user asks the process to stop.
#[cfg(windows)]
pub(crate) fn stop_requested() -> io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// Tells whoever supervises this process that it is ready: systemd, for a unit with `Type=notify`, as etcd's units are.
#[cfg(unix)]
pub(crate) fn tell_ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "the supervisor of this process was not told that it is ready");
    }
}

/// There is nobody to tell.
#[cfg(windows)]
pub(crate) fn tell_ready() {}

/// Finds where the time of this process goes; `None` where that cannot be found.
#[cfg(unix)]
pub(crate) fn profiler() -> Option<Arc<dyn Profiler>> {
    Some(Arc::new(profile::Interrupting))
}

/// No signal interrupts a thread here.
#[cfg(windows)]
pub(crate) fn profiler() -> Option<Arc<dyn Profiler>> {
    None
}

/// Passes the signals that ask this process to stop on to a child, as long as it is polled.
///
/// A terminal sends Ctrl-C to the child by itself, so an interrupt is passed on only where there is no terminal.
#[cfg(unix)]
pub(crate) async fn pass_signals_on(child: u32) -> std::convert::Infallible {
    use nix::sys::signal::{Signal, kill};
    use std::io::IsTerminal as _;
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    loop {
        let passed = tokio::select! {
            _ = interrupt.recv() => Some(Signal::SIGINT).filter(|_| !io::stdin().is_terminal()),
            _ = terminate.recv() => Some(Signal::SIGTERM),
        };
        if let (Some(signal), Ok(child)) = (passed, i32::try_from(child)) {
            // It fails when the child has just ended, which is what was asked for.
            let _ = kill(nix::unistd::Pid::from_raw(child), signal);
        }
    }
}

/// Windows sends Ctrl-C to the child by itself.
#[cfg(windows)]
pub(crate) async fn pass_signals_on(_child: u32) -> std::convert::Infallible {
    let _ignored = tokio::signal::windows::ctrl_c();
    std::future::pending().await
}

/// An argument for a child process: on unix any bytes, on Windows text.
#[cfg(unix)]
pub(crate) fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec())
}

/// An argument for a child process: on unix any bytes, on Windows text.
#[cfg(windows)]
pub(crate) fn os_string(bytes: &[u8]) -> OsString {
    OsString::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The exit code to pass on for a child that has ended, and the text that says how it ended.
///
/// A child that a signal killed has no code; Go reports -1 there, which a shell sees as 255.
pub(crate) fn child_exit(status: ExitStatus) -> (u8, String) {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return (255, format!("signal: {signal}"));
        }
    }
    let code = status.code().unwrap_or(-1);
    (code as u8, format!("exit status {code}"))
}

/// Keeps the signals of the terminal, such as that of Ctrl-C, from a child: it is told by us, once.
pub(crate) fn in_own_group(command: &mut std::process::Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Asks a process of ours to stop. On Windows Ctrl-C has told it already.
pub(crate) fn ask_to_stop(id: u32) {
    #[cfg(unix)]
    signal(id, nix::sys::signal::Signal::SIGTERM);
    #[cfg(not(unix))]
    let _ = id;
}

/// Ends a process of ours that did not stop.
pub(crate) fn kill(id: u32) {
    #[cfg(unix)]
    signal(id, nix::sys::signal::Signal::SIGKILL);
    #[cfg(not(unix))]
    let _ = id;
}

#[cfg(unix)]
fn signal(id: u32, signal: nix::sys::signal::Signal) {
    let Ok(id) = i32::try_from(id) else { return };
    // One that has ended meanwhile needs none.
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal);
}
