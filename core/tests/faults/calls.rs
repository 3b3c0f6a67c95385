use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use etcdkit::{Client, Code, ConnectOptions, ErrorKind, EtcdError, Status, Txn, TxnOp};

use crate::mock::{Fault, Mock};
use crate::proxy::Proxy;

const SHORT: Duration = Duration::from_millis(500);

async fn client_of(address: &str) -> Client {
    Client::connect([address], Some(ConnectOptions::new().with_timeout(SHORT))).await.unwrap()
}

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_read_is_repeated_until_the_server_is_available() {
    let mock = Mock::start().await;
    for _ in 0..3 {
        mock.fail_next(Fault::Refuse(EtcdError::LeaderChanged.into()));
    }
    let client = client_of(&mock.address).await;
    assert!(client.get("k", None).await.is_ok());
    assert_eq!(mock.count(|state| &state.calls), 4);
}

#[tokio::test]
async fn a_read_only_transaction_is_repeated_and_a_writing_one_is_not() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    mock.fail_next(Fault::Refuse(Status::unavailable("passing")));
    assert!(client.txn(Txn::new().and_then([TxnOp::get("k", None)])).await.is_ok());
    mock.fail_next(Fault::Refuse(Status::unavailable("passing")));
    let error = client.txn(Txn::new().and_then([TxnOp::put("k", "v", None)])).await.unwrap_err();
    assert!(error.outcome_unknown());
}

#[tokio::test]
async fn a_write_that_failed_after_execution_is_reported_open_and_never_repeated() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    for fault in [
        Fault::ExecuteThenFail(Status::unavailable("the leader is gone")),
        Fault::ExecuteThenFail(EtcdError::Timeout.into()),
        Fault::ExecuteThenHang,
    ] {
        let before = mock.count(|state| &state.executed);
        mock.fail_next(fault);
        let error = client.put("k", "v", None).await.unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(mock.count(|state| &state.executed), before + 1);
    }
}

#[tokio::test]
async fn a_write_refused_by_the_server_has_a_known_outcome() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    mock.fail_next(Fault::Refuse(EtcdError::EmptyKey.into()));
    let error = client.put("", "v", None).await.unwrap_err();
    assert_eq!((error.code(), error.etcd()), (Code::InvalidArgument, Some(EtcdError::EmptyKey)));
    assert!(!error.outcome_unknown());
}

#[tokio::test]
async fn a_call_without_time_is_not_sent() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    client.get("k", None).await.unwrap();
    let before = mock.count(|state| &state.executed);
    let error = client.with_timeout(Duration::from_nanos(1)).put("k", "v", None).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    assert!(!error.outcome_unknown(), "{error}");
    assert_eq!(mock.count(|state| &state.executed), before);
}

#[tokio::test]
async fn a_write_cut_off_on_its_way_is_reported_open() {
    let mock = Mock::start().await;
    let proxy = Proxy::start(&mock.address).await;
    let client = client_of(&proxy.address).await;
    client.put("k", "1", None).await.unwrap();
    mock.fail_next(Fault::ExecuteThenHang);
    let writing = tokio::spawn(async move { client.put("k", "2", None).await });
    while mock.count(|state| &state.executed) < 2 {
        tokio::task::yield_now().await;
    }
    proxy.cut();
    let error = writing.await.unwrap().unwrap_err();
    assert!(error.outcome_unknown(), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(mock.count(|state| &state.executed), 2);
}

#[tokio::test]
async fn a_write_goes_on_at_another_endpoint_when_the_first_cannot_be_reached() {
    let mock = Mock::start().await;
    let client = Client::connect([nobody().await, mock.address.clone()], None).await.unwrap();
    for value in 0..20 {
        client.put("k", value.to_string(), None).await.unwrap();
    }
    assert_eq!(mock.count(|state| &state.executed), 20);
}

#[tokio::test]
async fn without_any_server_a_call_fails_soon_and_says_which_endpoint() {
    let address = nobody().await;
    let options = ConnectOptions::new().with_connect_timeout(Duration::from_millis(200));
    let client = Client::connect([&address], Some(options)).await.unwrap();
    let began = Instant::now();
    let error = client.put("k", "v", None).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!error.outcome_unknown());
    assert!(error.message().contains(&address), "{error}");
}

#[tokio::test]
async fn a_silent_server_does_not_hang_a_call() {
    let mock = Mock::start().await;
    let proxy = Proxy::start(&mock.address).await;
    let client = client_of(&proxy.address).await;
    client.get("k", None).await.unwrap();
    proxy.freeze(true);
    let write = client.put("k", "v", None).await.unwrap_err();
    assert_eq!((write.kind(), write.outcome_unknown()), (ErrorKind::DeadlineExceeded, true));
    let read = client.get("k", None).await.unwrap_err();
    assert_eq!((read.kind(), read.outcome_unknown()), (ErrorKind::DeadlineExceeded, false));
    // The next connection is made, and nobody speaks there: this one was never sent.
    let write = client.put("k", "v", None).await.unwrap_err();
    assert_eq!((write.kind(), write.outcome_unknown()), (ErrorKind::DeadlineExceeded, false));
    let watch = client.watch("k", None).await.unwrap_err();
    assert_eq!(watch.kind(), ErrorKind::DeadlineExceeded);
    proxy.freeze(false);
    assert!(client.get("k", None).await.is_ok());
}

#[tokio::test]
async fn a_call_leaves_a_silent_endpoint_for_another_within_its_time() {
    let (silent, good) = (Mock::start().await, Mock::start().await);
    let proxy = Proxy::start(&silent.address).await;
    proxy.freeze(true);
    let options = ConnectOptions::new().with_timeout(Duration::from_secs(2));
    let client = Client::connect([&proxy.address, &good.address], Some(options)).await.unwrap();
    for _ in 0..4 {
        client.get("k", None).await.unwrap();
        client.put("k", "v", None).await.unwrap();
    }
    assert_eq!(good.count(|state| &state.executed), 8);
}

#[tokio::test]
async fn calls_that_find_their_token_refused_share_one_login() {
    let mock = Mock::start().await;
    *mock.state.token.lock().unwrap() = Some("first".to_owned());
    let options = ConnectOptions::new().with_user("alice", "secret");
    let client = Client::connect([&mock.address], Some(options)).await.unwrap();
    client.put("k", "v", None).await.unwrap();
    assert_eq!(mock.count(|state| &state.logins), 1);

    *mock.state.token.lock().unwrap() = Some("second".to_owned());
    mock.state.login_after_refusals.store(32, Ordering::SeqCst);
    let calls = (0..32).map(|_| client.put("k", "v", None));
    for outcome in futures::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(mock.count(|state| &state.logins), 2);
    assert_eq!(mock.state.executed.load(Ordering::SeqCst), 33);
}

#[tokio::test]
async fn credentials_are_tolerated_where_authentication_is_off() {
    let mock = Mock::start().await;
    let options = ConnectOptions::new().with_user("alice", "secret");
    let client = Client::connect([&mock.address], Some(options)).await.unwrap();
    assert!(client.put("k", "v", None).await.is_ok());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_is_refused_with_a_reason() {
    let error = Client::connect(["unixs:///tmp/socket"], None).await.unwrap_err();
    assert!(error.to_string().contains("unix:path"), "{error}");
    let none: [&str; 0] = [];
    assert!(Client::connect(none, None).await.is_err());
}
