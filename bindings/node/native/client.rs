//! The native client: the core's client with its calls started from JavaScript.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit::{Client, ConnectOptions, Connector, TlsPem};
use etcdkit_bridge::{BridgeError, Scope};
use napi::Env;
use napi::bindgen_prelude::{BigInt, Buffer, JsValue, Unknown};
use napi_derive::napi;
use tokio::sync::OnceCell;

use crate::boundary::{Answer, Boundary, Gate, Outcome};
use crate::encode::encode;
use crate::js::{Js, type_error};
use crate::schema::schema;

/// Longest time limit: a year, which nobody means literally, and which no clock arithmetic overflows.
const MILLISECONDS_MAX: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

/// Methods that wait for their turn at the server: without a limit unless one is given.
const WAITING: &[&str] = &["/v3lockpb.Lock/Lock", "/v3electionpb.Election/Campaign"];

/// What a client is made with. Times are in milliseconds; what is missing has the core's default.
#[napi(object)]
pub struct ClientConfig {
    /// `host:port`, or a URL.
    pub hosts: Vec<String>,
    /// Who logs in; both or none.
    pub user: Option<String>,
    /// See `user`.
    pub password: Option<String>,
    /// Time limit for making a connection.
    pub connect_timeout: Option<f64>,
    /// Time limit of a call that has none of its own.
    pub request_timeout: Option<f64>,
    /// Silence on a connection after which it is pinged.
    pub keep_alive_interval: Option<f64>,
    /// How long a ping may stay unanswered.
    pub keep_alive_timeout: Option<f64>,
    /// Whether connections without open calls are pinged too.
    pub keep_alive_while_idle: Option<bool>,
    /// Certificates to trust, PEM.
    pub ca: Option<Buffer>,
    /// The client's own certificate with its chain, PEM.
    pub cert: Option<Buffer>,
    /// The private key of `cert`, PEM.
    pub key: Option<Buffer>,
}

/// The core's client, made on the runtime by the first call that needs it.
pub(crate) struct Lazy {
    hosts: Vec<String>,
    /// Where connections do not go to the hosts but to a server of this process.
    connector: Option<Connector>,
    options: ConnectOptions,
    client: OnceCell<Client>,
}

impl Lazy {
    pub(crate) async fn client(&self) -> Result<Client, BridgeError> {
        let connect = || async {
            let options = Some(self.options.clone());
            match self.connector.clone() {
                Some(connector) => Client::connect_through(connector, options).await,
                None => Client::connect(self.hosts.clone(), options).await,
            }
        };
        Ok(self.client.get_or_try_init(connect).await?.clone())
    }
}

/// A client, as the objects made from it share it.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) lazy: Arc<Lazy>,
    pub(crate) gate: Gate,
    pub(crate) scope: Scope,
}

impl Link {
    /// Starts a call that ends with the client.
    pub(crate) fn start(
        &self,
        env: &Env,
        tag: u32,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> BigInt {
        self.gate.start(env, tag, &self.scope, work)
    }
}

/// A client of a cluster. Connects with its first call.
#[napi]
pub struct NativeClient {
    link: Link,
}

#[napi]
impl NativeClient {
    /// Reads the configuration; does not connect.
    #[napi(constructor, catch_unwind)]
    pub fn new(boundary: &Boundary, config: ClientConfig) -> napi::Result<Self> {
        Self::make(boundary, config, None)
    }

    /// Makes the client and logs in; the first call does it too.
    #[napi(catch_unwind)]
    pub fn connect(&self, env: Env, tag: u32) -> BigInt {
        let lazy = self.link.lazy.clone();
        self.link.start(&env, tag, async move {
            lazy.client().await?;
            Ok(Answer::Nothing)
        })
    }

