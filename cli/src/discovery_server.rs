//! `etcdkit discovery-server`: where the members of a new cluster find each other.
//!
//! `GET /new?size=3` makes a token and answers with its URL, which all members of one new cluster are given as
//! `--discovery`. Behind it are the keys of etcd's first API, as far as its discovery used them. They are kept in a
//! server of ours within this process, in the place where the discovery of etcd 3 looks for them: with `--client-listen`
//! members can use that way too.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use etcdkit::{
    Client, Compare, CompareOp, Connector, GetOptions, KeyValue, PutOptions, Txn, TxnOp, TxnOpResponse,
};
use etcdkit_server::{InProcess, Server};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::platform::signals::Signals;
use crate::server::REGISTRY_PREFIX;

/// Bytes of a request's body: who registers writes a few addresses.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Connections at once; a cluster needs one a member, for moments.
const CONNECTIONS_MAX: usize = 256;

/// Pause after a connection that could not be accepted, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Time to send a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Members of one cluster at most; more voters only make it slower.
const SIZE_MAX: u32 = 64;

/// Members when nothing is said.
const SIZE_DEFAULT: u32 = 3;

/// Seconds after which a token is forgotten: a cluster is founded within minutes, and nobody tidies up.
const TOKEN_TTL_SECONDS: i64 = 24 * 3600;

/// Stored bytes at which no more tokens are made: some hundred thousand of them.
const QUOTA_BYTES: u32 = 256 << 20;

/// etcd's codes of errors.
const KEY_NOT_FOUND: u32 = 100;
const KEY_EXISTS: u32 = 105;

#[derive(Parser)]
#[command(name = "etcdkit discovery-server", about = "Lets the members of a new cluster find each other")]
struct Arguments {
    /// Where to listen for HTTP
    #[arg(long, default_value = "127.0.0.1:8087")]
    listen: SocketAddr,
    /// What the URLs of tokens begin with, where members reach this server at another address
    #[arg(long)]
    advertise: Option<String>,
    /// Where to listen for members that use --discovery-endpoints
    #[arg(long)]
    client_listen: Option<String>,
    /// Where tokens are kept; in memory alone when not given
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// Runs `etcdkit discovery-server` with these arguments.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let named = std::iter::once(OsString::from("etcdkit discovery-server")).chain(arguments);
    let arguments = match Arguments::try_parse_from(named) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut builder = Server::builder().flags([format!("--quota-backend-bytes={QUOTA_BYTES}")])?;
    builder = match &arguments.data_dir {
        Some(dir) => builder.data_dir(dir),
        None => builder.memory(),
    };
    builder = match &arguments.client_listen {
        Some(address) => builder.listen(address),
        None => builder.in_process(),
    };
    let signals = Signals::listen().context("cannot listen for signals")?;
    let server = builder.start().await?;
    let listener = TcpListener::bind(arguments.listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let advertised = match &arguments.advertise {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", listener.local_addr()?),
    };
    println!("tokens are made at {advertised}/new?size={SIZE_DEFAULT}");
    let client = connect(server.in_process()).await?;
    let registry = Arc::new(Registry { client, advertised });
    tokio::select! {
        () = accept(listener, registry) => {}
        _ = signals.next() => {}
    }
    server.shutdown().await;
    Ok(())
}

async fn connect(way: InProcess) -> etcdkit::Result<Client> {
    let connector = Connector::new(move |_endpoint| {
        let way = way.clone();
        async move { way.connect().await }
    });
    Client::connect_through(connector, None).await
}

async fn accept(listener: TcpListener, registry: Arc<Registry>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let registry = Arc::clone(&registry);
        tokio::spawn(async move {
            serve(stream, registry).await;
            drop(slot);
        });
    }
}

