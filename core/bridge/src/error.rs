//! Errors as they cross a language boundary: plain data.

use etcdkit::{Error, ErrorKind, EtcdError};

/// The class of an error; the numbers are the same in every language. Those up to 16 are gRPC's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
#[allow(missing_docs)]
pub enum Kind {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
    /// A lease could not be kept alive.
    LeaseLost = 100,
    /// The lock is held by somebody else.
    Locked = 101,
    /// The session's lease ended.
    SessionExpired = 102,
    /// The object was closed by its user.
    Closed = 103,
    /// The object was made in the parent process, before a fork.
    Forked = 104,
}

/// An error without a lifetime, a source or a type of any library.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BridgeError {
    /// The class.
    pub kind: Kind,
    /// The gRPC code that fits best.
    pub code: i32,
    /// The message, as the server or the client worded it.
    pub message: String,
    /// Whether a write may have been executed all the same.
    pub outcome_unknown: bool,
    /// The error of the etcd API, where the server answered with one.
    pub etcd: Option<EtcdError>,
}

impl BridgeError {
    fn local(kind: Kind, code: i32, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), outcome_unknown: false, etcd: None }
    }

    /// The call was cancelled by its user.
    pub fn cancelled() -> Self {
        Self::local(Kind::Cancelled, 1, "the call was cancelled")
    }

    /// The object was closed.
    pub fn closed() -> Self {
        Self::local(Kind::Closed, 1, "the client is closed")
    }

    /// The object comes from before a fork.
    pub fn forked() -> Self {
        Self::local(
            Kind::Forked,
            9,
            "the client was made before the process forked; make a new one in the child",
        )
    }

    /// A fault of this library.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::local(Kind::Internal, 13, message)
    }

    /// A bound was reached.
    pub fn exhausted(message: impl Into<String>) -> Self {
        Self::local(Kind::ResourceExhausted, 8, message)
    }
}

impl From<Error> for BridgeError {
    fn from(error: Error) -> Self {
        Self {
            kind: kind(error.kind()),
            code: error.code() as i32,
            message: error.message(),
            outcome_unknown: error.outcome_unknown(),
            etcd: error.etcd(),
        }
    }
}

/// Total: a kind this table does not know yet is `Unknown`, never a panic.
fn kind(kind: ErrorKind) -> Kind {
    match kind {
        ErrorKind::Cancelled => Kind::Cancelled,
        ErrorKind::InvalidArgument => Kind::InvalidArgument,
        ErrorKind::DeadlineExceeded => Kind::DeadlineExceeded,
        ErrorKind::NotFound => Kind::NotFound,
        ErrorKind::AlreadyExists => Kind::AlreadyExists,
        ErrorKind::PermissionDenied => Kind::PermissionDenied,
        ErrorKind::ResourceExhausted => Kind::ResourceExhausted,
        ErrorKind::FailedPrecondition => Kind::FailedPrecondition,
        ErrorKind::Aborted => Kind::Aborted,
        ErrorKind::OutOfRange => Kind::OutOfRange,
        ErrorKind::Unimplemented => Kind::Unimplemented,
        ErrorKind::Internal => Kind::Internal,
        ErrorKind::Unavailable => Kind::Unavailable,
        ErrorKind::DataLoss => Kind::DataLoss,
        ErrorKind::Unauthenticated => Kind::Unauthenticated,
        ErrorKind::LeaseLost => Kind::LeaseLost,
        ErrorKind::Locked => Kind::Locked,
        ErrorKind::SessionExpired => Kind::SessionExpired,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use etcdkit::Status;

    use super::*;

    #[test]
    fn a_write_left_open_crosses_the_boundary_as_such() {
        let error = BridgeError::from(Error::OutcomeUnknown(Status::unavailable("connection reset")));
        assert_eq!((error.kind, error.code, error.outcome_unknown), (Kind::Unavailable, 14, true));
        assert_eq!(error.message, "connection reset");
    }
}
