//! A server with authentication on, in this process: root, who may do everything, and alice, who may read and write
//! [a, c). What she may not see has a value that no input has, so that any answer that has it is a leak.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::permission::Type;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest, AuthUserAddRequest,
    AuthUserGrantRoleRequest, AuthenticateRequest, CompactionRequest, DeleteRangeRequest, PutRequest,
    RangeRequest, SnapshotRequest,
};
use etcdkit_server::{InProcess, Server};
use hyper_util::rt::TokioIo;
use tokio::runtime::Runtime;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// What nobody but root may see.
pub(crate) const SECRET: &[u8] = b"d7Q-never-in-an-input-x1K";

/// A key out of alice's reach.
const HIDDEN: &str = "hidden";

/// Inputs after which the store is emptied, so that a long run does not fill the memory.
const TIDY_EVERY: u64 = 2000;

/// A call that takes longer does not come back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A stream, or a call that waits by nature, is given up after this.
pub(crate) const GLANCE: Duration = Duration::from_millis(30);

pub(crate) static SERVICE: LazyLock<Service> = LazyLock::new(Service::start);

pub(crate) struct Service {
    pub(crate) runtime: Runtime,
    pub(crate) channel: Channel,
    way: InProcess,
    root: String,
    alice: String,
    inputs: AtomicU64,
    _server: Server,
}

/// Who sends an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Nobody,
    Impostor,
    Alice,
    Root,
}

impl Caller {
    pub(crate) fn of(byte: u8) -> Self {
        match byte % 4 {
            0 => Caller::Alice,
            1 => Caller::Nobody,
            2 => Caller::Impostor,
            _ => Caller::Root,
        }
    }
}

impl Service {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads can be started");
        let (server, channel, root, alice) = runtime.block_on(prepare());
        let way = server.in_process();
        Service { runtime, channel, way, root, alice, inputs: AtomicU64::new(0), _server: server }
    }

    pub(crate) fn token(&self, caller: Caller) -> Option<&str> {
        match caller {
            Caller::Nobody => None,
            Caller::Impostor => Some("aaaaaaaaaaaaaaaa.1"),
            Caller::Alice => Some(&self.alice),
            Caller::Root => Some(&self.root),
        }
    }

    /// A connection for HTTP/1.
    pub(crate) async fn connection(&self) -> tokio::io::DuplexStream {
        self.way.connect().await.expect("the server runs")
    }

    /// A whole snapshot, with its digest.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.runtime.block_on(async {
            let mut client = MaintenanceClient::new(self.channel.clone());
            let parts = client.snapshot(with(&self.root, SnapshotRequest {})).await;
            let mut parts = parts.expect("root may").into_inner();
            let mut all = Vec::new();
            while let Some(part) = parts.message().await.expect("it comes whole") {
                all.extend_from_slice(&part.blob);
            }
            all
        })
    }

    /// After each input: the server still answers, and now and then forgets.
    pub(crate) async fn is_well(&self) {
        let mut kv = KvClient::new(self.channel.clone());
        let request = RangeRequest { key: HIDDEN.into(), ..Default::default() };
        let answer = tokio::time::timeout(PATIENCE, kv.range(with(&self.root, request))).await;
        let answer = answer.expect("the server hangs").expect("root may read");
        if self.inputs.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            let all = DeleteRangeRequest { key: "\0".into(), range_end: "\0".into(), prev_kv: false };
            kv.delete_range(with(&self.root, all)).await.expect("root may delete");
            let revision = hide(&mut kv, &self.root).await;
            let compact = CompactionRequest { revision, physical: true };
            kv.compact(with(&self.root, compact)).await.expect("root may compact");
        } else if answer.into_inner().kvs.is_empty() {
            // Root's own input may have deleted it.
            hide(&mut kv, &self.root).await;
        }
    }
}

async fn prepare() -> (Server, Channel, String, String) {
    let builder = Server::builder().memory().in_process();
    let builder = builder.flags(["--bcrypt-cost=4", "--auth-token-ttl=1000000"]).expect("known flags");
    let server = builder.start().await.expect("a server in memory starts");
    let way = server.in_process();
    let connect = move |_| {
        let way = way.clone();
        async move { way.connect().await.map(TokioIo::new) }
    };
    let endpoint = Endpoint::from_static("http://in-process");
    let channel =
        endpoint.connect_with_connector(tower::service_fn(connect)).await.expect("the server listens");
    let mut auth = AuthClient::new(channel.clone());
    for name in ["root", "alice"] {
        let user =
            AuthUserAddRequest { name: name.into(), password: "password".into(), ..Default::default() };
        auth.user_add(user).await.expect("a new user");
    }
    auth.role_add(AuthRoleAddRequest { name: "r".into() }).await.expect("a new role");
    let perm = Permission { perm_type: Type::Readwrite as i32, key: "a".into(), range_end: "c".into() };
    let grant = AuthRoleGrantPermissionRequest { name: "r".into(), perm: Some(perm) };
    auth.role_grant_permission(grant).await.expect("a known role");
    for (user, role) in [("root", "root"), ("alice", "r")] {
        let grant = AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        auth.user_grant_role(grant).await.expect("a known role");
    }
    auth.auth_enable(AuthEnableRequest {}).await.expect("root has its role");
    let mut tokens = Vec::new();
    for name in ["root", "alice"] {
        let request = AuthenticateRequest { name: name.into(), password: "password".into() };
        tokens.push(auth.authenticate(request).await.expect("a known user").into_inner().token);
    }
    let alice = tokens.pop().expect("two tokens");
    let root = tokens.pop().expect("two tokens");
    let mut kv = KvClient::new(channel.clone());
    hide(&mut kv, &root).await;
    for key in ["a", "b1", "b2"] {
        let put = PutRequest { key: key.into(), value: "seen".into(), ..Default::default() };
        kv.put(with(&root, put)).await.expect("root may put");
    }
    (server, channel, root, alice)
}

async fn hide(kv: &mut KvClient<Channel>, root: &str) -> i64 {
    let put = PutRequest { key: HIDDEN.into(), value: Bytes::from_static(SECRET), ..Default::default() };
    let answer = kv.put(with(root, put)).await.expect("root may put").into_inner();
    answer.header.map_or(0, |header| header.revision)
}

pub(crate) fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("token", token.parse().expect("a token is a header"));
    request
}
