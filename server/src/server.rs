//! Builds, starts and stops one server. Nothing here is global: any number can run in one process.

mod background;
mod edge;
mod ending;
mod member;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::EtcdError;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{self, Bound};
use crate::api::Api;
use crate::apply::OpenError;
use crate::backend::{BackendError, EngineKind};
use crate::cluster::Standing;
use crate::command::{ClusterCommand, ClusterOperation, MemberAttributes, MemberId, Operation};
use crate::config::{Config, ConfigError, MemberUrl, PeerPort, RECEIVE_OVERHEAD_BYTES, Storage};
use crate::data_dir::{DataDirError, Identity};
use crate::gateway::{Gateway, GatewaySettings, Role};
use crate::in_process::{self, InProcess};
use crate::io::Io;
use crate::listener::{self, ConnectionLimits, Site};
use crate::profile::Profiler;
use crate::propose::{ProposalError, Proposer};
use crate::span::Spans;
use crate::tls::{Incoming, Outgoing, TlsError, TlsSettings};
use crate::wal::WalError;

use background::{corruption, spawn_background, spawn_for_peers, spawn_invited, spawn_membership};
use edge::{assemble, keep_leases, propose_within_limits};
use ending::{Ending, ForPeers, stop_in_order};
use member::{MemberParts, open_member};

/// Threads of a runtime that a blocking start makes. One answers requests while the other may be held up by
/// a large read; more would only take turns with the program that the server is embedded in.
const RUNTIME_THREADS: usize = 2;

/// Time for the threads of such a runtime to end, when all they did is over. A program that ends meanwhile, or unloads the
/// library, must not do so under their feet.
const THREADS_END_MAX: Duration = Duration::from_secs(5);

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {url}: {source}")]
    Listen {
        /// The address.
        url: MemberUrl,
        /// Why not.
        source: std::io::Error,
    },
    /// TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The storage engine cannot be opened.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The stored state cannot be read.
    #[error(transparent)]
    State(#[from] OpenError),
    /// The log cannot be opened, or consensus does not start.
    #[error(transparent)]
    Raft(#[from] crate::raft::StartError),
    /// The member holds something else than the others.
    #[error("{0}")]
    Corrupt(String),
    /// No runtime for a blocking start.
    #[error("cannot start the threads of the server: {0}")]
    Runtime(#[source] std::io::Error),
    /// The starting thread was stopped.
    #[error("the server was stopped while it started")]
    Stopped,
}

/// Settings of a server to be started.
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    config: Config,
    listen: Vec<String>,
    in_process: bool,
    outside: Outside,
}

/// What of the program around it a server reaches.
#[derive(Clone, Debug, Default)]
struct Outside {
    io: Option<Arc<dyn Io>>,
    spans: Option<Arc<dyn Spans>>,
    profiler: Option<Arc<dyn Profiler>>,
}

impl ServerBuilder {
    /// Replaces all settings.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Settings by the names of their flags, as [`Config::set_flags`] takes them. What other methods set wins where
    /// they are called later.
    pub fn flags<S: AsRef<str>>(mut self, flags: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        self.config.set_flags(flags)?;
        Ok(self)
    }

    /// Keeps state in this directory, made when absent.
    #[must_use]
    pub fn data_dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.config.storage = Some(Storage::Directory(dir.as_ref().to_owned()));
        self
    }

    /// Keeps state in memory: it is gone when the server stops.
    #[must_use]
    pub fn memory(mut self) -> Self {
        self.config.storage = Some(Storage::Memory);
        self
    }

    /// Reaches the disk through this instead of the operating system: a simulated disk loses power and
    /// fails on demand. Only redb and the log write through it.
    #[must_use]
    pub fn io(mut self, io: Arc<dyn Io>) -> Self {
        self.outside.io = Some(io);
        self
    }

    /// Tells of the calls that it answers, and of their parts.
    #[must_use]
    pub fn spans(mut self, spans: Arc<dyn Spans>) -> Self {
        self.outside.spans = Some(spans);
        self
    }

    /// Answers `/debug/pprof` with what this finds. Without it there is no such path.
    #[must_use]
    pub fn profiler(mut self, profiler: Arc<dyn Profiler>) -> Self {
        self.outside.profiler = Some(profiler);
        self
    }

    /// The storage engine; redb by default.
    #[must_use]
    pub fn engine(mut self, engine: EngineKind) -> Self {
        self.config.engine = engine;
        self
    }

    /// Name of the member.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// Listens on `host:port` or a URL; port 0 takes a free one. Several calls, several addresses.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen.push(address.into());
        self
    }

    /// Listens on no port at all: only [`Server::in_process`] reaches the server. A later
    /// [`listen`](Self::listen) adds addresses again.
    #[must_use]
    pub fn in_process(mut self) -> Self {
        self.listen.clear();
        self.in_process = true;
        self
    }

    /// Shows a certificate to clients of `https` addresses, and decides by theirs who may come in.
    #[must_use]
    pub fn client_tls(mut self, tls: TlsSettings) -> Self {
        self.config.client_tls = tls;
        self
    }

    /// Starts on the runtime of the caller; returns when the server serves.
    pub async fn start(self) -> Result<Server, StartError> {
        let outside = self.outside.clone();
        let config = self.finish()?;
        started(config, outside).await
    }

    /// Starts on a runtime of its own, for callers that have none; returns when the server serves.
    pub fn start_blocking(self) -> Result<BlockingServer, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("etcdkit-server")
            .on_thread_start(crate::platform::block_broken_pipe_signal)
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let server = runtime.block_on(self.start())?;
        Ok(BlockingServer { server, runtime })
    }

    fn finish(mut self) -> Result<Config, StartError> {
        if self.in_process || !self.listen.is_empty() {
            let parse = |address: &String| {
                let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
                MemberUrl::parse(&url)
            };
            self.config.listen_client_urls = self.listen.iter().map(parse).collect::<Result<_, _>>()?;
        }
        self.config.validate()?;
        Ok(self.config)
    }
}

