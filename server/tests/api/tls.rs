//! The client port with TLS: whose certificate is shown, and who is let in.

use etcdkit_authority::{Authority, CA_FILE, Signed};
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::UserAddOptions;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthRoleGrantPermissionRequest, AuthUserAddRequest,
    AuthUserGrantRoleRequest,
};
use etcdkit_server::Server;
use etcdkit_server::config::Config;
use etcdkit_server::tls::TlsSettings;
use tonic::Code;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::fixture::{assert_status, put};

/// Settings of a server that shows a certificate for localhost.
pub(crate) fn settings(authority: &Authority) -> TlsSettings {
    let server = authority.sign("server", &["localhost"]);
    TlsSettings {
        cert_file: authority.write("cert.pem", &server.cert),
        key_file: authority.write("key.pem", &server.key),
        ..TlsSettings::default()
    }
}

async fn connect(
    authority: &Authority,
    server: &Server,
    own: Option<&Signed>,
) -> Result<Channel, tonic::transport::Error> {
    let trusted = Certificate::from_pem(&authority.pem);
    let mut tls = ClientTlsConfig::new().ca_certificate(trusted).domain_name("localhost");
    if let Some(own) = own {
        tls = tls.identity(Identity::from_pem(&own.cert, &own.key));
    }
    Endpoint::from_shared(server.endpoint().to_owned())?.tls_config(tls)?.connect().await
}

async fn start(settings: TlsSettings) -> Server {
    Server::builder().memory().listen("https://127.0.0.1:0").client_tls(settings).start().await.unwrap()
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served() {
    let authority = Authority::new();
    let server = start(settings(&authority)).await;
    assert!(server.endpoint().starts_with("https://"), "{}", server.endpoint());
    let channel = connect(&authority, &server, None).await.unwrap();
    KvClient::new(channel).put(put("a", "1")).await.unwrap();
    assert!(connect(&Authority::new(), &server, None).await.is_err(), "another authority is not trusted");
    server.shutdown().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_speaks_tls_when_its_scheme_says_so() {
    let authority = Authority::new();
    let path = authority.path("etcd.sock");
    let url = format!("unixs://{}", path.display());
    let server =
        Server::builder().memory().listen(&url).client_tls(settings(&authority)).start().await.unwrap();
    assert_eq!(server.endpoint(), url);
    let connector = {
        let path = path.clone();
        tower::service_fn(move |_uri: http::Uri| {
            let path = path.clone();
            async move { tokio::net::UnixStream::connect(path).await.map(hyper_util::rt::TokioIo::new) }
        })
    };
    let secure = |authority: &Authority| {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority.pem));
        Endpoint::from_static("https://localhost").tls_config(tls).unwrap()
    };
    let channel = secure(&authority).connect_with_connector(connector.clone()).await.unwrap();
    KvClient::new(channel).put(put("a", "1")).await.unwrap();
    let stranger = secure(&Authority::new()).connect_with_connector(connector.clone()).await;
    assert!(stranger.is_err(), "another authority is not trusted");
    let plain = Endpoint::from_static("http://localhost").connect_with_connector(connector).await;
    let refused = match plain {
        Ok(channel) => KvClient::new(channel).put(put("a", "2")).await.is_err(),
        Err(_) => true,
    };
    assert!(refused, "nothing is said in the clear");
    server.shutdown().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = start(settings(&old)).await;
    let mut kept = KvClient::new(connect(&old, &server, None).await.unwrap());
    kept.put(put("a", "1")).await.unwrap();
    let renewed = new.sign("server", &["localhost"]);
    old.write("cert.pem", &renewed.cert);
    // A key of the former certificate is there for a moment: the former pair stays in use.
    connect(&old, &server, None).await.unwrap();
    old.write("key.pem", &renewed.key);
    KvClient::new(connect(&new, &server, None).await.unwrap()).put(put("a", "2")).await.unwrap();
    kept.put(put("a", "3")).await.unwrap();
    server.shutdown().await;
}

