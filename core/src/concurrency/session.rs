//! A lease kept alive, in whose name locks and leaderships are held.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::client::Client;
use crate::core::Core;
use crate::error::{Error, EtcdError, Result};
use crate::lease::{KeepAlive, LeaseLost, lost};

/// Seconds a session outlives its process, unless told otherwise; as in etcd's Go client.
pub const SESSION_TTL: i64 = 60;

/// Options of [`Session::new`].
#[derive(Clone, Debug)]
pub struct SessionOptions {
    ttl: i64,
    lease: i64,
    keep_alive: bool,
}

impl SessionOptions {
    /// A new lease of 60 seconds, kept alive.
    pub const fn new() -> Self {
        Self { ttl: SESSION_TTL, lease: 0, keep_alive: true }
    }

    /// Seconds until the locks of a dead process are free.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: i64) -> Self {
        self.ttl = ttl;
        self
    }

    /// Uses a lease that exists. Give its TTL too.
    #[must_use]
    pub const fn with_lease(mut self, lease: i64) -> Self {
        self.lease = lease;
        self
    }

    /// Leaves the lease to itself: the session ends with it unless somebody renews it.
    #[must_use]
    pub const fn without_keep_alive(mut self) -> Self {
        self.keep_alive = false;
        self
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A session. Clones are the same session; its lease is kept alive until the last clone is dropped.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    core: Core,
    lease: i64,
    keep_alive: Option<KeepAlive>,
    /// Where cleaning up runs, also when the last user is dropped outside of any runtime.
    runtime: Handle,
    /// Keys are named after the lease, so within one session the server cannot tell two holders apart: these can.
    places: Mutex<HashMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>>,
}

impl Session {
    /// Starts a session.
    pub async fn new(client: &Client, options: Option<SessionOptions>) -> Result<Self> {
        let options = options.unwrap_or_default();
        let (lease, ttl) = match options.lease {
            0 => {
                let granted = client.lease_grant(options.ttl, None).await?;
                (granted.id(), granted.ttl())
            }
            lease => (lease, options.ttl),
        };
        let keep_alive = options.keep_alive.then(|| client.keep_alive(lease, ttl));
        let core = client.core().clone();
        let (runtime, places) = (Handle::current(), Mutex::default());
        let shared = Shared { client: client.clone(), core, lease, keep_alive, runtime, places };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The lease of the session.
    pub fn lease(&self) -> i64 {
        self.shared.lease
    }

    /// The client of the session.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// Waits until the lease is lost, and tells why. A session that is not kept alive never tells.
    pub async fn lost(&self) -> LeaseLost {
        match &self.shared.keep_alive {
            Some(keep_alive) => lost(keep_alive.watcher()).await,
            None => std::future::pending().await,
        }
    }

    /// Why the lease is lost, or `None` while it lives.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.shared.keep_alive.as_ref().and_then(KeepAlive::is_lost)
    }

    /// Ends the session: revokes the lease, and with it releases all it holds.
    pub async fn close(&self) -> Result<()> {
        if let Some(keep_alive) = &self.shared.keep_alive {
            keep_alive.stop();
        }
        match self.shared.client.lease_revoke(self.shared.lease).await {
            Err(error) if error.etcd() != Some(EtcdError::LeaseNotFound) => Err(error),
            _ => Ok(()),
        }
    }

    /// Stops keeping the lease alive: what the session holds stays until the lease expires.
    pub fn orphan(&self) {
        if let Some(keep_alive) = &self.shared.keep_alive {
            keep_alive.stop();
        }
    }

    pub(super) fn core(&self) -> &Core {
        &self.shared.core
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.shared.runtime
    }

    /// The session's one place in the line with this prefix.
    pub(super) fn place(&self, prefix: &[u8]) -> Arc<tokio::sync::Mutex<()>> {
        let mut places = self.shared.places.lock();
        places.retain(|_, place| Arc::strong_count(place) > 1);
        places.entry(prefix.to_vec()).or_default().clone()
    }

    /// Runs something that may take long, for as long as the session lives.
    pub(super) async fn while_alive<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            reason = self.lost() => Err(Error::SessionExpired(reason.to_string())),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("lease", &self.shared.lease).finish_non_exhaustive()
    }
}
