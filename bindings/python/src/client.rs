//! The native client: the core's client with its calls started from Python.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit::proto::etcdserverpb as pb;
use etcdkit::{Client, ConnectOptions, Error, TlsPem};
use etcdkit_bridge::wire::renewal;
use etcdkit_bridge::{BridgeError, ForkSafe, Scope};
use prost::Message;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tokio::sync::OnceCell;

use crate::call::{Call, Finish, Outcome};
use crate::codec::Codec;
use crate::election::NativeElection;
use crate::failure::Failure;
use crate::keep_alive::NativeKeepAlive;
use crate::lock::{NativeLock, Settings};
use crate::naming::{self, NativeRegistration};
use crate::server::NativeDoor;
use crate::snapshot::NativeSnapshot;
use crate::watch::NativeWatch;

/// The core's client, made on the runtime by the first call that needs it.
pub(crate) struct Lazy {
    endpoints: Vec<String>,
    options: ConnectOptions,
    client: OnceCell<Client>,
}

impl Lazy {
    pub(crate) async fn client(&self) -> Result<Client, BridgeError> {
        let connect = || Client::connect(self.endpoints.clone(), Some(self.options.clone()));
        Ok(self.client.get_or_try_init(connect).await?.clone())
    }
}

/// Trusted certificates, own certificate, its key, all PEM; and the server's name.
type Pem = (Vec<u8>, Vec<u8>, Vec<u8>, String);

/// A client of a cluster. Connects with its first call.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeClient {
    lazy: ForkSafe<Arc<Lazy>>,
    scope: Scope,
}

#[pymethods]
impl NativeClient {
    #[new]
    // They are keyword arguments in Python.
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (
        endpoints, *, user=None, password=None, timeout=None,
        keep_alive_interval=None, keep_alive_timeout=None, keep_alive_while_idle=false, tls=None,
        door=None,
    ))]
    fn new(
        endpoints: Vec<String>,
        user: Option<String>,
        password: Option<String>,
        timeout: Option<f64>,
        keep_alive_interval: Option<f64>,
        keep_alive_timeout: Option<f64>,
        keep_alive_while_idle: bool,
        tls: Option<Pem>,
        door: Option<&NativeDoor>,
    ) -> PyResult<Self> {
        let mut options = ConnectOptions::new().with_keep_alive_while_idle(keep_alive_while_idle);
        if let (Some(user), Some(password)) = (user, password) {
            options = options.with_user(user, password);
        }
        if let Some(timeout) = timeout {
            options = options.with_timeout(seconds(timeout)?);
        }
        if keep_alive_interval.is_some() || keep_alive_timeout.is_some() {
            let interval = keep_alive_interval.map_or(Ok(etcdkit::KEEP_ALIVE_INTERVAL), seconds)?;
            let patience = keep_alive_timeout.map_or(Ok(etcdkit::KEEP_ALIVE_TIMEOUT), seconds)?;
            options = options.with_keep_alive(interval, patience);
        }
        if let Some((ca, cert, key, server_name)) = tls {
            let pem = TlsPem { ca, cert, key, server_name, skip_verify: false };
            options = options.with_tls_pem(&pem).map_err(|error| PyValueError::new_err(error.message()))?;
        }
        if let Some(door) = door {
            options = options.with_connector(door.connector()?);
        }
        let lazy = Lazy { endpoints, options, client: OnceCell::new() };
        Ok(NativeClient { lazy: ForkSafe::new(Arc::new(lazy)), scope: Scope::new() })
    }

    /// Makes the client and logs in; the first call does it too.
    fn connect(&self) -> PyResult<Call> {
        let lazy = self.lazy()?;
        self.start(async move {
            lazy.client().await?;
            Ok(nothing())
        })
    }

    /// A unary RPC by its path; the request is encoded, the response is made with the codec.
    #[pyo3(signature = (path, request, response, timeout=None))]
    fn call(
        &self,
        path: String,
        request: &[u8],
        response: Py<Codec>,
        timeout: Option<f64>,
    ) -> PyResult<Call> {
        let (lazy, request) = (self.lazy()?, Bytes::copy_from_slice(request));
        let timeout = timeout.map(seconds).transpose()?;
        self.start(async move {
            let client = limited(lazy.client().await?, timeout);
            let answer = client.call_encoded(&path, request).await?;
            Ok(decoded(response, answer))
        })
    }

    /// Opens a watch from an encoded WatchCreateRequest; the result is a NativeWatch.
    #[pyo3(signature = (request, response, timeout=None))]
    fn watch(&self, request: &[u8], response: Py<Codec>, timeout: Option<f64>) -> PyResult<Call> {
        let lazy = self.lazy()?;
        let request = Message::decode(request)
            .map_err(|error: prost::DecodeError| PyValueError::new_err(error.to_string()))?;
        let (timeout, scope) = (timeout.map(seconds).transpose()?, self.scope.clone());
        self.start(async move {
            let client = limited(lazy.client().await?, timeout);
            let watch = NativeWatch::open(client, request, response, &scope).await?;
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, watch)?.into_any())) as Finish)
        })
    }

    /// Renews a lease once; the result is its LeaseKeepAliveResponse.
    #[pyo3(signature = (lease_id, response, timeout=None))]
    fn keep_alive_once(&self, lease_id: i64, response: Py<Codec>, timeout: Option<f64>) -> PyResult<Call> {
        let lazy = self.lazy()?;
        let timeout = timeout.map(seconds).transpose()?;
        self.start(async move {
            let client = limited(lazy.client().await?, timeout);
            let answer = match client.lease_client().keep_alive_once(lease_id).await {
                // On the wire a lease that is gone is no error but a TTL of 0, and programs look for that.
                Err(Error::LeaseKeepAliveError(_)) => {
                    pb::LeaseKeepAliveResponse { id: lease_id, ..Default::default() }
                }
                answer => renewal(&answer?),
            };
            Ok(decoded(response, answer.encode_to_vec().into()))
        })
    }

    /// Renews a lease until told otherwise; the result is a NativeKeepAlive.
    fn keep_alive(&self, lease_id: i64) -> PyResult<Call> {
        let (lazy, scope) = (self.lazy()?, self.scope.clone());
        self.start(async move {
            let keep_alive = NativeKeepAlive::start(lazy.client().await?, lease_id, &scope).await?;
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, keep_alive)?.into_any())) as Finish)
        })
    }

    /// A lock with this name that also excludes holders of the key of the same name.
    fn lock(&self, name: &[u8], owner: Option<&[u8]>, ttl: i64, keep_alive: bool) -> PyResult<NativeLock> {
        let owner = owner.map(<[u8]>::to_vec);
        let settings = Settings { name: name.to_vec(), owner, ttl, keep_alive };
        Ok(NativeLock::new(self.lazy()?, settings, &self.scope))
    }

    /// An election with this name, in which candidates live for `ttl` seconds.
    fn election(&self, name: &[u8], ttl: i64) -> PyResult<NativeElection> {
        Ok(NativeElection::new(self.lazy()?, name.to_vec(), ttl, &self.scope))
    }

    /// Registers an instance of a service; the result is a NativeRegistration. `metadata` is JSON.
    fn register(&self, service: String, address: String, metadata: String, ttl: i64) -> PyResult<Call> {
        let (lazy, scope) = (self.lazy()?, self.scope.clone());
        self.start(async move {
            let client = lazy.client().await?;
            let made = NativeRegistration::start(client, &service, address, &metadata, ttl, &scope).await?;
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, made)?.into_any())) as Finish)
        })
    }

    /// The instances of a service: a list of (key, address, metadata as JSON).
    fn instances(&self, service: String) -> PyResult<Call> {
        let lazy = self.lazy()?;
        self.start(async move { naming::list(lazy.client().await?, &service).await })
    }

    /// Opens a copy of the storage; the result is a NativeSnapshot.
    #[pyo3(signature = (timeout=None))]
    fn snapshot(&self, timeout: Option<f64>) -> PyResult<Call> {
        let (lazy, scope) = (self.lazy()?, self.scope.clone());
        let timeout = timeout.map(seconds).transpose()?;
        self.start(async move {
            let client = limited(lazy.client().await?, timeout);
            let snapshot = NativeSnapshot::open(client, &scope).await?;
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, snapshot)?.into_any())) as Finish)
        })
    }

    /// Cancels the calls in flight and ends the streams.
    fn close(&self) {
        self.scope.close();
    }
}

