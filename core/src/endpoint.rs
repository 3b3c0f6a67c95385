//! One server address: how to reach it, whether it is worth trying, and its connection.

use std::sync::Arc;
use std::time::Duration;

use etcdkit_link::{Kept, USER_AGENT};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tonic::transport::Endpoint;
use tower::BoxError;

use crate::channel::Channel;
use crate::connector::Connector;
use crate::dial::Dial;
use crate::error::{Error, Result};
use crate::options::ConnectOptions;
use crate::tls;

/// How long a failed endpoint is passed over at first, where another one can serve.
const DOWN_FIRST: Duration = Duration::from_millis(50);
/// Longest time a failed endpoint is passed over: a restarted server is noticed within this.
const DOWN_MAX: Duration = Duration::from_secs(2);

/// One endpoint with its health and its connection.
pub(crate) struct Slot {
    name: Arc<str>,
    way: Arc<Way>,
    connect_timeout: Duration,
    channel: Kept<Channel>,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures: u32,
    down_until: Option<Instant>,
}

impl Slot {
    pub(crate) fn new(address: &str, options: &ConnectOptions) -> Result<Self> {
        Ok(Self {
            name: address.into(),
            way: Arc::new(Way::to(address, options)?),
            connect_timeout: options.connect_timeout,
            channel: Kept::default(),
            health: Mutex::default(),
        })
    }

    /// A slot around a channel made elsewhere: it is never reconnected by us.
    pub(crate) fn fixed(channel: Channel) -> Self {
        Self {
            name: "channel".into(),
            way: Arc::new(Way::None),
            connect_timeout: Duration::ZERO,
            channel: Kept::of(channel),
            health: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The connection, made now if there is none. An error means that nothing has been sent.
    pub(crate) async fn channel(&self) -> Result<Channel, Arc<str>> {
        let connect = || {
            let (name, way, patience) = (self.name.clone(), self.way.clone(), self.connect_timeout);
            async move {
                match timeout(patience, way.connect()).await {
                    Ok(Ok(channel)) => Ok(channel),
                    Ok(Err(error)) => Err(format!("{name}: {}", deepest(&*error))),
                    Err(_) => Err(format!("{name}: no connection within {patience:?}")),
                }
            }
        };
        self.channel.get(Channel::is_usable, connect).await
    }

    /// Forgets the connection, so that the next caller makes a new one. Calls in flight on it go on.
    pub(crate) fn disconnect(&self) {
        if !matches!(*self.way, Way::None) {
            self.channel.forget();
        }
    }

    pub(crate) fn succeeded(&self) {
        let mut health = self.health.lock();
        if health.failures > 0 {
            *health = Health::default();
        }
    }

    pub(crate) fn failed(&self) {
        let mut health = self.health.lock();
        let pause = DOWN_FIRST.saturating_mul(1 << health.failures.min(8)).min(DOWN_MAX);
        health.failures += 1;
        health.down_until = Some(Instant::now() + pause);
    }

    /// When the endpoint may be tried again; `None` when it is healthy.
    pub(crate) fn down_until(&self, now: Instant) -> Option<Instant> {
        self.health.lock().down_until.filter(|until| *until > now)
    }
}

/// How an endpoint's connections are made.
enum Way {
    Own(Dial),
    /// The transport's: through a Unix socket, or with TLS settings in a form that only it can read.
    Transport(Box<Endpoint>, Option<Connector>),
    /// There is a channel, and no more.
    None,
}

impl Way {
    fn to(address: &str, options: &ConnectOptions) -> Result<Self> {
        let target = parsed(address, options)?;
        let connector = options.connector.clone();
        let is_opaque = options.tls.is_some() && options.tls_pem.is_none();
        match target.uri().scheme_str() {
            _ if address.starts_with("unix:") => Ok(Way::Transport(Box::new(target), connector)),
            Some("https") if is_opaque => {
                Ok(Way::Transport(Box::new(secured(address, target, options)?), connector))
            }
            _ => Ok(Way::Own(Dial::new(target.uri().clone(), options.tls_pem.as_ref(), options)?)),
        }
    }

    async fn connect(&self) -> Result<Channel, BoxError> {
        match self {
            Way::Own(dial) => Ok(Channel::Link(dial.connect().await?)),
            Way::Transport(target, None) => Ok(target.connect().await?.into()),
            Way::Transport(target, Some(connector)) => {
                Ok(target.connect_with_connector(connector.clone()).await?.into())
            }
            Way::None => Err("the channel is closed".into()),
        }
    }
}

/// The address as the transport wants it, with everything the options say about connections.
pub(crate) fn target(address: &str, options: &ConnectOptions) -> Result<Endpoint> {
    let target = parsed(address, options)?;
    match target.uri().scheme_str() {
        Some("https") => secured(address, target, options),
        _ => Ok(target),
    }
}

fn secured(address: &str, target: Endpoint, options: &ConnectOptions) -> Result<Endpoint> {
    let unusable = |error| Error::EndpointError(format!("{address}: cannot set up TLS: {}", deepest(&error)));
    tls::secure(target, options).map_err(unusable)
}

fn parsed(address: &str, options: &ConnectOptions) -> Result<Endpoint> {
    if address.is_empty() {
        return Err(Error::EndpointError("an endpoint is empty; write it as host:port".to_owned()));
    }
    if address.starts_with("unixs:") {
        let text = format!("{address}: a Unix socket needs no TLS; write it as unix:path");
        return Err(Error::EndpointError(text));
    }
    let uri = match address.contains("://") || address.starts_with("unix:") {
        true => address.to_owned(),
        false if options.tls.is_some() => format!("https://{address}"),
        false => format!("http://{address}"),
    };
    let refused = |cause: String| Error::EndpointError(format!("{address}: {cause}; write it as host:port"));
    let mut target = Endpoint::from_shared(uri).map_err(|error| refused(deepest(&error)))?;
    if !address.starts_with("unix:") && target.uri().host().is_none_or(str::is_empty) {
        return Err(refused("no host".to_owned()));
    }
    target = target
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        .tcp_keepalive(options.tcp_keepalive)
        .keep_alive_while_idle(options.keep_alive_while_idle);
    if let Some((interval, patience)) = options.keep_alive {
        target = target.http2_keep_alive_interval(interval).keep_alive_timeout(patience);
    }
    target.user_agent(USER_AGENT).map_err(|error| refused(deepest(&error)))
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_come_with_and_without_a_scheme() {
        for good in [
            "localhost:2379",
            "http://127.0.0.1:2379",
            "[::1]:2379",
            "unix:///tmp/socket",
            "unix:/tmp/socket",
            "https://localhost:2379",
        ] {
            assert!(Slot::new(good, &ConnectOptions::new()).is_ok(), "{good}");
        }
        for bad in ["", "unixs:///tmp/socket", "http://", "https://", "a b:1"] {
            assert!(Slot::new(bad, &ConnectOptions::new()).is_err(), "{bad}");
        }
    }
}
