//! Recipes on a real etcd: readers and writers, and transactional memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use etcdkit::concurrency::{Isolation, RwGuard, RwMutex, Session, Stm};
use etcdkit::{Client, GetOptions};
use futures::future::join_all;
use tokio::task::JoinHandle;

use super::etcd::Etcd;

async fn connect(etcd: &Etcd) -> Client {
    Client::connect([&etcd.endpoint], None).await.unwrap()
}

/// Asks for the lock in a task of its own.
fn asking(lock: &RwMutex, writing: bool) -> JoinHandle<etcdkit::Result<RwGuard>> {
    let lock = lock.clone();
    tokio::spawn(async move { if writing { lock.write().await } else { lock.read().await } })
}

#[tokio::test]
async fn readers_share_and_a_writer_is_alone_in_the_order_of_asking() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    let session = Session::new(&client, None).await.unwrap();
    let lock = RwMutex::new(&session, "doc");
    // A lock whose name begins alike is another lock.
    let similar = RwMutex::new(&session, "doc2").write().await.unwrap();

    let (first, second) = (lock.read().await.unwrap(), lock.read().await.unwrap());
    assert!(first.fencing_token() < second.fencing_token());
    let writing = asking(&lock, true);
    wait_for_keys(&client, "doc/write/", 1).await;
    // A reader that comes after the writer waits for it.
    let late = asking(&lock, false);
    wait_for_keys(&client, "doc/read/", 3).await;
    first.unlock().await.unwrap();
    assert!(!writing.is_finished(), "a reader is left");
    second.unlock().await.unwrap();
    let writer = writing.await.unwrap().unwrap();
    assert!(!late.is_finished(), "the writer holds it");
    writer.unlock().await.unwrap();
    late.await.unwrap().unwrap().unlock().await.unwrap();
    similar.unlock().await.unwrap();
    assert_eq!(client.get("doc", Some(GetOptions::new().with_prefix())).await.unwrap().count(), 0);
}

#[tokio::test]
async fn a_given_up_wait_leaves_the_line() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    let session = Session::new(&client, None).await.unwrap();
    let lock = RwMutex::new(&session, "doc");
    let reader = lock.read().await.unwrap();
    let writing = asking(&lock, true);
    wait_for_keys(&client, "doc/write/", 1).await;
    writing.abort();
    wait_for_keys(&client, "doc/write/", 0).await;
    lock.read().await.unwrap().unlock().await.unwrap();
    drop(reader);
    wait_for_keys(&client, "doc/", 0).await;
}

async fn wait_for_keys(client: &Client, prefix: &str, count: i64) {
    let counting = GetOptions::new().with_prefix().with_count_only();
    while client.get(prefix, Some(counting.clone())).await.unwrap().count() != count {
        tokio::task::yield_now().await;
    }
}

/// Eight tasks that each take from one of two accounts and give to the other, and readers that always see one sum.
async fn transfer_under(isolation: Isolation) {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    client.put("ann", "50", None).await.unwrap();
    client.put("bob", "50", None).await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let transfers = (0..8).map(|number| {
        let stm = Stm::new(&client).with_isolation(isolation);
        let runs = runs.clone();
        tokio::spawn(async move {
            let (from, to) = if number % 2 == 0 { ("ann", "bob") } else { ("bob", "ann") };
            for amount in 1..=10 {
                let runs = &runs;
                let moving = stm.run(|txn| async move {
                    runs.fetch_add(1, Ordering::Relaxed);
                    let (left, right) = (balance(&txn, from).await?, balance(&txn, to).await?);
                    assert_eq!(left + right, 100, "a sum that never was");
                    txn.put(from, (left - amount).to_string());
                    txn.put(to, (right + amount).to_string());
                    assert_eq!(balance(&txn, to).await?, right + amount, "its own write");
                    Ok(())
                });
                moving.await.unwrap();
            }
        })
    });
    for done in join_all(transfers).await {
        done.unwrap();
    }
    assert_eq!(Stm::new(&client).run(|txn| async move { balance(&txn, "ann").await }).await.unwrap(), 50);
    assert!(runs.load(Ordering::Relaxed) >= 80);
}

async fn balance(txn: &etcdkit::concurrency::StmTxn, account: &str) -> etcdkit::Result<i64> {
    let value = txn.get(account).await?.unwrap_or_default();
    Ok(std::str::from_utf8(&value).unwrap().parse().unwrap())
}

#[tokio::test]
async fn money_is_neither_made_nor_lost_under_serializable_snapshots() {
    transfer_under(Isolation::SerializableSnapshot).await;
}

#[tokio::test]
async fn money_is_neither_made_nor_lost_under_serializability() {
    transfer_under(Isolation::Serializable).await;
}

#[tokio::test]
async fn a_conflict_starts_over_and_an_error_commits_nothing() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    client.put("key", "1", None).await.unwrap();
    let txn = Stm::new(&client).with_prefetch(["key", "other"]).begin();
    assert_eq!(txn.get("key").await.unwrap().unwrap(), "1");
    client.put("key", "2", None).await.unwrap();
    txn.put("out", "from 1");
    assert!(txn.commit().await.unwrap().is_none());
    assert_eq!(txn.get("key").await.unwrap().unwrap(), "2");
    assert_eq!(txn.get_first(["other", "key"]).await.unwrap().unwrap(), "2");
    txn.put("out", "from 2");
    txn.delete("key");
    assert_eq!(txn.get("key").await.unwrap(), None);
    assert!(txn.commit().await.unwrap().is_some());
    assert_eq!(client.get("out", None).await.unwrap().kvs()[0].value(), b"from 2");

    let stm = Stm::new(&client);
    let failed = stm.run(|txn| async move {
        txn.put("out", "never");
        Err::<(), _>(etcdkit::Error::InvalidArgs("the code's own".into()))
    });
    assert!(failed.await.is_err());
    assert_eq!(client.get("out", None).await.unwrap().kvs()[0].value(), b"from 2");
}

#[tokio::test]
async fn a_snapshot_notices_writes_to_what_it_only_writes() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = connect(&etcd).await;
    client.put("read", "1", None).await.unwrap();
    for (isolation, commits) in [(Isolation::SerializableSnapshot, false), (Isolation::Serializable, true)] {
        let txn = Stm::new(&client).with_isolation(isolation).begin();
        txn.get("read").await.unwrap();
        client.put("written", "by another", None).await.unwrap();
        txn.put("written", "by us");
        assert_eq!(txn.commit().await.unwrap().is_some(), commits, "{isolation:?}");
    }
}
