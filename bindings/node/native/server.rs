//! A server inside the process of the program.

use std::io;
use std::str::FromStr;
use std::sync::Arc;

use etcdkit::Connector;
use etcdkit_bridge::{BridgeError, Kind};
use etcdkit_server::backend::EngineKind;
use etcdkit_server::{BlockingServer, Server, StartError};
use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use parking_lot::Mutex;

use crate::boundary::{Answer, Boundary, Gate};
use crate::client::{ClientConfig, NativeClient};
use crate::js::type_error;

/// What a client of a server that does not run is told.
const STOPPED: &str = "the server in this process has stopped";

/// What a server is started with.
#[napi(object)]
pub struct ServerConfig {
    /// Where it keeps its data; in memory when missing.
    pub data_dir: Option<String>,
    /// `host:port`; port 0 takes a free one. No port at all when missing: only clients of this process reach it.
    pub listen: Option<String>,
    /// Name of the member.
    pub name: String,
    /// `redb`, `sled` or `memory`.
    pub storage_engine: Option<String>,
    /// Flags of the command line for other settings.
    pub flags: Vec<String>,
}

/// A running server, on threads of its own.
#[napi]
pub struct NativeServer {
    gate: Gate,
    running: Arc<Mutex<Option<BlockingServer>>>,
}

#[napi]
impl NativeServer {
    /// A server that has not been started.
    #[napi(constructor, catch_unwind)]
    pub fn new(boundary: &Boundary) -> Self {
        NativeServer { gate: boundary.gate(), running: Arc::default() }
    }

    /// Starts it; answers with its endpoint when it serves.
    #[napi(catch_unwind)]
    pub fn start(&self, env: Env, tag: u32, config: ServerConfig) -> napi::Result<BigInt> {
        let engine = config.storage_engine.as_deref().map(EngineKind::from_str).transpose();
        let engine = engine.map_err(|error| type_error(error.to_string()))?;
        let builder = Server::builder().flags(&config.flags);
        let mut builder = builder.map_err(|error| type_error(error.to_string()))?.name(config.name);
        builder = match config.listen {
            Some(listen) => builder.listen(listen),
            None => builder.in_process(),
        };
        builder = match config.data_dir {
            Some(data_dir) => builder.data_dir(data_dir),
            None => builder.memory(),
        };
        if let Some(engine) = engine {
            builder = builder.engine(engine);
        }
        let running = self.running.clone();
        Ok(self.gate.start(&env, tag, self.gate.scope(), async move {
            let started = blocking(move || {
                let server = builder.start_blocking().map_err(refused)?;
                let endpoint = server.endpoint().to_owned();
                *running.lock() = Some(server);
                Ok(endpoint)
            });
            Ok(Answer::Text(started.await?))
        }))
    }

    /// A client of this server that needs no port. It goes on when the server is stopped and started again.
    #[napi(catch_unwind)]
    pub fn client(&self, boundary: &Boundary, config: ClientConfig) -> napi::Result<NativeClient> {
        let running = self.running.clone();
        let connector = Connector::new(move |_| {
            let way = running.lock().as_ref().map(BlockingServer::in_process);
            async move {
                match way {
                    Some(way) => way.connect().await,
                    None => Err(io::Error::new(io::ErrorKind::ConnectionRefused, STOPPED)),
                }
            }
        });
        NativeClient::make(boundary, config, Some(connector))
    }

    /// Stops it; answers when what it accepted is safe and its port is free. Stopping again does nothing.
    #[napi(catch_unwind)]
    pub fn stop(&self, env: Env, tag: u32) -> BigInt {
        let running = self.running.clone();
        self.gate.start(&env, tag, self.gate.scope(), async move {
            blocking(move || {
                let server = running.lock().take();
                if let Some(server) = server {
                    server.shutdown();
                }
                Ok(())
            })
            .await?;
            Ok(Answer::Nothing)
        })
    }
}

impl Drop for NativeServer {
    fn drop(&mut self) {
        if let Some(server) = self.running.lock().take() {
            // Stopping waits for the disk, which the event loop must not.
            std::thread::spawn(move || server.shutdown());
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BridgeError> + Send + 'static,
) -> Result<T, BridgeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BridgeError::internal(error.to_string())))
}

fn refused(error: StartError) -> BridgeError {
    let (kind, code) = match error {
        StartError::Config(_) => (Kind::InvalidArgument, 3),
        _ => (Kind::FailedPrecondition, 9),
    };
    BridgeError { kind, code, message: error.to_string(), outcome_unknown: false, etcd: None }
}
