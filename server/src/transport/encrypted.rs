//! Encrypted connections to members.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::tls::Outgoing;

/// Opens connections to one address, with certificates as they are at that time.
#[derive(Clone)]
pub(super) struct Encrypted {
    address: Arc<str>,
    name: ServerName<'static>,
    tls: Arc<Outgoing>,
}

impl Encrypted {
    /// The address is `host:port`.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn to(address: &str, tls: Arc<Outgoing>) -> Result<Self, String> {
        let (host, _) = address.rsplit_once(':').ok_or_else(|| format!("{address:?} has no port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = tls.server_name(host).map_err(|error| error.to_string())?;
        Ok(Encrypted { address: address.into(), name, tls })
    }

    async fn open(self) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(&*self.address).await?;
        stream.set_nodelay(true)?;
        let tls = self.tls;
        let config = tokio::task::spawn_blocking(move || tls.config()).await.map_err(io::Error::other)?;
        Ok(TokioIo::new(TlsConnector::from(config).connect(self.name, stream).await?))
    }
}

impl Service<Uri> for Encrypted {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        Box::pin(self.clone().open())
    }
}
