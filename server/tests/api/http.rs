//! HTTP on the client port: health, versions, metrics, and the JSON gateway.

use std::time::Duration;

use etcdkit_addresses::free_address;
use etcdkit_proto::etcdserverpb::CompactionRequest;
use etcdkit_server::Server;
use etcdkit_server::config::{Config, MemberUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Fixture, soon};

/// An answer as text: its status line with the headers, and the body.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// One request of HTTP/1.1, as a shell script would send it.
async fn ask(server: &Fixture, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    ask_at(server.server.endpoint().trim_start_matches("http://"), method, path, headers, body).await
}

async fn ask_at(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    soon(stream.read_to_string(&mut text)).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer { head: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn get(server: &Fixture, path: &str) -> Answer {
    ask(server, "GET", path, "", "").await
}

async fn post(server: &Fixture, path: &str, body: &str) -> Answer {
    ask(server, "POST", path, "", body).await
}

#[tokio::test]
async fn a_healthy_member_says_so_in_every_way() {
    let server = Fixture::memory().await;
    for (path, body) in [
        ("/health", r#"{"health":"true","reason":""}"#),
        ("/health?serializable=true", r#"{"health":"true","reason":""}"#),
        ("/livez", "ok\n"),
        ("/readyz", "ok\n"),
        ("/livez?verbose", "[+]serializable_read ok\nok\n"),
        ("/readyz/linearizable_read", "ok\n"),
        (
            "/readyz?verbose&exclude=linearizable_read&exclude=non_learner",
            "[+]data_corruption ok\n[+]serializable_read ok\nok\n",
        ),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status(), answer.body.as_str()), ("200", body), "{path}");
    }
    assert_eq!(get(&server, "/livez/nope").await.status(), "404");
    assert_eq!(get(&server, "/nope").await.status(), "404");
    let refused = post(&server, "/health", "").await;
    assert_eq!(refused.status(), "405");
    assert!(refused.head.contains("allow: get"), "{}", refused.head);
}

#[tokio::test]
async fn an_alarm_is_a_reason_unless_it_is_excluded() {
    let server = Fixture::memory().await;
    let raised =
        post(&server, "/v3/maintenance/alarm", r#"{"action":"ACTIVATE","memberID":"7","alarm":"NOSPACE"}"#)
            .await;
    assert!(raised.body.contains(r#""alarms":[{"memberID":"7","alarm":"NOSPACE"}]"#), "{}", raised.body);
    let sick = get(&server, "/health").await;
    assert_eq!(
        (sick.status(), sick.body.as_str()),
        ("503", "{\"health\":\"false\",\"reason\":\"ALARM NOSPACE\"}\n")
    );
    assert_eq!(get(&server, "/health?exclude=NOSPACE").await.status(), "200");
    assert_eq!(get(&server, "/readyz").await.status(), "200", "a full store still reads");
    post(&server, "/v3/maintenance/alarm", r#"{"action":1,"memberID":7,"alarm":"CORRUPT"}"#).await;
    let corrupt = get(&server, "/readyz").await;
    assert_eq!(corrupt.status(), "503");
    assert!(corrupt.body.contains("[-]data_corruption failed: alarm activated: CORRUPT"), "{}", corrupt.body);
}

#[tokio::test]
async fn the_version_is_etcds_with_ours_beside_it() {
    let server = Fixture::memory().await;
    let answer = get(&server, "/version").await;
    assert!(
        answer.body.starts_with(r#"{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0""#),
        "{}",
        answer.body
    );
    assert!(answer.head.contains("content-type: application/json"));
    assert!(answer.head.contains("access-control-allow-origin: *"));
}

#[tokio::test]
async fn metrics_carry_etcds_names() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    let text = get(&server, "/metrics").await.body;
    for line in [
        "etcd_server_has_leader 1",
        "etcd_server_is_leader 1",
        "etcd_debugging_mvcc_current_revision 2",
        "etcd_server_quota_backend_bytes 2147483648",
        "etcd_server_version{server_version=\"3.7.1\"} 1",
        "# TYPE etcd_mvcc_db_total_size_in_bytes gauge",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn the_gateway_puts_reads_and_refuses() {
    let server = Fixture::memory().await;
    let put = post(&server, "/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    assert!(put.body.contains(r#""revision":"2""#), "{}", put.body);
    let range = post(&server, "/v3beta/kv/range", r#"{"key":"Zm9v","nope":1}"#).await;
    let pair = r#""kvs":[{"key":"Zm9v","create_revision":"2","mod_revision":"2","version":"1","value":"YmFy"}],"count":"1"}"#;
    assert!(range.body.ends_with(pair), "{}", range.body);
    let table = [
        ("/v3/kv/range", "{}", "400", r#"{"code":3,"message":"etcdserver: key is not provided"}"#),
        ("/v3/kv/range", "", "400", r#"{"code":3,"message":"etcdserver: key is not provided"}"#),
        ("/v3/kv/range", r#"{"key":"#, "400", r#"{"code":3,"message":"unexpected EOF"}"#),
        ("/v3/kv/range", r#"{"key":"eA=="}{"#, "200", ""),
        ("/v3/kv/nope", "{}", "404", r#"{"code":5,"message":"Not Found"}"#),
        (
            "/v3/lease/revoke",
            r#"{"ID":"8"}"#,
            "404",
            r#"{"code":5,"message":"etcdserver: requested lease not found"}"#,
        ),
        ("/v3/auth/enable", "{}", "400", r#"{"code":9,"message":"etcdserver: root user does not exist"}"#),
        ("/v3/maintenance/defragment", "{}", "200", "{}"),
    ];
    for (path, body, status, expected) in table {
        let answer = post(&server, path, body).await;
        assert_eq!(answer.status(), status, "{path} {body}: {}", answer.body);
        assert!(expected.is_empty() || answer.body == expected, "{path} {body}: {}", answer.body);
    }
    let wrong = get(&server, "/v3/kv/range").await;
    assert_eq!(
        (wrong.status(), wrong.body.as_str()),
        ("501", r#"{"code":12,"message":"Method Not Allowed"}"#)
    );
}

#[tokio::test]
async fn the_gateway_knows_its_callers_by_their_token() {
    let server = Fixture::memory().await;
    for (path, body) in [
        ("/v3/auth/user/add", r#"{"name":"root","password":"r"}"#),
        ("/v3/auth/user/grant", r#"{"user":"root","role":"root"}"#),
        ("/v3/auth/enable", "{}"),
    ] {
        assert_eq!(post(&server, path, body).await.status(), "200", "{path}");
    }
    assert_eq!(post(&server, "/v3/kv/put", r#"{"key":"Zm9v"}"#).await.status(), "400");
    let login = post(&server, "/v3/auth/authenticate", r#"{"name":"root","password":"r"}"#).await;
    let token = login.body.split(r#""token":""#).nth(1).unwrap().split('"').next().unwrap();
    for header in [format!("Authorization: {token}\r\n"), format!("Authorization: Bearer {token}\r\n")] {
        let put = ask(&server, "POST", "/v3/kv/put", &header, r#"{"key":"Zm9v"}"#).await;
        assert_eq!(put.status(), "200", "{}", put.body);
    }
    let bad = ask(&server, "POST", "/v3/kv/put", "Authorization: x.1\r\n", r#"{"key":"Zm9v"}"#).await;
    assert_eq!(
        (bad.status(), bad.body.as_str()),
        ("401", r#"{"code":16,"message":"etcdserver: invalid auth token"}"#)
    );
}

#[tokio::test]
async fn the_gateway_watches_line_by_line() {
    let server = Fixture::memory().await;
    server.put("foo", "bar").await;
    let address = server.server.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = r#"{"create_request":{"key":"Zm9v","start_revision":1}} {"create_request":{"key":"eA=="}}"#;
    let length = body.len();
    let request = format!("POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !(text.contains(r#""value":"YmFy""#) && text.matches(r#""created":true"#).count() == 2) {
        let mut part = vec![0; 4096];
        let count = soon(stream.read(&mut part)).await.unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(std::str::from_utf8(&part[..count]).unwrap());
    }
    assert!(text.contains(r#"{"result":{"header":{"#), "{text}");
    assert!(text.contains(r#""watch_id":"1""#), "{text}");
}

#[tokio::test]
async fn calls_are_counted_with_their_codes() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    server.kv().put(etcdkit_proto::etcdserverpb::PutRequest::default()).await.unwrap_err();
    let text = get(&server, "/metrics").await.body;
    let labels = r#"grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary""#;
    for line in [
        format!("grpc_server_started_total{{{labels}}} 2"),
        format!("grpc_server_handled_total{{grpc_code=\"OK\",{labels}}} 1"),
        format!("grpc_server_handled_total{{grpc_code=\"InvalidArgument\",{labels}}} 1"),
        "etcd_mvcc_put_total 1".to_owned(),
        "etcd_debugging_mvcc_keys_total 1".to_owned(),
        r#"etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"} 1"#.to_owned(),
        r#"etcd_server_request_duration_seconds_count{success="true",type="Put"} 1"#.to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(!text.contains("grpc_server_handling_seconds"), "times are measured on request only");
}

#[tokio::test]
async fn listeners_may_answer_one_kind_alone() {
    let any = || vec![MemberUrl::http("127.0.0.1", free_address().unwrap().port())];
    let (http, metrics) = (any(), any());
    let config = Config {
        listen_client_http_urls: http.clone(),
        listen_metrics_urls: metrics.clone(),
        ..Config::default()
    };
    let server = Fixture::start(Server::builder().config(config).memory()).await;
    server.put("a", "1").await;
    assert_eq!(get(&server, "/health").await.status(), "404", "HTTP has a listener of its own");
    let at = |url: &MemberUrl| url.address.clone();
    assert_eq!(ask_at(&at(&http[0]), "GET", "/health", "", "").await.status(), "200");
    assert_eq!(ask_at(&at(&http[0]), "POST", "/v3/kv/range", "", r#"{"key":"YQ=="}"#).await.status(), "200");
    for (path, status) in
        [("/metrics", "200"), ("/readyz", "200"), ("/version", "404"), ("/v3/kv/range", "404")]
    {
        assert_eq!(ask_at(&at(&metrics[0]), "GET", path, "", "").await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_browser_watches_over_a_websocket() {
    let server = Fixture::memory().await;
    server.put("foo", "bar").await;
    let address = server.server.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let handshake = "GET /v3/watch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await.unwrap();
    let mut text = String::new();
    // A text frame of a client, masked with zeros.
    let body = r#"{"create_request":{"key":"Zm9v","start_revision":1}}"#;
    let frame = [&[0x81, 0x80 | body.len() as u8, 0, 0, 0, 0], body.as_bytes()].concat();
    stream.write_all(&frame).await.unwrap();
    while !text.contains(r#""value":"YmFy""#) {
        let mut part = vec![0; 4096];
        let count = soon(stream.read(&mut part)).await.unwrap();
        assert_ne!(count, 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
    assert!(
        text.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{text}"
    );
    assert!(text.contains(r#"{"result":{"header":{"#), "{text}");
}

#[tokio::test]
async fn a_compaction_goes_in_steps_of_the_configured_size() {
    const REVISIONS: usize = 100;
    const STEP: usize = 10;
    let config = Config {
        compaction_batch_limit: STEP,
        compaction_sleep_interval: Duration::from_millis(1),
        ..Config::default()
    };
    let server = Fixture::start(Server::builder().config(config).memory()).await;
    for number in 0..=REVISIONS {
        server.put("a", &number.to_string()).await;
    }
    let revision = server.get("a").await.header.unwrap().revision;
    let compaction = CompactionRequest { revision, physical: true };
    server.kv().compact(compaction).await.unwrap();
    let text = get(&server, "/metrics").await.body;
    let value = |name: &str| {
        let line = text.lines().find(|line| line.split(' ').next() == Some(name)).expect(name);
        line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(value("etcd_debugging_mvcc_db_compaction_keys_total"), REVISIONS);
    let steps = value("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count");
    assert!(steps >= REVISIONS / STEP, "{steps} steps");
    assert_eq!(value("etcd_debugging_mvcc_compact_revision"), usize::try_from(revision).unwrap());
}
