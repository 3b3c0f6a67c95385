use etcdkit_proto::etcdserverpb::{LeaseGrantRequest, LeaseTimeToLiveRequest, PutRequest};
use etcdkit_server::backend::EngineKind;
use etcdkit_server::{Server, StartError};

use crate::fixture::{Fixture, put, text};

async fn survives_a_restart(engine: EngineKind) {
    let dir = tempfile::tempdir().unwrap();
    let builder = || Server::builder().data_dir(dir.path()).engine(engine);
    let server = Fixture::start(builder()).await;
    server.lease().lease_grant(LeaseGrantRequest { id: 7, ttl: 600 }).await.unwrap();
    for value in ["1", "2"] {
        server.put_with(PutRequest { lease: 7, ..put("a", value) }).await;
    }
    let before = server.get("a").await;
    server.server.shutdown().await;

    let server = Fixture::start(builder()).await;
    let after = server.get("a").await;
    assert_eq!((after.kvs.clone(), after.header.unwrap().revision), (before.kvs, 3));
    let ask = LeaseTimeToLiveRequest { id: 7, keys: true };
    let lease = server.lease().lease_time_to_live(ask).await.unwrap().into_inner();
    assert_eq!((lease.granted_ttl, lease.keys), (600, vec![text("a")]));
    assert_eq!(server.put("a", "3").await.header.unwrap().revision, 4);
    server.server.shutdown().await;
}

#[tokio::test]
async fn keys_and_leases_survive_a_restart_on_redb() {
    survives_a_restart(EngineKind::Redb).await;
}

#[tokio::test]
async fn keys_and_leases_survive_a_restart_on_sled() {
    survives_a_restart(EngineKind::Sled).await;
}

#[tokio::test]
async fn a_directory_has_one_server_and_one_engine() {
    let dir = tempfile::tempdir().unwrap();
    let builder = || Server::builder().data_dir(dir.path()).listen("127.0.0.1:0");
    let first = builder().start().await.unwrap();
    let second = builder().start().await.unwrap_err();
    assert!(second.to_string().contains("in use by another server"), "{second}");
    first.shutdown().await;
    let other = builder().engine(EngineKind::Sled).start().await.unwrap_err();
    assert!(matches!(other, StartError::Backend(_)), "{other}");
    assert!(other.to_string().contains("--storage-engine redb"), "{other}");
}

/// On several threads, where what is dropped too late is still there when the next one starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_free_as_soon_as_its_server_has_stopped() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..40 {
        let server = Server::builder().data_dir(dir.path()).listen("127.0.0.1:0").start().await.unwrap();
        server.shutdown().await;
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = Fixture::memory().await;
    let address = first.server.endpoint().to_owned();
    let error = Server::builder().memory().listen(&address).start().await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
}

#[tokio::test]
async fn servers_of_one_process_know_nothing_of_each_other() {
    let (one, two) = (Fixture::memory().await, Fixture::memory().await);
    one.put("a", "1").await;
    assert_eq!(two.get("a").await.count, 0);
}

#[test]
fn a_program_without_a_runtime_can_have_a_server() {
    let server = Server::builder().memory().listen("127.0.0.1:0").start_blocking().unwrap();
    assert!(server.endpoint().starts_with("http://127.0.0.1:"));
    std::net::TcpStream::connect(server.endpoint().trim_start_matches("http://")).unwrap();
    server.shutdown();
}
