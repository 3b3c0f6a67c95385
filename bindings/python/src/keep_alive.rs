//! A lease that the core renews until told otherwise.

use std::sync::Arc;

use etcdkit::{Client, KeepAlive};
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::call::Call;
use crate::client::text;
use crate::failure::Failure;

/// What a closed keep-alive says when asked why it does not renew.
const CLOSED: &str = "closed";

/// The renewal of one lease.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeKeepAlive {
    renewal: ForkSafe<Renewal>,
}

struct Renewal {
    /// None once it is closed: dropping the last copy stops the renewal.
    running: Mutex<Option<Arc<KeepAlive>>>,
    scope: Scope,
}

impl NativeKeepAlive {
    /// Renews once, to learn the TTL and that the lease exists, and then goes on.
    pub(crate) async fn start(client: Client, lease_id: i64, scope: &Scope) -> Result<Self, BridgeError> {
        let ttl = client.lease_client().keep_alive_once(lease_id).await?.ttl();
        let running = Arc::new(client.lease_client().keep(lease_id, ttl));
        let renewal = Renewal { running: Mutex::new(Some(running)), scope: scope.child() };
        Ok(NativeKeepAlive { renewal: ForkSafe::new(renewal) })
    }

    fn renewal(&self) -> PyResult<&Renewal> {
        self.renewal.get().map_err(|error| Failure::from(error).into())
    }
}

#[pymethods]
impl NativeKeepAlive {
    /// Why the lease is not renewed any more, None while it is.
    fn lost_reason(&self) -> PyResult<Option<String>> {
        match &*self.renewal()?.running.lock() {
            None => Ok(Some(CLOSED.to_owned())),
            Some(running) => Ok(running.is_lost().map(|lost| lost.to_string())),
        }
    }

    /// Waits until the lease is lost; the result says why.
    fn wait_lost(&self) -> PyResult<Call> {
        let renewal = self.renewal()?;
        let (running, scope) = (renewal.running.lock().clone(), renewal.scope.clone());
        Call::start(&Scope::new(), async move {
            let Some(running) = running else {
                return Ok(text(CLOSED.to_owned()));
            };
            let lost = scope.run(async { Ok(running.lost().await.to_string()) });
            Ok(text(lost.await.unwrap_or_else(|_| CLOSED.to_owned())))
        })
    }

    /// Stops renewing. In a forked child it does nothing.
    fn close(&self) {
        if let Ok(renewal) = self.renewal.get() {
            renewal.scope.close();
            renewal.running.lock().take();
        }
    }
}
