//! A copy of a member's storage, read in chunks.

use std::sync::Arc;

use etcdkit::{Client, SnapshotStreaming};
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use pyo3::prelude::*;
use tokio::sync::Mutex;

use crate::call::Call;
use crate::client::raw_bytes;
use crate::failure::Failure;

/// An open copy.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeSnapshot {
    stream: ForkSafe<Arc<Mutex<SnapshotStreaming>>>,
    scope: Scope,
}

impl NativeSnapshot {
    pub(crate) async fn open(client: Client, scope: &Scope) -> Result<Self, BridgeError> {
        let stream = client.maintenance_client().snapshot().await?;
        Ok(NativeSnapshot { stream: ForkSafe::new(Arc::new(Mutex::new(stream))), scope: scope.clone() })
    }
}

#[pymethods]
impl NativeSnapshot {
    /// Waits for the next chunk: bytes, empty at the end.
    fn next(&self) -> PyResult<Call> {
        let stream = self.stream.get().map_err(Failure::from)?.clone();
        Call::start(&self.scope, async move {
            let chunk = stream.lock().await.message().await?;
            Ok(raw_bytes(chunk.map_or_else(Vec::new, |chunk| chunk.blob().to_vec())))
        })
    }
}
