//! Why a command ends badly: the line on stderr and the exit code that scripts look at.

use std::fmt;
use std::io;

/// Exit codes of etcdctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Any error without a code of its own, an unknown command or flag too.
    Error,
    /// The cluster cannot be reached, or a lease request failed.
    BadConnection,
    /// A line of `txn` or `watch` cannot be understood.
    InvalidInput,
    /// A flag has a value that is not supported.
    BadFeature,
    /// The server ended the watch.
    Interrupted,
    /// Reading or writing failed.
    Io,
    /// Too few, too many or contradicting arguments.
    BadArgs,
    /// The reader of our output has gone.
    BrokenPipe,
    /// The code of a command that was run.
    Child(u8),
}

impl Exit {
    /// The number the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Error => 1,
            Exit::BadConnection => 2,
            Exit::InvalidInput => 3,
            Exit::BadFeature => 4,
            Exit::Interrupted => 5,
            Exit::Io => 6,
            Exit::BrokenPipe => 141,
            Exit::BadArgs => 128,
            Exit::Child(code) => code,
        }
    }
}

/// A command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process exits with.
    pub(crate) exit: Exit,
    /// What follows `Error: `; `None` when all has been said already.
    pub(crate) message: Option<String>,
}

/// What a command comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with an exit code of its own.
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Failure { exit, message: Some(message.to_string()) }
    }

    /// Exit code 1.
    pub(crate) fn error(message: impl fmt::Display) -> Self {
        Failure::new(Exit::Error, message)
    }

    /// Exit code 128.
    pub(crate) fn bad_args(message: impl fmt::Display) -> Self {
        Failure::new(Exit::BadArgs, message)
    }

    /// The user has been told already.
    pub(crate) fn silent(exit: Exit) -> Self {
        Failure { exit, message: None }
    }
}

impl From<io::Error> for Failure {
    /// A closed pipe is the reader's way to say "enough": nothing to tell about it, and nothing that went wrong.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::silent(Exit::BrokenPipe),
            _ => Failure::new(Exit::Io, error),
        }
    }
}
