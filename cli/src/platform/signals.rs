//! The signals that stop a server, which differ between operating systems.

use std::fmt;

pub(crate) use system::{Signals, end_by, end_by_broken_pipe};

/// Why the server is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A polite kill.
    Terminate,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signal::Interrupt => "interrupt",
            Signal::Terminate => "terminated",
        })
    }
}

/// The processor by the name Go has for it.
pub(crate) fn go_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::process::ExitCode;

    use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};
    use signal_hook::low_level::emulate_default_handler;
    use tokio::signal::unix::{SignalKind, signal};

    use super::Signal;

    /// The signals that stop the server.
    pub(crate) struct Signals {
        interrupt: tokio::signal::unix::Signal,
        terminate: tokio::signal::unix::Signal,
    }

    impl Signals {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }

        pub(crate) async fn next(mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.terminate.recv() => Signal::Terminate,
            }
        }
    }

    /// Ends as every program ends that writes into a pipe nobody reads. Rust's start-up code has turned that off.
    pub(crate) fn end_by_broken_pipe() {
        // Where it cannot be done there is an exit code for it.
        let _ = emulate_default_handler(SIGPIPE);
    }

    /// Ends as the signal would have ended the process, so that whoever waits for it sees why. The first
    /// process of a container cannot be ended that way.
    pub(crate) fn end_by(signal: Signal) -> ExitCode {
        const INIT: u32 = 1;
        if std::process::id() != INIT {
            let number = match signal {
                Signal::Interrupt => SIGINT,
                Signal::Terminate => SIGTERM,
            };
            if let Err(error) = emulate_default_handler(number) {
                tracing::warn!(%error, "failed to end by the signal");
            }
        }
        ExitCode::SUCCESS
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::process::ExitCode;

    use super::Signal;

    /// The events that stop the server.
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Signals)
        }

        pub(crate) async fn next(self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::Interrupt,
                // Without the event there is nothing to wait for but the end of the process.
                Err(_) => std::future::pending().await,
            }
        }
    }

    pub(crate) fn end_by_broken_pipe() {}

    pub(crate) fn end_by(_signal: Signal) -> ExitCode {
        ExitCode::SUCCESS
    }
}
