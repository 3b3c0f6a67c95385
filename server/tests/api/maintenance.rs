use etcdkit_proto::etcdserverpb::{HashKvRequest, HashRequest, MemberListRequest, StatusRequest};
use etcdkit_proto::health::HealthCheckRequest;
use etcdkit_proto::health::health_check_response::ServingStatus;
use tonic::Code;

use crate::fixture::{Fixture, assert_status, soon};

#[tokio::test]
async fn the_status_names_an_etcd_version_and_the_leader() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    let status = server.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.version.as_str(), status.storage_version.as_str()), ("3.7.1", "3.7.0"));
    assert_eq!(status.leader, server.server.identity().member_id);
    assert_eq!(status.db_size_quota, 2 * 1024 * 1024 * 1024);
    assert!(status.raft_applied_index >= 2 && status.raft_index >= status.raft_applied_index);
    assert!(status.errors.is_empty() && !status.is_learner);
}

#[tokio::test]
async fn hashes_tell_the_revisions_they_cover() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    let hash = server.maintenance().hash_kv(HashKvRequest { revision: 0 }).await.unwrap().into_inner();
    assert_eq!((hash.compact_revision, hash.hash_revision, hash.header.unwrap().revision), (-1, 2, 2));
    let future = server.maintenance().hash_kv(HashKvRequest { revision: 9 }).await;
    assert_status(future, Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision");
    assert!(server.maintenance().hash(HashRequest {}).await.is_ok());
}

#[tokio::test]
async fn the_only_member_is_listed_without_a_revision() {
    let server = Fixture::memory().await;
    let list =
        server.cluster().member_list(MemberListRequest { linearizable: true }).await.unwrap().into_inner();
    assert_eq!(list.header.unwrap().revision, 0);
    let member = &list.members[0];
    assert_eq!(
        (member.name.as_str(), member.peer_ur_ls.clone()),
        ("default", vec!["http://localhost:2380".into()])
    );
    assert_eq!(member.client_ur_ls, [server.server.endpoint()]);
}

#[tokio::test]
async fn health_is_known_for_the_whole_server() {
    let server = Fixture::memory().await;
    let ask = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let health = server.health().check(ask("")).await.unwrap().into_inner();
    assert_eq!(health.status(), ServingStatus::Serving);
    assert_status(server.health().check(ask("x")).await, Code::NotFound, "unknown service");
    let mut changes = server.health().watch(ask("")).await.unwrap().into_inner();
    assert_eq!(soon(changes.message()).await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stopping = tokio::spawn(server.server.shutdown());
    assert_eq!(soon(changes.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    soon(stopping).await.unwrap();
}