/// A running server. Dropping it stops it in the background; [`Server::shutdown`] waits for the end.
#[derive(Debug)]
pub struct Server {
    endpoints: Vec<String>,
    in_process: InProcess,
    identity: Identity,
    stopping: CancellationToken,
    stopped: watch::Receiver<bool>,
    failure: watch::Receiver<Option<Arc<WalError>>>,
    backend_failure: watch::Receiver<Option<Arc<str>>>,
    removed: watch::Receiver<bool>,
    published: watch::Receiver<bool>,
}

impl Server {
    /// Settings to start from: etcd's defaults, which listen on localhost:2379.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The first address clients can connect to, such as `http://127.0.0.1:2379`; empty where there is none.
    pub fn endpoint(&self) -> &str {
        self.endpoints.first().map(String::as_str).unwrap_or_default()
    }

    /// All addresses clients can connect to.
    pub fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    /// The way to this server for clients of the same process. It needs no port and is always there.
    pub fn in_process(&self) -> InProcess {
        self.in_process.clone()
    }

    /// The ids of this member and its cluster.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns why the server stopped taking writes, should that happen.
    pub async fn failed(&self) -> String {
        let (log, backend) = (self.failure.clone(), self.backend_failure.clone());
        tokio::select! {
            reason = told(log) => reason,
            reason = told(backend) => reason,
        }
    }

    /// Returns when this member takes part in its cluster, with its vote unless it is a learner, and the others know its
    /// name; that needs a majority of them. A cluster of one is ready when it is started. Calls are answered before, as far
    /// as they can be.
    pub async fn ready(&self) {
        becomes_true(self.published.clone()).await;
    }

    /// Returns when this member hears that it was removed from its cluster. It is of no more use then.
    pub async fn removed(&self) {
        becomes_true(self.removed.clone()).await;
    }

    /// Stops: calls in progress end, what was accepted is written, files are closed.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        // An error says that the task that tells is gone, and so is the server.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
    }
}

/// Returns when it is; never when it will not be.
async fn becomes_true(mut told: watch::Receiver<bool>) {
    if told.wait_for(|is| *is).await.is_err() {
        std::future::pending().await
    }
}

