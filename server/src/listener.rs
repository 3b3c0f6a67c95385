//! The client port: connections in, requests to the edge.

mod pings;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::accept::{Connections, Port, Shown, Visitor};
use crate::api::CertificateName;
use crate::gateway::{Gateway, Role};
use crate::in_process::Backlog;
use crate::streams::Streams;
use pings::Pings;

/// Connections at once. Each costs a few kilobytes when idle; more wait to be accepted, as they would for
/// a busy server.
const CONNECTIONS_MAX: usize = 16_384;

/// Time to send the first request line of HTTP/1.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a connection may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    pub(crate) streams_max: u32,
    pub(crate) keepalive_interval: Duration,
    pub(crate) keepalive_timeout: Duration,
    /// A client that pings more often is disconnected.
    pub(crate) ping_interval_min: Duration,
}

/// What the connections of a listener get.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) limits: ConnectionLimits,
    pub(crate) role: Role,
}

impl Port for Site {
    const NAME: &'static str = "client";
    const CONNECTIONS_MAX: usize = CONNECTIONS_MAX;

    async fn serve<S>(self, stream: S, visitor: Visitor, stopping: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (encrypted, user) = match visitor.shown {
            Shown::Nothing => (false, None),
            Shown::Encrypted(user) => (true, user.map(CertificateName)),
        };
        let Site { gateway, limits, role } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            let gateway = Arc::clone(&gateway);
            if let Some(name) = &user {
                request.extensions_mut().insert(name.clone());
            }
            async move { Ok::<_, Infallible>(gateway.answer(request, encrypted, role).await) }
        });
        // One port for HTTP/1 and HTTP/2: the first bytes decide.
        let streams = Streams::default();
        let mut builder = auto::Builder::new(streams.clone());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_max)
            .keep_alive_interval(limits.keepalive_interval)
            .keep_alive_timeout(limits.keepalive_timeout);
        // WebSockets take a connection over.
        let stream = Pings::watched(stream, limits.ping_interval_min);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut serving = streams.of(connection);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = stopping.cancelled() => {
                serving.connection().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Serves the connections of this process until `stopping`, then lets the calls in progress end.
pub(crate) async fn serve_in_process(mut backlog: Backlog, site: Site, stopping: CancellationToken) {
    let connections = Connections::new(site, stopping);
    let next = async |backlog: &mut Backlog| {
        let slot = Arc::clone(&connections.slots).acquire_owned().await.ok()?;
        Some((backlog.accept().await?, slot))
    };
    loop {
        let accepted = tokio::select! {
            () = connections.stopping.cancelled() => break,
            accepted = next(&mut backlog) => accepted,
        };
        let Some((stream, slot)) = accepted else { break };
        connections.spawn(stream, Visitor::in_process(), slot);
    }
    drop(backlog);
    connections.ended().await;
}
