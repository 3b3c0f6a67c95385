//! What can go wrong, told so that a program can decide what to do next.
//!
//! A failed write is the hard case: the program must know whether it may have happened. [`Error::outcome_unknown`]
//! answers that for every error, and [`Error::etcd`] names the server's error where it is one of the API.

use std::fmt;
use std::str::Utf8Error;

pub use etcdkit_proto::EtcdError;
use tonic::{Code, Status};

/// The result of every fallible operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of a client operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument cannot be sent as given.
    #[error("invalid arguments: {0}")]
    InvalidArgs(String),
    /// An endpoint is not a URI.
    #[error("invalid uri: {0}")]
    InvalidUri(#[from] http::uri::InvalidUri),
    /// Local input or output failed.
    #[error("io error: {0}")]
    IoError(#[from] std::io::Error),
    /// The transport cannot be set up.
    #[error("transport error: {0}")]
    TransportError(#[from] tonic::transport::Error),
    /// The request failed; if it was a write, it has not been executed.
    #[error("{}", Described(.0))]
    GRpcStatus(#[from] Status),
    /// A write failed in a way that leaves open whether the server executed it. It was not repeated.
    #[error("{}; the write may or may not have been executed: read before repeating it", Described(.0))]
    OutcomeUnknown(#[source] Status),
    /// A watch could not be created, or the server ended it.
    #[error("watch error: {0}")]
    WatchError(String),
    /// Bytes are not UTF-8.
    #[error("utf8 error: {0}")]
    Utf8Error(#[from] Utf8Error),
    /// A lease could not be kept alive.
    #[error("lease keep-alive error: {0}")]
    LeaseKeepAliveError(String),
    /// An election could not go on.
    #[error("election error: {0}")]
    ElectError(String),
    /// The lock is held by somebody else, and the caller did not want to wait.
    #[error("the lock is held by another session")]
    Locked,
    /// The session's lease ended while it was needed.
    #[error("session expired: {0}")]
    SessionExpired(String),
    /// A user name or token cannot travel in a header.
    #[error("invalid metadata value: {0}")]
    InvalidMetadataValue(#[from] tonic::metadata::errors::InvalidMetadataValue),
    /// An endpoint cannot be used.
    #[error("endpoint error: {0}")]
    EndpointError(String),
    /// A member runs a release that is older than this client supports.
    #[error("{endpoint} runs etcd {version}, and this client supports {}.{} and newer: upgrade it, or connect without refusing old clusters", crate::OLDEST_SUPPORTED.0, crate::OLDEST_SUPPORTED.1)]
    OldCluster {
        /// The member's endpoint.
        endpoint: String,
        /// What it says it runs.
        version: String,
    },
    /// The client was made from a ready channel, so it has no endpoints to change.
    #[error("endpoints are not managed by this client")]
    EndpointsNotManaged,
    /// A fault of this crate.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The class of an [`Error`]: the gRPC codes, and what only a client can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum ErrorKind {
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
    /// A lease could not be kept alive.
    LeaseLost,
    /// The lock is held by somebody else.
    Locked,
    /// The session's lease ended.
    SessionExpired,
}

impl Error {
    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::LeaseKeepAliveError(_) => ErrorKind::LeaseLost,
            Error::Locked => ErrorKind::Locked,
            Error::SessionExpired(_) => ErrorKind::SessionExpired,
            other => kind_of(other.code()),
        }
    }

    /// The gRPC code that fits the error best.
    pub fn code(&self) -> Code {
        match self {
            Error::GRpcStatus(status) | Error::OutcomeUnknown(status) => status.code(),
            Error::WatchError(reason) => watch_reason(reason).0,
            Error::InvalidArgs(_)
            | Error::InvalidUri(_)
            | Error::InvalidMetadataValue(_)
            | Error::EndpointError(_)
            | Error::Utf8Error(_) => Code::InvalidArgument,
            Error::EndpointsNotManaged | Error::Locked | Error::ElectError(_) | Error::OldCluster { .. } => {
                Code::FailedPrecondition
            }
            Error::LeaseKeepAliveError(_) | Error::SessionExpired(_) => Code::NotFound,
            Error::IoError(_) | Error::TransportError(_) => Code::Unavailable,
            Error::Internal(_) => Code::Internal,
        }
    }

    /// The message, as the server or this crate worded it, without any decoration.
    pub fn message(&self) -> String {
        match self {
            Error::GRpcStatus(status) | Error::OutcomeUnknown(status) => status.message().to_owned(),
            Error::WatchError(reason) => watch_reason(reason).1.to_owned(),
            other => other.to_string(),
        }
    }

    /// The error of the etcd API, where the server answered with one.
    pub fn etcd(&self) -> Option<EtcdError> {
        match self {
            Error::GRpcStatus(status) | Error::OutcomeUnknown(status) => {
                EtcdError::from_message(status.message())
            }
            Error::WatchError(reason) => EtcdError::from_message(watch_reason(reason).1),
            _ => None,
        }
    }

    /// Whether the failed operation was a write that the server may have executed all the same.
    pub fn outcome_unknown(&self) -> bool {
        matches!(self, Error::OutcomeUnknown(_))
    }

    /// Whether the same request may succeed later without anybody changing anything.
    pub(crate) fn is_passing(&self) -> bool {
        use ErrorKind::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
        let etcd = self.etcd().map(|error| error.entry().retry);
        match etcd {
            Some(retry) => retry != etcdkit_proto::Retry::Never,
            None => matches!(self.kind(), Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown),
        }
    }

    pub(crate) fn deadline(message: impl Into<String>) -> Self {
        Error::GRpcStatus(Status::deadline_exceeded(message))
    }
}

fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::Ok | Code::Unknown => ErrorKind::Unknown,
        Code::Cancelled => ErrorKind::Cancelled,
        Code::InvalidArgument => ErrorKind::InvalidArgument,
        Code::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::PermissionDenied => ErrorKind::PermissionDenied,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::FailedPrecondition => ErrorKind::FailedPrecondition,
        Code::Aborted => ErrorKind::Aborted,
        Code::OutOfRange => ErrorKind::OutOfRange,
        Code::Unimplemented => ErrorKind::Unimplemented,
        Code::Internal => ErrorKind::Internal,
        Code::Unavailable => ErrorKind::Unavailable,
        Code::DataLoss => ErrorKind::DataLoss,
        Code::Unauthenticated => ErrorKind::Unauthenticated,
    }
}

/// Reads the code and the message out of a watch's cancel reason.
///
/// etcd puts the text of a Go error there: `rpc error: code = PermissionDenied desc = etcdserver: permission denied`.
pub(crate) fn watch_reason(reason: &str) -> (Code, &str) {
    let go_error = reason.strip_prefix("rpc error: code = ").and_then(|rest| rest.split_once(" desc = "));
    if let Some((code, message)) = go_error {
        let code = match code {
            "InvalidArgument" => Code::InvalidArgument,
            "PermissionDenied" => Code::PermissionDenied,
            "Unauthenticated" => Code::Unauthenticated,
            "FailedPrecondition" => Code::FailedPrecondition,
            "OutOfRange" => Code::OutOfRange,
            "Unavailable" => Code::Unavailable,
            _ => Code::Unknown,
        };
        return (code, message);
    }
    match EtcdError::from_message(reason) {
        Some(error) => (error.entry().code, reason),
        None => (Code::Unknown, reason),
    }
}

/// A status as people want to read it: code and message, no metadata.
struct Described<'a>(&'a Status);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.message() {
            "" => write!(f, "{:?}", self.0.code()),
            message => write!(f, "{:?}: {message}", self.0.code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_reason_written_by_go_tells_code_and_error() {
        let error = Error::WatchError(
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied".into(),
        );
        assert_eq!(error.code(), Code::PermissionDenied);
        assert_eq!(error.etcd(), Some(EtcdError::PermissionDenied));
        assert_eq!(error.message(), "etcdserver: permission denied");
        assert!(!error.outcome_unknown());
    }

    #[test]
    fn only_a_write_left_open_has_an_unknown_outcome() {
        assert!(Error::OutcomeUnknown(Status::unavailable("gone")).outcome_unknown());
        assert!(!Error::GRpcStatus(Status::unavailable("gone")).outcome_unknown());
    }
}
