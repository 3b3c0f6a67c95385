//! From a number and bytes to a call of the core.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit::Client;
use etcdkit_bridge::{BridgeError, CallId, Completion, Kind, Scope, echo, start_or_complete};
use futures::FutureExt;
use futures::future::BoxFuture;
use prost::Message;

use crate::client::ClientObject;
use crate::concurrency::{LeadershipObject, MutexObject, SessionObject};
use crate::methods::Method;
use crate::object::{self, Object, Thing};
use crate::recipes::{DoubleBarrierObject, RwMutexObject};
use crate::server::ServerObject;
use crate::stream::StreamObject;
use crate::{client, concurrency, recipes, server, stream};

/// The time limit of a call that is to have none: a year, which no clock arithmetic overflows.
const NO_LIMIT: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a call completes with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The object that the method made; 0 where it makes none.
    pub handle: u64,
    /// The encoded response.
    pub data: Bytes,
}

impl Answer {
    pub(crate) fn of(message: &impl Message) -> Self {
        Self { handle: 0, data: message.encode_to_vec().into() }
    }

    pub(crate) fn made(handle: u64, message: &impl Message) -> Self {
        Self { handle, data: message.encode_to_vec().into() }
    }
}

/// An answer, or why there is none.
pub type Outcome = Result<Answer, BridgeError>;

/// A call that is ready to run.
pub(crate) type Work = BoxFuture<'static, Outcome>;

/// Starts a call and completes it exactly once: one that is refused, before this returns, with `None`.
///
/// `target` is the object the method is called on, 0 for none. `timeout_ms` limits the call: 0 is the client's own
/// limit (none for calls that wait for something), -1 is no limit.
pub fn start(
    target: u64,
    method: u32,
    request: Bytes,
    timeout_ms: i64,
    completion: impl Completion<Answer>,
) -> Option<CallId> {
    match prepare(target, method, request, timeout_ms) {
        Ok((scope, work)) => start_or_complete(&scope, work, completion),
        Err(error) => {
            completion.complete(Err(error));
            None
        }
    }
}

fn prepare(target: u64, method: u32, request: Bytes, timeout_ms: i64) -> Result<(Scope, Work), BridgeError> {
    let method = Method::from_id(method).ok_or_else(|| unknown(method))?;
    let call = Call { target, method, request, timeout: Timeout::new(timeout_ms)? };
    if target == 0 {
        return Ok((Scope::new(), call.on_nothing()?));
    }
    let object = object::get(target)?;
    let scope = object.scope.clone();
    Ok((scope, call.on(&object)?))
}

fn unknown(method: u32) -> BridgeError {
    refused(
        Kind::Unimplemented,
        format!("method {method} is unknown to this library; is it older than the package that uses it?"),
    )
}

pub(crate) fn refused(kind: Kind, message: impl Into<String>) -> BridgeError {
    BridgeError { kind, code: kind as i32, message: message.into(), outcome_unknown: false, etcd: None }
}

pub(crate) fn invalid(message: impl Into<String>) -> BridgeError {
    refused(Kind::InvalidArgument, message)
}

/// The time a caller grants.
#[derive(Clone, Copy)]
pub(crate) enum Timeout {
    Default,
    Never,
    After(Duration),
}

impl Timeout {
    fn new(milliseconds: i64) -> Result<Self, BridgeError> {
        match milliseconds {
            0 => Ok(Self::Default),
            -1 => Ok(Self::Never),
            1.. => Ok(Self::After(Duration::from_millis(milliseconds as u64).min(NO_LIMIT))),
            _ => Err(invalid(format!(
                "a time limit is a number of milliseconds, 0 for the default or -1 for none, not {milliseconds}"
            ))),
        }
    }

    /// For calls that end by themselves: the core keeps the limit, and knows what it means for the outcome.
    pub(crate) fn client(self, client: &Client) -> Client {
        match self {
            Self::Default => client.clone(),
            Self::Never => client.with_timeout(NO_LIMIT),
            Self::After(limit) => client.with_timeout(limit),
        }
    }

