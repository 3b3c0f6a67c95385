//! Locks with short leases while leaders are paused and cut off: two clients may believe that they hold one lock, which no
//! lock of this kind can prevent; but of writes that ask for the lock in the same transaction none is lost.
//!
//! Each holder reads a counter and writes it, counted up, on condition that its place in the line is still there. If two
//! ever wrote what both had counted from the same number, the counter would stand below the number of its versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use etcdkit::concurrency::{Mutex, Session, SessionOptions};
use etcdkit::{Client, ConnectOptions, Txn, TxnOp};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::members::proxy::Link;
use crate::members::{Make, Members, Setup};
use crate::server::Programs;

const MEMBERS: usize = 3;
const CONTENDERS: usize = 6;
/// Seconds that a lock outlives its holder.
const TTL: i64 = 2;
/// Writes of one turn.
const WRITES: usize = 20;
const LOCK: &str = "fenced";
const COUNTER: &str = "counter";
/// Time limit of a call: shorter than a pause, so that some outcomes are not known.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How long a leader is away: from less than an election to more than a lease.
const AWAY_MS: std::ops::Range<u64> = 300..4000;
/// Between two faults.
const CALM: Duration = Duration::from_millis(1500);

/// Options.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Guarded writes.
    #[arg(long, default_value_t = 10_000)]
    writes: u64,
    #[arg(long)]
    seed: Option<u64>,
}

/// What the contenders share.
#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    done: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
    holders: AtomicI64,
    overlaps: AtomicU64,
}

/// Contends until so many guarded writes are done; whether none was lost.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("repeat: etcdkit-spec fencing --writes {} --seed {seed}", options.writes);
    let mut random = SmallRng::seed_from_u64(seed);
    let setup = Setup { make: Make::Ours, count: MEMBERS, flags: Vec::new(), proxied: true };
    let mut members = Members::found(&programs, setup).await?;
    let (begun, shared) = (Instant::now(), Arc::new(Shared::default()));
    let endpoints = members.endpoints();
    let contenders: Vec<_> =
        (0..CONTENDERS).map(|_| tokio::spawn(contend(endpoints.clone(), shared.clone()))).collect();
    let mut faults = 0;
    while shared.done.load(Ordering::SeqCst) < options.writes {
        tokio::time::sleep(CALM).await;
        fault(&mut members, &mut random).await?;
        faults += 1;
    }
    shared.ended.store(true, Ordering::SeqCst);
    for contender in contenders {
        contender.await??;
    }
    let counter = Client::connect(&endpoints, None).await?.get(COUNTER, None).await?;
    let pair = counter.kvs().first().context("nobody counted")?;
    let (count, versions): (i64, i64) = (pair.value_str()?.parse()?, pair.version());
    let told = |number: &AtomicU64| number.load(Ordering::SeqCst);
    let (done, refused, unknown) = (told(&shared.done), told(&shared.refused), told(&shared.unknown));
    if count != versions {
        bail!("LOST: the counter stands at {count} after {versions} writes; seed {seed}");
    }
    if (versions as u64) < done || versions as u64 > done + unknown {
        bail!("{versions} writes are there, {done} were acknowledged and {unknown} unknown; seed {seed}");
    }
    println!(
        "{done} guarded writes acknowledged, {unknown} unknown, {refused} of holders that were none any more refused, none \
         lost; {} times somebody got the lock while another believed to hold it; {faults} faults ({:.0?})",
        told(&shared.overlaps),
        begun.elapsed()
    );
    Ok(true)
}

/// The leader is paused or cut off.
async fn fault(members: &mut Members, random: &mut SmallRng) -> Result<()> {
    let leader = members.wait_for_leader().await?;
    let away = Duration::from_millis(random.random_range(AWAY_MS));
    if random.random_bool(0.5) {
        members.pause(leader)?;
        tokio::time::sleep(away).await;
        return members.resume(leader);
    }
    let net = members.net().context("no network")?.clone();
    net.set_around(leader, 0..MEMBERS, Link::Held);
    tokio::time::sleep(away).await;
    net.heal();
    Ok(())
}

async fn contend(endpoints: Vec<String>, shared: Arc<Shared>) -> Result<()> {
    let client = Client::connect(&endpoints, Some(ConnectOptions::new().with_timeout(TIMEOUT))).await?;
    while !shared.ended.load(Ordering::SeqCst) {
        // Whatever fails here is a turn that was not had.
        let Ok(session) = Session::new(&client, Some(SessionOptions::new().with_ttl(TTL))).await else {
            continue;
        };
        if let Ok(guard) = Mutex::new(&session, LOCK).lock().await {
            if shared.holders.fetch_add(1, Ordering::SeqCst) > 0 {
                shared.overlaps.fetch_add(1, Ordering::SeqCst);
            }
            for _ in 0..WRITES {
                if !count(&client, &guard, &shared).await {
                    break;
                }
            }
            shared.holders.fetch_sub(1, Ordering::SeqCst);
            let _ = guard.release().await;
        }
        let _ = session.close().await;
    }
    Ok(())
}

/// Counts once; whether it may go on.
async fn count(client: &Client, guard: &etcdkit::concurrency::LockGuard, shared: &Shared) -> bool {
    let Ok(found) = client.get(COUNTER, None).await else { return true };
    let text = found.kvs().first().and_then(|pair| pair.value_str().ok()?.parse::<i64>().ok());
    let next = text.unwrap_or(0) + 1;
    let put = TxnOp::put(COUNTER, next.to_string(), None);
    let outcome = client.txn(Txn::new().when([guard.is_owner()]).and_then([put])).await;
    let (number, goes_on) = match outcome {
        Ok(response) if response.succeeded() => (&shared.done, true),
        Ok(_) => (&shared.refused, false),
        // It may be executed as long as this place in the line is there, and then after what is read next.
        Err(error) if error.outcome_unknown() => (&shared.unknown, false),
        Err(_) => return true,
    };
    number.fetch_add(1, Ordering::SeqCst);
    goes_on
}
