//! Members that know each other by certificates, and those who are not let in.

use std::path::PathBuf;

use etcdkit::{Client, ConnectOptions, TlsPem};

use crate::authority::Authority;
use crate::nodes::{Nodes, soon};

/// Tries to write at a peer port; what is told.
async fn knock(url: &str, trusted: &Authority, shown: Option<(&Authority, &str)>) -> String {
    let read = |(cert, key): (PathBuf, PathBuf)| (std::fs::read(cert).unwrap(), std::fs::read(key).unwrap());
    let (cert, key) = shown.map_or_else(Default::default, |(authority, name)| read(authority.sign(name)));
    knock_as(url, trusted, cert, key).await
}

/// The same with these files.
async fn knock_with(url: &str, trusted: &Authority, (cert, key): &(PathBuf, PathBuf)) -> String {
    knock_as(url, trusted, std::fs::read(cert).unwrap(), std::fs::read(key).unwrap()).await
}

async fn knock_as(url: &str, trusted: &Authority, cert: Vec<u8>, key: Vec<u8>) -> String {
    let ca = std::fs::read(trusted.ca()).unwrap();
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
    let mut flags = own.peer_flags("member");
    flags.push("--peer-cert-allowed-cn=member".to_owned());
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;

    let url = nodes.peer_url(0).to_owned();
    for shown in [None, Some((&other, "member")), Some((&own, "somebody"))] {
        let rejected = nodes.log_count(0, "rejected connection on peer endpoint");
        knock(&url, &own, shown).await;
        soon("the log tells of the stranger", async || {
            nodes.log_count(0, "rejected connection on peer endpoint") > rejected
        })
        .await;
    }
    // Who has a good certificate and is no member is heard, and told nothing.
    let told = knock(&url, &own, Some((&own, "member"))).await;
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
    let mut flags = own.peer_flags("member");
    flags.push(format!("--peer-crl-file={}", own.revoke(&[]).display()));
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    let url = nodes.peer_url(0).to_owned();
    let stolen = own.sign_numbered("stolen", TAKEN_BACK);
    assert!(knock_with(&url, &own, &stolen).await.contains("this port answers members of its cluster"));

    // The list is read again at each connection.
    own.revoke(&[TAKEN_BACK]);
    let rejected = nodes.log_count(0, "rejected connection on peer endpoint");
    knock_with(&url, &own, &stolen).await;
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
    let flags = own.peer_flags("member");
    let mut nodes = Nodes::found_encrypted(3, &flags);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put("key", "1", None).await.unwrap();
    own.sign("member");
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
