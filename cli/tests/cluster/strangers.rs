//! Members that know each other by certificates, and those who are not let in.

use etcdkit::{Client, ConnectOptions, TlsPem};
use etcdkit_authority::{Authority, Signed};

use crate::authority::{peer_flags, renew};
use crate::nodes::{Nodes, soon};

const HOST: &str = "127.0.0.1";

/// Tries to write at a peer port, showing a certificate if there is one; what is told.
async fn knock(url: &str, trusted: &Authority, shown: Option<&Signed>) -> String {
    let (cert, key) = shown.map(|own| (own.cert.clone().into(), own.key.clone().into())).unwrap_or_default();
    let ca = trusted.pem.clone().into();
    let tls = TlsPem { ca, cert, key, ..TlsPem::default() };
    let options = ConnectOptions::new().with_tls_pem(&tls).unwrap();
    let client = match Client::connect([url], Some(options)).await {
        Ok(client) => client.with_timeout(std::time::Duration::from_secs(2)),
        Err(error) => return error.to_string(),
    };
    client.put("key", "value", None).await.expect_err("a stranger wrote at the peer port").to_string()
}

#[tokio::test]
async fn members_know_each_other_by_their_certificates_and_let_nobody_else_in() {
    let (own, other) = (Authority::new(), Authority::new());
    let mut flags = peer_flags(&own, "member", HOST);
    flags.push("--peer-cert-allowed-cn=member".to_owned());
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;

    let url = nodes.peer_url(0).to_owned();
    let strangers = [other.sign("member", &[HOST]), own.sign("somebody", &[HOST])];
    for shown in std::iter::once(None).chain(strangers.iter().map(Some)) {
        let rejected = nodes.log_count(0, "rejected connection on peer endpoint");
        knock(&url, &own, shown).await;
        soon("the log tells of the stranger", async || {
            nodes.log_count(0, "rejected connection on peer endpoint") > rejected
        })
        .await;
    }
    // Who has a good certificate and is no member is heard, and told nothing.
    let told = knock(&url, &own, Some(&own.sign("member", &[HOST]))).await;
    assert!(told.contains("this port answers members of its cluster"), "{told}");
    // Nor is a member of another cluster, though it has taken a good certificate and an address of this one.
    let stranger = nodes.start_stranger(&flags);
    soon("the log tells of the other cluster", async || nodes.log_says(0, "cluster ID mismatch")).await;
    nodes.kill(stranger);
    let revision = nodes.client(0).await.put("key", "2", None).await.unwrap();
    assert_eq!(revision.header().unwrap().revision(), 3, "somebody else wrote");
}

#[tokio::test]
async fn a_certificate_that_was_taken_back_lets_nobody_in() {
    const TAKEN_BACK: u64 = 4711;
    let own = Authority::new();
    let mut flags = peer_flags(&own, "member", HOST);
    let list = own.write("crl.pem", &own.revoke(&[]));
    flags.push(format!("--peer-crl-file={}", list.display()));
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    let url = nodes.peer_url(0).to_owned();
    let stolen = own.sign_with("stolen", &[HOST], |params| params.serial_number = Some(TAKEN_BACK.into()));
    assert!(knock(&url, &own, Some(&stolen)).await.contains("this port answers members of its cluster"));

    // The list is read again at each connection.
    own.write("crl.pem", &own.revoke(&[TAKEN_BACK]));
    let rejected = nodes.log_count(0, "rejected connection on peer endpoint");
    knock(&url, &own, Some(&stolen)).await;
    soon("the log tells of the stranger", async || {
        nodes.log_count(0, "rejected connection on peer endpoint") > rejected
    })
    .await;
    // Members with other certificates go on.
    nodes.kill(2);
    nodes.start(2);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
}

#[tokio::test]
async fn a_renewed_certificate_of_members_is_used_without_a_restart() {
    let own = Authority::new();
    let flags = peer_flags(&own, "member", HOST);
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    renew(&own, "member", HOST);
    nodes.kill(2);
    nodes.start(2);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let heard = async || (0..2).any(|node| nodes.log_says(node, "TLS files have changed and are in use"));
    soon("the new certificate is in use", heard).await;
}

#[tokio::test]
async fn members_make_their_own_certificates() {
    let nodes = Nodes::found_encrypted(3, &["--peer-auto-tls".to_owned()]);
    nodes.wait_for_leader().await;
    nodes.client(1).await.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
}
