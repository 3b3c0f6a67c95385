//! Random faults under load, and what must hold whatever happens: an acknowledged write is there for good at the revision
//! that was told, no read shows less than was acknowledged before it began, and all members end with the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use etcdkit::{Client, Compare, CompareOp, Txn, TxnOp};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::nodes::Nodes;

/// How long faults go on. `ETCDKIT_FAULT_SECONDS` makes it longer.
const SECONDS_DEFAULT: u64 = 15;

/// Requests a second below which a run shows nothing.
const REQUESTS_PER_SECOND_MIN: u64 = 100;

/// A call to a member that is away is given up after this, and another one made.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

const MEMBERS: usize = 3;

/// The one register that is written in order and read everywhere.
const REGISTER: &str = "register";

#[derive(Default)]
struct Load {
    ended: AtomicBool,
    requests: AtomicU64,
    /// The largest number in the register that somebody knows to be there.
    register: AtomicU64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_acknowledged_writes_stay_and_reads_are_never_stale() {
    let seed = number("ETCDKIT_SEED").unwrap_or_else(rand::random);
    let seconds = number("ETCDKIT_FAULT_SECONDS").unwrap_or(SECONDS_DEFAULT);
    println!("repeat with ETCDKIT_SEED={seed} cargo test -p etcdkit-cli --test cluster whatever_fails");
    let mut random = SmallRng::seed_from_u64(seed);
    let mut nodes = Nodes::found(MEMBERS);
    nodes.wait_for_leader().await;
    nodes.client(0).await.put(REGISTER, spelled(0), None).await.unwrap();

    let load = Arc::new(Load::default());
    let mut writers = Vec::new();
    let mut others = Vec::new();
    for member in 0..MEMBERS {
        let client = nodes.client(member).await.with_timeout(CALL_TIMEOUT);
        writers.push(tokio::spawn(write_keys(client.clone(), member, load.clone())));
        others.push(tokio::spawn(read_register(client, load.clone())));
    }
    let clients =
        [nodes.client(0).await.with_timeout(CALL_TIMEOUT), nodes.client(1).await.with_timeout(CALL_TIMEOUT)];
    others.push(tokio::spawn(write_register(clients, load.clone())));

    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        fault(&mut nodes, &mut random).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(100..1500))).await;
    }
    load.ended.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    for other in others {
        other.await.unwrap();
    }

    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let client = nodes.client(0).await;
    for (key, revision) in &acknowledged {
        let found = client.get(key.as_str(), None).await.unwrap();
        let there = found.kvs().first().map(|kv| kv.mod_revision());
        assert_eq!(there, Some(*revision), "{key} was acknowledged; seed {seed}");
    }
    let requests = load.requests.load(Ordering::SeqCst);
    println!("{} writes acknowledged, {requests} requests answered", acknowledged.len());
    assert!(requests >= seconds * REQUESTS_PER_SECOND_MIN, "{requests} requests in {seconds} s show nothing");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// One member is away for a while.
async fn fault(nodes: &mut Nodes, random: &mut SmallRng) {
    let member = random.random_range(0..MEMBERS);
    let away = Duration::from_millis(random.random_range(100..2500));
    match random.random_range(0..4) {
        0 | 1 => {
            println!("kill m{member} for {away:?}");
            nodes.kill(member);
            tokio::time::sleep(away).await;
            nodes.start(member);
        }
        2 => {
            println!("pause m{member} for {away:?}");
            nodes.pause(member);
            tokio::time::sleep(away).await;
            nodes.resume(member);
        }
        _ => {
            println!("restart m{member}");
            nodes.terminate(member);
            nodes.wait_for_exit(member).await;
            nodes.start(member);
        }
    }
}

/// Writes each key once, at one member; those that were acknowledged, with their revisions.
async fn write_keys(client: Client, writer: usize, load: Arc<Load>) -> Vec<(String, i64)> {
    let mut acknowledged = Vec::new();
    for number in 0_u64.. {
        if load.ended.load(Ordering::SeqCst) {
            break;
        }
        let key = format!("key-{writer}-{number}");
        if let Ok(response) = client.put(key.as_str(), "1", None).await {
            load.requests.fetch_add(1, Ordering::SeqCst);
            acknowledged.push((key, response.header().unwrap().revision()));
        }
    }
    acknowledged
}

/// Writes ever larger numbers, at either of two members. A write whose outcome is not known may take effect late, so each
/// takes effect only on a smaller number, and the register never goes back.
async fn write_register(clients: [Client; 2], load: Arc<Load>) {
    for number in 1_u64.. {
        if load.ended.load(Ordering::SeqCst) {
            return;
        }
        let client = &clients[number as usize % 2];
        let smaller = Compare::value(REGISTER, CompareOp::Less, spelled(number));
        let put = TxnOp::put(REGISTER, spelled(number), None);
        let written = client.txn(Txn::new().when([smaller]).and_then([put])).await;
        if written.is_ok_and(|response| response.succeeded()) {
            load.requests.fetch_add(1, Ordering::SeqCst);
            load.register.fetch_max(number, Ordering::SeqCst);
        }
    }
}

/// With leading zeros, so that the order of the texts is that of the numbers.
fn spelled(number: u64) -> String {
    format!("{number:020}")
}

/// What a read shows is at least what was known to be there when it began, by a write or by another read.
async fn read_register(client: Client, load: Arc<Load>) {
    while !load.ended.load(Ordering::SeqCst) {
        let known = load.register.load(Ordering::SeqCst);
        let Ok(found) = client.get(REGISTER, None).await else { continue };
        load.requests.fetch_add(1, Ordering::SeqCst);
        let value = found.kvs().first().map_or(0, |kv| kv.value_str().unwrap().parse().unwrap());
        assert!(value >= known, "a read showed {value} after {known} was there");
        load.register.fetch_max(value, Ordering::SeqCst);
    }
}
