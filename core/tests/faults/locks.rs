use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use etcdkit::concurrency::{Election, Layout, LockLost, Mutex, Session, SessionOptions};
use etcdkit::{Client, Compare, CompareOp, Error, GetOptions, Txn, TxnOp};
use tokio::time::timeout;

use crate::mock::Mock;
use crate::proxy::Proxy;

const PATIENCE: Duration = Duration::from_secs(30);
/// A turn with the lock takes about as long: most are hit.
const BETWEEN_CUTS: Duration = Duration::from_millis(2);

fn bridge() -> Layout {
    Layout::Bridge { key: b"/locks/job".to_vec(), value: b"me".to_vec() }
}

async fn session(client: &Client) -> Session {
    Session::new(client, Some(SessionOptions::new())).await.unwrap()
}

async fn keys(client: &Client) -> i64 {
    client.get("/locks/", Some(GetOptions::new().with_prefix())).await.unwrap().count()
}

async fn until_keys(client: &Client, wanted: i64) {
    let settled = async {
        while keys(client).await != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, settled).await.expect("the keys did not settle");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holders_exclude_each_other_while_connections_are_cut() {
    for layout in [Layout::Reference, bridge()] {
        let mock = Mock::start().await;
        let proxy = Proxy::start(&mock.address).await;
        let (inside, turns) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let last_token = Arc::new(AtomicI64::new(0));
        let mut workers = Vec::new();
        for _ in 0..4 {
            let client = Client::connect([&proxy.address], None).await.unwrap();
            let session = session(&client).await;
            let mutex = Mutex::new(&session, "/locks/job").with_layout(layout.clone());
            let (inside, last_token, turns) = (inside.clone(), last_token.clone(), turns.clone());
            workers.push(tokio::spawn(async move {
                for _ in 0..5 {
                    let guard = mutex.lock().await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders at once");
                    assert!(last_token.swap(guard.fencing_token(), Ordering::SeqCst) < guard.fencing_token());
                    turns.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    guard.unlock().await.unwrap();
                }
            }));
        }
        let cutter = async {
            while turns.load(Ordering::SeqCst) < 20 {
                tokio::time::sleep(BETWEEN_CUTS).await;
                proxy.cut();
            }
        };
        timeout(PATIENCE, cutter).await.unwrap();
        for worker in workers {
            timeout(PATIENCE, worker).await.unwrap().unwrap();
        }
        let client = Client::connect([&mock.address], None).await.unwrap();
        assert_eq!(keys(&client).await, 0, "{layout:?}");
    }
}

#[tokio::test]
async fn a_given_up_attempt_leaves_no_key_behind() {
    for layout in [Layout::Reference, bridge()] {
        let mock = Mock::start().await;
        let client = Client::connect([&mock.address], None).await.unwrap();
        let (first, second) = (session(&client).await, session(&client).await);
        let held = Mutex::new(&first, "/locks/job").with_layout(layout.clone()).lock().await.unwrap();
        let alone = keys(&client).await;
        let waiting = Mutex::new(&second, "/locks/job").with_layout(layout.clone());
        assert!(matches!(waiting.try_lock().await, Err(Error::Locked)));
        assert!(matches!(waiting.lock_timeout(Duration::from_millis(50)).await, Err(Error::Locked)));
        until_keys(&client, alone).await;
        held.unlock().await.unwrap();
        assert_eq!(keys(&client).await, 0);
        waiting.try_lock().await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_of_an_old_client_and_the_bridge_exclude_each_other() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    let take = Txn::new()
        .when([Compare::create_revision("/locks/job", CompareOp::Equal, 0)])
        .and_then([TxnOp::put("/locks/job", "old client", None)]);
    let mutex = Mutex::new(&session(&client).await, "/locks/job").with_layout(bridge());

    assert!(client.txn(take.clone()).await.unwrap().succeeded());
    assert!(matches!(mutex.try_lock().await, Err(Error::Locked)));
    let waiting = tokio::spawn(async move { mutex.lock().await });
    until_keys(&client, 2).await;
    assert!(!waiting.is_finished());
    client.delete("/locks/job", None).await.unwrap();
    let guard = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();

    assert!(!client.txn(take.clone()).await.unwrap().succeeded());
    assert!(guard.is_held().await.unwrap());
    guard.unlock().await.unwrap();
    assert!(client.txn(take).await.unwrap().succeeded());
}

#[tokio::test]
async fn both_layouts_exclude_each_other() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    let reference = Mutex::new(&session(&client).await, "/locks/job");
    let bridged = Mutex::new(&session(&client).await, "/locks/job").with_layout(bridge());
    let guard = reference.lock().await.unwrap();
    assert!(matches!(bridged.try_lock().await, Err(Error::Locked)));
    guard.unlock().await.unwrap();
    let guard = bridged.lock().await.unwrap();
    assert!(matches!(reference.try_lock().await, Err(Error::Locked)));
    guard.unlock().await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_lease_is_told_to_holder_and_waiter() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    let holder = session(&client).await;
    let waiter = Session::new(&client, Some(SessionOptions::new().with_ttl(1))).await.unwrap();
    let guard = Mutex::new(&holder, "/locks/job").lock().await.unwrap();
    let queued = Mutex::new(&waiter, "/locks/job");
    let waiting = tokio::spawn(async move { queued.lock().await });
    until_keys(&client, 2).await;
    mock.revoke(waiter.lease());
    let error = timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, Error::SessionExpired(_)), "{error}");

    mock.revoke(holder.lease());
    assert_eq!(timeout(PATIENCE, guard.lost()).await.unwrap(), LockLost::Deleted);
    assert!(!guard.is_held().await.unwrap());
    assert!(matches!(guard.unlock().await, Err(Error::SessionExpired(_))));
}

#[tokio::test]
async fn an_election_has_one_leader_and_its_observer_sees_each() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    let (first, second) = (session(&client).await, session(&client).await);
    let election = Election::new(&client, "/locks/boss");
    assert!(matches!(election.leader().await, Err(Error::ElectError(_))));
    let mut observer = election.observe();
    let leading = election.campaign(&first, "one").await.unwrap();
    let (candidate, follower) = (election.clone(), second.clone());
    let campaign = tokio::spawn(async move { candidate.campaign(&follower, "two").await });
    until_keys(&client, 2).await;
    let mut seen = Vec::new();
    for step in 0..3 {
        let leader = timeout(PATIENCE, observer.message()).await.unwrap().unwrap().unwrap();
        seen.push(leader.kv().unwrap().value_str().unwrap().to_owned());
        match step {
            0 => leading.proclaim("one again").await.unwrap(),
            1 => leading.clone().resign().await.unwrap(),
            _ => {}
        }
    }
    assert_eq!(seen, ["one", "one again", "two"]);
    campaign.await.unwrap().unwrap();
    assert!(matches!(leading.proclaim("late").await, Err(Error::ElectError(_))));
}
