//! Clients, and the calls that are passed through to the server.

use std::sync::Arc;

use bytes::Bytes;
use etcdkit::proto::bridge as wire;
use etcdkit::proto::etcdserverpb as pb;
use etcdkit::{Client, ConnectOptions, Connector, Error, TlsPem};
use etcdkit_bridge::wire::renewal;
use etcdkit_bridge::{BridgeError, Scope};
use futures::FutureExt;
use tokio::sync::OnceCell;

use crate::methods::Method;
use crate::object::{self, Thing};
use crate::start::{Answer, Call, Work, invalid, milliseconds};

/// A client, made on the runtime by the first call that needs it.
pub(crate) struct ClientObject {
    endpoints: Vec<String>,
    options: ConnectOptions,
    reject_old_cluster: bool,
    /// Of the keys of this client; empty where it has all keys.
    namespace: Bytes,
    client: OnceCell<Client>,
}

impl ClientObject {
    pub(crate) async fn client(&self) -> Result<Client, BridgeError> {
        let connect = || async {
            let client = Client::connect(&self.endpoints, Some(self.options.clone())).await?;
            if self.reject_old_cluster {
                client.check_version().await?;
            }
            Ok::<_, Error>(if self.namespace.is_empty() {
                client
            } else {
                client.with_namespace(&self.namespace)
            })
        };
        Ok(self.client.get_or_try_init(connect).await?.clone())
    }
}

/// CLIENT_OPEN.
pub(crate) fn open(call: Call) -> Result<Work, BridgeError> {
    let config: wire::ClientConfig = call.message()?;
    let (connect_now, reject_old_cluster) = (config.connect_now, config.reject_old_cluster);
    let namespace = config.namespace.clone();
    let (endpoints, options) = settings(config)?;
    let client = OnceCell::new();
    let target = Arc::new(ClientObject { endpoints, options, reject_old_cluster, namespace, client });
    Ok(async move {
        if connect_now {
            let client = call.timeout.client(&target.client().await?);
            client.status().await?;
        }
        let handle = object::adopt(Thing::Client(target), Scope::new())?;
        Ok(Answer::made(handle, &wire::Empty {}))
    }
    .boxed())
}

/// Endpoints and options of a configuration.
fn settings(config: wire::ClientConfig) -> Result<(Vec<String>, ConnectOptions), BridgeError> {
    let mut options = ConnectOptions::new()
        .with_keep_alive_while_idle(config.keepalive_without_calls)
        .with_require_leader(config.require_leader);
    if !config.user.is_empty() {
        options = options.with_user(config.user, config.password);
    }
    if !config.token.is_empty() {
        options = options.with_token(config.token);
    }
    if let Some(tls) = config.tls {
        options = options.with_tls_pem(&pem(tls))?;
    }
    if let Some(timeout) = milliseconds("connect_timeout_ms", config.connect_timeout_ms)? {
        options = options.with_connect_timeout(timeout);
    }
    if let Some(timeout) = milliseconds("request_timeout_ms", config.request_timeout_ms)? {
        options = options.with_timeout(timeout);
    }
    let interval = milliseconds("keepalive_time_ms", config.keepalive_time_ms)?;
    let patience = milliseconds("keepalive_timeout_ms", config.keepalive_timeout_ms)?;
    if interval.is_some() || patience.is_some() {
        options = options.with_keep_alive(
            interval.unwrap_or(etcdkit::KEEP_ALIVE_INTERVAL),
            patience.unwrap_or(etcdkit::KEEP_ALIVE_TIMEOUT),
        );
    }
    if let Some(interval) = milliseconds("tcp_keepalive_ms", config.tcp_keepalive_ms)? {
        options = options.with_tcp_keepalive(interval);
    }
    if let Some(bytes) = bytes_max("max_send_bytes", config.max_send_bytes)? {
        options = options.with_max_send_bytes(bytes);
    }
    if let Some(bytes) = bytes_max("max_recv_bytes", config.max_recv_bytes)? {
        options = options.with_max_receive_bytes(bytes);
    }
    if config.server == 0 {
        return Ok((config.endpoints, options));
    }
    if !config.endpoints.is_empty() {
        return Err(invalid("a client has either endpoints or a server of this process"));
    }
    Ok((vec!["in-process".to_owned()], options.with_connector(connector(config.server)?)))
}

fn pem(tls: wire::TlsConfig) -> TlsPem {
    TlsPem {
        ca: tls.ca_pem.into(),
        cert: tls.cert_pem.into(),
        key: tls.key_pem.into(),
        server_name: tls.server_name,
        skip_verify: tls.insecure_skip_verify,
    }
}

