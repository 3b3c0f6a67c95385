use std::time::Duration;

use etcdkit::{Client, LeaseLost};
use tokio::time::{Instant, timeout};

use crate::mock::Mock;
use crate::proxy::Proxy;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_revoked_lease_is_told_once_and_with_the_reason() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    let lease = client.lease_grant(1, None).await.unwrap();
    let kept = client.keep_alive(lease.id(), lease.ttl());
    assert_eq!(kept.is_lost(), None);
    mock.revoke(lease.id());
    assert_eq!(timeout(PATIENCE, kept.lost()).await.unwrap(), LeaseLost::Gone);
    assert_eq!(kept.is_lost(), Some(LeaseLost::Gone));
}

#[tokio::test]
async fn without_answers_a_lease_is_lost_when_its_time_is_over() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    *mock.state.keep_alive_silent.lock().unwrap() = true;
    let began = Instant::now();
    let kept = client.keep_alive(7, 2);
    let reason = timeout(PATIENCE, kept.lost()).await.unwrap();
    assert!(matches!(reason, LeaseLost::Unreachable(_)), "{reason:?}");
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_lease_survives_cut_connections() {
    let mock = Mock::start().await;
    let proxy = Proxy::start(&mock.address).await;
    let client = Client::connect([&proxy.address], None).await.unwrap();
    let lease = client.lease_grant(3, None).await.unwrap();
    let kept = client.keep_alive(lease.id(), lease.ttl());
    for streams in 1..4 {
        let opened = async {
            while mock.count(|state| &state.keep_alive_streams) < streams {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, opened).await.unwrap();
        assert_eq!(kept.is_lost(), None);
        proxy.cut();
    }
}

#[tokio::test]
async fn renewals_of_many_leases_share_one_stream() {
    let mock = Mock::start().await;
    let client = Client::connect([&mock.address], None).await.unwrap();
    for _ in 0..20 {
        let lease = client.lease_grant(60, None).await.unwrap();
        let (mut keeper, mut answers) = client.lease_keep_alive(lease.id()).await.unwrap();
        keeper.keep_alive().await.unwrap();
        assert_eq!(answers.message().await.unwrap().unwrap().ttl(), 60);
        drop(keeper);
        assert!(answers.message().await.unwrap().is_none());
    }
    assert_eq!(mock.count(|state| &state.keep_alive_streams), 1);
    assert!(client.lease_keep_alive(999).await.is_err());
}
