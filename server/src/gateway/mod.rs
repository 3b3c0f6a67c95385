//! HTTP on the client port: what scripts, dashboards and browsers ask without gRPC.
//!
//! One port serves both: a request over HTTP/2 whose content is gRPC goes on to `api`, everything else is answered
//! here.

mod answer;
mod cors;
mod health;
mod json;
mod metrics;
mod profile;
mod revision;
mod routes;
mod strict;
mod values;
mod websocket;

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;

use crate::api::{Api, ApiBody, CertificateName, ETCD_VERSION};
use crate::in_process::InProcess;
use crate::profile::Profiler;
use answer::{empty, json_text, plain};
use cors::Cors;
use json::Json;

/// What a listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Everything.
    All,
    /// gRPC alone, where HTTP has listeners of its own.
    Grpc,
    /// HTTP alone.
    Http,
    /// Metrics and the checks of health: for those who come without the certificate of a client.
    Metrics,
}

/// What differs between servers.
#[derive(Clone, Debug)]
pub(crate) struct GatewaySettings {
    /// Origins that browsers may ask from; `*` is any.
    pub(crate) cors: String,
    /// Hosts that plain requests may be addressed to; `*` is any.
    pub(crate) host_whitelist: String,
    /// Whether there is a JSON gateway.
    pub(crate) json: bool,
    /// Most bytes of a received message.
    pub(crate) receive_bytes_max: usize,
}

/// Everything a client port answers.
pub(crate) struct Gateway {
    api: Arc<Api>,
    json: Option<Arc<Json>>,
    cors: Cors,
    hosts: Vec<String>,
    profiler: Option<Arc<dyn Profiler>>,
}

impl Gateway {
    /// `way` leads to `api`: the JSON gateway is one of its clients, as in etcd.
    pub(crate) fn new(
        api: Arc<Api>,
        way: InProcess,
        settings: &GatewaySettings,
        profiler: Option<Arc<dyn Profiler>>,
    ) -> Self {
        Gateway {
            json: settings.json.then(|| Arc::new(Json::new(way, settings.receive_bytes_max))),
            cors: Cors::new(&settings.cors),
            hosts: settings.host_whitelist.split(',').map(str::to_owned).collect(),
            profiler,
            api,
        }
    }

    /// Answers one request. `encrypted` tells whether it came over TLS.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        encrypted: bool,
        role: Role,
    ) -> Response<ApiBody> {
        match role {
            Role::All | Role::Grpc if is_grpc(&request) => Arc::clone(&self.api).answer(request).await,
            // Boxed, so that the task of a gRPC call stays small.
            Role::All | Role::Http => Box::pin(self.answer_http(request, encrypted)).await,
            Role::Metrics if is_for_operators(request.uri().path()) => Box::pin(self.route(request)).await,
            Role::Grpc | Role::Metrics => not_found(),
        }
    }

    async fn answer_http(&self, request: Request<Incoming>, encrypted: bool) -> Response<ApiBody> {
        if !encrypted && !self.knows_host(&request) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "etcdkit does not answer under this Host name: use TLS, or name it in --host-whitelist. This keeps web \
                 pages from reaching the server by DNS rebinding (CVE-2018-5702).\n",
            );
        }
        if self.lends_no_name(&request) {
            return plain(
                StatusCode::BAD_REQUEST,
                "CommonName of client sending a request against gateway will be ignored and not used as expected\n",
            );
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let mut response = match *request.method() {
            Method::OPTIONS => empty(),
            _ => self.route(request).await,
        };
        self.cors.sign(response.headers_mut(), origin.as_ref());
        response
    }

    /// A client whose certificate makes it a user would expect to be that user, and the gateway's calls are nobody's.
    fn lends_no_name(&self, request: &Request<Incoming>) -> bool {
        let path = request.uri().path();
        self.json.is_some()
            && (path.starts_with("/v3/") || path.starts_with("/v3beta/"))
            && request.extensions().get::<CertificateName>().is_some()
            && self.api.access.is_enabled()
    }

    async fn route(&self, request: Request<Incoming>) -> Response<ApiBody> {
        let path = request.uri().path().to_owned();
        if path.starts_with("/v3/") || path.starts_with("/v3beta/") {
            return match &self.json {
                Some(json) => json.answer(request).await,
                None => not_found(),
            };
        }
        let is_known = matches!(
            path.as_str(),
            "/version" | "/health" | "/livez" | "/readyz" | "/debug/vars" | revision::PATH
        ) || health::is_check(&path)
            || path.starts_with(profile::PATH);
        if is_known && request.method() != Method::GET {
            let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
            refused.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET"));
            return refused;
        }
        let query = request.uri().query().unwrap_or_default();
        if let (true, Some(profiler)) = (path.starts_with(profile::PATH), &self.profiler) {
            return profile::answer(profiler, &path, query).await;
        }
        match path.as_str() {
            "/version" => version(),
            "/health" => health::health(&self.api, query).await,
            "/metrics" => metrics::metrics(&self.api),
            "/debug/vars" => metrics::variables(&self.api),
            revision::PATH => revision::revision(&self.api, query),
            "/livez" => health::livez(&self.api, None, query).await,
            "/readyz" => health::readyz(&self.api, None, query).await,
            path => match (path.strip_prefix("/livez/"), path.strip_prefix("/readyz/")) {
                (Some(check), _) => health::livez(&self.api, Some(check), query).await,
                (_, Some(check)) => health::readyz(&self.api, Some(check), query).await,
                _ => not_found(),
            },
        }
    }

    fn knows_host(&self, request: &Request<Incoming>) -> bool {
        if self.hosts.iter().any(|host| host == "*") {
            return true;
        }
        let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = named.or_else(|| request.uri().host()).unwrap_or_default();
        let without_port = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        self.hosts.iter().any(|known| known == without_port)
    }
}

/// Whether a path may be asked of the listeners of `--listen-metrics-urls`.
fn is_for_operators(path: &str) -> bool {
    matches!(path, "/metrics" | "/health" | "/livez" | "/readyz")
        || path.starts_with("/livez/")
        || path.starts_with("/readyz/")
}

fn is_grpc<B>(request: &Request<B>) -> bool {
    let content = request.headers().get(header::CONTENT_TYPE);
    request.version() == Version::HTTP_2
        && content.is_some_and(|content| content.as_bytes().starts_with(b"application/grpc"))
}

fn not_found() -> Response<ApiBody> {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// etcd's fields with the versions whose behaviour this server has, and its own version beside them.
fn version() -> Response<ApiBody> {
    let cluster = crate::api::CLUSTER_VERSION;
    let text = format!(
        r#"{{"etcdserver":"{ETCD_VERSION}","etcdcluster":"{cluster}","storage":"{cluster}","etcdkit":"{}"}}"#,
        env!("CARGO_PKG_VERSION"),
    );
    json_text(StatusCode::OK, text)
}
