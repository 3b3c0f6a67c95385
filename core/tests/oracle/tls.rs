//! Encrypted connections: who is trusted, who is refused, and what the refusal says.

use std::time::Duration;

use etcdkit::{Certificate, Client, ConnectOptions, Identity, TlsOptions, TlsPem};
use etcdkit_authority::{Authority, CA_FILE};

use super::etcd::Etcd;

/// An etcd whose certificate is for these hosts.
fn start(authority: &Authority, hosts: &[&str], more: &[&str]) -> Option<Etcd> {
    let server = authority.sign("etcd", hosts);
    let write = |name, text: &str| authority.write(name, text).display().to_string();
    let (cert, key) = (write("server.pem", &server.cert), write("server.key", &server.key));
    Etcd::start_with_tls(&[&["--cert-file", &cert, "--key-file", &key], more].concat())
}

fn impatient() -> ConnectOptions {
    ConnectOptions::new().with_connect_timeout(Duration::from_millis(300))
}

fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions::new().ca_certificate(Certificate::from_pem(&authority.pem))
}

async fn refusal(endpoint: &str, options: ConnectOptions) -> String {
    let client = Client::connect([endpoint], Some(options)).await.unwrap();
    client.get("key", None).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_trusted_server_is_talked_to() {
    let authority = Authority::new();
    let Some(etcd) = start(&authority, &["127.0.0.1"], &[]) else { return };
    let options = || Some(ConnectOptions::new().with_tls(trusting(&authority)));

    let client = Client::connect([&etcd.endpoint], options()).await.unwrap();
    client.put("key", "value", None).await.unwrap();
    let without_scheme = Client::connect([etcd.address()], options()).await.unwrap();
    assert_eq!(without_scheme.get("key", None).await.unwrap().kvs()[0].value(), b"value");
    let mut watch = client.watch("key", None).await.unwrap();
    client.put("key", "again", None).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    assert_eq!(watch.message().await.unwrap().unwrap().events().len(), 1);
}

#[tokio::test]
async fn a_server_nobody_vouches_for_is_refused() {
    let authority = Authority::new();
    let Some(etcd) = start(&authority, &["127.0.0.1"], &[]) else { return };
    let text = refusal(&etcd.endpoint, impatient()).await;
    assert!(text.contains("UnknownIssuer"), "{text}");
    let stranger = refusal(&etcd.endpoint, impatient().with_tls(trusting(&Authority::new()))).await;
    assert!(stranger.contains("invalid peer certificate"), "{stranger}");
}

#[tokio::test]
async fn the_name_in_the_certificate_must_be_the_endpoint_s_or_the_one_given() {
    let authority = Authority::new();
    let Some(etcd) = start(&authority, &["etcd.example"], &[]) else { return };
    let text = refusal(&etcd.endpoint, impatient().with_tls(trusting(&authority))).await;
    assert!(text.contains("not valid for name"), "{text}");

    let named = ConnectOptions::new().with_tls(trusting(&authority).domain_name("etcd.example"));
    let client = Client::connect([&etcd.endpoint], Some(named)).await.unwrap();
    client.get("key", None).await.unwrap();
}

#[tokio::test]
async fn verification_can_be_left_out() {
    let authority = Authority::new();
    let Some(etcd) = start(&authority, &["etcd.example"], &[]) else { return };
    let pem = TlsPem { skip_verify: true, ca: authority.pem.clone().into(), ..TlsPem::default() };
    let options = ConnectOptions::new().with_tls_pem(&pem).unwrap();
    let client = Client::connect([&etcd.endpoint], Some(options)).await.unwrap();
    client.get("key", None).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_it() {
    let authority = Authority::new();
    let ca = authority.path(CA_FILE).display().to_string();
    let asking = ["--client-cert-auth", "--trusted-ca-file", &ca];
    let Some(etcd) = start(&authority, &["127.0.0.1"], &asking) else { return };
    // The server refuses after its part of the handshake, so the client may see no more than the end of a connection.
    let text = refusal(&etcd.endpoint, impatient().with_tls(trusting(&authority))).await;
    assert!(text.starts_with("Unavailable"), "{text}");

    let own = authority.sign("someone", &[]);
    let identified = trusting(&authority).identity(Identity::from_pem(&own.cert, &own.key));
    let client = Client::connect([&etcd.endpoint], Some(ConnectOptions::new().with_tls(identified)));
    client.await.unwrap().put("key", "value", None).await.unwrap();

    let (ca, cert, key) = (authority.pem.clone().into(), own.cert.into(), own.key.into());
    let pem = TlsPem { ca, cert, key, ..TlsPem::default() };
    let options = ConnectOptions::new().with_tls_pem(&pem).unwrap();
    let client = Client::connect([&etcd.endpoint], Some(options)).await.unwrap();
    assert_eq!(client.get("key", None).await.unwrap().count(), 1);
}

#[tokio::test]
async fn the_name_in_a_client_certificate_is_a_user() {
    let authority = Authority::new();
    let ca = authority.path(CA_FILE).display().to_string();
    let asking = ["--client-cert-auth", "--trusted-ca-file", &ca];
    let Some(etcd) = start(&authority, &["127.0.0.1"], &asking) else { return };
    let as_user = async |name: &str| {
        let own = authority.sign(name, &[]);
        let identified = trusting(&authority).identity(Identity::from_pem(&own.cert, &own.key));
        let options = ConnectOptions::new().with_tls(identified);
        Client::connect([&etcd.endpoint], Some(options)).await.unwrap()
    };
    let root = as_user("root").await;
    root.user_add("root", "secret", None).await.unwrap();
    root.user_grant_role("root", "root").await.unwrap();
    root.auth_enable().await.unwrap();
    root.put("key", "value", None).await.unwrap();
    let error = as_user("nobody").await.get("key", None).await.unwrap_err();
    assert_eq!(error.etcd(), Some(etcdkit::EtcdError::PermissionDenied), "{error}");
}

#[tokio::test]
async fn an_endpoint_with_a_plain_scheme_stays_plain() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let options = ConnectOptions::new().with_tls(trusting(&Authority::new()));
    let client = Client::connect([&etcd.endpoint], Some(options)).await.unwrap();
    client.get("key", None).await.unwrap();
}

#[tokio::test]
async fn plain_talk_to_an_encrypted_port_fails_within_its_time() {
    let authority = Authority::new();
    let Some(etcd) = start(&authority, &["127.0.0.1"], &[]) else { return };
    let text = refusal(&format!("http://{}", etcd.address()), impatient()).await;
    assert!(text.contains("Unavailable") || text.contains("DeadlineExceeded"), "{text}");
}
