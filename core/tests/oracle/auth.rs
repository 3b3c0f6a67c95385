//! Users: logging in, tokens that end, and what goes on all the same.

use std::time::Duration;

use etcdkit::concurrency::{Mutex, Session};
use etcdkit::{Client, ConnectOptions, EtcdError, Permission, WatchOptions};
use futures::future::join_all;

use super::etcd::Etcd;

async fn connect(etcd: &Etcd, user: &str, password: &str) -> Client {
    let options = ConnectOptions::new().with_user(user, password);
    Client::connect([&etcd.endpoint], Some(options)).await.unwrap()
}

/// Switches authentication on; `ann`, password `secret`, may do all under `ann/`. Gives root's client.
async fn enable(etcd: &Etcd) -> Client {
    let root = connect(etcd, "root", "toor").await;
    root.user_add("root", "toor", None).await.unwrap();
    root.user_grant_role("root", "root").await.unwrap();
    root.user_add("ann", "secret", None).await.unwrap();
    root.role_add("own").await.unwrap();
    root.role_grant_permission("own", Permission::read_write("ann/").with_prefix()).await.unwrap();
    root.user_grant_role("ann", "own").await.unwrap();
    root.auth_enable().await.unwrap();
    root
}

/// Makes the server forget the user's tokens: setting a password does, even the same one.
async fn end_tokens(root: &Client) {
    root.user_change_password("ann", "secret").await.unwrap();
}

#[tokio::test]
async fn a_user_does_what_is_permitted_and_no_more() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    // The first calls of root's client were made without a token: it logs in when the server starts to ask for one.
    let root = enable(&etcd).await;
    root.put("other", "1", None).await.unwrap();
    let ann = connect(&etcd, "ann", "secret").await;
    ann.put("ann/key", "1", None).await.unwrap();
    let refused = ann.get("other", None).await.unwrap_err();
    assert_eq!(refused.etcd(), Some(EtcdError::PermissionDenied));
    assert!(!refused.outcome_unknown());
}

#[tokio::test]
async fn a_wrong_password_shows_at_once() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    enable(&etcd).await;
    for (user, password) in [("ann", "wrong"), ("nobody", "secret")] {
        let options = ConnectOptions::new().with_user(user, password);
        let error = Client::connect([&etcd.endpoint], Some(options)).await.unwrap_err();
        assert_eq!(error.etcd(), Some(EtcdError::AuthFailed), "{user}: {error}");
    }
    let nobody = Client::connect([&etcd.endpoint], None).await.unwrap();
    assert_eq!(nobody.get("ann/key", None).await.unwrap_err().etcd(), Some(EtcdError::UserEmpty));
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_for_reads_and_writes() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let root = enable(&etcd).await;
    let ann = connect(&etcd, "ann", "secret").await;
    for round in 0..3 {
        end_tokens(&root).await;
        let writes = (0..20).map(|number| {
            let ann = ann.clone();
            async move { ann.put(format!("ann/{round}/{number}"), "", None).await }
        });
        for outcome in join_all(writes).await {
            outcome.unwrap();
        }
        end_tokens(&root).await;
        assert_eq!(ann.get(format!("ann/{round}/7"), None).await.unwrap().count(), 1);
    }
}

#[tokio::test]
async fn a_password_changed_for_good_is_told() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let root = enable(&etcd).await;
    let ann = connect(&etcd, "ann", "secret").await;
    root.user_change_password("ann", "other").await.unwrap();
    assert_eq!(ann.get("ann/key", None).await.unwrap_err().etcd(), Some(EtcdError::AuthFailed));
    ann.update_user(Some(("ann".into(), "other".into()))).await.unwrap();
    ann.get("ann/key", None).await.unwrap();
}

#[tokio::test]
async fn watches_leases_and_locks_outlive_a_token() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let root = enable(&etcd).await;
    let ann = connect(&etcd, "ann", "secret").await;
    let mut watch = ann.watch("ann/a/", Some(WatchOptions::new().with_prefix())).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    let lease = ann.lease_grant(60, None).await.unwrap().id();
    let (mut keeper, mut answers) = ann.lease_keep_alive(lease).await.unwrap();
    keeper.keep_alive().await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 60);
    let (first, second) = (Session::new(&ann, None).await.unwrap(), Session::new(&ann, None).await.unwrap());
    let held = Mutex::new(&first, "ann/lock").lock().await.unwrap();
    let waiting = tokio::spawn(async move { Mutex::new(&second, "ann/lock").lock().await });

    end_tokens(&root).await;
    // A watch created on the old stream makes the server look at its token again.
    watch.watch("ann/b/", Some(WatchOptions::new().with_prefix())).await.unwrap();
    assert!(watch.message().await.unwrap().unwrap().created());
    ann.put("ann/b/1", "", None).await.unwrap();
    ann.put("ann/a/1", "", None).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let message = watch.message().await.unwrap().unwrap();
        assert!(!message.canceled(), "{}", message.cancel_reason());
        seen.extend(message.events().iter().map(|event| event.kv().unwrap().key_str().unwrap().to_owned()));
    }
    seen.sort();
    assert_eq!(seen, ["ann/a/1", "ann/b/1"]);
    keeper.keep_alive().await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 60);
    held.unlock().await.unwrap();
    waiting.await.unwrap().unwrap().unlock().await.unwrap();
}

#[tokio::test]
async fn credentials_outlive_the_switching_off_of_authentication() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let root = enable(&etcd).await;
    let ann = connect(&etcd, "ann", "secret").await;
    ann.put("ann/key", "1", None).await.unwrap();
    root.auth_disable().await.unwrap();
    ann.put("other", "1", None).await.unwrap();
    root.auth_enable().await.unwrap();
    ann.put("ann/key", "2", None).await.unwrap();
}

#[tokio::test]
async fn a_token_made_elsewhere_is_used_as_it_is() {
    let Some(etcd) = Etcd::start(&[]) else { return };
    let root = enable(&etcd).await;
    let token = root.auth_client().authenticate("ann".into(), "secret".into()).await.unwrap();
    let options = ConnectOptions::new().with_token(token.token()).with_timeout(Duration::from_secs(3));
    let ann = Client::connect([&etcd.endpoint], Some(options)).await.unwrap();
    ann.put("ann/key", "1", None).await.unwrap();
    end_tokens(&root).await;
    assert_eq!(ann.put("ann/key", "2", None).await.unwrap_err().etcd(), Some(EtcdError::InvalidAuthToken));
}
