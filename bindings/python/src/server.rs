//! A server inside the process of the program.

use std::str::FromStr;

use etcdkit_bridge::ForkSafe;
use etcdkit_server::backend::EngineKind;
use etcdkit_server::{BlockingServer, Server, StartError};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::failure::Failure;

/// A running server, on threads of its own.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeServer {
    /// None once it is stopped.
    running: ForkSafe<Mutex<Option<BlockingServer>>>,
    #[pyo3(get)]
    endpoint: String,
}

#[pymethods]
impl NativeServer {
    /// Starts a server and returns when it serves; without a directory it keeps its data in memory.
    #[new]
    #[pyo3(signature = (data_dir, listen, storage_engine, name))]
    fn new(
        py: Python<'_>,
        data_dir: Option<String>,
        listen: String,
        storage_engine: Option<&str>,
        name: String,
    ) -> PyResult<Self> {
        let engine = storage_engine.map(EngineKind::from_str).transpose();
        let engine = engine.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut builder = Server::builder().listen(listen).name(name);
        builder = match data_dir {
            Some(data_dir) => builder.data_dir(data_dir),
            None => builder.memory(),
        };
        if let Some(engine) = engine {
            builder = builder.engine(engine);
        }
        let server = py.detach(|| builder.start_blocking()).map_err(refused)?;
        let endpoint = server.endpoint().to_owned();
        Ok(NativeServer { running: ForkSafe::new(Mutex::new(Some(server))), endpoint })
    }

    /// Stops it, and waits until what it accepted is safe and its port is free.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.get().map_err(Failure::from)?.lock().take();
        if let Some(server) = running {
            py.detach(|| server.shutdown());
        }
        Ok(())
    }
}

fn refused(error: StartError) -> PyErr {
    match error {
        StartError::Config(error) => PyValueError::new_err(error.to_string()),
        error => PyOSError::new_err(error.to_string()),
    }
}
