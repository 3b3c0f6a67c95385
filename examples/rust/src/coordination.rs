//! Locks, leaders and services: what several processes agree on.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use etcdkit::concurrency::{Election, Mutex, Session};
use etcdkit::naming::{Endpoint, Naming};
use etcdkit::{Client, Compare, CompareOp, GetOptions, PutOptions, Txn, TxnOp};

use crate::yes;

/// Longest wait for anything the tour expects to happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn lock(client: &Client, other: &Client) -> Result<String> {
    let session = Session::new(client, None).await?;
    let held = Mutex::new(&session, "/locks/tour").lock().await?;
    let second = Session::new(other, None).await?;
    let waiting = Mutex::new(&second, "/locks/tour");
    let refused = waiting.try_lock().await.is_err();
    let acquire = tokio::spawn(async move { waiting.lock_timeout(PATIENCE).await });
    queue_of(client, "/locks/tour/", 2).await?;
    held.unlock().await?;
    let got = acquire.await?;
    let second_got_it = got.is_ok();
    got?.unlock().await?;
    session.close().await?;
    second.close().await?;
    Ok(format!("refused while held: {}, second gets it on release: {}", yes(refused), yes(second_got_it)))
}

pub(crate) async fn lock_with_etcdctl(client: &Client, endpoint: &str) -> Result<String> {
    let session = Session::new(client, None).await?;
    let held = Mutex::new(&session, "/locks/tour").lock().await?;
    let etcdkit = std::env::var("ETCDKIT").unwrap_or_else(|_| "etcdkit".to_owned());
    let mut etcdctl = tokio::process::Command::new(etcdkit)
        .args(["--endpoints", endpoint, "lock", "/locks/tour", "echo", "mine"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start etcdkit: set ETCDKIT to the binary")?;
    queue_of(client, "/locks/tour/", 2).await?;
    let waited = etcdctl.try_wait()?.is_none();
    held.unlock().await?;
    let output = tokio::time::timeout(PATIENCE, etcdctl.wait_with_output()).await??;
    session.close().await?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(format!("etcdctl waited: {}, then said: {said}", yes(waited)))
}

/// Whoever creates the key leads, as long as the lease of the key lives.
pub(crate) async fn leader_by_lease(client: &Client) -> Result<String> {
    let a = client.lease_grant(120, None).await?.id();
    let b = client.lease_grant(120, None).await?.id();
    let claim = async |name: &'static str, lease| {
        let txn = Txn::new()
            .when([Compare::create_revision("/leader", CompareOp::Equal, 0)])
            .and_then([TxnOp::put("/leader", name, Some(PutOptions::new().with_lease(lease)))]);
        client.txn(txn).await?;
        let leader = client.get("/leader", None).await?;
        anyhow::Ok(leader.kvs().first().context("somebody leads")?.value_str()?.to_owned())
    };
    let (first, second) = (claim("A", a).await?, claim("B", b).await?);
    client.lease_revoke(a).await?;
    let third = claim("B", b).await?;
    client.lease_revoke(b).await?;
    Ok(format!("A asks: {first}, B asks: {second}, B asks after A's lease ended: {third}"))
}

pub(crate) async fn leader_by_election(client: &Client, other: &Client) -> Result<String> {
    let (a, b) = (Session::new(client, None).await?, Session::new(other, None).await?);
    let election = Election::new(client, "tour-election");
    let leader = async || {
        let leader = election.leader().await?;
        anyhow::Ok(leader.kv().context("somebody leads")?.value_str()?.to_owned())
    };
    let leads = election.campaign(&a, "A").await?;
    let (campaign, session) = (Election::new(other, "tour-election"), b.clone());
    let follower = tokio::spawn(async move { campaign.campaign(&session, "B").await });
    queue_of(client, "tour-election/", 2).await?;
    let first = leader().await?;
    leads.resign().await?;
    let leads = tokio::time::timeout(PATIENCE, follower).await???;
    let second = leader().await?;
    leads.resign().await?;
    a.close().await?;
    b.close().await?;
    Ok(format!("{first} leads, then {second}"))
}

pub(crate) async fn service_discovery(client: &Client) -> Result<String> {
    let naming = Naming::new(client, "/service/web");
    let found = async || {
        let endpoints = naming.list().await?;
        let addresses: Vec<_> = endpoints.values().map(|endpoint| endpoint.addr.as_str()).collect();
        anyhow::Ok(addresses.join(" "))
    };
    let first = naming.register(Endpoint::new("10.0.0.1:80"), 60).await?;
    let second = naming.register(Endpoint::new("10.0.0.2:80"), 60).await?;
    let both = found().await?;
    first.close().await?;
    let one = found().await?;
    second.close().await?;
    Ok(format!("{both}; after one left: {one}"))
}

/// Waits until this many hold a place in the queue of a lock or an election.
async fn queue_of(client: &Client, prefix: &str, length: i64) -> Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let options = GetOptions::new().with_prefix().with_count_only();
        if client.get(prefix, Some(options)).await?.count() == length {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            bail!("{prefix} never had {length} waiters");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
