//! Clusters whose members are not written down beforehand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcdkit_addresses::free_address;

use crate::nodes::{Nodes, soon};

/// A discovery server, which ends with it.
struct Registry {
    process: Child,
    http: SocketAddr,
    client: SocketAddr,
}

impl Registry {
    async fn start() -> Registry {
        let (http, client) = (free_address().unwrap(), free_address().unwrap());
        let process = Command::new(env!("CARGO_BIN_EXE_etcdkit"))
            .arg("discovery-server")
            .args(["--listen", &http.to_string(), "--client-listen", &client.to_string()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Registry { process, http, client };
        let begun = Instant::now();
        while TcpStream::connect(http).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the discovery server does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        registry
    }

    /// What `curl` shows.
    fn get(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(self.http).unwrap();
        write!(connection, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn members_find_each_other_behind_the_url_of_a_token() {
    let registry = Registry::start().await;
    let url = registry.get("/new?size=3");
    assert!(url.starts_with(&format!("http://{}/", registry.http)), "{url}");
    assert_eq!(registry.get("/new?size=0"), "size is a number from 1 to 64\n");
    let flags = [format!("--discovery={url}")];
    let mut nodes = Nodes::found_unnamed(3, &flags);
    nodes.wait_for_leader().await;
    let client = nodes.client(1).await;
    assert_eq!(client.member_list().await.unwrap().members().len(), 3);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;

    let late = nodes.start_unnamed(&flags);
    nodes.wait_for_exit(late).await;
    assert!(nodes.log_says(late, "discovery: cluster is full"));
    // A member that has data asks nobody.
    drop(registry);
    nodes.kill(0);
    nodes.start(0);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
}

#[tokio::test]
async fn members_find_each_other_in_the_keys_of_another_cluster() {
    let registry = Registry::start().await;
    let token = registry.get("/new?size=3").rsplit('/').next().unwrap().to_owned();
    let flags = [format!("--discovery-endpoints={}", registry.client), format!("--discovery-token={token}")];
    let nodes = Nodes::found_unnamed(3, &flags);
    nodes.wait_for_leader().await;
    soon("all are members", async || {
        nodes.client(2).await.member_list().await.is_ok_and(|list| list.members().len() == 3)
    })
    .await;
}

#[tokio::test]
async fn an_unknown_token_is_refused() {
    let registry = Registry::start().await;
    let mut nodes = Nodes::found_unnamed(1, &[format!("--discovery=http://{}/nobodys", registry.http)]);
    nodes.wait_for_exit(0).await;
    assert!(nodes.log_says(0, "discovery: size key not found"));
}
