//! Which failures may be repeated. Pure decisions, so that one table of cases proves them.
//!
//! A client that repeats a write whose first attempt was executed runs it twice, or reports as failed what has
//! happened (seen in jetcd 0.8.2 by Jepsen). So a write is repeated only when the server cannot have executed it.

use std::error::Error as _;
use std::time::Duration;

use etcdkit_link::Unsent;
use etcdkit_proto::{EtcdError, Retry};
use tonic::{Code, Status};

use crate::error::Error;
use crate::method::Class;

/// First pause between two rounds over the endpoints; etcd's Go client waits as long.
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(25);
/// Longest pause: long enough not to press a struggling server, short enough to notice its return.
pub(crate) const BACKOFF_MAX: Duration = Duration::from_millis(500);
/// Attempts of one call; the deadline ends a call long before, unless there is none.
pub(crate) const ATTEMPTS_MAX: u32 = 100;
/// New tokens one call asks for. A token may expire between login and use, but not again and again.
pub(crate) const LOGINS_MAX: u32 = 2;

/// What to do about a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again, at another endpoint if there is one.
    Again,
    /// Log in, then try again.
    Login,
    /// Report it: the request has not been executed.
    Fail,
    /// Report it: the request may have been executed.
    FailUnknown,
}

/// Judges a failed attempt of a request of this class.
pub(crate) fn judge(class: Class, status: &Status) -> Verdict {
    if never_sent(status) {
        return Verdict::Again;
    }
    if let Some(error) = EtcdError::from_message(status.message()) {
        return judge_etcd(class, error);
    }
    let transport = status.source().is_some();
    let transient = status.code() == Code::Unavailable || transport;
    match class {
        Class::Read if transient => Verdict::Again,
        Class::Read => Verdict::Fail,
        Class::Write if transport || !definite(status.code()) => Verdict::FailUnknown,
        Class::Write => Verdict::Fail,
    }
}

fn judge_etcd(class: Class, error: EtcdError) -> Verdict {
    match (error, error.entry().retry, class) {
        // The credentials were not sent, because authentication was off when the client connected.
        (EtcdError::UserEmpty, ..) | (_, Retry::Auth, _) => Verdict::Login,
        // Another member of the cluster may be a voter.
        (EtcdError::NotSupportedForLearner, ..) => Verdict::Again,
        (_, Retry::Read, Class::Read) => Verdict::Again,
        (_, Retry::Read, Class::Write) => Verdict::FailUnknown,
        // etcd applies the put that crosses the quota and still answers with this error.
        (
            EtcdError::NoSpace | EtcdError::Canceled | EtcdError::DeadlineExceeded | EtcdError::Corrupt,
            _,
            Class::Write,
        ) => Verdict::FailUnknown,
        _ => Verdict::Fail,
    }
}

/// Whether a server answers with this code only without having executed the request.
fn definite(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::Unauthenticated
            | Code::ResourceExhausted
    )
}

/// Whether the request provably never left: no connection was made for it, or the server refused its stream unread.
pub(crate) fn never_sent(status: &Status) -> bool {
    etcdkit_link::never_sent(status)
        || has_cause(status, |error| error.is::<tonic::ConnectError>() || ended_before(error))
}

/// Whether the failure tells no more than that the connection ended before it took the request.
pub(crate) fn says_little(status: &Status) -> bool {
    has_cause(status, ended_before)
}

/// hyper, where a connection is the transport's, calls such a request canceled.
fn ended_before(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<Unsent>() || error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
}