/// Returns what is told; never when nothing will be.
async fn told<T: ToString>(mut told: watch::Receiver<Option<T>>) -> String {
    match told.wait_for(Option::is_some).await {
        Ok(reason) => reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        Err(_closed) => std::future::pending().await,
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// A running server with a runtime of its own.
#[derive(Debug)]
pub struct BlockingServer {
    server: Server,
    runtime: tokio::runtime::Runtime,
}

impl BlockingServer {
    /// The first address clients can connect to; empty where there is none.
    pub fn endpoint(&self) -> &str {
        self.server.endpoint()
    }

    /// The way to this server for clients of the same process.
    pub fn in_process(&self) -> InProcess {
        self.server.in_process()
    }

    /// All addresses clients can connect to.
    pub fn endpoints(&self) -> &[String] {
        self.server.endpoints()
    }

    /// The ids of this member and its cluster.
    pub fn identity(&self) -> Identity {
        self.server.identity()
    }

    /// Stops and waits for the end, that of its threads too. Must not be called from within another runtime.
    pub fn shutdown(self) {
        self.runtime.block_on(self.server.shutdown());
        self.runtime.shutdown_timeout(THREADS_END_MAX);
    }
}

/// The server is compiled once, here: the body of an async function is compiled in every crate that awaits it.
#[inline(never)]
fn started(config: Config, outside: Outside) -> BoxFuture<'static, Result<Server, StartError>> {
    Box::pin(start(config, outside))
}

async fn start(config: Config, outside: Outside) -> Result<Server, StartError> {
    let settings = config.clone();
    let opened = tokio::task::spawn_blocking(move || open_tls(&settings)).await;
    let Encryption { clients: tls, peers: peer_tls, to_peers } =
        opened.map_err(|_stopped| StartError::Stopped)??;
    let (clients, http) = match config.listen_client_http_urls.is_empty() {
        true => (bind_all(&config.listen_client_urls, Role::All).await?, Vec::new()),
        false => (
            bind_all(&config.listen_client_urls, Role::Grpc).await?,
            bind_all(&config.listen_client_http_urls, Role::Http).await?,
        ),
    };
    let metrics = bind_all(&config.listen_metrics_urls, Role::Metrics).await?;
    let endpoints: Vec<String> = clients.iter().map(|(listener, _)| listener.url.to_string()).collect();
    let peer_listeners = bind_peers(&config).await?;
    let member = open_member(&config, outside.io, to_peers.clone()).await?;
    let stopping = CancellationToken::new();
    let (stopped_sender, stopped) = watch::channel(false);
    let identity = member.identity;
    let (failure, removed) = (member.raft.storage_failure(), member.peers.removed());
    let backend_failure = member.backend.failures();

    let advertised = match &config.advertise_client_urls {
        Some(urls) => urls.iter().map(MemberUrl::to_string).collect(),
        None => endpoints.clone(),
    };
    let tasks = TaskTracker::new();
    let proposer = propose_within_limits(&config, &member);
    if config.force_new_cluster {
        forget_others(&member, &proposer).await?;
    }
    if config.initial_corrupt_check {
        let checked = corruption(&member, &proposer).check_before_service().await;
        checked.map_err(StartError::Corrupt)?;
    }
    let keeper = keep_leases(&config, &member, &stopping);
    let api = assemble(&config, &member, &proposer, &keeper, advertised.clone(), &stopping)?;
    let api = Arc::new(Api { spans: outside.spans, ..api });
    let limits = ConnectionLimits {
        streams_max: config.max_concurrent_streams,
        keepalive_interval: config.grpc_keepalive_interval,
        keepalive_timeout: config.grpc_keepalive_timeout,
        ping_interval_min: config.grpc_keepalive_min_time,
    };
    spawn_background(&tasks, &config, &member, &proposer, &stopping);
    tasks.spawn(api.leaderless.clone().run(member.raft.clone(), config.election_timeout, stopping.clone()));
    // Consensus goes on until the last call has ended.
    let for_peers = ForPeers::default();
    spawn_for_peers(&for_peers, peer_listeners, peer_tls.as_ref(), &member, &proposer, &keeper);
    let attributes = MemberAttributes {
        member_id: identity.member_id,
        name: config.name.clone(),
        client_urls: advertised,
    };
    let (published_sender, published) = watch::channel(false);
    spawn_invited(&tasks, &config, to_peers, &member, &stopping);
    spawn_membership(&tasks, &member, attributes, &proposer, published_sender, &stopping);
    tasks.spawn(say_ready(identity, endpoints.join(","), published.clone(), stopping.clone()));
    let (in_process, backlog) = in_process::pair();
    let settings = GatewaySettings {
        cors: config.cors.clone(),
        host_whitelist: config.host_whitelist.clone(),
        json: config.enable_grpc_gateway,
        receive_bytes_max: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
    };
    let gateway = Arc::new(Gateway::new(api, in_process.clone(), &settings, outside.profiler));
    for (listener, role) in clients.into_iter().chain(http).chain(metrics) {
        let site = Site { gateway: Arc::clone(&gateway), limits, role };
        tasks.spawn(listener.serve(site, tls.clone(), stopping.clone()));
    }
    let site = Site { gateway, limits, role: Role::All };
    tasks.spawn(listener::serve_in_process(backlog, site, stopping.clone()));
    let ending = Ending { tasks, for_peers, patience: config.election_timeout };
    tokio::spawn(stop_in_order(member, proposer, ending, stopping.clone(), stopped_sender));
    Ok(Server {
        endpoints,
        in_process,
        identity,
        stopping,
        stopped,
        failure,
        backend_failure,
        removed,
        published,
    })
}

/// The line that scripts wait for.
async fn say_ready(
    identity: Identity,
    listen_client_urls: String,
    published: watch::Receiver<bool>,
    stopping: CancellationToken,
) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = becomes_true(published) => tracing::info!(
            member_id = format!("{:x}", identity.member_id),
            cluster_id = format!("{:x}", identity.cluster_id),
            listen_client_urls,
            "ready to serve client requests"
        ),
    }
}