    /// The same for an RPC that waits for its turn at the server: without a limit unless one is given.
    pub(crate) fn waiting(self, client: &Client) -> Client {
        match self {
            Self::Default => Self::Never.client(client),
            given => given.client(client),
        }
    }

    /// For calls that wait for something: gives the call up when the time is over.
    fn bound(self, work: Work) -> Work {
        let Self::After(limit) = self else { return work };
        async move {
            let over = |_| Err(refused(Kind::DeadlineExceeded, format!("nothing happened within {limit:?}")));
            tokio::time::timeout(limit, work).await.unwrap_or_else(over)
        }
        .boxed()
    }
}

/// A duration of a configuration; 0 is "not given", -1 is never.
pub(crate) fn milliseconds(name: &str, value: i64) -> Result<Option<Duration>, BridgeError> {
    match value {
        0 => Ok(None),
        -1 => Ok(Some(NO_LIMIT)),
        1.. => Ok(Some(Duration::from_millis(value as u64).min(NO_LIMIT))),
        _ => Err(invalid(format!("{name} is {value}: give milliseconds, 0 for the default or -1 for never"))),
    }
}

/// A call that is being prepared.
pub(crate) struct Call {
    pub(crate) target: u64,
    pub(crate) method: Method,
    pub(crate) request: Bytes,
    pub(crate) timeout: Timeout,
}

impl Call {
    /// The request as its message.
    pub(crate) fn message<M: Message + Default>(&self) -> Result<M, BridgeError> {
        M::decode(self.request.clone()).map_err(|error| {
            invalid(format!("the request of {} cannot be decoded: {error}", self.method.name()))
        })
    }

    fn on_nothing(self) -> Result<Work, BridgeError> {
        Ok(match self.method {
            Method::Echo => async move { Ok(Answer { handle: 0, data: echo(self.request).await? }) }.boxed(),
            Method::Panic => panic_on_demand()?,
            Method::ClientOpen => client::open(self)?,
            Method::ServerStart => server::start(self)?,
            method => return Err(invalid(format!("{} needs the handle of an object, not 0", method.name()))),
        })
    }

    fn on(self, object: &Object) -> Result<Work, BridgeError> {
        match &object.thing {
            Thing::Client(target) => self.on_client(target.clone(), &object.scope),
            Thing::Stream(target) => self.on_stream(target.clone()),
            Thing::Session(target) => self.on_session(target.clone(), &object.scope),
            Thing::Mutex(target) => self.on_mutex(target.clone()),
            Thing::RwMutex(target) => self.on_rw_mutex(target.clone()),
            Thing::DoubleBarrier(target) => self.on_double_barrier(target.clone()),
            Thing::Leadership(target) => self.on_leadership(target.clone()),
            Thing::Server(target) => self.on_server(target.clone()),
            Thing::Queue(_) => Err(self.wrong("queue")),
        }
    }

    fn on_client(self, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
        let timeout = self.timeout;
        match self.method {
            Method::ClientSetEndpoints => client::set_endpoints(self, target),
            Method::ClientSync => Ok(client::sync(self, target)),
            Method::ClientEndpoints => Ok(client::endpoints(target)),
            Method::ClientCallAt => client::call_at(self, target),
            Method::ClientNamespace => client::namespace(self, target, scope),
            Method::ClientSetUser => client::set_user(self, target),
            Method::ClientRefreshToken => Ok(client::refresh_token(self, target)),
            Method::LeaseKeepAliveOnce => client::keep_alive_once(self, target),
            Method::WatchOpen => stream::watch(self, target, scope),
            Method::LeaseKeepAlive => stream::keep_alive(self, target, scope),
            Method::Snapshot => Ok(stream::snapshot(self, target, scope)),
            Method::RangeStream => stream::range(self, target, scope),
            Method::SessionOpen => concurrency::open_session(self, target, scope),
            Method::ElectionLeader => concurrency::leader(self, target),
            Method::QueueEnqueue => recipes::enqueue(self, target),
            Method::QueueDequeue => recipes::dequeue(self, target).map(|work| timeout.bound(work)),
            Method::BarrierHold | Method::BarrierRelease => recipes::set_barrier(self, target),
            Method::BarrierWait => recipes::wait_at_barrier(self, target).map(|work| timeout.bound(work)),
            Method::ElectionObserve => stream::observe(self, target, scope).map(|work| timeout.bound(work)),
            method => match method.path() {
                Some(path) => Ok(client::unary(self, target, path)),
                None => Err(self.wrong("client")),
            },
        }
    }

