//! Service discovery: what is registered, and the registration of this process.

use etcdkit::Client;
use etcdkit::naming::{Endpoint, Naming, Registration};
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::call::{Call, Finish};
use crate::client::nothing;
use crate::failure::Failure;

/// A registered instance of a service, renewed by the core.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeRegistration {
    /// None once it is taken off the list.
    registration: ForkSafe<Mutex<Option<Registration>>>,
    scope: Scope,
    #[pyo3(get)]
    key: String,
}

impl NativeRegistration {
    /// `metadata` is JSON text.
    pub(crate) async fn start(
        client: Client,
        service: &str,
        address: String,
        metadata: &str,
        ttl: i64,
        scope: &Scope,
    ) -> Result<Self, BridgeError> {
        let endpoint = Endpoint::new(address).with_metadata_json(metadata)?;
        let registration = Naming::new(&client, service).register(endpoint, ttl).await?;
        let key = registration.key().to_owned();
        let registration = ForkSafe::new(Mutex::new(Some(registration)));
        Ok(NativeRegistration { registration, scope: scope.clone(), key })
    }
}

#[pymethods]
impl NativeRegistration {
    /// Takes the instance off the list now.
    fn close(&self) -> PyResult<Call> {
        let registration = self.registration.get().map_err(Failure::from)?.lock().take();
        Call::start(&self.scope, async move {
            if let Some(registration) = registration {
                registration.close().await?;
            }
            Ok(nothing())
        })
    }
}

/// The instances of a service: (key, address, metadata as JSON text) of each.
pub(crate) async fn list(client: Client, service: &str) -> Result<Finish, BridgeError> {
    let instances = Naming::new(&client, service).list().await?;
    let rows: Vec<(String, String, String)> = instances
        .into_iter()
        .map(|(key, endpoint)| (key, endpoint.addr.clone(), endpoint.metadata.to_string()))
        .collect();
    Ok(Box::new(move |py| Ok(rows.into_pyobject(py)?.unbind())))
}
