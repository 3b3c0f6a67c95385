//! The client port: connections in, requests to the edge.

mod pings;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::CertificateName;
use crate::config::{MemberUrl, Scheme};
use crate::gateway::{Gateway, Role};
use crate::in_process::Backlog;
use crate::streams::Streams;
use crate::tls::Tls;
use pings::Pings;

/// Connections at once. Each costs a few kilobytes when idle; more wait to be accepted, as they would for
/// a busy server.
const CONNECTIONS_MAX: usize = 16_384;

/// Time to send the first request line of HTTP/1.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a TLS handshake. A client that needs longer holds a slot for nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after an accept that failed, usually for want of file descriptors, so that others can close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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

/// A listener that is bound and not yet accepting.
pub(crate) struct Bound {
    listener: TcpListener,
    /// The address as clients reach it, with the port that was taken for port 0.
    pub(crate) url: MemberUrl,
}

/// Takes the addresses that a URL names: both of localhost's, as etcd does not, would need two
/// listeners, so the first that can be taken.
pub(crate) async fn bind(url: &MemberUrl) -> io::Result<Bound> {
    let (host, port) = url.host_and_port().ok_or(io::ErrorKind::InvalidInput)?;
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let listener = TcpListener::bind((host, port)).await?;
    let port = listener.local_addr()?.port();
    let url = MemberUrl { scheme: url.scheme, ..MemberUrl::http(host, port) };
    Ok(Bound { listener, url })
}

impl Bound {
    /// The socket, for a port that is served otherwise.
    pub(crate) fn into_inner(self) -> TcpListener {
        self.listener
    }

    /// Accepts until `stopping`, then lets the calls in progress end.
    pub(crate) async fn serve(self, site: Site, tls: Option<Arc<Tls>>, stopping: CancellationToken) {
        let connections = Connections::new(site, stopping);
        let tls = tls.filter(|_| self.url.scheme == Scheme::Https);
        loop {
            let accepted = tokio::select! {
                () = connections.stopping.cancelled() => break,
                accepted = accept(&self.listener, &connections.slots) => accepted,
            };
            let Some((stream, slot)) = accepted else { continue };
            match &tls {
                None => connections.spawn(stream, slot),
                Some(tls) => connections.spawn_encrypted(stream, slot, Arc::clone(tls)),
            }
        }
        // The port is free for the next server before the last call has ended.
        drop(self.listener);
        connections.ended().await;
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
        connections.spawn(stream, slot);
    }
    drop(backlog);
    connections.ended().await;
}

/// The connections of one listener.
struct Connections {
    site: Site,
    stopping: CancellationToken,
    slots: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Connections {
    fn new(site: Site, stopping: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { site, stopping, slots, tasks: TaskTracker::new() }
    }

    fn spawn<S>(&self, stream: S, slot: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (site, stopping) = (self.site.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            serve_connection(stream, Shown::Nothing, site, stopping).await;
            drop(slot);
        });
    }

    fn spawn_encrypted(&self, stream: TcpStream, slot: OwnedSemaphorePermit, tls: Arc<Tls>) {
        let (site, stopping) = (self.site.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(stream, tls)).await {
                Ok(Ok((stream, shown))) => serve_connection(stream, shown, site, stopping).await,
                Ok(Err(error)) => tracing::warn!(%error, "rejected a connection: the TLS handshake failed"),
                Err(_elapsed) => tracing::debug!("a TLS handshake took too long"),
            }
            drop(slot);
        });
    }

    async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _peer)) => {
            // Small answers must not wait for the acknowledgement of earlier ones.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "failed to set TCP_NODELAY");
            }
            Some((stream, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What a connection shows of its client.
#[derive(Clone, Debug)]
enum Shown {
    /// It is not encrypted.
    Nothing,
    /// It is encrypted; the name in the client's certificate, where that is a user.
    Encrypted(Option<CertificateName>),
}

async fn shake_hands(stream: TcpStream, tls: Arc<Tls>) -> io::Result<(TlsStream<TcpStream>, Shown)> {
    let reading = Arc::clone(&tls);
    let config = tokio::task::spawn_blocking(move || reading.config()).await.map_err(io::Error::other)?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let peer = tls.admit(stream.get_ref().1.peer_certificates()).map_err(io::Error::other)?;
    Ok((stream, Shown::Encrypted(peer.user.map(CertificateName))))
}

async fn serve_connection<S>(stream: S, shown: Shown, site: Site, stopping: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let encrypted = matches!(shown, Shown::Encrypted(_));
    let Site { gateway, limits, role } = site;
    let service = service_fn(move |mut request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        if let Shown::Encrypted(Some(name)) = &shown {
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
