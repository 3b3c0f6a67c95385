//! What a port is made of: a TCP listener, or on Unix a socket in the file system.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};

use crate::config::{MemberUrl, Scheme};
use crate::platform;

/// A socket that is bound.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(platform::UnixListener),
}

/// A connection, with the address it comes from where it has one.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(platform::UnixStream),
}

impl Socket {
    /// Takes what a URL names, and tells the URL with the port that was taken for port 0.
    pub(super) async fn bind(url: &MemberUrl) -> io::Result<(Self, MemberUrl)> {
        if matches!(url.scheme, Scheme::Unix | Scheme::Unixs) {
            let listener = platform::UnixListener::bind(&url.address)?;
            return Ok((Socket::Unix(listener), url.clone()));
        }
        let (host, port) = url.host_and_port().ok_or(io::ErrorKind::InvalidInput)?;
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        let listener = TcpListener::bind((host, port)).await?;
        let port = listener.local_addr()?.port();
        let url = MemberUrl { scheme: url.scheme, ..MemberUrl::http(host, port) };
        Ok((Socket::Tcp(listener), url))
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Small answers must not wait for the acknowledgement of earlier ones.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "failed to set TCP_NODELAY");
                }
                Ok(Accepted::Tcp(stream, address))
            }
            Socket::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?)),
        }
    }
}
