//! Builds, starts and stops one server. Nothing here is global: any number can run in one process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::etcdserverpb::Member;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarms;
use crate::api::{
    Access, Api, Auth, Budget, Cluster, Election, Headers, Health, Kv, Lease, Line, Lock, Maintenance,
    OwnStanding, Passwords, Timing, Watch,
};
use crate::apply::{Applier, Parts};
use crate::auth::AuthStore;
use crate::backend::{Backend, BackendError, BackendOptions, EngineKind};
use crate::bootstrap;
use crate::clock::Clock;
use crate::cluster::ClusterState;
use crate::command::MemberAttributes;
use crate::compactor::{self, AutoCompactor, Pace};
use crate::config::{
    Config, ConfigError, MemberUrl, MetricsLevel, PeerPort, RECEIVE_OVERHEAD_BYTES, Storage,
};
use crate::contact::Contact;
use crate::data_dir::{DataDir, DataDirError, Identity};
use crate::expiry::Expiry;
use crate::forward::Forwarder;
use crate::gateway::{Gateway, GatewaySettings, Role};
use crate::in_process::{self, InProcess};
use crate::io::{Io, disk::DiskIo, memory::MemoryIo};
use crate::jwt::TokenKind;
use crate::lease::{Lessor, ttl_min_seconds};
use crate::lease_keeper::LeaseKeeper;
use crate::listener::{self, Bound, ConnectionLimits, Site};
use crate::membership::Membership;
use crate::metrics::{HandlingTime, Metrics};
use crate::mvcc::watch::{Hub, HubOptions};
use crate::mvcc::{MvccError, Store};
use crate::peer::{self, PeerService};
use crate::propose::{Limits, Proposer};
use crate::raft::{RaftNode, RaftOptions};
use crate::read::ReadGate;
use crate::tls::{Tls, TlsError, TlsSettings};
use crate::transport::Peers;
use crate::wal::WalError;

/// Threads of a runtime that a blocking start makes. One answers requests while the other may be held up by
/// a large read; more would only take turns with the program that the server is embedded in.
const RUNTIME_THREADS: usize = 2;

/// How long calls in progress may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the stored size is measured for the quota. Between two measurements the cost of what is admitted is
/// added up, so this only bounds how long a full server stays closed after it was emptied.
const MEASURE_INTERVAL: Duration = Duration::from_millis(500);