#[tokio::test]
async fn without_a_certificate_of_its_own_a_client_is_not_let_in() {
    let (authority, other) = (Authority::new(), Authority::new());
    let settings = TlsSettings { trusted_ca_file: authority.path(CA_FILE), ..settings(&authority) };
    let server = start(settings).await;
    let known = authority.sign("someone", &["client.example"]);
    let channel = connect(&authority, &server, Some(&known)).await.unwrap();
    KvClient::new(channel).put(put("a", "1")).await.unwrap();
    for unknown in [None, Some(&other.sign("someone", &[]))] {
        // With TLS 1.3 a client hears of the refusal only when it speaks.
        let refused = match connect(&authority, &server, unknown).await {
            Ok(channel) => KvClient::new(channel).put(put("a", "2")).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn only_allowed_names_are_let_in() {
    let authority = Authority::new();
    let settings = TlsSettings {
        trusted_ca_file: authority.path(CA_FILE),
        allowed_hostnames: vec!["client.example".into()],
        ..settings(&authority)
    };
    let server = start(settings).await;
    let allowed = authority.sign("a", &["client.example"]);
    let channel = connect(&authority, &server, Some(&allowed)).await.unwrap();
    KvClient::new(channel).put(put("a", "1")).await.unwrap();
    let other = authority.sign("a", &["other.example"]);
    let refused = match connect(&authority, &server, Some(&other)).await {
        Ok(channel) => KvClient::new(channel).put(put("a", "2")).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    server.shutdown().await;
}

#[tokio::test]
async fn the_name_in_a_certificate_is_a_user() {
    let authority = Authority::new();
    let settings = TlsSettings {
        trusted_ca_file: authority.path(CA_FILE),
        client_cert_auth: true,
        ..settings(&authority)
    };
    let server = start(settings).await;
    let root = connect(&authority, &server, Some(&authority.sign("root", &[]))).await.unwrap();
    let mut auth = AuthClient::new(root.clone());
    let no_password = Some(UserAddOptions { no_password: true });
    for name in ["root", "alice"] {
        let user = AuthUserAddRequest { name: name.into(), options: no_password, ..Default::default() };
        auth.user_add(user).await.unwrap();
    }
    auth.role_add(AuthRoleAddRequest { name: "r".into() }).await.unwrap();
    let perm = Some(Permission { perm_type: 2, key: "a".into(), range_end: Default::default() });
    auth.role_grant_permission(AuthRoleGrantPermissionRequest { name: "r".into(), perm }).await.unwrap();
    for (user, role) in [("root", "root"), ("alice", "r")] {
        let grant = AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        auth.user_grant_role(grant).await.unwrap();
    }
    auth.auth_enable(AuthEnableRequest {}).await.unwrap();

    KvClient::new(root).put(put("b", "1")).await.unwrap();
    let alice = connect(&authority, &server, Some(&authority.sign("alice", &[]))).await.unwrap();
    let mut kv = KvClient::new(alice);
    kv.put(put("a", "1")).await.unwrap();
    assert_status(kv.put(put("b", "1")).await, Code::PermissionDenied, "etcdserver: permission denied");
    let nobody = connect(&authority, &server, Some(&authority.sign("nobody", &[]))).await.unwrap();
    let refused = KvClient::new(nobody).put(put("a", "1")).await;
    assert_status(refused, Code::PermissionDenied, "etcdserver: permission denied");
    server.shutdown().await;
}

#[tokio::test]
async fn unusable_settings_are_told_at_the_start() {
    let authority = Authority::new();
    let good = settings(&authority);
    let other = authority.sign("other", &[]);
    authority.write("other-key.pem", &other.key);
    authority.write("text", "no PEM at all");
    let table = [
        (TlsSettings { cert_file: authority.path("missing"), ..good.clone() }, "cannot read"),
        (TlsSettings { cert_file: authority.path("text"), ..good.clone() }, "holds no usable certificate"),
        (TlsSettings { key_file: authority.path("text"), ..good.clone() }, "holds no usable private key"),
        (
            TlsSettings { key_file: authority.path("other-key.pem"), ..good.clone() },
            "pair of certificate and key",
        ),
        (TlsSettings { client_cert_auth: true, ..good.clone() }, "--trusted-ca-file"),
        (TlsSettings { version_min: "TLS1.1".into(), ..good.clone() }, "unexpected TLS version"),
        (TlsSettings { cipher_suites: vec!["X".into()], ..good.clone() }, "unexpected TLS cipher suite"),
        (TlsSettings::default(), "must be provided"),
    ];
    for (settings, message) in table {
        let builder = Server::builder().memory().listen("https://127.0.0.1:0").client_tls(settings);
        let error = builder.start().await.unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} should tell {message:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_made_where_none_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { client_auto_tls: true, ..Config::default() };
    let builder = Server::builder().config(config).data_dir(folder.path()).listen("https://127.0.0.1:0");
    let server = builder.start().await.unwrap();
    let cert = std::fs::read_to_string(folder.path().join("fixtures/client/cert.pem")).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&cert)).domain_name("127.0.0.1");
    let endpoint = Endpoint::from_shared(server.endpoint().to_owned()).unwrap().tls_config(tls).unwrap();
    KvClient::new(endpoint.connect().await.unwrap()).put(put("a", "1")).await.unwrap();
    server.shutdown().await;
}
