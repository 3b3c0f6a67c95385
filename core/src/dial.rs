//! How a connection to one endpoint is made.

use std::io;
use std::sync::Arc;

use etcdkit_link::{KeepAlive, Link, Settings};
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower::{BoxError, Service};

use crate::connector::{Connection, Connector};
use crate::error::{Error, Result};
use crate::options::ConnectOptions;
use crate::tls::TlsPem;

/// HTTP/2 in the negotiation of TLS.
const ALPN: &[u8] = b"h2";
/// How much a server may send on one stream, and on all of a connection, before it is read.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 5 << 20;

/// Makes connections to one endpoint.
pub(crate) struct Dial {
    target: Uri,
    way: Way,
    secret: Option<Secret>,
    settings: Settings,
}

enum Way {
    Tcp(HttpConnector),
    Custom(Connector),
}

struct Secret {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Dial {
    /// For an endpoint with the scheme `http` or `https`; with the latter, `tls` says what is trusted.
    pub(crate) fn new(target: Uri, tls: Option<&TlsPem>, options: &ConnectOptions) -> Result<Self> {
        let way = match &options.connector {
            Some(connector) => Way::Custom(connector.clone()),
            None => Way::Tcp(tcp(options)),
        };
        let secret = match target.scheme_str() {
            Some("https") => Some(Secret::new(&target, tls.unwrap_or(&TlsPem::default()))?),
            _ => None,
        };
        let keep_alive = options.keep_alive.map(|(interval, patience)| KeepAlive {
            interval,
            patience,
            while_idle: options.keep_alive_while_idle,
        });
        let settings = Settings {
            stream_window: STREAM_WINDOW_BYTES,
            connection_window: CONNECTION_WINDOW_BYTES,
            keep_alive,
        };
        Ok(Self { target, way, secret, settings })
    }

    /// Makes a connection. An error means that no request was sent.
    pub(crate) async fn connect(&self) -> Result<Link, BoxError> {
        let stream = match &self.way {
            Way::Tcp(connector) => {
                Connection::new(connector.clone().call(self.target.clone()).await?.into_inner())
            }
            Way::Custom(connector) => connector.clone().call(self.target.clone()).await?.into_inner(),
        };
        let stream = match &self.secret {
            Some(secret) => secret.agree(stream).await?,
            None => stream,
        };
        Ok(Link::over(stream, &self.target, &self.settings).await?)
    }
}

fn tcp(options: &ConnectOptions) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(options.tcp_keepalive);
    connector.set_connect_timeout(Some(options.connect_timeout));
    connector
}

impl Secret {
    fn new(target: &Uri, tls: &TlsPem) -> Result<Self> {
        let host = target.host().unwrap_or_default();
        // The name in a URI of an IPv6 address has brackets.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = if tls.server_name.is_empty() { host } else { &tls.server_name };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| Error::EndpointError(format!("{name}: cannot set up TLS: {error}")))?;
        let mut config = tls.client_config()?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    async fn agree(&self, stream: Connection) -> io::Result<Connection> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(io::Error::other("the server does not speak HTTP/2 over TLS"));
        }
        Ok(Connection::new(stream))
    }
}
