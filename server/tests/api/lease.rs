use std::time::Duration;

use etcdkit_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
    PutRequest,
};
use etcdkit_server::Server;
use etcdkit_server::config::{Config, Storage};
use tonic::Code;

use crate::fixture::{Fixture, assert_status, put, soon, text};

/// A server whose shortest lease is one second.
async fn quick() -> Fixture {
    let config = Config {
        storage: Some(Storage::Memory),
        heartbeat_interval: Duration::from_millis(20),
        election_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    Fixture::start(Server::builder().config(config)).await
}

#[tokio::test]
async fn a_lease_is_granted_listed_and_revoked_with_its_keys() {
    let server = Fixture::memory().await;
    let mut lease = server.lease();
    let granted = lease.lease_grant(LeaseGrantRequest { id: 42, ttl: 1 }).await.unwrap().into_inner();
    assert_eq!((granted.id, granted.ttl), (42, 2), "raised to the shortest TTL");
    let again = lease.lease_grant(LeaseGrantRequest { id: 42, ttl: 10 }).await;
    assert_status(again, Code::FailedPrecondition, "etcdserver: lease already exists");
    let endless = lease.lease_grant(LeaseGrantRequest { id: 0, ttl: 9_000_000_001 }).await;
    assert_status(endless, Code::OutOfRange, "etcdserver: too large lease TTL");

    server.put_with(PutRequest { lease: 42, ..put("k2", "") }).await;
    server.put_with(PutRequest { lease: 42, ..put("k1", "") }).await;
    let ask = LeaseTimeToLiveRequest { id: 42, keys: true };
    let alive = lease.lease_time_to_live(ask).await.unwrap().into_inner();
    assert_eq!((alive.granted_ttl, alive.keys), (2, vec![text("k1"), text("k2")]));
    assert!((0..=2).contains(&alive.ttl));
    let leases = lease.lease_leases(LeaseLeasesRequest {}).await.unwrap().into_inner().leases;
    assert_eq!(leases.iter().map(|lease| lease.id).collect::<Vec<_>>(), [42]);

    let revoked = lease.lease_revoke(LeaseRevokeRequest { id: 42 }).await.unwrap().into_inner();
    assert_eq!(revoked.header.unwrap().revision, 4, "both keys go in one revision");
    let unknown = lease.lease_revoke(LeaseRevokeRequest { id: 42 }).await;
    assert_status(unknown, Code::NotFound, "etcdserver: requested lease not found");
    let unknown =
        lease.lease_time_to_live(LeaseTimeToLiveRequest { id: 42, keys: false }).await.unwrap().into_inner();
    assert_eq!((unknown.ttl, unknown.granted_ttl), (-1, 0));
}

#[tokio::test]
async fn keep_alive_answers_the_granted_ttl_or_zero() {
    let server = Fixture::memory().await;
    let id = server.lease().lease_grant(LeaseGrantRequest { id: 0, ttl: 60 }).await.unwrap().into_inner().id;
    assert!(id > 0);
    let requests = tokio_stream::iter([id, 999].map(|id| LeaseKeepAliveRequest { id }));
    let mut answers = server.lease().lease_keep_alive(requests).await.unwrap().into_inner();
    let known = soon(answers.message()).await.unwrap().unwrap();
    assert_eq!((known.id, known.ttl), (id, 60));
    let unknown = soon(answers.message()).await.unwrap().unwrap();
    assert_eq!((unknown.id, unknown.ttl), (999, 0));
    assert_eq!(soon(answers.message()).await.unwrap(), None);
}

#[tokio::test]
async fn an_expired_lease_takes_its_keys_along() {
    let server = quick().await;
    let id = server.lease().lease_grant(LeaseGrantRequest { id: 0, ttl: 1 }).await.unwrap().into_inner().id;
    server.put_with(PutRequest { lease: id, ..put("k", "") }).await;
    soon(async {
        // Every answer is a look at the state; there is nothing to wait on but the clock of the server.
        while server.get("k").await.count == 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(server.lease().lease_leases(LeaseLeasesRequest {}).await.unwrap().into_inner().leases.is_empty());
}