    /// Calls a unary method, by its position in `methods()`, within `timeout` milliseconds.
    #[napi(catch_unwind)]
    pub fn call(
        &self,
        env: Env,
        tag: u32,
        method: u32,
        request: Unknown<'_>,
        timeout: Option<f64>,
    ) -> napi::Result<BigInt> {
        let schema = schema()?;
        let method =
            schema.methods.get(method as usize).ok_or_else(|| type_error("there is no such method"))?;
        // SAFETY: on the thread of the environment that calls.
        let js = unsafe { Js::new(env.raw()) };
        let request = Bytes::from(encode(js, schema, &schema.messages[method.input], request.raw())?);
        let timeout = timeout.map(milliseconds).transpose()?;
        let waits = WAITING.contains(&method.path.as_str());
        let timeout = timeout.or(waits.then(|| Duration::from_secs_f64(MILLISECONDS_MAX / 1000.0)));
        let lazy = self.link.lazy.clone();
        Ok(self.link.start(&env, tag, async move {
            let client = limited(lazy.client().await?, timeout);
            let answer = client.call_encoded(&method.path, request).await?;
            Ok(Answer::Message(&schema.messages[method.output], answer))
        }))
    }

    /// Renews a lease once; the answer is its LeaseKeepAliveResponse, with a TTL of 0 when the lease is gone.
    #[napi(catch_unwind)]
    pub fn keep_alive_once(
        &self,
        env: Env,
        tag: u32,
        lease: BigInt,
        timeout: Option<f64>,
    ) -> napi::Result<BigInt> {
        let (lazy, timeout) = (self.link.lazy.clone(), timeout.map(milliseconds).transpose()?);
        let lease = long(&lease)?;
        Ok(self.link.start(&env, tag, async move {
            let client = limited(lazy.client().await?, timeout);
            crate::keep_alive::renewal(client.lease_client().keep_alive_once(lease).await, lease)
        }))
    }

    /// Cancels the calls in flight and ends the streams. Closing again does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.link.scope.close();
    }
}

impl NativeClient {
    /// Makes a client of the hosts, or of what a connector connects to.
    pub(crate) fn make(
        boundary: &Boundary,
        config: ClientConfig,
        connector: Option<Connector>,
    ) -> napi::Result<Self> {
        let gate = boundary.gate();
        let scope = gate.scope().child();
        let hosts = config.hosts.clone();
        let lazy = Arc::new(Lazy { hosts, connector, options: options(config)?, client: OnceCell::new() });
        Ok(NativeClient { link: Link { lazy, gate, scope } })
    }

    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }
}

fn options(config: ClientConfig) -> napi::Result<ConnectOptions> {
    let mut options = ConnectOptions::new();
    if let (Some(user), Some(password)) = (config.user, config.password) {
        options = options.with_user(user, password);
    }
    if let Some(limit) = config.connect_timeout {
        options = options.with_connect_timeout(milliseconds(limit)?);
    }
    if let Some(limit) = config.request_timeout {
        options = options.with_timeout(milliseconds(limit)?);
    }
    if config.keep_alive_interval.is_some() || config.keep_alive_timeout.is_some() {
        let interval = config.keep_alive_interval.map_or(Ok(etcdkit::KEEP_ALIVE_INTERVAL), milliseconds)?;
        let patience = config.keep_alive_timeout.map_or(Ok(etcdkit::KEEP_ALIVE_TIMEOUT), milliseconds)?;
        options = options.with_keep_alive(interval, patience);
    }
    let bytes = |part: Option<Buffer>| part.map(|part| part.to_vec()).unwrap_or_default();
    let pem = TlsPem {
        ca: bytes(config.ca),
        cert: bytes(config.cert),
        key: bytes(config.key),
        ..Default::default()
    };
    if !(pem.ca.is_empty() && pem.cert.is_empty() && pem.key.is_empty()) {
        options = options.with_tls_pem(&pem).map_err(|error| type_error(error.to_string()))?;
    }
    Ok(options.with_keep_alive_while_idle(config.keep_alive_while_idle.unwrap_or(false)))
}

pub(crate) fn limited(client: Client, timeout: Option<Duration>) -> Client {
    match timeout {
        Some(timeout) => client.with_timeout(timeout),
        None => client,
    }
}

/// A duration from milliseconds; an error for what is not one.
pub(crate) fn milliseconds(value: f64) -> napi::Result<Duration> {
    if value.is_nan() || value < 0.0 {
        return Err(type_error(format!("a time limit is a number of milliseconds, not {value}")));
    }
    Ok(Duration::from_secs_f64(value.min(MILLISECONDS_MAX) / 1000.0))
}

/// A lease id, or another signed 64-bit number.
pub(crate) fn long(value: &BigInt) -> napi::Result<i64> {
    match value.get_i64() {
        (number, true) => Ok(number),
        _ => Err(type_error("the number does not fit into 64 bits")),
    }
}
