//! An election, entered in the name of a lease of its own.

use std::sync::Arc;

use etcdkit::LeaderResponse;
use etcdkit::concurrency::{Election, Leadership, Observer, Session, SessionOptions};
use etcdkit_bridge::wire::leader;
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use prost::Message;
use pyo3::prelude::*;

use crate::call::{Call, Finish};
use crate::client::{Lazy, boolean, decoded, nothing};
use crate::codec::Codec;
use crate::failure::Failure;

/// One candidate's view of an election.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeElection {
    shared: ForkSafe<Arc<Shared>>,
    scope: Scope,
}

struct Shared {
    lazy: Arc<Lazy>,
    name: Vec<u8>,
    ttl: i64,
    won: parking_lot::Mutex<Option<Won>>,
}

#[derive(Clone)]
struct Won {
    leadership: Leadership,
    session: Session,
}

impl NativeElection {
    pub(crate) fn new(lazy: Arc<Lazy>, name: Vec<u8>, ttl: i64, scope: &Scope) -> Self {
        let shared = Shared { lazy, name, ttl, won: parking_lot::Mutex::default() };
        NativeElection { shared: ForkSafe::new(Arc::new(shared)), scope: scope.clone() }
    }

    fn shared(&self) -> PyResult<Arc<Shared>> {
        Ok(self.shared.get().map_err(Failure::from)?.clone())
    }
}

#[pymethods]
impl NativeElection {
    /// Waits for the leadership; the result is (lease id, fencing token).
    fn campaign(&self, value: &[u8]) -> PyResult<Call> {
        let (shared, value) = (self.shared()?, value.to_vec());
        Call::start(&self.scope, async move {
            let client = shared.lazy.client().await?;
            let session = Session::new(&client, Some(SessionOptions::new().with_ttl(shared.ttl))).await?;
            let leadership = Election::new(&client, shared.name.clone()).campaign(&session, value).await?;
            let leader = (session.lease(), leadership.fencing_token());
            *shared.won.lock() = Some(Won { leadership, session });
            Ok(Box::new(move |py: Python<'_>| Ok(leader.into_pyobject(py)?.into_any().unbind())) as Finish)
        })
    }

    /// Changes the leader's value.
    fn proclaim(&self, value: &[u8]) -> PyResult<Call> {
        let (won, value) = (self.shared()?.won.lock().clone(), value.to_vec());
        Call::start(&self.scope, async move {
            let Some(won) = won else {
                return Err(etcdkit::Error::ElectError("not leader".to_owned()).into());
            };
            won.leadership.proclaim(value).await?;
            Ok(nothing())
        })
    }

    /// Gives the leadership up; the result is whether there was one to give up.
    fn resign(&self) -> PyResult<Call> {
        let won = self.shared()?.won.lock().take();
        Call::start(&self.scope, async move {
            let Some(won) = won else {
                return Ok(boolean(false));
            };
            won.leadership.resign().await?;
            won.session.close().await?;
            Ok(boolean(true))
        })
    }

    /// The present leader, as a LeaderResponse.
    fn leader(&self, codec: Py<Codec>) -> PyResult<Call> {
        let shared = self.shared()?;
        Call::start(&self.scope, async move {
            let election = Election::new(&shared.lazy.client().await?, shared.name.clone());
            Ok(decoded(codec, encoded(&election.leader().await?)))
        })
    }

    /// Starts to observe; the result is a NativeObserver.
    fn observe(&self, codec: Py<Codec>) -> PyResult<Call> {
        let (shared, scope) = (self.shared()?, self.scope.clone());
        Call::start(&self.scope, async move {
            let observer = Election::new(&shared.lazy.client().await?, shared.name.clone()).observe();
            let observer = ForkSafe::new(Arc::new(tokio::sync::Mutex::new(observer)));
            let observer = NativeObserver { observer, codec, scope: scope.child() };
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, observer)?.into_any())) as Finish)
        })
    }
}

/// The leaders of an election, one after the other.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeObserver {
    observer: ForkSafe<Arc<tokio::sync::Mutex<Observer>>>,
    codec: Py<Codec>,
    scope: Scope,
}

#[pymethods]
impl NativeObserver {
    /// Waits for the next leader, or its next value: a LeaderResponse, None when closed.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        let observer = self.observer.get().map_err(Failure::from)?.clone();
        let (codec, scope) = (self.codec.clone_ref(py), self.scope.clone());
        Call::start(&Scope::new(), async move {
            let next = scope.run(async { observer.lock().await.message().await.map_err(BridgeError::from) });
            match next.await {
                Err(error) if error.kind == etcdkit_bridge::Kind::Closed => Ok(nothing()),
                next => Ok(next?.map_or_else(nothing, |next| decoded(codec, encoded(&next)))),
            }
        })
    }

    /// Ends the observation.
    fn close(&self) {
        self.scope.close();
    }
}

fn encoded(next: &LeaderResponse) -> bytes::Bytes {
    leader(next).encode_to_vec().into()
}
