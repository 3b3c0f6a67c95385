//! A server inside the process of the program.

use std::io;
use std::str::FromStr;
use std::sync::Arc;

use etcdkit::Connector;
use etcdkit_bridge::ForkSafe;
use etcdkit_server::backend::EngineKind;
use etcdkit_server::{BlockingServer, InProcess, Server, StartError};
use parking_lot::Mutex;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::failure::Failure;

/// The way to a server for clients of this process. It stays the same when the server is started again.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeDoor {
    /// None while the server is stopped.
    way: ForkSafe<Arc<Mutex<Option<InProcess>>>>,
}

#[pymethods]
impl NativeDoor {
    #[new]
    fn new() -> Self {
        NativeDoor { way: ForkSafe::new(Arc::default()) }
    }
}

impl NativeDoor {
    pub(crate) fn connector(&self) -> PyResult<Connector> {
        let way = self.way.get().map_err(Failure::from)?.clone();
        Ok(Connector::new(move |_| {
            let way = way.lock().clone();
            async move {
                match way {
                    Some(way) => way.connect().await,
                    None => Err(io::Error::new(io::ErrorKind::ConnectionRefused, "the server is stopped")),
                }
            }
        }))
    }

    fn lead_to(&self, way: Option<InProcess>) -> PyResult<()> {
        *self.way.get().map_err(Failure::from)?.lock() = way;
        Ok(())
    }
}

/// A running server, on threads of its own.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeServer {
    /// None once it is stopped.
    running: ForkSafe<Mutex<Option<BlockingServer>>>,
    door: Py<NativeDoor>,
    #[pyo3(get)]
    endpoint: String,
}

#[pymethods]
impl NativeServer {
    /// Starts a server and returns when it serves; without a directory it keeps its data in memory, without an
    /// address it is reached through the door alone.
    #[new]
    #[pyo3(signature = (data_dir, listen, storage_engine, name, flags, door))]
    fn new(
        py: Python<'_>,
        data_dir: Option<String>,
        listen: Option<String>,
        storage_engine: Option<&str>,
        name: String,
        flags: Vec<String>,
        door: Py<NativeDoor>,
    ) -> PyResult<Self> {
        let engine = storage_engine.map(EngineKind::from_str).transpose();
        let engine = engine.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let builder = Server::builder().flags(&flags);
        let builder = builder.map_err(|error| PyValueError::new_err(error.to_string()))?.name(name);
        let mut builder = match listen {
            Some(listen) => builder.listen(listen),
            None => builder.in_process(),
        };
        builder = match data_dir {
            Some(data_dir) => builder.data_dir(data_dir),
            None => builder.memory(),
        };
        if let Some(engine) = engine {
            builder = builder.engine(engine);
        }
        let server = py.detach(|| builder.start_blocking()).map_err(refused)?;
        let endpoint = server.endpoint().to_owned();
        door.get().lead_to(Some(server.in_process()))?;
        Ok(NativeServer { door, running: ForkSafe::new(Mutex::new(Some(server))), endpoint })
    }

    /// Stops it, and waits until what it accepted is safe and its port is free.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let running = self.running.get().map_err(Failure::from)?.lock().take();
        if let Some(server) = running {
            self.door.get().lead_to(None)?;
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
