//! A client in a namespace sees the namespace and nothing else, whatever it does.

use etcdkit::concurrency::{Mutex, Session};
use etcdkit::{
    Client, Compare, CompareOp, GetOptions, KvClientPrefix, LeaseClientPrefix, LeaseTimeToLiveOptions,
    LockOptions, PutOptions, Txn, TxnOp, TxnOpResponse, WatchOptions,
};

use super::etcd::Etcd;

async fn outside_and_inside(etcd: &Etcd) -> (Client, Client) {
    let client = Client::connect([&etcd.endpoint], None).await.unwrap();
    let inside = client.with_namespace("app/");
    (client, inside)
}

fn keys(response: &etcdkit::GetResponse) -> Vec<&str> {
    response.kvs().iter().map(|kv| kv.key_str().unwrap()).collect()
}

#[tokio::test]
async fn reads_and_writes_stay_inside() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let (client, inside) = outside_and_inside(&etcd).await;
    client.put("other", "", None).await.unwrap();
    client.put("appz", "", None).await.unwrap();
    inside.put("a", "1", None).await.unwrap();
    inside.put("b", "2", None).await.unwrap();

    assert_eq!(
        keys(&client.get("app/", Some(GetOptions::new().with_prefix())).await.unwrap()),
        ["app/a", "app/b"]
    );
    let all = inside.get("", Some(GetOptions::new().with_all_keys())).await.unwrap();
    assert_eq!(keys(&all), ["a", "b"]);
    assert_eq!(keys(&inside.get("b", Some(GetOptions::new().with_from_key())).await.unwrap()), ["b"]);
    let error = inside.get("", None).await.unwrap_err();
    assert_eq!(error.etcd(), Some(etcdkit::EtcdError::EmptyKey));
    let deleted = inside.delete("", Some(etcdkit::DeleteOptions::new().with_all_keys().with_prev_key()));
    let deleted = deleted.await.unwrap();
    assert_eq!(deleted.prev_kvs().iter().map(|kv| kv.key_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(client.get("", Some(GetOptions::new().with_all_keys())).await.unwrap().count(), 2);
}

#[tokio::test]
async fn transactions_watches_leases_and_locks_stay_inside() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let (client, inside) = outside_and_inside(&etcd).await;
    let mut watch = inside.watch("", Some(WatchOptions::new().with_prefix().with_prev_key())).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    let txn = Txn::new()
        .when([Compare::version("a", CompareOp::Equal, 0)])
        .and_then([TxnOp::txn(Txn::new().and_then([TxnOp::put("a", "1", None)])), TxnOp::get("a", None)]);
    let answer = inside.txn(txn).await.unwrap();
    assert!(answer.succeeded());
    match &answer.op_responses()[1] {
        TxnOpResponse::Get(get) => assert_eq!(keys(get), ["a"]),
        other => panic!("{other:?}"),
    }
    client.put("b", "of another", None).await.unwrap();
    client.put("app/a", "2", None).await.unwrap();
    for value in ["1", "2"] {
        let message = watch.message().await.unwrap().unwrap();
        let event = &message.events()[0];
        assert_eq!((event.kv().unwrap().key(), event.kv().unwrap().value()), (&b"a"[..], value.as_bytes()));
        assert!(event.prev_kv().is_none_or(|before| before.key() == b"a"));
    }

    let lease = client.lease_grant(60, None).await.unwrap().id();
    client.put("outside", "", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    inside.put("leased", "", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    let with_keys = || Some(LeaseTimeToLiveOptions::new().with_keys());
    assert_eq!(inside.lease_time_to_live(lease, with_keys()).await.unwrap().keys(), [b"leased".to_vec()]);

    let session = Session::new(&inside, None).await.unwrap();
    let guard = Mutex::new(&session, "lock").lock().await.unwrap();
    let place = format!("lock/{:x}", session.lease());
    assert_eq!(guard.key(), place.as_bytes());
    assert_eq!(client.get(format!("app/{place}"), None).await.unwrap().count(), 1);
    guard.unlock().await.unwrap();
    let locked = inside.lock("lock", Some(LockOptions::new().with_lease(lease))).await.unwrap();
    assert_eq!(locked.key(), format!("lock/{lease:x}").as_bytes());
    inside.unlock(locked.key()).await.unwrap();
    assert_eq!(client.get("app/lock/", Some(GetOptions::new().with_prefix())).await.unwrap().count(), 0);
}

#[tokio::test]
async fn the_prefix_clients_of_etcd_client_do_the_same() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let client = Client::connect([&etcd.endpoint], None).await.unwrap();
    let kv = KvClientPrefix::new(client.kv_client(), b"app/".to_vec());
    let lease = client.lease_grant(60, None).await.unwrap().id();
    kv.put("a", "1", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    assert_eq!(keys(&kv.get("a", None).await.unwrap()), ["a"]);
    let leases = LeaseClientPrefix::new(client.lease_client(), b"app/".to_vec());
    let told = leases.time_to_live(lease, Some(LeaseTimeToLiveOptions::new().with_keys())).await.unwrap();
    assert_eq!(told.keys(), [b"a".to_vec()]);
    let deleting = Txn::new().and_then([TxnOp::delete("a", None)]);
    assert!(kv.txn(deleting).await.unwrap().succeeded());
    assert_eq!(kv.delete("a", None).await.unwrap().deleted(), 0);
}