fn connector(server: u64) -> Result<Connector, BridgeError> {
    let object = object::get(server)?;
    let Thing::Server(server) = &object.thing else {
        return Err(invalid(format!("ClientConfig.server is the handle of a {}", object.thing.name())));
    };
    let way = server.in_process()?;
    Ok(Connector::new(move |_endpoint| {
        let way = way.clone();
        async move { way.connect().await }
    }))
}

/// A bound in bytes; 0 is none.
fn bytes_max(name: &str, bytes: i32) -> Result<Option<usize>, BridgeError> {
    match usize::try_from(bytes) {
        Ok(0) => Ok(None),
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) => Err(invalid(format!("ClientConfig.{name} is negative: {bytes}"))),
    }
}

/// A unary RPC that is passed through.
pub(crate) fn unary(call: Call, target: Arc<ClientObject>, path: &'static str) -> Work {
    async move {
        let client = target.client().await?;
        let client = match call.method {
            Method::LockServiceLock | Method::ElectionServiceCampaign => call.timeout.waiting(&client),
            _ => call.timeout.client(&client),
        };
        passed_through(&client, path, call.request).await
    }
    .boxed()
}

async fn passed_through(client: &Client, path: &str, request: Bytes) -> Result<Answer, BridgeError> {
    Ok(Answer { handle: 0, data: client.call_encoded(path, request).await? })
}

/// CLIENT_CALL_AT.
pub(crate) fn call_at(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let at: wire::EndpointCall = call.message()?;
    let path = Method::from_id(at.method).and_then(Method::path);
    let path = path.ok_or_else(|| invalid(format!("method {} is no unary RPC", at.method)))?;
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        passed_through(&client.at_endpoint(&at.endpoint).await?, path, at.request).await
    }
    .boxed())
}

/// CLIENT_SET_ENDPOINTS.
pub(crate) fn set_endpoints(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let wanted: wire::Endpoints = call.message()?;
    Ok(async move {
        target.client().await?.set_endpoints(&wanted.endpoints).await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed())
}

/// CLIENT_SYNC.
pub(crate) fn sync(call: Call, target: Arc<ClientObject>) -> Work {
    async move {
        let endpoints = call.timeout.client(&target.client().await?).sync_endpoints().await?;
        Ok(Answer::of(&wire::Endpoints { endpoints }))
    }
    .boxed()
}

/// CLIENT_ENDPOINTS.
pub(crate) fn endpoints(target: Arc<ClientObject>) -> Work {
    async move {
        let endpoints = match target.client.get() {
            Some(client) => client.endpoints(),
            None => target.endpoints.clone(),
        };
        Ok(Answer::of(&wire::Endpoints { endpoints }))
    }
    .boxed()
}

/// CLIENT_NAMESPACE.
pub(crate) fn namespace(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let wire::Namespace { prefix } = call.message()?;
    let scope = scope.child();
    Ok(async move {
        let client = target.client().await?.with_namespace(&prefix);
        let inner = ClientObject {
            endpoints: target.endpoints.clone(),
            options: target.options.clone(),
            // The target has been let through already.
            reject_old_cluster: false,
            namespace: Bytes::from([&*target.namespace, &*prefix].concat()),
            client: OnceCell::new_with(Some(client)),
        };
        let handle = object::adopt_child(call.target, Thing::Client(Arc::new(inner)), scope)?;
        Ok(Answer::made(handle, &wire::Empty {}))
    }
    .boxed())
}

/// CLIENT_SET_USER.
pub(crate) fn set_user(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let user: wire::User = call.message()?;
    let user = (!user.name.is_empty()).then_some((user.name, user.password));
    Ok(async move {
        call.timeout.client(&target.client().await?).update_user(user).await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed())
}

/// CLIENT_REFRESH_TOKEN.
pub(crate) fn refresh_token(call: Call, target: Arc<ClientObject>) -> Work {
    async move {
        call.timeout.client(&target.client().await?).refresh_token().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}

/// LEASE_KEEP_ALIVE_ONCE.
pub(crate) fn keep_alive_once(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let id = call.message::<pb::LeaseKeepAliveRequest>()?.id;
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        let answer = match client.lease_client().keep_alive_once(id).await {
            // On the wire a lease that is gone is no error but a TTL of 0, and programs look for that.
            Err(Error::LeaseKeepAliveError(_)) => pb::LeaseKeepAliveResponse { id, ..Default::default() },
            answer => renewal(&answer?),
        };
        Ok(Answer::of(&answer))
    }
    .boxed())
}
