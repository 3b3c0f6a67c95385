//! A server with a client of every service.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::cluster_client::ClusterClient;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::lease_client::LeaseClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::watch_client::WatchClient;
use etcdkit_proto::etcdserverpb::{PutRequest, PutResponse, RangeRequest, RangeResponse};
use etcdkit_proto::health::health_client::HealthClient;
use etcdkit_proto::v3electionpb::election_client::ElectionClient;
use etcdkit_proto::v3lockpb::lock_client::LockClient;
use etcdkit_server::{Server, ServerBuilder};
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Nothing in these tests takes longer; a test that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) channel: Channel,
}

impl Fixture {
    pub(crate) async fn memory() -> Self {
        Self::start(Server::builder().memory()).await
    }

    pub(crate) async fn start(builder: ServerBuilder) -> Self {
        let server = builder.listen("127.0.0.1:0").start().await.unwrap();
        let channel = Channel::from_shared(server.endpoint().to_owned()).unwrap().connect().await.unwrap();
        Fixture { server, channel }
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
    }

    pub(crate) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel.clone())
    }

    pub(crate) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub(crate) fn lock(&self) -> LockClient<Channel> {
        LockClient::new(self.channel.clone())
    }

    pub(crate) fn election(&self) -> ElectionClient<Channel> {
        ElectionClient::new(self.channel.clone())
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(crate) fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel.clone())
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> PutResponse {
        self.put_with(put(key, value)).await
    }

    pub(crate) async fn put_with(&self, request: PutRequest) -> PutResponse {
        self.kv().put(request).await.unwrap().into_inner()
    }

    pub(crate) async fn get(&self, key: &str) -> RangeResponse {
        self.range(RangeRequest { key: text(key), ..Default::default() }).await
    }

    pub(crate) async fn range(&self, request: RangeRequest) -> RangeResponse {
        self.kv().range(request).await.unwrap().into_inner()
    }
}

pub(crate) fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: text(key), value: text(value), ..Default::default() }
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("this takes too long")
}

pub(crate) fn assert_status<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, message: &str) {
    let status = outcome.expect_err("this must fail");
    assert_eq!((status.code(), status.message()), (code, message));
}