async fn serve(stream: TcpStream, registry: Arc<Registry>) {
    let service = service_fn(move |request| {
        let registry = Arc::clone(&registry);
        async move { Ok::<_, Infallible>(registry.answer(request).await) }
    });
    // Who breaks off has its reasons.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// The tokens and who has registered under them.
struct Registry {
    client: Client,
    advertised: String,
}

type Answer = Response<Full<Bytes>>;

/// Why a request is not answered as it wants to be.
enum Refusal {
    /// It makes no sense.
    Bad(String),
    /// In the form of etcd's first API.
    Keys { status: StatusCode, code: u32, message: &'static str, key: String },
    /// The store does not answer.
    Store(etcdkit::Error),
}

impl From<etcdkit::Error> for Refusal {
    fn from(error: etcdkit::Error) -> Self {
        Refusal::Store(error)
    }
}

impl Registry {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let path: Vec<&str> = parts.uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let answered = match (parts.method, path.as_slice()) {
            (Method::GET | Method::POST | Method::PUT, ["new"]) => self.new_token(&query).await,
            (Method::GET, [token, "_config", "size"]) => self.size(token).await,
            (Method::GET, [token]) => self.members(token).await,
            (Method::PUT, [token, id]) if !id.starts_with('_') => match value_of(body).await {
                Ok(value) => self.register(token, id, &value).await,
                Err(refusal) => Err(refusal),
            },
            _ => Ok(text(
                StatusCode::NOT_FOUND,
                "GET /new?size=N makes the token of a new cluster\n".to_owned(),
            )),
        };
        answered.unwrap_or_else(refused)
    }

    async fn new_token(&self, query: &str) -> Result<Answer, Refusal> {
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "size");
        let size = asked.map_or(Ok(SIZE_DEFAULT), |(_, size)| size.parse::<u32>());
        let size = size.ok().filter(|size| (1..=SIZE_MAX).contains(size));
        let size = size.ok_or_else(|| Refusal::Bad(format!("size is a number from 1 to {SIZE_MAX}\n")))?;
        let token = format!("{:032x}", rand::random::<u128>());
        let lease = self.client.lease_grant(TOKEN_TTL_SECONDS, None).await?.id();
        let kept = PutOptions::new().with_lease(lease);
        self.client.put(size_key(&token), size.to_string(), Some(kept)).await?;
        Ok(text(StatusCode::OK, format!("{}/{token}", self.advertised)))
    }

    async fn size(&self, token: &str) -> Result<Answer, Refusal> {
        let pair = self.size_of(token).await?;
        Ok(keys(StatusCode::OK, json!({ "action": "get", "node": node(&pair) })))
    }

    async fn size_of(&self, token: &str) -> Result<KeyValue, Refusal> {
        let key = size_key(token);
        let found = self.client.get(key.clone(), None).await?;
        found.kvs().first().cloned().ok_or(Refusal::Keys {
            status: StatusCode::NOT_FOUND,
            code: KEY_NOT_FOUND,
            message: "Key not found",
            key,
        })
    }

    async fn members(&self, token: &str) -> Result<Answer, Refusal> {
        self.size_of(token).await?;
        let options = GetOptions::new().with_prefix();
        let found = self.client.get(format!("{}/", members_key(token)), Some(options)).await?;
        let nodes: Vec<Value> = found.kvs().iter().map(node).collect();
        let dir = json!({ "key": format!("{REGISTRY_PREFIX}/{token}"), "dir": true, "nodes": nodes });
        Ok(keys(StatusCode::OK, json!({ "action": "get", "node": dir })))
    }

    /// Who has registered keeps its place and its addresses.
    async fn register(&self, token: &str, id: &str, value: &str) -> Result<Answer, Refusal> {
        let lease = self.size_of(token).await?.lease();
        let key = format!("{}/{id}", members_key(token));
        let absent = Compare::create_revision(key.clone(), CompareOp::Equal, 0);
        let put = TxnOp::put(key.clone(), value, Some(PutOptions::new().with_lease(lease)));
        let txn = Txn::new().when([absent]).and_then([put, TxnOp::get(key.clone(), None)]);
        let done = self.client.txn(txn).await?;
        let written = done.op_responses().into_iter().find_map(|response| match response {
            TxnOpResponse::Get(found) => found.kvs().first().cloned(),
            _ => None,
        });
        match written {
            Some(pair) => Ok(keys(StatusCode::CREATED, json!({ "action": "create", "node": node(&pair) }))),
            None => Err(Refusal::Keys {
                status: StatusCode::PRECONDITION_FAILED,
                code: KEY_EXISTS,
                message: "Key already exists",
                key,
            }),
        }
    }
}

fn size_key(token: &str) -> String {
    format!("{REGISTRY_PREFIX}/{token}/_config/size")
}

fn members_key(token: &str) -> String {
    format!("{REGISTRY_PREFIX}/{token}/members")
}

fn node(pair: &KeyValue) -> Value {
    json!({
        "key": String::from_utf8_lossy(pair.key()),
        "value": String::from_utf8_lossy(pair.value()),
        "modifiedIndex": pair.mod_revision(),
        "createdIndex": pair.create_revision(),
    })
}

/// What a form calls `value`.
async fn value_of(body: Incoming) -> Result<String, Refusal> {
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| Refusal::Bad(format!("the body cannot be read: {error}\n")))?.to_bytes();
    let value = url::form_urlencoded::parse(&body).find(|(name, _)| name == "value");
    let value = value.map(|(_, value)| value.into_owned()).filter(|value| value.contains('='));
    value.ok_or_else(|| Refusal::Bad("the form has no value like name=http://host:2380\n".to_owned()))
}

fn refused(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Bad(why) => text(StatusCode::BAD_REQUEST, why),
        Refusal::Keys { status, code, message, key } => {
            keys(status, json!({ "errorCode": code, "message": message, "cause": key }))
        }
        Refusal::Store(error) => {
            eprintln!("the store of tokens does not answer: {error}");
            text(StatusCode::SERVICE_UNAVAILABLE, "try again later\n".to_owned())
        }
    }
}

fn text(status: StatusCode, text: String) -> Answer {
    answer(status, "text/plain; charset=utf-8", text)
}

fn keys(status: StatusCode, value: Value) -> Answer {
    answer(status, "application/json", value.to_string())
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    answer
}
