use std::time::Duration;

use etcdkit::{Client, ConnectOptions, Status, WatchOptions, WatchStream};
use futures::{StreamExt, stream};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::timeout;

use crate::mock::Mock;
use crate::proxy::Proxy;

const PATIENCE: Duration = Duration::from_secs(20);
const SEEDS: u64 = 50;
const REVISIONS: i64 = 120;

async fn client_of(address: &str) -> Client {
    Client::connect([address], Some(ConnectOptions::new().with_timeout(PATIENCE))).await.unwrap()
}

/// Reads until an event of this revision, and returns the revisions seen.
async fn revisions_until(watch: &mut WatchStream, last: i64) -> Vec<i64> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        let response =
            timeout(PATIENCE, watch.message()).await.expect("the watch is stuck").unwrap().unwrap();
        assert!(!response.canceled(), "{response:?}");
        seen.extend(response.events().iter().map(|event| event.kv().unwrap().mod_revision()));
    }
    seen
}

/// How often and how the server ends the watch streams of one run.
fn script(random: &mut StdRng) -> Vec<(usize, Result<(), Status>)> {
    let ending = |random: &mut StdRng| match random.random_range(0..4) {
        0 => Ok(()),
        1 => Err(Status::unavailable("restarting")),
        2 => Err(Status::internal("stream reset")),
        _ => Err(Status::unavailable("etcdserver: no leader")),
    };
    (0..random.random_range(1..8)).map(|_| (random.random_range(0..6), ending(random))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_goes_on_after_every_cut_without_a_gap_or_a_repeat() {
    // Most of a run is waiting for reconnects, so several run at once.
    stream::iter(0..SEEDS).for_each_concurrent(10, run_with_cuts).await;
}

async fn run_with_cuts(seed: u64) {
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mock = Mock::start().await;
    let proxy = Proxy::start(&mock.address).await;
    let client = client_of(&proxy.address).await;
    mock.state.watch_ends.lock().unwrap().extend(script(&mut random));

    let first = mock.put("w/0", "before");
    let from_history = WatchOptions::new().with_prefix().with_start_revision(first);
    let mut history = client.watch("w/", Some(from_history)).await.unwrap();
    let mut live = client.watch("w/", Some(WatchOptions::new().with_prefix())).await.unwrap();
    let mut last = first;
    for write in 0..REVISIONS {
        last = mock.put(&format!("w/{}", write % 7), "value");
        if random.random_bool(0.03) {
            proxy.cut();
        }
        if random.random_bool(0.2) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(revisions_until(&mut history, last).await, (first..=last).collect::<Vec<_>>(), "seed {seed}");
    let live = revisions_until(&mut live, last).await;
    assert_eq!(live, (first + 1..=last).collect::<Vec<_>>(), "seed {seed}");
}

#[tokio::test]
async fn a_watch_that_saw_no_event_resumes_from_its_creation() {
    let mock = Mock::start().await;
    mock.put("k", "before");
    mock.state.watch_ends.lock().unwrap().push_back((1, Ok(())));
    let client = client_of(&mock.address).await;
    let mut watch = client.watch("k", None).await.unwrap();
    // The stream ended after `created`. What is written now must not fall between two streams.
    let written = mock.put("k", "while away");
    assert_eq!(revisions_until(&mut watch, written).await, [written]);
}

#[tokio::test]
async fn a_resume_point_that_was_compacted_is_told() {
    let mock = Mock::start().await;
    let proxy = Proxy::start(&mock.address).await;
    let client = client_of(&proxy.address).await;
    let mut watch = client.watch("k", None).await.unwrap();
    let seen = mock.put("k", "1");
    revisions_until(&mut watch, seen).await;
    proxy.freeze(true);
    proxy.cut();
    mock.put("k", "2");
    mock.state.store.lock().unwrap().compacted = mock.put("k", "3");
    proxy.freeze(false);
    let response = timeout(PATIENCE, watch.message()).await.unwrap().unwrap().unwrap();
    assert!(response.canceled());
    assert_eq!(response.compact_revision(), seen + 2);
    assert!(watch.message().await.unwrap().is_none());
}

#[tokio::test]
async fn many_watches_share_one_stream_and_end_at_the_server() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    let mut watches = Vec::new();
    for key in 0..100 {
        watches.push(client.watch(format!("k{key}"), None).await.unwrap());
    }
    assert_eq!(mock.count(|state| &state.watch_streams), 1);
    let written = mock.put("k42", "v");
    assert_eq!(revisions_until(&mut watches[42], written).await, [written]);
    watches[7].cancel(0).await.unwrap();
    let mut created_then_canceled = Vec::new();
    while let Some(response) = watches[7].message().await.unwrap() {
        created_then_canceled.push((response.created(), response.canceled()));
    }
    assert_eq!(created_then_canceled, [(true, false), (false, true)]);
}

#[tokio::test]
async fn a_slow_reader_stalls_nobody_and_misses_nothing() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    let mut slow = client.watch("big/", Some(WatchOptions::new().with_prefix())).await.unwrap();
    let mut other = client.watch("small", None).await.unwrap();
    let value = "x".repeat(1 << 20);
    let first = mock.put("big/0", &value);
    let mut last = first;
    // Three times what a reader may leave unread.
    for key in 1..48 {
        last = mock.put(&format!("big/{key}"), &value);
    }
    let written = mock.put("small", "v");
    assert_eq!(revisions_until(&mut other, written).await, [written]);
    assert_eq!(revisions_until(&mut slow, last).await, (first..=last).collect::<Vec<_>>());
}

#[tokio::test]
async fn two_ids_alike_in_one_stream_are_refused() {
    let mock = Mock::start().await;
    let client = client_of(&mock.address).await;
    let mut watch = client.watch("a", Some(WatchOptions::new().with_watch_id(7))).await.unwrap();
    let error = watch.watch("b", Some(WatchOptions::new().with_watch_id(7))).await.unwrap_err();
    assert!(error.to_string().contains("duplicate watch ID"), "{error}");
    assert_eq!(watch.message().await.unwrap().unwrap().watch_id(), 7);
}
