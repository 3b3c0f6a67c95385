//! Ports: connections in, with or without TLS. What is said on them is the matter of whoever owns the port.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{MemberUrl, Scheme};
use crate::tls::Incoming;

/// Time for a TLS handshake. A client that needs longer holds a slot for nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after an accept that failed, usually for want of file descriptors, so that others can close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a port does with its connections.
pub(crate) trait Port: Clone + Send + Sync + 'static {
    /// Whose port it is, in the log.
    const NAME: &'static str;

    /// Connections at once; more wait to be accepted.
    const CONNECTIONS_MAX: usize;

    /// Serves one connection until it ends, or `stopping` and then the calls in progress do.
    fn serve<S>(
        self,
        stream: S,
        visitor: Visitor,
        stopping: CancellationToken,
    ) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static;
}

/// What is known of the one at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Where it comes from; none within the process.
    pub(crate) address: Option<SocketAddr>,
    pub(crate) shown: Shown,
}

impl Visitor {
    /// One of this process.
    pub(crate) fn in_process() -> Self {
        Visitor { address: None, shown: Shown::Nothing }
    }
}

/// What a connection shows of its client.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// It is not encrypted.
    Nothing,
    /// It is encrypted; the name in the client's certificate, where that is a user.
    Encrypted(Option<Arc<str>>),
}

/// A port that is bound and not yet accepting.
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
    /// Accepts until `stopping`, then lets the connections end.
    pub(crate) async fn serve<P: Port>(
        self,
        port: P,
        tls: Option<Arc<Incoming>>,
        stopping: CancellationToken,
    ) {
        let connections = Connections::new(port, stopping);
        let tls = tls.filter(|_| self.url.scheme == Scheme::Https);
        loop {
            let accepted = tokio::select! {
                () = connections.stopping.cancelled() => break,
                accepted = accept(&self.listener, &connections.slots) => accepted,
            };
            let Some((stream, address, slot)) = accepted else { continue };
            match &tls {
                None => {
                    let visitor = Visitor { address: Some(address), shown: Shown::Nothing };
                    connections.spawn(stream, visitor, slot);
                }
                Some(tls) => connections.spawn_encrypted(stream, address, slot, Arc::clone(tls)),
            }
        }
        // The port is free for the next server before the last call has ended.
        drop(self.listener);
        connections.ended().await;
    }
}

/// The connections of one port.
pub(crate) struct Connections<P> {
    port: P,
    pub(crate) stopping: CancellationToken,
    pub(crate) slots: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl<P: Port> Connections<P> {
    pub(crate) fn new(port: P, stopping: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(P::CONNECTIONS_MAX));
        Self { port, stopping, slots, tasks: TaskTracker::new() }
    }

    /// Serves a connection; its slot is free again when it has ended.
    pub(crate) fn spawn<S>(&self, stream: S, visitor: Visitor, slot: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (port, stopping) = (self.port.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            port.serve(stream, visitor, stopping).await;
            drop(slot);
        });
    }

    fn spawn_encrypted(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        slot: OwnedSemaphorePermit,
        tls: Arc<Incoming>,
    ) {
        let (port, stopping) = (self.port.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(stream, address.ip(), tls)).await {
                Ok(Ok((stream, shown))) => {
                    port.serve(stream, Visitor { address: Some(address), shown }, stopping).await;
                }
                // The words are etcd's, whose users look for them.
                Ok(Err(error)) => tracing::warn!(
                    remote_addr = %address,
                    %error,
                    "rejected connection on {} endpoint",
                    P::NAME
                ),
                Err(_elapsed) => tracing::debug!(remote_addr = %address, "a TLS handshake took too long"),
            }
            drop(slot);
        });
    }

    pub(crate) async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // Small answers must not wait for the acknowledgement of earlier ones.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "failed to set TCP_NODELAY");
            }
            Some((stream, address, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    address: IpAddr,
    tls: Arc<Incoming>,
) -> io::Result<(TlsStream<TcpStream>, Shown)> {
    let reading = Arc::clone(&tls);
    let config = tokio::task::spawn_blocking(move || reading.config()).await.map_err(io::Error::other)?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let admitted = tls.admit(certificates, address).await.map_err(io::Error::other)?;
    Ok((stream, Shown::Encrypted(admitted.user)))
}
