use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{AlarmRequest, AlarmType, LeaseKeepAliveRequest, PutRequest, RangeRequest};
use etcdkit_server::Server;
use etcdkit_server::config::{Config, Storage};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Request};

use crate::fixture::{Fixture, assert_status, put, soon, text};

fn sized(bytes: usize) -> PutRequest {
    PutRequest { key: text("k"), value: Bytes::from(vec![b'x'; bytes]), ..Default::default() }
}

#[tokio::test]
async fn large_requests_are_refused_in_two_ways() {
    let server = Fixture::memory().await;
    assert!(server.kv().put(sized(1_572_864 - 100)).await.is_ok());
    let large = server.kv().put(sized(1_572_864)).await;
    assert_status(large, Code::InvalidArgument, "etcdserver: request is too large");
    // Eight bytes: tag, length and byte of the key; tag and length of the value.
    let huge = server.kv().put(sized(2_097_152)).await;
    assert_status(
        huge,
        Code::ResourceExhausted,
        "grpc: received message larger than max (2097160 vs. 2097152)",
    );
}

#[tokio::test]
async fn metadata_is_checked() {
    let server = Fixture::memory().await;
    let mut request = Request::new(RangeRequest { key: text("a"), ..Default::default() });
    request.metadata_mut().insert("hasleader", "true".parse().unwrap());
    assert!(server.kv().range(request).await.is_ok());
    let mut request = Request::new(RangeRequest { key: text("a"), ..Default::default() });
    let version = MetadataValue::<Ascii>::try_from(&b"\xff"[..]).unwrap();
    request.metadata_mut().insert("client-api-version", version);
    let refused = server.kv().range(request).await;
    assert_status(refused, Code::InvalidArgument, "etcdserver: invalid client api version");
}

/// tonic's clients send the end of a request in a frame of its own. A call that was answered before would be reset, and
/// h2 ends a connection with 1,024 frames for streams that it has forgotten.
#[tokio::test]
async fn requests_whose_end_comes_late_cost_no_connection() {
    const CALLS: usize = 1_600;
    const AT_ONCE: usize = 200;
    let server = Fixture::memory().await;
    let address = server.server.endpoint().trim_start_matches("http://").to_owned();
    let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..CALLS / AT_ONCE {
        let mut calls = Vec::new();
        for _ in 0..AT_ONCE {
            let request = http::Request::post(format!("http://{address}/etcdserverpb.KV/Range"));
            let request = request.header("content-type", "application/grpc").header("te", "trailers");
            let mut ready = client.clone().ready().await.unwrap();
            let (answer, mut body) = ready.send_request(request.body(()).unwrap(), false).unwrap();
            // A range of the key "a".
            body.send_data(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01a"), false).unwrap();
            calls.push((answer, body));
        }
        // Long enough for an answer that does not wait for the end.
        tokio::time::sleep(Duration::from_millis(30)).await;
        for (answer, mut body) in calls {
            body.send_data(Bytes::new(), true).unwrap();
            let mut answered = soon(answer).await.unwrap().into_body();
            while let Some(data) = soon(answered.data()).await {
                data.unwrap();
            }
            let trailers = soon(answered.trailers()).await.unwrap().unwrap();
            assert_eq!(trailers["grpc-status"], "0");
        }
    }
    connection.abort();
}

#[tokio::test]
async fn a_full_server_refuses_what_would_grow_it() {
    let config = Config { storage: Some(Storage::Memory), quota_backend_bytes: 1000, ..Config::default() };
    let server = Fixture::start(Server::builder().config(config)).await;
    let refused = server.kv().put(sized(2000)).await;
    assert_status(refused, Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
    assert_eq!(server.get("k").await.count, 0);

    // The alarm outlives its cause: an operator says when there is room again.
    let small = server.kv().put(put("a", "1")).await;
    assert_status(small, Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded");
    let alarms = server.maintenance().alarm(AlarmRequest::default()).await.unwrap().into_inner().alarms;
    assert_eq!(alarms.len(), 1);
    let disarm = AlarmRequest {
        action: AlarmAction::Deactivate.into(),
        member_id: alarms[0].member_id,
        alarm: AlarmType::Nospace.into(),
    };
    server.maintenance().alarm(disarm).await.unwrap();
    assert!(server.kv().put(put("a", "1")).await.is_ok());
}

#[tokio::test]
async fn an_oversized_message_ends_a_stream_with_the_same_words() {
    let server = Fixture::memory().await;
    // The id alone cannot be large, so a watch is what can be too long.
    let requests = tokio_stream::iter([LeaseKeepAliveRequest { id: 1 }]);
    assert!(server.lease().lease_keep_alive(requests).await.is_ok());
    let create = etcdkit_proto::etcdserverpb::WatchCreateRequest {
        key: Bytes::from(vec![b'x'; 2_200_000]),
        ..Default::default()
    };
    let union = etcdkit_proto::etcdserverpb::watch_request::RequestUnion::CreateRequest(create);
    let request = etcdkit_proto::etcdserverpb::WatchRequest { request_union: Some(union) };
    let stream = futures::stream::iter([request]);
    let mut responses = server.watch().watch(stream).await.unwrap().into_inner();
    let status = crate::fixture::soon(responses.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.message().starts_with("grpc: received message larger than max ("), "{}", status.message());
}

#[tokio::test]
async fn a_stopped_server_is_gone() {
    let server = Fixture::memory().await;
    let mut kv = server.kv();
    kv.put(put("a", "1")).await.unwrap();
    server.server.shutdown().await;
    assert_eq!(kv.put(put("a", "2")).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_client_that_pings_too_often_is_told_to_go() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = Fixture::memory().await;
    let address = server.server.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), b"\0\0\0\x04\0\0\0\0\0"].concat();
    stream.write_all(&hello).await.unwrap();
    for _ in 0..3 {
        stream.write_all(ping).await.unwrap();
    }
    let mut answers = Vec::new();
    while answers.windows(8).filter(|window| window == b"abcdefgh").count() < 3 {
        assert_ne!(soon(stream.read_buf(&mut answers)).await.unwrap(), 0, "{answers:?}");
    }
    stream.write_all(ping).await.unwrap();
    // The end may be a reset, for the server had more to read.
    let _ = soon(stream.read_to_end(&mut answers)).await;
    let reason = b"too_many_pings";
    assert!(answers.windows(reason.len()).any(|window| window == reason), "{answers:?}");
}
