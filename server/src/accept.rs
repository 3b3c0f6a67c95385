//! Ports: connections in, with or without TLS. What is said on them is the matter of whoever owns the port.

mod socket;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{MemberUrl, Scheme};
use crate::tls::Incoming;
use socket::{Accepted, Socket};

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
    /// Where it comes from; none within the process and on a Unix socket.
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
    socket: Socket,
    /// The address as clients reach it, with the port that was taken for port 0.
    pub(crate) url: MemberUrl,
}

/// Takes the addresses that a URL names: both of localhost's, as etcd does not, would need two
/// listeners, so the first that can be taken.
pub(crate) async fn bind(url: &MemberUrl) -> io::Result<Bound> {
    let (socket, url) = Socket::bind(url).await?;
    Ok(Bound { socket, url })
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
        let tls = tls.filter(|_| matches!(self.url.scheme, Scheme::Https | Scheme::Unixs));
        loop {
            let accepted = tokio::select! {
                () = connections.stopping.cancelled() => break,
                accepted = accept(&self.socket, &connections.slots) => accepted,
            };
            match accepted {
                None => {}
                Some((Accepted::Tcp(stream, address), slot)) => {
                    connections.begin(stream, Some(address), slot, tls.as_ref());
                }
                Some((Accepted::Unix(stream), slot)) => connections.begin(stream, None, slot, tls.as_ref()),
            }
        }
        // The port is free for the next server before the last call has ended.
        drop(self.socket);
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

    fn begin<S>(
        &self,
        stream: S,
        address: Option<SocketAddr>,
        slot: OwnedSemaphorePermit,
        tls: Option<&Arc<Incoming>>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match tls {
            None => self.spawn(stream, Visitor { address, shown: Shown::Nothing }, slot),
            Some(tls) => self.spawn_encrypted(stream, address, slot, Arc::clone(tls)),
        }
    }

    fn spawn_encrypted<S>(
        &self,
        stream: S,
        address: Option<SocketAddr>,
        slot: OwnedSemaphorePermit,
        tls: Arc<Incoming>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (port, stopping) = (self.port.clone(), self.stopping.clone());
        self.tasks.spawn(async move {
            // Whoever is on a Unix socket is on this machine.
            let ip = address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip());
            let remote_addr = address.map_or_else(|| "@".to_owned(), |address| address.to_string());
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(stream, ip, tls)).await {
                Ok(Ok((stream, shown))) => {
                    port.serve(stream, Visitor { address, shown }, stopping).await;
                }
                // The words are etcd's, whose users look for them.
                Ok(Err(error)) => tracing::warn!(
                    remote_addr,
                    %error,
                    "rejected connection on {} endpoint",
                    P::NAME
                ),
                Err(_elapsed) => tracing::debug!(remote_addr, "a TLS handshake took too long"),
            }
            drop(slot);
        });
    }

    pub(crate) async fn ended(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(socket: &Socket, slots: &Arc<Semaphore>) -> Option<(Accepted, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok(accepted) => Some((accepted, slot)),
        Err(error) => {
            tracing::warn!(%error, "failed to accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn shake_hands<S>(stream: S, address: IpAddr, tls: Arc<Incoming>) -> io::Result<(TlsStream<S>, Shown)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reading = Arc::clone(&tls);
    let config = tokio::task::spawn_blocking(move || reading.config()).await.map_err(io::Error::other)?;
    let stream = TlsAcceptor::from(config).accept(stream).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let admitted = tls.admit(certificates, address).await.map_err(io::Error::other)?;
    Ok((stream, Shown::Encrypted(admitted.user)))
}
