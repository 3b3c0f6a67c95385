//! A copy of a member's storage, read in chunks.

use std::sync::Arc;

use etcdkit::{Client, SnapshotStreaming};
use pyo3::prelude::*;
use tokio::sync::Mutex;

use crate::call::Call;
use crate::client::raw_bytes;
use crate::failure::Failure;
use crate::process::Owner;
use crate::runtime::Scope;

/// An open copy.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeSnapshot {
    stream: Arc<Mutex<SnapshotStreaming>>,
    scope: Scope,
    owner: Owner,
}

impl NativeSnapshot {
    pub(crate) async fn open(client: Client, scope: &Scope) -> Result<Self, Failure> {
        let stream = Arc::new(Mutex::new(client.maintenance_client().snapshot().await?));
        Ok(NativeSnapshot { stream, scope: scope.clone(), owner: Owner::current() })
    }
}

#[pymethods]
impl NativeSnapshot {
    /// Waits for the next chunk: bytes, empty at the end.
    fn next(&self) -> PyResult<Call> {
        self.owner.check("this snapshot")?;
        let stream = self.stream.clone();
        Call::start(&self.scope, async move {
            let chunk = stream.lock().await.message().await?;
            Ok(raw_bytes(chunk.map_or_else(Vec::new, |chunk| chunk.blob().to_vec())))
        })
    }
}
