//! Those who should not come in, and those who ask for too much; figures of the longer forms are in `docs/security.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_authority::{Authority, CA_FILE, Signed};
use etcdkit_proto::etcdserverpb::request_op::Request as Op;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    LeaseGrantRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest,
};
use etcdkit_server::Server;
use etcdkit_server::config::{Config, MemberUrl, Scheme, Storage};
use etcdkit_server::tls::TlsSettings;
use futures::StreamExt as _;
use rcgen::{ExtendedKeyUsagePurpose, SerialNumber, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::fixture::{Fixture, put, soon};
use crate::tls::settings;

/// Serial number of the certificate that is revoked.
const REVOKED: u64 = 77;

/// How often certificates are replaced under load. The full form of the test does so fifty times.
const ROTATIONS: usize = 12;

/// Longest nesting that the decoder takes is 100 messages.
const DEEP: usize = 150;

/// Watches on one stream.
const WATCHES: usize = 10_000;

/// Leases at once.
const LEASES: i64 = 20_000;

fn client(authorities: &[&Authority], own: Option<&Signed>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let cert = CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn shake_hands(connector: &TlsConnector, address: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Whether anything is answered. With TLS 1.3 a client hears of a refusal only when it speaks.
async fn is_let_in(connector: &TlsConnector, address: &str) -> bool {
    let Ok(mut stream) = shake_hands(connector, address).await else { return false };
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if stream.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut answer = Vec::new();
    let _ = soon(stream.read_to_end(&mut answer)).await;
    answer.starts_with(b"HTTP/1.1 ")
}

fn free(scheme: Scheme) -> MemberUrl {
    let port = etcdkit_addresses::free_address().unwrap().port();
    MemberUrl { scheme, ..MemberUrl::http("127.0.0.1", port) }
}

/// CVE-2026-59818 was a list of revoked certificates that one of two listeners did not know.
#[tokio::test]
async fn each_listener_knows_whom_to_let_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    authority.write("crl.pem", &authority.revoke(&[REVOKED]));
    let settings = TlsSettings {
        trusted_ca_file: authority.path(CA_FILE),
        crl_file: authority.path("crl.pem"),
        ..settings(&authority)
    };
    let urls = [free(Scheme::Https), free(Scheme::Https), free(Scheme::Https)];
    let [clients, http, metrics] = urls.each_ref().map(|url| vec![url.clone()]);
    let config = Config {
        storage: Some(Storage::Memory),
        listen_client_urls: clients,
        listen_client_http_urls: http,
        listen_metrics_urls: metrics,
        client_tls: settings,
        ..Config::default()
    };
    let server = Server::builder().config(config).start().await.unwrap();
    let numbered = |serial: u64| {
        authority.sign_with("a", &[], |params| params.serial_number = Some(SerialNumber::from(serial)))
    };
    let expired = authority.sign_with("a", &[], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    });
    let not_yet = authority.sign_with("a", &[], |params| params.not_before = date_time_ymd(2099, 1, 1));
    let for_servers = authority.sign_with("a", &[], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let for_clients = authority.sign_with("a", &[], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let table = [
        ("none", None, false),
        ("of another authority", Some(other.sign("a", &[])), false),
        ("expired", Some(expired), false),
        ("not valid yet", Some(not_yet), false),
        ("revoked", Some(numbered(REVOKED)), false),
        ("for servers only", Some(for_servers), false),
        ("for clients", Some(for_clients), true),
        ("not revoked", Some(numbered(REVOKED + 1)), true),
    ];
    for (what, certificate, expected) in table {
        let connector = client(&[&authority], certificate.as_ref());
        for (listener, url) in ["client", "HTTP", "metrics"].iter().zip(&urls) {
            let let_in = is_let_in(&connector, &url.address).await;
            assert_eq!(let_in, expected, "a certificate {what} at the {listener} listener");
        }
    }
    // The list is read again like the other files.
    authority.write("crl.pem", &authority.revoke(&[REVOKED + 1]));
    assert!(is_let_in(&client(&[&authority], Some(&numbered(REVOKED))), &urls[0].address).await);
    assert!(!is_let_in(&client(&[&authority], Some(&numbered(REVOKED + 1))), &urls[0].address).await);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_certificates_under_load_fails_no_request() {
    let (one, two) = (Authority::new(), Authority::new());
    let authorities = [&one, &two];
    one.write("bundle.pem", &[one.pem.as_str(), two.pem.as_str()].concat());
    one.write("crl.pem", &one.revoke(&[]));
    let settings = TlsSettings {
        trusted_ca_file: one.path("bundle.pem"),
        crl_file: one.path("crl.pem"),
        ..settings(&one)
    };
    let builder = Server::builder().memory().listen("https://127.0.0.1:0").client_tls(settings);
    let server = builder.start().await.unwrap();
    let address = server.endpoint().trim_start_matches("https://").to_owned();
    let (stop, asked, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let load: Vec<_> = authorities
        .iter()
        .map(|authority| {
            let connector = client(&authorities, Some(&authority.sign("a", &[])));
            let (address, stop, asked, failed) =
                (address.clone(), Arc::clone(&stop), Arc::clone(&asked), Arc::clone(&failed));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let let_in = is_let_in(&connector, &address).await;
                    asked.fetch_add(1, Ordering::Relaxed);
                    failed.fetch_add(u64::from(!let_in), Ordering::Relaxed);
                }
            })
        })
        .collect();
    let watching = client(&authorities, Some(&one.sign("watching", &[])));
    for rotation in 0..ROTATIONS {
        let before = asked.load(Ordering::Relaxed);
        let signed = authorities[rotation % 2].sign("server", &["localhost"]);
        one.write("cert.pem", &signed.cert);
        one.write("crl.pem", &one.revoke(&[1000 + rotation as u64]));
        // The pair does not fit for a while: the former one goes on.
        while asked.load(Ordering::Relaxed) < before + 4 {
            tokio::task::yield_now().await;
        }
        one.write("key.pem", &signed.key);
        let stream = shake_hands(&watching, &address).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let renewed = CertificateDer::from_pem_slice(signed.cert.as_bytes()).unwrap();
        assert_eq!(shown, renewed, "the next handshake shows certificate {rotation}");
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    let asked = asked.load(Ordering::Relaxed);
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {asked}");
    server.shutdown().await;
}

/// A transaction in a transaction, so deep.
fn nested(depth: usize) -> TxnRequest {
    (0..depth).fold(TxnRequest::default(), |inner, _| TxnRequest {
        success: vec![RequestOp { request: Some(Op::RequestTxn(inner)) }],
        ..Default::default()
    })
}

#[tokio::test]
async fn what_is_nested_too_deeply_is_refused() {
    let server = Fixture::memory().await;
    assert!(server.kv().txn(nested(10)).await.is_ok());
    let status = server.kv().txn(nested(DEEP)).await.unwrap_err();
    assert!(matches!(status.code(), Code::Internal | Code::InvalidArgument), "{status:?}");
    let puts = |count: usize| TxnRequest {
        success: (0..count)
            .map(|key| RequestOp { request: Some(Op::RequestPut(put(&key.to_string(), ""))) })
            .collect(),
        ..Default::default()
    };
    assert!(server.kv().txn(puts(128)).await.is_ok());
    let outer = TxnRequest {
        success: vec![RequestOp { request: Some(Op::RequestTxn(puts(128))) }],
        ..Default::default()
    };
    for too_many in [puts(129), outer] {
        let status = server.kv().txn(too_many).await.unwrap_err();
        assert_eq!(status.message(), "etcdserver: too many operations in txn request");
    }
    server.put("still", "there").await;
}

#[tokio::test]
async fn many_watches_on_one_stream_are_served() {
    let server = Fixture::memory().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    let mut responses = server.watch().watch(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    let asking = tokio::spawn(async move {
        for key in 0..WATCHES {
            let create = WatchCreateRequest { key: Bytes::from(format!("k{key}")), ..Default::default() };
            let union = Some(RequestUnion::CreateRequest(create));
            sender.send(WatchRequest { request_union: union }).await.unwrap();
        }
        sender
    });
    for _ in 0..WATCHES {
        assert!(soon(responses.message()).await.unwrap().unwrap().created);
    }
    let _sender = asking.await.unwrap();
    server.put(&format!("k{}", WATCHES - 1), "v").await;
    let event = soon(responses.message()).await.unwrap().unwrap();
    assert_eq!((event.watch_id, event.events.len()), (WATCHES as i64 - 1, 1));
}

#[tokio::test]
async fn many_leases_are_granted_and_listed() {
    let server = Fixture::memory().await;
    let grants = futures::stream::iter(1..=LEASES).map(|id| {
        let mut client = server.lease();
        async move { client.lease_grant(LeaseGrantRequest { ttl: 1000, id }).await }
    });
    let granted: Vec<_> = grants.buffer_unordered(256).collect().await;
    assert!(granted.iter().all(Result::is_ok));
    let request = etcdkit_proto::etcdserverpb::LeaseLeasesRequest {};
    let listed = server.lease().lease_leases(request).await.unwrap().into_inner().leases;
    assert_eq!(listed.len() as i64, LEASES);
    server.put("k", "v").await;
}

/// A client that says nothing takes a slot for ten seconds, not for ever.
#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let authority = Authority::new();
    let builder = Server::builder().memory().listen("https://127.0.0.1:0").client_tls(settings(&authority));
    let server = builder.start().await.unwrap();
    let address = server.endpoint().trim_start_matches("https://").to_owned();
    // One says nothing, one begins a handshake, and one begins a request.
    let silent = TcpStream::connect(&address).await.unwrap();
    let mut stalled = TcpStream::connect(&address).await.unwrap();
    stalled.write_all(b"\x16\x03\x01").await.unwrap();
    let mut slow = shake_hands(&client(&[&authority], None), &address).await.unwrap();
    slow.write_all(b"GET /hea").await.unwrap();
    let ended = |mut stream: TcpStream| async move {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    };
    let begun = std::time::Instant::now();
    let all = async {
        let mut rest = Vec::new();
        tokio::join!(ended(silent), ended(stalled), async { drop(slow.read_to_end(&mut rest).await) });
    };
    soon(all).await;
    assert!(begun.elapsed() < Duration::from_secs(13), "{:?}", begun.elapsed());
    server.shutdown().await;
}

#[test]
fn without_settings_only_the_loopback_is_listened_to() {
    let config = Config::default();
    let all = [&config.listen_client_urls, &config.listen_peer_urls, &config.listen_metrics_urls];
    for url in all.into_iter().flatten() {
        assert_eq!(url.host_and_port().map(|(host, _)| host), Some("localhost"), "{url}");
    }
}
