//! A lock, held in the name of a lease of its own.
//!
//! While it waits in line the lease is renewed, or a long line would outlive it. Once the lock is
//! held, the lease is left to the program, which renews it or asks the core to.

use std::sync::Arc;
use std::time::Duration;

use etcdkit::concurrency::{Layout, LockGuard, Mutex, Session, SessionOptions};
use etcdkit::{Client, Error};
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use pyo3::prelude::*;

use crate::call::{Call, Finish};
use crate::client::{Lazy, boolean, seconds, text};
use crate::failure::Failure;

/// What an object that does not hold the lock says when asked why.
const RELEASED: &str = "the lock was released";

/// A lock of one holder.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeLock {
    shared: ForkSafe<Arc<Shared>>,
    scope: Scope,
}

struct Shared {
    lazy: Arc<Lazy>,
    settings: Settings,
    held: parking_lot::Mutex<Option<Arc<Held>>>,
}

/// What the program asked for.
pub(crate) struct Settings {
    /// The name of the line, and the plain key that older clients use.
    pub(crate) name: Vec<u8>,
    /// Value of the plain key while the lock is held; None where the line alone makes the lock.
    pub(crate) owner: Option<Vec<u8>>,
    /// TTL of the lease in seconds.
    pub(crate) ttl: i64,
    /// Whether the core renews the lease while the lock is held.
    pub(crate) keep_alive: bool,
}

struct Held {
    /// None only while being dropped.
    guard: Option<LockGuard>,
    session: Session,
}

impl Held {
    fn guard(&self) -> Result<&LockGuard, BridgeError> {
        self.guard.as_ref().ok_or_else(BridgeError::closed)
    }

    async fn release(&self) -> Result<bool, BridgeError> {
        let _revoke = Attempt(Some(self.session.clone()));
        Ok(self.guard()?.release().await?)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A program that forgets the object holds the lock for its TTL, as it always did.
        if let Some(guard) = self.guard.take() {
            guard.forget();
        }
    }
}

/// Ends the session of an attempt that fails, or that is given up midway.
struct Attempt(Option<Session>);

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            tokio::spawn(async move {
                // If it cannot be revoked now, the lease ends by itself.
                let _ = session.close().await;
            });
        }
    }
}

impl NativeLock {
    pub(crate) fn new(lazy: Arc<Lazy>, settings: Settings, scope: &Scope) -> Self {
        let shared = Shared { lazy, settings, held: parking_lot::Mutex::default() };
        NativeLock { shared: ForkSafe::new(Arc::new(shared)), scope: scope.clone() }
    }

    fn shared(&self) -> PyResult<&Arc<Shared>> {
        self.shared.get().map_err(|error| Failure::from(error).into())
    }
}

#[pymethods]
impl NativeLock {
    /// Takes the lock; the result is (lease id, fencing token), or None when the time is over.
    ///
    /// `timeout` is in seconds; 0 tries once, None waits for ever.
    fn acquire(&self, timeout: Option<f64>) -> PyResult<Call> {
        let (shared, timeout) = (self.shared()?.clone(), timeout.map(seconds).transpose()?);
        Call::start(&self.scope, async move {
            let client = shared.lazy.client().await?;
            let holder = shared.acquire(client, timeout).await?;
            Ok(Box::new(move |py: Python<'_>| Ok(holder.into_pyobject(py)?.unbind())) as Finish)
        })
    }

    /// Gives the lock back; the result is whether it was still held.
    fn release(&self) -> PyResult<Call> {
        let held = self.shared()?.held.lock().take();
        Call::start(&self.scope, async move {
            match held {
                Some(held) => Ok(boolean(held.release().await?)),
                None => Ok(boolean(false)),
            }
        })
    }

    /// Asks the server; the result is whether the lock is held.
    fn is_held(&self) -> PyResult<Call> {
        let held = self.shared()?.held.lock().clone();
        Call::start(&self.scope, async move {
            match held {
                Some(held) => Ok(boolean(held.guard()?.is_held().await?)),
                None => Ok(boolean(false)),
            }
        })
    }

    /// Waits until the lock is lost; the result says why.
    fn wait_lost(&self) -> PyResult<Call> {
        let held = self.shared()?.held.lock().clone();
        Call::start(&self.scope, async move {
            match held {
                Some(held) => Ok(text(held.guard()?.lost().await.to_string())),
                None => Ok(text(RELEASED.to_owned())),
            }
        })
    }
}

impl Shared {
    async fn acquire(
        &self,
        client: Client,
        timeout: Option<Duration>,
    ) -> Result<Option<(i64, i64)>, BridgeError> {
        let session = Session::new(&client, Some(SessionOptions::new().with_ttl(self.settings.ttl))).await?;
        let mut attempt = Attempt(Some(session.clone()));
        let layout = match &self.settings.owner {
            Some(owner) => Layout::Bridge { key: self.settings.name.clone(), value: owner.clone() },
            None => Layout::Reference,
        };
        let mutex = Mutex::new(&session, &self.settings.name).with_layout(layout);
        let outcome = match timeout {
            Some(Duration::ZERO) => mutex.try_lock().await,
            Some(limit) => mutex.lock_timeout(limit).await,
            None => mutex.lock().await,
        };
        let guard = match outcome {
            Err(Error::Locked) => return Ok(None),
            outcome => outcome?,
        };
        if !self.settings.keep_alive {
            session.orphan();
            // The holder gets its whole TTL, also when part of it went by in line.
            client.lease_client().keep_alive_once(session.lease()).await?;
        }
        attempt.0 = None;
        let holder = (session.lease(), guard.fencing_token());
        *self.held.lock() = Some(Arc::new(Held { guard: Some(guard), session }));
        Ok(Some(holder))
    }
}