    fn on_stream(self, target: Arc<StreamObject>) -> Result<Work, BridgeError> {
        let timeout = self.timeout;
        match self.method {
            Method::StreamNext => stream::next(self, target).map(|work| timeout.bound(work)),
            Method::WatchProgress => Ok(stream::progress(target)),
            _ => Err(self.wrong("stream")),
        }
    }

    fn on_session(self, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
        let timeout = self.timeout;
        match self.method {
            Method::SessionClose => Ok(concurrency::close_session(target)),
            Method::SessionOrphan => Ok(concurrency::orphan_session(target)),
            Method::SessionDone => Ok(timeout.bound(concurrency::session_done(target))),
            Method::MutexLock => concurrency::lock(self, target, scope).map(|work| timeout.bound(work)),
            Method::ElectionCampaign => {
                concurrency::campaign(self, target, scope).map(|work| timeout.bound(work))
            }
            Method::ElectionResume => concurrency::resume(self, target, scope),
            Method::RwMutexLock => recipes::lock(self, target, scope).map(|work| timeout.bound(work)),
            Method::DoubleBarrierEnter => recipes::enter(self, target, scope).map(|work| timeout.bound(work)),
            _ => Err(self.wrong("session")),
        }
    }

    fn on_mutex(self, target: Arc<MutexObject>) -> Result<Work, BridgeError> {
        let timeout = self.timeout;
        match self.method {
            Method::MutexUnlock => Ok(timeout.bound(concurrency::unlock(target))),
            Method::MutexIsOwner => Ok(timeout.bound(concurrency::is_owner(target))),
            Method::MutexLost => Ok(timeout.bound(concurrency::lost(target))),
            _ => Err(self.wrong("mutex")),
        }
    }

    fn on_rw_mutex(self, target: Arc<RwMutexObject>) -> Result<Work, BridgeError> {
        match self.method {
            Method::RwMutexUnlock => Ok(self.timeout.bound(recipes::unlock(target))),
            _ => Err(self.wrong("rw_mutex")),
        }
    }

    fn on_double_barrier(self, target: Arc<DoubleBarrierObject>) -> Result<Work, BridgeError> {
        match self.method {
            Method::DoubleBarrierLeave => Ok(self.timeout.bound(recipes::leave(target))),
            _ => Err(self.wrong("double_barrier")),
        }
    }

    fn on_leadership(self, target: Arc<LeadershipObject>) -> Result<Work, BridgeError> {
        let timeout = self.timeout;
        match self.method {
            Method::ElectionProclaim => concurrency::proclaim(self, target).map(|work| timeout.bound(work)),
            Method::ElectionResign => Ok(timeout.bound(concurrency::resign(target))),
            _ => Err(self.wrong("leadership")),
        }
    }

    fn on_server(self, target: Arc<ServerObject>) -> Result<Work, BridgeError> {
        match self.method {
            Method::ServerStop => Ok(self.timeout.bound(server::stop(target))),
            _ => Err(self.wrong("server")),
        }
    }

    fn wrong(&self, kind: &str) -> BridgeError {
        invalid(format!("{} cannot be called on a {kind}", self.method.name()))
    }
}

/// For tests that see whether a panic crosses the boundary.
#[cfg(feature = "panic-injection")]
#[allow(clippy::unnecessary_wraps)]
fn panic_on_demand() -> Result<Work, BridgeError> {
    Ok(async { panic!("a panic on demand") }.boxed())
}

#[cfg(not(feature = "panic-injection"))]
fn panic_on_demand() -> Result<Work, BridgeError> {
    Err(refused(Kind::Unimplemented, "PANIC is for tests; this library was built without it"))
}
