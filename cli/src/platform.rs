//! What differs between operating systems, so that nothing else in this crate has to ask.

pub(crate) mod signals;

use std::ffi::OsString;
use std::io;
use std::process::ExitStatus;

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