fn has_cause(status: &Status, is_it: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool {
    std::iter::successors(status.source(), |&error| error.source()).any(is_it)
}

/// Makes the error a caller sees.
pub(crate) fn report(verdict: Verdict, status: Status) -> Error {
    match verdict {
        Verdict::FailUnknown => Error::OutcomeUnknown(readable(status)),
        _ => Error::GRpcStatus(readable(status)),
    }
}

/// A broken connection is told as Unavailable with its cause, whatever code the transport chose, and a response that is
/// too long as in every other client.
fn readable(status: Status) -> Status {
    if let Some(status) = too_long(&status) {
        return status;
    }
    let Some(cause) = status.source() else {
        return status;
    };
    let mut deepest = cause;
    while let Some(next) = deepest.source() {
        deepest = next;
    }
    let text = deepest.to_string();
    let message = if status.message().contains(&text) {
        status.message().to_owned()
    } else {
        format!("{}: {text}", status.message())
    };
    Status::unavailable(message)
}

/// A response longer than the client takes is OutOfRange to the transport, and ResourceExhausted to gRPC's other
/// clients, which say it so.
fn too_long(status: &Status) -> Option<Status> {
    let sizes = status.message().strip_prefix("Error, decoded message length too large: found ")?;
    let (size, limit) = sizes.strip_suffix(" bytes")?.split_once(" bytes, the limit is: ")?;
    let text = format!("received message larger than max ({size} vs. {limit})");
    Some(Status::resource_exhausted(text))
}

/// The pause before a round over the endpoints, with a fifth of jitter so that clients do not march in step.
pub(crate) fn backoff(round: u32) -> Duration {
    let base = BACKOFF_FIRST.saturating_mul(1 << round.min(8)).min(BACKOFF_MAX);
    base.mul_f64(rand::random_range(0.8..1.2))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn etcd(error: EtcdError) -> Status {
        Status::from(error)
    }

    fn broken() -> Status {
        Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)))
    }

    fn unconnected() -> Status {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let mut status = Status::unavailable("connect");
        status.set_source(Arc::new(tonic::ConnectError(Box::new(refused))));
        status
    }

    #[test]
    fn each_failure_has_one_verdict_for_reads_and_one_for_writes() {
        use Verdict::*;
        let table = [
            ("never connected", unconnected(), Again, Again),
            ("connection broke after sending", broken(), Again, FailUnknown),
            ("unavailable without a known text", Status::unavailable("proxy"), Again, FailUnknown),
            ("no leader", etcd(EtcdError::NoLeader), Again, FailUnknown),
            ("leader changed", etcd(EtcdError::LeaderChanged), Again, FailUnknown),
            ("server-side timeout", etcd(EtcdError::Timeout), Again, FailUnknown),
            ("server stopped", etcd(EtcdError::Stopped), Again, FailUnknown),
            ("deadline at the server", Status::deadline_exceeded("late"), Fail, FailUnknown),
            ("unknown code, unknown text", Status::unknown("?"), Fail, FailUnknown),
            ("internal", Status::internal("?"), Fail, FailUnknown),
            ("compacted", etcd(EtcdError::Compacted), Fail, Fail),
            ("empty key", etcd(EtcdError::EmptyKey), Fail, Fail),
            ("too many requests", etcd(EtcdError::TooManyRequests), Fail, Fail),
            ("quota", etcd(EtcdError::NoSpace), Fail, FailUnknown),
            ("lease gone", etcd(EtcdError::LeaseNotFound), Fail, Fail),
            ("permission denied", etcd(EtcdError::PermissionDenied), Fail, Fail),
            ("token expired", etcd(EtcdError::InvalidAuthToken), Login, Login),
            ("token from before a change of users", etcd(EtcdError::AuthRevisionOld), Login, Login),
            ("authentication was switched on", etcd(EtcdError::UserEmpty), Login, Login),
            ("learner", etcd(EtcdError::NotSupportedForLearner), Again, Again),
            ("method unknown to the server", Status::unimplemented("no"), Fail, Fail),
        ];
        for (case, status, read, write) in table {
            assert_eq!(judge(Class::Read, &status), read, "read: {case}");
            assert_eq!(judge(Class::Write, &status), write, "write: {case}");
        }
    }

    #[test]
    fn a_response_that_is_too_long_is_told_as_grpc_tells_it() {
        // The transport's own words: if they change, this must.
        let text = "Error, decoded message length too large: found 27066 bytes, the limit is: 20000 bytes";
        let error = report(Verdict::FailUnknown, Status::out_of_range(text));
        assert_eq!(error.code(), Code::ResourceExhausted);
        assert_eq!(error.message(), "received message larger than max (27066 vs. 20000)");
        assert!(error.outcome_unknown());
        assert_eq!(report(Verdict::Fail, Status::from(EtcdError::Compacted)).code(), Code::OutOfRange);
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert!(backoff(0) < Duration::from_millis(31));
        assert!(backoff(30) <= BACKOFF_MAX.mul_f64(1.2));
    }
}