/// How often tokens are looked through. One whose time is up is refused when it is used; this gives its memory back.
const TOKEN_SWEEP_INTERVAL: Duration = Duration::from_secs(5);

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
    State(#[from] MvccError),
    /// The stored leases cannot be read.
    #[error(transparent)]
    Leases(#[from] crate::lease::OpenError),
    /// The stored users cannot be read.
    #[error(transparent)]
    Auth(#[from] crate::auth::OpenError),
    /// The log cannot be opened, or consensus does not start.
    #[error(transparent)]
    Raft(#[from] crate::raft::StartError),
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
    io: Option<Arc<dyn Io>>,
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
        self.io = Some(io);
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
        let io = self.io.clone();
        let config = self.finish()?;
        started(config, io).await
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

    /// Returns when this member hears that it was removed from its cluster. It is of no more use then.
    pub async fn removed(&self) {
        let mut removed = self.removed.clone();
        if removed.wait_for(|removed| *removed).await.is_err() {
            std::future::pending().await
        }
    }

    /// Stops: calls in progress end, what was accepted is written, files are closed.
    pub async fn shutdown(mut self) {
        self.stopping.cancel();
        // An error says that the task that tells is gone, and so is the server.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
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

    /// Stops and waits for the end. Must not be called from within another runtime.
    pub fn shutdown(self) {
        self.runtime.block_on(self.server.shutdown());
        self.runtime.shutdown_background();
    }
}

/// The parts of a server that do not know of clients.
struct MemberParts {
    identity: Identity,
    clock: Clock,
    backend: Backend,
    store: Store,
    lessor: Arc<Lessor>,
    auth: Arc<AuthStore>,
    alarms: Arc<Alarms>,
    cluster: Arc<ClusterState>,
    hub: Hub,
    raft: RaftNode,
    peers: Arc<Peers>,
    forwarder: Forwarder,
    contact: Arc<Contact>,
    data_dir: DataDir,
}

/// The server is compiled once, here: the body of an async function is compiled in every crate that awaits it.
#[inline(never)]
fn started(config: Config, io: Option<Arc<dyn Io>>) -> BoxFuture<'static, Result<Server, StartError>> {
    Box::pin(start(config, io))
}

async fn start(config: Config, io: Option<Arc<dyn Io>>) -> Result<Server, StartError> {
    let settings = config.clone();
    let opened = tokio::task::spawn_blocking(move || settings.client_tls()?.map(Tls::open).transpose()).await;
    let tls = opened.map_err(|_stopped| StartError::Stopped)??.map(Arc::new);
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
    let member = open_member(&config, io).await?;
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
    let keeper = keep_leases(&config, &member, &stopping);
    let api = Arc::new(assemble(&config, &member, &proposer, &keeper, advertised.clone(), &stopping)?);
    let limits = ConnectionLimits {
        streams_max: config.max_concurrent_streams,
        keepalive_interval: config.grpc_keepalive_interval,
        keepalive_timeout: config.grpc_keepalive_timeout,
        ping_interval_min: config.grpc_keepalive_min_time,
    };
    spawn_background(&tasks, &config, &member, &proposer, &stopping);
    // Consensus goes on until the last call has ended.
    let parted = CancellationToken::new();
    let peer_tasks = TaskTracker::new();
    spawn_for_peers(&peer_tasks, peer_listeners, &member, &proposer, &keeper, &parted);
    let attributes = MemberAttributes {
        member_id: identity.member_id,
        name: config.name.clone(),
        client_urls: advertised,
    };
    spawn_membership(&tasks, &member, attributes, &proposer, &stopping);
    let (in_process, backlog) = in_process::pair();
    let settings = GatewaySettings {
        cors: config.cors.clone(),
        host_whitelist: config.host_whitelist.clone(),
        json: config.enable_grpc_gateway,
        receive_bytes_max: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
    };
    let gateway = Arc::new(Gateway::new(api, in_process.clone(), &settings));
    for (listener, role) in clients.into_iter().chain(http).chain(metrics) {
        let site = Site { gateway: Arc::clone(&gateway), limits, role };
        tasks.spawn(listener.serve(site, tls.clone(), stopping.clone()));
    }
    let site = Site { gateway, limits, role: Role::All };
    tasks.spawn(listener::serve_in_process(backlog, site, stopping.clone()));
    let ending = Ending { tasks, peer_tasks, parted, patience: config.election_timeout };
    tokio::spawn(stop_in_order(member, proposer, ending, stopping.clone(), stopped_sender));
    tracing::info!(
        member_id = format!("{:x}", identity.member_id),
        cluster_id = format!("{:x}", identity.cluster_id),
        listen_client_urls = endpoints.join(","),
        "ready to serve client requests"
    );
    Ok(Server { endpoints, in_process, identity, stopping, stopped, failure, backend_failure, removed })
}

/// What is to be ended.
struct Ending {
    tasks: TaskTracker,
    peer_tasks: TaskTracker,
    /// Ends the peer port.
    parted: CancellationToken,
    /// The longest that another leader is waited for.
    patience: Duration,
}

/// Waits for the end and brings it about from the outside in: no more calls, no more log, no more files. A leader hands
/// over first, so that the others need not find out by a timeout that it is gone.
async fn stop_in_order(
    member: MemberParts,
    proposer: Proposer,
    ending: Ending,
    stopping: CancellationToken,
    stopped: watch::Sender<bool>,
) {
    stopping.cancelled().await;
    hand_over(&member.raft, member.identity.member_id, ending.patience).await;
    ending.tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, ending.tasks.wait()).await.is_err() {
        tracing::warn!("some calls did not end in time and are cut off");
    }
    proposer.stop();
    ending.parted.cancel();
    ending.peer_tasks.close();
    // Named one by one: what is left in `member` would live until after the end is told, and with it the files.
    let MemberParts {
        identity: _,
        clock: _,
        backend,
        store,
        lessor,
        auth,
        alarms,
        cluster,
        hub,
        raft,
        peers,
        forwarder,
        contact,
        data_dir,
    } = member;
    drop((store, lessor, auth, alarms, cluster, hub, peers, forwarder, contact, proposer));
    raft.shutdown().await;
    let flushed = tokio::task::spawn_blocking(move || {
        if let Err(error) = backend.flush() {
            tracing::error!(%error, "failed to flush the backend");
        }
    });
    if let Err(error) = flushed.await {
        tracing::error!(%error, "failed to close the backend");
    }
    drop(data_dir);
    stopped.send_replace(true);
}

/// Gives the leadership, if this member has it, to the member that has followed farthest, and waits until another one
/// leads.
async fn hand_over(raft: &RaftNode, own: u64, patience: Duration) {
    let status = raft.status();
    if !status.leadership.is_leader || status.voters < 2 {
        return;
    }
    let Some(to) = raft.successor(own) else { return };
    if raft.transfer_leadership(to).await.is_err() {
        return;
    }
    let mut changes = raft.changes();
    let handed = changes.wait_for(|leadership| leadership.leader.is_some_and(|leader| leader != own));
    if tokio::time::timeout(patience, handed).await.is_err() {
        tracing::warn!(to = format!("{to:x}"), "no other member took the leadership in time");
    }
}

async fn bind_all(urls: &[MemberUrl], role: Role) -> Result<Vec<(Bound, Role)>, StartError> {
    let mut listeners = Vec::with_capacity(urls.len());
    for url in urls {
        let bound = listener::bind(url).await;
        let bound = bound.map_err(|source| StartError::Listen { url: url.clone(), source })?;
        listeners.push((bound, role));
    }
    Ok(listeners)
}

/// The addresses for other members; none for a member that is to stay alone.
async fn bind_peers(config: &Config) -> Result<Vec<(Bound, Role)>, StartError> {
    let port = if config.has_others() { PeerPort::Open } else { config.peer_port };
    if port == PeerPort::Closed {
        return Ok(Vec::new());
    }
    match bind_all(&config.listen_peer_urls, Role::Grpc).await {
        Err(StartError::Listen { url, source }) if port == PeerPort::IfFree => {
            tracing::warn!(%url, error = %source, "cannot listen for other members; none can join");
            Ok(Vec::new())
        }
        bound => bound,
    }
}

async fn open_member(config: &Config, io: Option<Arc<dyn Io>>) -> Result<MemberParts, StartError> {
    let founding = config.clone();
    let runtime = tokio::runtime::Handle::current();
    let found = move || runtime.block_on(bootstrap::identity(&founding));
    let metrics = Arc::new(Metrics::new(match config.metrics {
        MetricsLevel::Basic => HandlingTime::NotMeasured,
        MetricsLevel::Extensive => HandlingTime::Measured,
    }));
    let storage = config.storage();
    let io: Arc<dyn Io> = match (io, &storage) {
        (Some(io), _) => io,
        (None, Storage::Directory(_)) => Arc::new(DiskIo),
        (None, Storage::Memory) => Arc::new(MemoryIo::default()),
    };
    let (engine, dir) = match storage {
        Storage::Directory(dir) => (config.engine, dir),
        Storage::Memory => (EngineKind::Memory, PathBuf::from("/memory")),
    };
    let disk = Arc::clone(&io);
    let token_ttl = config.auth_token_ttl;
    let options = BackendOptions { metrics: Arc::clone(&metrics), ..BackendOptions::default() };
    let opened =
        tokio::task::spawn_blocking(move || open_state(&disk, &dir, engine, options, token_ttl, found)).await;
    let State { data_dir, backend, store, lessor, auth, alarms, cluster } =
        opened.map_err(|_stopped| StartError::Stopped)??;
    let watch_options = HubOptions {
        fragment_bytes: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
        ..HubOptions::default()
    };
    let hub = Hub::new(store.clone(), watch_options);
    let applier = Applier::new(Parts {
        backend: backend.clone(),
        store: store.clone(),
        lessor: Arc::clone(&lessor),
        auth: Arc::clone(&auth),
        alarms: Arc::clone(&alarms),
        cluster: Arc::clone(&cluster),
        hub: hub.clone(),
        slow: config.warning_apply_duration,
    });
    let Identity { member_id, cluster_id } = data_dir.identity;
    let peers = Arc::new(Peers::new(cluster_id, member_id));
    let options = RaftOptions {
        founders: bootstrap::founders(config, member_id)?,
        peers: Arc::clone(&peers),
        heartbeat_interval: config.heartbeat_interval,
        election_timeout: config.election_timeout,
        snapshot_count: config.snapshot_count,
        metrics,
        ..RaftOptions::new(member_id, io, data_dir.log())
    };
    let raft = RaftNode::start(options, Box::new(applier)).await?;
    let forwarder =
        Forwarder { raft: raft.clone(), peers: Arc::clone(&peers), timeout: config.request_timeout() };
    let contact = Arc::new(Contact::new(member_id, raft.clone(), Arc::clone(&peers)));
    Ok(MemberParts {
        identity: data_dir.identity,
        clock: Clock::start(),
        backend,
        store,
        lessor,
        auth,
        alarms,
        cluster,
        hub,
        raft,
        peers,
        forwarder,
        contact,
        data_dir,
    })
}

struct State {
    data_dir: DataDir,
    backend: Backend,
    store: Store,
    lessor: Arc<Lessor>,
    auth: Arc<AuthStore>,
    alarms: Arc<Alarms>,
    cluster: Arc<ClusterState>,
}

/// Reads what the directory holds. Blocks.
fn open_state(
    io: &Arc<dyn Io>,
    dir: &Path,
    engine: EngineKind,
    options: BackendOptions,
    token_ttl: Duration,
    found: impl FnOnce() -> Result<Identity, ConfigError>,
) -> Result<State, StartError> {
    let data_dir = DataDir::open(io, dir, found)?;
    let backend = Backend::open(Arc::clone(io), &data_dir.backend(), engine, options)?;
    let lessor = Arc::new(Lessor::open(&backend)?);
    let store = Store::open(backend.clone(), |lease, key| lessor.attach(lease, key))?;
    let token_ttl_ms = u64::try_from(token_ttl.as_millis()).unwrap_or(u64::MAX);
    let auth = Arc::new(AuthStore::open(&backend, token_ttl_ms)?);
    let alarms = Arc::new(Alarms::open(&backend)?);
    let cluster = Arc::new(ClusterState::open(&backend)?);
    Ok(State { data_dir, backend, store, lessor, auth, alarms, cluster })
}

fn propose_within_limits(config: &Config, member: &MemberParts) -> Proposer {
    let limits = Limits {
        request_bytes_max: config.max_request_bytes,
        member_id: member.identity.member_id,
        quota_bytes: config.quota_bytes(),
        timeout: config.request_timeout(),
    };
    Proposer::new(member.forwarder.clone(), member.backend.clone(), Arc::clone(&member.alarms), limits)
}

fn assemble(
    config: &Config,
    member: &MemberParts,
    proposer: &Proposer,
    keeper: &LeaseKeeper,
    advertised: Vec<String>,
    stopping: &CancellationToken,
) -> Result<Api, StartError> {
    let Identity { member_id, cluster_id } = member.identity;
    let headers = Headers::new(cluster_id, member_id, &member.raft, member.store.clone());
    let metrics = Arc::clone(member.backend.metrics());
    let gate = ReadGate::new(member.forwarder.clone(), config.request_timeout(), Arc::clone(&metrics));
    let own_standing = OwnStanding { member_id, cluster: Arc::clone(&member.cluster) };
    let access = Access {
        auth: Arc::clone(&member.auth),
        lessor: Arc::clone(&member.lessor),
        clock: member.clock,
        jwt: match TokenKind::open(&config.auth_token)? {
            TokenKind::Simple => None,
            TokenKind::Jwt(jwt) => Some(Arc::from(jwt)),
        },
    };
    let kv = Kv {
        headers: headers.clone(),
        store: member.store.clone(),
        proposer: proposer.clone(),
        gate: gate.clone(),
        own: own_standing.clone(),
        access: access.clone(),
        ops_max: config.max_txn_ops,
        chunk_bytes: config.max_request_bytes,
        timing: Timing { metrics: Arc::clone(&metrics), slow: config.warning_apply_duration },
        budget: Budget::default(),
    };
    let own = Member {
        id: member_id,
        name: config.name.clone(),
        peer_ur_ls: config.members()?.iter().map(MemberUrl::to_string).collect(),
        client_ur_ls: advertised,
        is_learner: false,
    };
    let lease = Lease {
        headers: headers.clone(),
        proposer: proposer.clone(),
        access: access.clone(),
        lessor: Arc::clone(&member.lessor),
        keeper: keeper.clone(),
        ttl_min_seconds: ttl_min_seconds(config.election_timeout),
        stopping: stopping.clone(),
    };
    let line =
        Line { headers: headers.clone(), kv: kv.clone(), lease: lease.clone(), hub: member.hub.clone() };
    let watch = Watch {
        headers: headers.clone(),
        hub: member.hub.clone(),
        access: access.clone(),
        progress_interval: config.watch_progress_notify_interval,
        metrics: Arc::clone(&metrics),
        stopping: stopping.clone(),
    };
    let auth = Auth {
        headers: headers.clone(),
        access: access.clone(),
        proposer: proposer.clone(),
        gate: gate.clone(),
        passwords: Passwords::new(config.bcrypt_cost),
    };
    Ok(Api {
        auth,
        access: access.clone(),
        kv,
        watch,
        lease,
        lock: Lock { line: line.clone() },
        election: Election { line, stopping: stopping.clone() },
        cluster: Cluster {
            headers: headers.clone(),
            gate: gate.clone(),
            proposer: proposer.clone(),
            forwarder: member.forwarder.clone(),
            state: Arc::clone(&member.cluster),
            contact: Arc::clone(&member.contact),
            members: member.raft.members(),
            own,
            strict: config.strict_reconfig_check,
            learners_max: config.max_learners,
            timeout: config.request_timeout(),
        },
        maintenance: Maintenance {
            access,
            member_id,
            alarms: Arc::clone(&member.alarms),
            cluster: Arc::clone(&member.cluster),
            proposer: proposer.clone(),
            gate,
            headers,
            raft: member.raft.clone(),
            store: member.store.clone(),
            backend: member.backend.clone(),
            transfer_timeout: config.request_timeout(),
            quota_bytes: config.quota_backend_bytes,
        },
        health: Health { stopping: stopping.clone() },
        raft: member.raft.clone(),
        own: own_standing,
        receive_bytes_max: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
        slow_request: config.warning_unary_request_duration,
        metrics,
    })
}

fn keep_leases(config: &Config, member: &MemberParts, stopping: &CancellationToken) -> LeaseKeeper {
    LeaseKeeper {
        lessor: Arc::clone(&member.lessor),
        clock: member.clock,
        forwarder: member.forwarder.clone(),
        leading: ReadGate::of_leader(
            member.forwarder.clone(),
            config.request_timeout(),
            Arc::clone(member.backend.metrics()),
        ),
        timeout: config.request_timeout(),
        stopping: stopping.clone(),
    }
}

/// Answers the other members, until `parted`.
fn spawn_for_peers(
    tasks: &TaskTracker,
    listeners: Vec<(Bound, Role)>,
    member: &MemberParts,
    proposer: &Proposer,
    keeper: &LeaseKeeper,
    parted: &CancellationToken,
) {
    let service = Arc::new(PeerService {
        identity: member.identity,
        raft: member.raft.clone(),
        proposer: proposer.clone(),
        keeper: keeper.clone(),
        cluster: Arc::clone(&member.cluster),
    });
    for (listener, _) in listeners {
        tracing::info!(address = listener.url.to_string(), "serving peer traffic");
        tasks.spawn(peer::serve(listener.into_inner(), Arc::clone(&service), parted.clone()));
    }
}

fn spawn_membership(
    tasks: &TaskTracker,
    member: &MemberParts,
    attributes: MemberAttributes,
    proposer: &Proposer,
    stopping: &CancellationToken,
) {
    let membership = Arc::new(Membership {
        member_id: member.identity.member_id,
        raft: member.raft.clone(),
        cluster: Arc::clone(&member.cluster),
        peers: Arc::clone(&member.peers),
        attributes,
        proposer: proposer.clone(),
    });
    tasks.spawn(membership.run(stopping.clone()));
    tasks.spawn(Arc::clone(&member.contact).run(stopping.clone()));
}

fn spawn_background(
    tasks: &TaskTracker,
    config: &Config,
    member: &MemberParts,
    proposer: &Proposer,
    stopping: &CancellationToken,
) {
    let expiry = Expiry {
        raft: member.raft.clone(),
        lessor: Arc::clone(&member.lessor),
        proposer: proposer.clone(),
        clock: member.clock,
        election_timeout: config.election_timeout,
    };
    tasks.spawn(expiry.run(stopping.clone()));
    let pace = Pace { records: config.compaction_batch_limit, pause: config.compaction_sleep_interval };
    tasks.spawn(compactor::remove_dropped(member.store.clone(), pace, stopping.clone()));
    let auto = AutoCompactor {
        mode: config.auto_compaction,
        store: member.store.clone(),
        raft: member.raft.clone(),
        proposer: proposer.clone(),
    };
    tasks.spawn(auto.run(stopping.clone()));
    tasks.spawn(sweep_tokens(Arc::clone(&member.auth), member.clock, stopping.clone()));
    tasks.spawn(measure(proposer.clone(), stopping.clone()));
}

/// Forgets tokens whose time is up.
async fn sweep_tokens(auth: Arc<AuthStore>, clock: Clock, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(TOKEN_SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = tick.tick() => auth.tokens().sweep(clock.now_ms()),
        }
    }
}

/// Keeps the proposer's idea of the stored size fresh.
async fn measure(proposer: Proposer, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(MEASURE_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        let proposer = proposer.clone();
        if tokio::task::spawn_blocking(move || proposer.measure()).await.is_err() {
            return;
        }
    }
}
