//! The guided tour in Rust: the same steps, printing the same lines, in every language.
//!
//! `etcdkit-tour [ENDPOINT]`: without an endpoint it starts an embedded server. Each line is
//! `step: what was seen`.

mod coordination;
mod kv;
mod lease;
mod watch;

use anyhow::Result;
use etcdkit::{Client, DeleteOptions};
use etcdkit_server::Server;

/// Every key the tour writes starts with one of these.
const PREFIXES: [&str; 11] = [
    "/mykey/",
    "/ukey/",
    "/lskey/",
    "/service/",
    "/config/",
    "/leader",
    "/old/",
    "/locks/tour",
    "stock",
    "user1",
    "tour",
];

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1) {
        Some(endpoint) => tour(&endpoint).await,
        None => {
            let directory = tempfile::tempdir()?;
            let server = Server::builder().data_dir(directory.path()).listen("127.0.0.1:0").start().await?;
            tour(server.endpoint()).await?;
            server.shutdown().await;
            Ok(())
        }
    }
}

async fn tour(endpoint: &str) -> Result<()> {
    let client = Client::connect([endpoint], None).await?;
    // Steps with two parties connect the second one on their own.
    let other = Client::connect([endpoint], None).await?;
    clean(&client).await?;
    show("status", kv::status(&client).await?);
    show("put", kv::put(&client).await?);
    show("get", kv::get(&client).await?);
    show("get a prefix", kv::get_prefix(&client).await?);
    show("count", kv::count(&client).await?);
    show("exists", kv::exists(&client).await?);
    show("history", kv::history(&client).await?);
    show("transaction", kv::transaction(&client).await?);
    show("lease", lease::lease(&client).await?);
    show("lease expiry", lease::expiry(&client).await?);
    show("watch a prefix", watch::prefix(&client).await?);
    show("watch from a revision", watch::history(&client).await?);
    show("lock", coordination::lock(&client, &other).await?);
    show("lock and etcdctl", coordination::lock_with_etcdctl(&client, endpoint).await?);
    show("leader by lease", coordination::leader_by_lease(&client).await?);
    show("leader by election", coordination::leader_by_election(&client, &other).await?);
    show("service discovery", coordination::service_discovery(&client).await?);
    show("configuration", watch::configuration(&client).await?);
    show("compaction", kv::compaction(&client).await?);
    show("delete a key", kv::delete(&client).await?);
    show("delete a prefix", kv::delete_prefix(&client).await?);
    clean(&client).await
}

fn show(step: &str, saw: String) {
    println!("{step}: {saw}");
}

async fn clean(client: &Client) -> Result<()> {
    for prefix in PREFIXES {
        client.delete(prefix, Some(DeleteOptions::new().with_prefix())).await?;
    }
    Ok(())
}

fn yes(condition: bool) -> &'static str {
    if condition { "yes" } else { "no" }
}
