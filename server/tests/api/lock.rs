use etcdkit_proto::etcdserverpb::{LeaseGrantRequest, LeaseTimeToLiveRequest, RangeRequest};
use etcdkit_proto::v3lockpb::{LockRequest, UnlockRequest};
use tonic::Code;

use crate::fixture::{Fixture, assert_status, soon, text};

async fn lease(server: &Fixture, id: i64) -> i64 {
    server.lease().lease_grant(LeaseGrantRequest { id, ttl: 60 }).await.unwrap().into_inner().id
}

async fn waiters(server: &Fixture) -> i64 {
    let line =
        RangeRequest { key: text("l/"), range_end: text("l0"), count_only: true, ..Default::default() };
    server.range(line).await.count
}

async fn until_waiters(server: &Fixture, count: i64) {
    soon(async {
        while waiters(server).await != count {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_second_gets_the_lock_when_the_first_lets_go() {
    let server = Fixture::memory().await;
    let (first, second) = (lease(&server, 0xab).await, lease(&server, 0xcd).await);
    let mut lock = server.lock();
    let held = soon(lock.lock(LockRequest { name: text("l"), lease: first })).await.unwrap().into_inner();
    assert_eq!(held.key, text("l/ab"));
    let mut other = server.lock();
    let waiting =
        tokio::spawn(async move { other.lock(LockRequest { name: text("l"), lease: second }).await });
    until_waiters(&server, 2).await;
    assert!(!waiting.is_finished());
    lock.unlock(UnlockRequest { key: held.key }).await.unwrap();
    assert_eq!(soon(waiting).await.unwrap().unwrap().into_inner().key, text("l/cd"));
}

#[tokio::test]
async fn a_waiter_that_goes_away_leaves_the_line() {
    let server = Fixture::memory().await;
    let (first, second) = (lease(&server, 1).await, lease(&server, 2).await);
    server.lock().lock(LockRequest { name: text("l"), lease: first }).await.unwrap();
    let mut other = server.lock();
    let waiting =
        tokio::spawn(async move { other.lock(LockRequest { name: text("l"), lease: second }).await });
    until_waiters(&server, 2).await;
    waiting.abort();
    until_waiters(&server, 1).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_at_any_moment_leaves_no_key() {
    const CALLERS: i64 = 100;
    let server = Fixture::memory().await;
    let first = lease(&server, 1_000).await;
    server.lock().lock(LockRequest { name: text("l"), lease: first }).await.unwrap();
    for caller in 1..=CALLERS {
        let lease = lease(&server, caller).await;
        let mut other = server.lock();
        let waiting = tokio::spawn(async move { other.lock(LockRequest { name: text("l"), lease }).await });
        for _ in 0..caller {
            tokio::task::yield_now().await;
        }
        waiting.abort();
    }
    until_waiters(&server, 1).await;
}

#[tokio::test]
async fn a_lock_without_a_lease_gets_one_of_a_minute() {
    let server = Fixture::memory().await;
    let held = server.lock().lock(LockRequest { name: text("l"), lease: 0 }).await.unwrap().into_inner();
    let id = i64::from_str_radix(std::str::from_utf8(&held.key[2..]).unwrap(), 16).unwrap();
    let alive = server.lease().lease_time_to_live(LeaseTimeToLiveRequest { id, keys: false }).await.unwrap();
    assert_eq!(alive.into_inner().granted_ttl, 60);
}

#[tokio::test]
async fn errors_come_without_their_code() {
    let server = Fixture::memory().await;
    let unknown = server.lock().lock(LockRequest { name: text("l"), lease: 77 }).await;
    assert_status(unknown, Code::Unknown, "etcdserver: requested lease not found");
    let empty = server.lock().unlock(UnlockRequest::default()).await;
    assert_status(empty, Code::Unknown, "etcdserver: key is not provided");
    assert!(server.lock().unlock(UnlockRequest { key: text("nobody") }).await.is_ok());
}
