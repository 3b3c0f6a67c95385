//! Embedded servers.

use std::str::FromStr;
use std::sync::Arc;

use etcdkit::proto::bridge as wire;
use etcdkit_bridge::{BridgeError, Kind, Scope, blocking};
use etcdkit_server::backend::EngineKind;
use etcdkit_server::{BlockingServer, InProcess, Server, ServerBuilder, StartError};
use futures::FutureExt;
use parking_lot::Mutex;

use crate::object::{self, Thing};
use crate::start::{Answer, Call, Work, invalid, refused};

/// A port of this machine that is free.
const LISTEN_DEFAULT: &str = "127.0.0.1:0";

/// A server on threads of its own.
pub(crate) struct ServerObject {
    /// `None` once it is stopped.
    running: Mutex<Option<BlockingServer>>,
}

impl ServerObject {
    /// The way to the server without a socket.
    pub(crate) fn in_process(&self) -> Result<InProcess, BridgeError> {
        let running = self.running.lock();
        let stopped = || refused(Kind::Closed, "the server has been stopped");
        Ok(running.as_ref().ok_or_else(stopped)?.in_process())
    }

    /// Stops the server in the background.
    pub(crate) fn close(&self) {
        if let Some(server) = self.running.lock().take() {
            tokio::task::spawn_blocking(move || server.shutdown());
        }
    }
}

/// SERVER_START.
pub(crate) fn start(call: Call) -> Result<Work, BridgeError> {
    let builder = settings(call.message()?)?;
    Ok(async move {
        let server = blocking(move || builder.start_blocking()).await?.map_err(not_started)?;
        let identity = server.identity();
        let started = wire::ServerStarted {
            endpoint: server.endpoint().to_owned(),
            endpoints: server.endpoints().to_vec(),
            member_id: identity.member_id,
            cluster_id: identity.cluster_id,
        };
        let object = Thing::Server(Arc::new(ServerObject { running: Mutex::new(Some(server)) }));
        Ok(Answer::made(object::adopt(object, Scope::new())?, &started))
    }
    .boxed())
}

fn settings(config: wire::ServerConfig) -> Result<ServerBuilder, BridgeError> {
    let mut builder = Server::builder().flags(&config.args).map_err(|error| invalid(error.to_string()))?;
    builder = match (config.in_process_only, config.listen.as_str()) {
        (true, "") => builder.in_process(),
        (true, listen) => {
            return Err(invalid(format!("a server that listens nowhere cannot listen on {listen}")));
        }
        (false, "") => builder.listen(LISTEN_DEFAULT),
        (false, listen) => builder.listen(listen),
    };
    builder = match config.data_dir.as_str() {
        "" => builder.memory(),
        dir => builder.data_dir(dir),
    };
    if !config.name.is_empty() {
        builder = builder.name(config.name);
    }
    if !config.engine.is_empty() {
        let engine = EngineKind::from_str(&config.engine).map_err(|error| invalid(error.to_string()))?;
        builder = builder.engine(engine);
    }
    Ok(builder)
}

fn not_started(error: StartError) -> BridgeError {
    let kind = match error {
        StartError::Config(_) => Kind::InvalidArgument,
        StartError::Stopped => Kind::Cancelled,
        _ => Kind::FailedPrecondition,
    };
    refused(kind, error.to_string())
}

/// SERVER_STOP.
pub(crate) fn stop(target: Arc<ServerObject>) -> Work {
    async move {
        let running = target.running.lock().take();
        if let Some(server) = running {
            blocking(move || server.shutdown()).await?;
        }
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}