impl NativeClient {
    fn lazy(&self) -> PyResult<Arc<Lazy>> {
        Ok(self.lazy.get().map_err(Failure::from)?.clone())
    }

    fn start(&self, work: impl Future<Output = Outcome> + Send + 'static) -> PyResult<Call> {
        Call::start(&self.scope, work)
    }
}

fn limited(client: Client, timeout: Option<Duration>) -> Client {
    match timeout {
        Some(timeout) => client.with_timeout(timeout),
        None => client,
    }
}

/// Longest time limit: a year, which nobody means literally, and which no clock arithmetic overflows.
const SECONDS_MAX: f64 = 365.0 * 24.0 * 3600.0;

/// A duration from seconds; ValueError for what is not one.
pub(crate) fn seconds(value: f64) -> PyResult<Duration> {
    if value.is_nan() || value < 0.0 {
        return Err(PyValueError::new_err(format!("a time limit is a number of seconds, not {value}")));
    }
    Ok(Duration::from_secs_f64(value.min(SECONDS_MAX)))
}

pub(crate) fn nothing() -> Finish {
    Box::new(|py| Ok(py.None()))
}

pub(crate) fn decoded(codec: Py<Codec>, data: Bytes) -> Finish {
    Box::new(move |py| Ok(codec.get().decode(py, &data)?.unbind()))
}

pub(crate) fn raw_bytes(data: Vec<u8>) -> Finish {
    Box::new(move |py| Ok(PyBytes::new(py, &data).into_any().unbind()))
}

pub(crate) fn text(data: String) -> Finish {
    Box::new(move |py| Ok(data.into_pyobject(py)?.into_any().unbind()))
}

pub(crate) fn boolean(value: bool) -> Finish {
    Box::new(move |py| Ok(value.into_pyobject(py)?.to_owned().into_any().unbind()))
}
