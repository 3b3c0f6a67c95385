//! A server without a port, and clients of its process.

use etcdkit::{Client, ConnectOptions, Connector, WatchOptions};
use etcdkit_server::{InProcess, Server};

fn through(way: InProcess) -> Connector {
    Connector::new(move |_| {
        let way = way.clone();
        async move { way.connect().await }
    })
}

#[tokio::test]
async fn a_server_without_a_port_answers_the_clients_of_its_process() {
    let server = Server::builder().memory().in_process().start().await.unwrap();
    assert_eq!((server.endpoint(), server.endpoints().len()), ("", 0));

    let client = Client::connect_through(through(server.in_process()), None).await.unwrap();
    let mut watch = client.watch("job/", Some(WatchOptions::new().with_prefix())).await.unwrap();
    client.put("job/1", vec![7; 1 << 20], None).await.unwrap();

    assert!(watch.message().await.unwrap().unwrap().created());
    let events = watch.message().await.unwrap().unwrap();
    assert_eq!(events.events()[0].kv().unwrap().value().len(), 1 << 20, "a value larger than the buffers");
    let lease = client.lease_grant(60, None).await.unwrap().id();
    let (mut keeper, mut answers) = client.lease_keep_alive(lease).await.unwrap();
    keeper.keep_alive().await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 60);
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_with_a_port_is_reached_both_ways() {
    let server = Server::builder().memory().listen("127.0.0.1:0").start().await.unwrap();
    let outside = Client::connect([server.endpoint()], None).await.unwrap();
    let inside = Client::connect_through(through(server.in_process()), None).await.unwrap();
    outside.put("key", "value", None).await.unwrap();
    assert_eq!(inside.get("key", None).await.unwrap().kvs()[0].value(), b"value");
    server.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_on_a_unix_socket_is_reached_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("etcd.sock");
    let url = format!("unix://{}", path.display());
    for round in ["first", "after one that was killed"] {
        let server = Server::builder().memory().listen(&url).start().await.unwrap();
        assert_eq!(server.endpoint(), url);
        let client = Client::connect([format!("unix:{}", path.display())], None).await.unwrap();
        client.put("key", round, None).await.unwrap();
        assert_eq!(client.get("key", None).await.unwrap().kvs()[0].value(), round.as_bytes());
        server.shutdown().await;
        assert!(!path.exists(), "the socket goes with its server");
        // What a killed server leaves behind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
    }
}

#[tokio::test]
async fn a_stopped_server_is_told_within_the_time_limit() {
    let server = Server::builder().memory().in_process().start().await.unwrap();
    let options = ConnectOptions::new().with_connect_timeout(std::time::Duration::from_millis(100));
    let client = Client::connect_through(through(server.in_process()), Some(options)).await.unwrap();
    client.put("key", "value", None).await.unwrap();
    server.shutdown().await;
    let error = client.get("key", None).await.unwrap_err();
    assert_eq!(error.code(), etcdkit::Code::Unavailable);
    assert!(error.to_string().contains("the server in this process has stopped"), "{error}");
}

#[tokio::test]
async fn many_connections_at_once_wait_their_turn() {
    let server = Server::builder().memory().in_process().start().await.unwrap();
    let clients = (0..200).map(|number| {
        let way = server.in_process();
        async move {
            let client = Client::connect_through(through(way), None).await.unwrap();
            client.put(format!("key/{number}"), "", None).await.unwrap();
        }
    });
    futures::future::join_all(clients).await;
    let client = Client::connect_through(through(server.in_process()), None).await.unwrap();
    let keys = client.get("key/", Some(etcdkit::GetOptions::new().with_prefix())).await.unwrap();
    assert_eq!(keys.count(), 200);
    server.shutdown().await;
}
