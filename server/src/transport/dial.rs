//! How a connection to a member is made.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use etcdkit_link::{KeepAlive, Link, Settings};
use http::Uri;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tls::Outgoing;

/// Time to connect. A member that is there answers in less; one that is gone should not hold up a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

const SETTINGS: Settings = Settings {
    // Far more than members answer: an answer never waits for room.
    stream_window: 8 << 20,
    connection_window: 16 << 20,
    // A paused or unplugged member is found out this way; one that was killed is noticed at once.
    keep_alive: Some(KeepAlive {
        interval: Duration::from_secs(2),
        patience: Duration::from_secs(3),
        while_idle: true,
    }),
};

/// Makes connections to one address, with certificates as they are at that time.
#[derive(Clone)]
pub(super) struct Dial {
    /// `host:port`
    address: Arc<str>,
    target: Uri,
    secret: Option<Secret>,
}

#[derive(Clone)]
struct Secret {
    name: ServerName<'static>,
    tls: Arc<Outgoing>,
}

impl Dial {
    /// # Errors
    /// It is no URL of a member, or needs TLS, which this member has not.
    pub(super) fn to(url: &str, tls: Option<&Arc<Outgoing>>) -> Result<Self, String> {
        let target = Uri::try_from(url).map_err(|error| format!("{url:?} is no URL: {error}"))?;
        let authority = target.authority().ok_or_else(|| format!("{url:?} has no host"))?;
        let port = authority.port_u16().ok_or_else(|| format!("{url:?} has no port"))?;
        let secret = match target.scheme_str() {
            Some("https") => Some(Secret::with(authority.host(), tls)?),
            _ => None,
        };
        Ok(Dial { address: format!("{}:{port}", authority.host()).into(), target, secret })
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// Nobody listens there, or it is a stranger. Nothing was sent.
    pub(super) async fn connect(self) -> Result<Link, String> {
        match tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(opened) => opened.map_err(|error| error.to_string()),
            Err(_elapsed) => Err(format!("no connection within {CONNECT_TIMEOUT:?}")),
        }
    }

    async fn open(self) -> io::Result<Link> {
        let stream = TcpStream::connect(&*self.address).await?;
        stream.set_nodelay(true)?;
        match self.secret {
            None => Link::over(stream, &self.target, &SETTINGS).await,
            Some(secret) => Link::over(secret.agree(stream).await?, &self.target, &SETTINGS).await,
        }
    }
}

impl Secret {
    fn with(host: &str, tls: Option<&Arc<Outgoing>>) -> Result<Self, String> {
        let tls =
            tls.ok_or("its address is https, and this member has no TLS: see --peer-trusted-ca-file")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = tls.server_name(host).map_err(|error| error.to_string())?;
        Ok(Secret { name, tls: Arc::clone(tls) })
    }

    async fn agree(self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let tls = self.tls;
        let config = tokio::task::spawn_blocking(move || tls.config()).await.map_err(io::Error::other)?;
        TlsConnector::from(config).connect(self.name, stream).await
    }
}
