//! How a client connects: credentials and the time limits that keep a dead server from hanging a call.

use std::time::Duration;

use crate::connector::Connector;
use crate::tls::{TlsOptions, TlsPem};

/// Time limit of a call that has none of its own: what etcdctl grants a command.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for making one connection, and how long a call keeps trying to find any server at all.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Silence on a connection with open streams after which it is pinged. etcd refuses pings closer than 5 s.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long a ping may stay unanswered before the connection counts as dead.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Options of [`Client::connect`](crate::Client::connect).
#[derive(Clone)]
pub struct ConnectOptions {
    pub(crate) user: Option<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) keep_alive: Option<(Duration, Duration)>,
    pub(crate) keep_alive_while_idle: bool,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) tcp_keepalive: Option<Duration>,
    pub(crate) require_leader: bool,
    pub(crate) send_bytes_max: usize,
    pub(crate) receive_bytes_max: usize,
    pub(crate) connector: Option<Connector>,
    pub(crate) tls: Option<TlsOptions>,
    /// What `tls` was made of, where that is known.
    pub(crate) tls_pem: Option<TlsPem>,
}

impl ConnectOptions {
    /// The defaults: no user, 5 s for a call, 2 s for a connection, a ping after 10 s of silence answered within 3 s.
    pub const fn new() -> Self {
        Self {
            user: None,
            token: None,
            keep_alive: Some((KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT)),
            // etcd closes connections that ping without an open stream.
            keep_alive_while_idle: false,
            timeout: REQUEST_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            tcp_keepalive: None,
            require_leader: false,
            // The server bounds requests, and the caller asked for what is answered.
            send_bytes_max: usize::MAX,
            receive_bytes_max: usize::MAX,
            connector: None,
            tls: None,
            tls_pem: None,
        }
    }

    /// Logs in with name and password. The token is renewed whenever the server asks for it.
    #[must_use]
    pub fn with_user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((name.into(), password.into()));
        self
    }

    /// Sends this token, such as a JWT made elsewhere, with every call. It is not renewed: a call with a token that is
    /// over fails with `invalid auth token`. A user given as well logs in and gets a token of its own.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Pings a silent connection after `interval` and gives it up when no answer comes within `timeout`.
    #[must_use]
    pub fn with_keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keep_alive = Some((interval, timeout));
        self
    }

    /// Time limit of every call that ends by itself. Watches, and waiting for a lock or an election, have none.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Time limit for making a connection.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Lets the operating system probe silent connections after this time. Off by default.
    #[must_use]
    pub fn with_tcp_keepalive(mut self, tcp_keepalive: Duration) -> Self {
        self.tcp_keepalive = Some(tcp_keepalive);
        self
    }

    /// Pings connections without open streams too. etcd closes such connections, so it is off by default.
    #[must_use]
    pub fn with_keep_alive_while_idle(mut self, enabled: bool) -> Self {
        self.keep_alive_while_idle = enabled;
        self
    }

    /// Makes every call fail at a member that sees no leader. Watches and keep-alives always ask for it.
    #[must_use]
    pub fn with_require_leader(mut self, require_leader: bool) -> Self {
        self.require_leader = require_leader;
        self
    }

    /// Largest request in bytes; larger ones fail unsent with `ResourceExhausted`. Unbounded by default.
    #[must_use]
    pub fn with_max_send_bytes(mut self, bytes: usize) -> Self {
        self.send_bytes_max = bytes;
        self
    }

    /// Largest response in bytes; a call with a larger one fails. Unbounded by default.
    #[must_use]
    pub fn with_max_receive_bytes(mut self, bytes: usize) -> Self {
        self.receive_bytes_max = bytes;
        self
    }

    /// Opens every connection with this connector instead of dialling the endpoints.
    #[must_use]
    pub fn with_connector(mut self, connector: Connector) -> Self {
        self.connector = Some(connector);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}
