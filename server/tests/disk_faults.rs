//! A whole server on a disk that loses power, fills up or fails: what was acknowledged is there after the
//! next start, with its revision, and nothing is there twice.
//!
//! `DISK_FAULT_SEED=n cargo test -p etcdkit-server --test disk_faults` repeats one run.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::{CompactionRequest, PutRequest, RangeRequest};
use etcdkit_server::Server;
use etcdkit_server::io::simulated::{Failure, SimulatedIo, Survival};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tonic::transport::Channel;

/// Seeds of one run of the tests, each with a chain of crashes on one disk.
const SEEDS: u64 = 20;
const CRASHES: usize = 10;
/// Writers that are in the middle of something when the power goes.
const WRITERS: usize = 4;
/// Longest wait for anything that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Acknowledged puts: key to (value, revision). Every key is put once, so nothing can hide.
type Acknowledged = Arc<Mutex<BTreeMap<String, (String, i64)>>>;

fn seeds() -> Vec<u64> {
    match std::env::var("DISK_FAULT_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (1..=SEEDS).collect(),
    }
}

async fn start(io: &SimulatedIo) -> (Server, KvClient<Channel>) {
    let server = Server::builder().data_dir("/simulated").io(Arc::new(io.clone())).listen("127.0.0.1:0");
    let server = server.start().await.expect("a server always opens after a power loss");
    let channel = Channel::from_shared(server.endpoint().to_owned()).unwrap().connect().await.unwrap();
    (server, KvClient::new(channel))
}

/// Puts unique keys until told to stop or refused.
async fn write(mut kv: KvClient<Channel>, name: String, acknowledged: Acknowledged, stop: Arc<AtomicBool>) {
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (key, value) = (format!("/{name}/{n}"), format!("value of {name} {n}"));
        let put = PutRequest { key: key.clone().into(), value: value.clone().into(), ..Default::default() };
        let Ok(answer) = kv.put(put).await else {
            return;
        };
        let revision = answer.into_inner().header.unwrap().revision;
        acknowledged.lock().insert(key, (value, revision));
    }
}

/// Every acknowledged put is there as it was acknowledged; all revisions are taken by exactly one put.
async fn verify(kv: &mut KvClient<Channel>, acknowledged: &Acknowledged, context: &str) {
    let all = RangeRequest {
        key: Bytes::from_static(b"/"),
        range_end: Bytes::from_static(b"0"),
        ..Default::default()
    };
    let response = kv.range(all).await.unwrap().into_inner();
    let stored: BTreeMap<String, (String, i64)> = response
        .kvs
        .iter()
        .map(|kv| {
            let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            assert_eq!(kv.version, 1, "{context}: {} was put twice", text(&kv.key));
            (text(&kv.key), (text(&kv.value), kv.mod_revision))
        })
        .collect();
    for (key, put) in acknowledged.lock().iter() {
        assert_eq!(stored.get(key), Some(put), "{context}: {key} was acknowledged");
    }
    let mut revisions: Vec<i64> = stored.values().map(|(_, revision)| *revision).collect();
    revisions.sort_unstable();
    let expected: Vec<i64> = (2..2 + revisions.len() as i64).collect();
    assert_eq!(revisions, expected, "{context}: revisions have gaps or repeats");
    assert_eq!(response.header.unwrap().revision, 1 + revisions.len() as i64, "{context}");
    // What was found now is acknowledged by having been read.
    acknowledged.lock().extend(stored);
}

/// Writers on a server, until so many puts have been acknowledged in all.
async fn load(
    kv: &KvClient<Channel>,
    life: &str,
    acknowledged: &Acknowledged,
    puts: usize,
) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let before = acknowledged.lock().len();
    for writer in 0..WRITERS {
        tokio::spawn(write(kv.clone(), format!("{life}-{writer}"), acknowledged.clone(), stop.clone()));
    }
    let enough = async {
        while acknowledged.lock().len() < before + puts {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("writers get on");
    stop
}

async fn compact(kv: &mut KvClient<Channel>, rng: &mut StdRng, acknowledged: &Acknowledged) {
    let newest = acknowledged.lock().values().map(|(_, revision)| *revision).max().unwrap_or(1);
    let revision = rng.random_range(1..=newest);
    // Below an earlier compaction it is refused, which is as good.
    let _ = kv.compact(CompactionRequest { revision, physical: rng.random() }).await;
}

/// The disk as a power loss now may leave it, and what had been acknowledged by then: nothing is
/// acknowledged between the look at the one and the other.
fn lose_power(
    io: &SimulatedIo,
    rng: &mut StdRng,
    acknowledged: &Acknowledged,
) -> (SimulatedIo, BTreeMap<String, (String, i64)>) {
    let known = acknowledged.lock();
    let after = io.crash(|_, _| match rng.random_range(0..3) {
        0 => Survival::Lost,
        1 => Survival::Whole,
        _ => Survival::Sectors(rng.random()),
    });
    (after, known.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_power_losses() {
    let mut points = 0;
    for seed in seeds() {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut io = SimulatedIo::new();
        let acknowledged = Acknowledged::default();
        for life in 0..CRASHES {
            let context = format!("DISK_FAULT_SEED={seed}, power loss {life}");
            let (server, mut kv) = start(&io).await;
            verify(&mut kv, &acknowledged, &context).await;
            let stop = load(&kv, &life.to_string(), &acknowledged, rng.random_range(1..120)).await;
            if rng.random_ratio(1, 2) {
                compact(&mut kv, &mut rng, &acknowledged).await;
            }
            let (after, known) = lose_power(&io, &mut rng, &acknowledged);
            stop.store(true, Ordering::Relaxed);
            server.shutdown().await;
            *acknowledged.lock() = known;
            io = after;
            points += 1;
        }
        let (server, mut kv) = start(&io).await;
        verify(&mut kv, &acknowledged, &format!("DISK_FAULT_SEED={seed}, the end")).await;
        server.shutdown().await;
    }
    println!("{points} power losses, 0 acknowledged writes lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_is_told_and_costs_no_acknowledged_write() {
    for (seed, kind) in
        seeds().into_iter().zip([ErrorKind::StorageFull, ErrorKind::Other].into_iter().cycle())
    {
        let context = format!("DISK_FAULT_SEED={seed}, {kind:?}");
        let mut rng = StdRng::seed_from_u64(seed);
        let io = SimulatedIo::new();
        let acknowledged = Acknowledged::default();
        let (server, kv) = start(&io).await;
        let stop = load(&kv, "before", &acknowledged, 20).await;
        io.fail(Failure { after: rng.random_range(0..60), kind, for_good: true });
        tokio::time::timeout(PATIENCE, server.failed()).await.expect("a failed disk is told");
        let put = PutRequest { key: Bytes::from_static(b"/late"), ..Default::default() };
        let refused = kv.clone().put(put).await.expect_err("a server without a disk takes no write");
        assert!(refused.message().contains("storage failed"), "{context}: {refused}");
        stop.store(true, Ordering::Relaxed);
        let known = acknowledged.lock().clone();
        let after = io.crash(|_, _| Survival::Lost);
        server.shutdown().await;
        *acknowledged.lock() = known;
        let (server, mut kv) = start(&after).await;
        verify(&mut kv, &acknowledged, &context).await;
        server.shutdown().await;
    }
}