/// The TLS of each way in and out; none where there is no encryption.
struct Encryption {
    clients: Option<Arc<Incoming>>,
    peers: Option<Arc<Incoming>>,
    to_peers: Option<Arc<Outgoing>>,
}

/// Blocks.
fn open_tls(config: &Config) -> Result<Encryption, TlsError> {
    let clients = config.client_tls()?.map(Incoming::open).transpose()?.map(Arc::new);
    let peers = config.peer_tls()?;
    let to_peers = match config.needs_tls_to_peers() {
        true => Some(Arc::new(Outgoing::open(peers.clone())?)),
        false => None,
    };
    let peers = if peers.is_set() { Some(Arc::new(Incoming::open(peers)?)) } else { None };
    Ok(Encryption { clients, peers, to_peers })
}

/// Removes the members that are lost, so that none of them is listened to should it come back.
async fn forget_others(member: &MemberParts, proposer: &Proposer) -> Result<(), StartError> {
    let known = member.cluster.asked_for();
    let known =
        known.into_iter().filter(|(_, standing, _)| *standing != Standing::Removed).map(|(id, _, _)| id);
    let lost: BTreeSet<u64> = member.raft.former_members().into_iter().chain(known).collect();
    for member_id in lost.into_iter().filter(|id| *id != member.identity.member_id) {
        let operation = ClusterOperation::RemoveMember(MemberId { member_id });
        let command = Box::new(ClusterCommand { operation: Some(operation) });
        match proposer.propose(Operation::Cluster(command)).await {
            Ok(_) | Err(ProposalError::Api(EtcdError::MemberNotFound)) => {}
            Err(error) => {
                return Err(
                    crate::raft::StartError::Consensus(format!("a lost member stays: {error}")).into()
                );
            }
        }
        tracing::warn!(removed_member_id = format!("{member_id:x}"), "a lost member was removed");
    }
    Ok(())
}

async fn bind_all(urls: &[MemberUrl], role: Role) -> Result<Vec<(Bound, Role)>, StartError> {
    Ok(bind(urls).await?.into_iter().map(|bound| (bound, role)).collect())
}

async fn bind(urls: &[MemberUrl]) -> Result<Vec<Bound>, StartError> {
    let mut listeners = Vec::with_capacity(urls.len());
    for url in urls {
        let bound = accept::bind(url).await;
        listeners.push(bound.map_err(|source| StartError::Listen { url: url.clone(), source })?);
    }
    Ok(listeners)
}

/// The addresses for other members; none for a member that is to stay alone.
async fn bind_peers(config: &Config) -> Result<Vec<Bound>, StartError> {
    let port = if config.has_others() { PeerPort::Open } else { config.peer_port };
    if port == PeerPort::Closed {
        return Ok(Vec::new());
    }
    match bind(&config.listen_peer_urls).await {
        Err(StartError::Listen { url, source }) if port == PeerPort::IfFree => {
            tracing::warn!(%url, error = %source, "cannot listen for other members; none can join");
            Ok(Vec::new())
        }
        bound => bound,
    }
}
