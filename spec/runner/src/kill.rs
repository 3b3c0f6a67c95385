//! The kill test: kill -9 at random moments under concurrent writers, restart, and look at what was kept.
//!
//! Every put has a key of its own, so the store must hold exactly one key for each revision. After a restart:
//! each acknowledged put is there with its value and its revision; a put whose answer never came is there once
//! or not at all; the revisions have no gap.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::{PutRequest, RangeRequest, RangeResponse};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

use crate::server::{Kind, Programs, Server};

/// Largest answer taken: all keys of one cycle.
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;
/// A request to a killed server fails at once; this is for one that hangs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Keys of a cycle read at a time.
const PAGE: i64 = 10_000;

/// Options of the kill test.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storage engine.
    #[arg(long, default_value = "redb", value_parser = ["redb", "sled"])]
    engine: String,
    /// Kills.
    #[arg(long, default_value_t = 100)]
    cycles: u64,
    /// Concurrent writers.
    #[arg(long, default_value_t = 8)]
    writers: u64,
    /// Fixes the moments of the kills; the schedule of the writers is the machine's.
    #[arg(long)]
    seed: Option<u64>,
    /// The longest time between start and kill.
    #[arg(long, default_value_t = 400)]
    kill_after_ms_max: u64,
}

/// What one writer knows: a revision for each acknowledged key, nothing for one whose answer never came.
type Written = HashMap<String, Option<i64>>;

/// Runs the cycles; an error is a loss, told with what repeats it.
pub(crate) async fn run(options: Options, programs: Programs) -> Result<bool> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let repeat =
        format!("etcdkit-spec kill --engine {} --cycles {} --seed {seed}", options.engine, options.cycles);
    println!("seed {seed}; repeat: {repeat}");
    let mut random = StdRng::seed_from_u64(seed);
    let kind = if options.engine == "sled" { Kind::OursSled } else { Kind::OursRedb };
    let mut server = Server::start(kind, &programs).await?;
    let begun = Instant::now();
    let (mut base, mut acknowledged, mut unanswered) = (1, 0, 0);
    for cycle in 0..options.cycles {
        let life = Duration::from_millis(random.random_range(1..=options.kill_after_ms_max));
        let written = write_until_killed(&mut server, cycle, options.writers, life).await?;
        server.spawn().await.with_context(|| format!("restart after kill {cycle}; repeat: {repeat}"))?;
        base = verify(&server.endpoint(), cycle, &written, base)
            .await
            .with_context(|| format!("after kill {cycle} ({life:?} after the start); repeat: {repeat}"))?;
        acknowledged += written.values().filter(|revision| revision.is_some()).count();
        unanswered += written.values().filter(|revision| revision.is_none()).count();
    }
    server.stop().await?;
    let took = begun.elapsed();
    println!(
        "{}: {} kills, {acknowledged} acknowledged puts all kept, {unanswered} unanswered, none twice, no gap up to \
         revision {base} ({took:.1?})",
        options.engine, options.cycles
    );
    Ok(true)
}

async fn write_until_killed(
    server: &mut Server,
    cycle: u64,
    writers: u64,
    life: Duration,
) -> Result<Written> {
    let (stop, stopped) = watch::channel(false);
    let tasks: Vec<_> = (0..writers)
        .map(|writer| tokio::spawn(write(server.endpoint(), cycle, writer, stopped.clone())))
        .collect();
    tokio::time::sleep(life).await;
    server.kill().await?;
    stop.send_replace(true);
    let mut written = Written::new();
    for task in tasks {
        written.extend(task.await??);
    }
    Ok(written)
}

async fn client(endpoint: &str) -> Result<KvClient<Channel>> {
    let channel = Endpoint::from_shared(endpoint.to_owned())?.timeout(REQUEST_TIMEOUT).tcp_nodelay(true);
    Ok(KvClient::new(channel.connect().await?).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// One put after another until the first that fails; a connection that never came wrote nothing.
async fn write(endpoint: String, cycle: u64, writer: u64, stopped: watch::Receiver<bool>) -> Result<Written> {
    let mut written = Written::new();
    let Ok(mut kv) = client(&endpoint).await else { return Ok(written) };
    for number in 0_u64.. {
        if *stopped.borrow() {
            break;
        }
        let key = key(cycle, &format!("{writer}/{number}"));
        let put = PutRequest { key: key.clone().into(), value: value(&key).into(), ..Default::default() };
        match kv.put(put).await {
            Ok(response) => {
                let revision = response.into_inner().header.context("a put without a header")?.revision;
                written.insert(key, Some(revision));
            }
            Err(_) => {
                written.insert(key, None);
                break;
            }
        }
    }
    Ok(written)
}

fn key(cycle: u64, rest: &str) -> String {
    format!("kill/{cycle:08}/{rest}")
}

/// Derived from the key, so that a value under a wrong key is seen.
fn value(key: &str) -> String {
    format!("value of {key}")
}

/// Checks one cycle; the answer is the store's revision.
async fn verify(endpoint: &str, cycle: u64, written: &Written, base: i64) -> Result<i64> {
    let mut kv = client(endpoint).await?;
    let (kept, revision) = read_cycle(&mut kv, cycle).await?;
    for (key, revision) in written {
        let Some(revision) = revision else { continue };
        match kept.get(key) {
            None => bail!("LOST: {key} was acknowledged at revision {revision}"),
            Some(found) if found != revision => {
                bail!("MOVED: {key} was written at {revision}, is at {found}")
            }
            Some(_) => {}
        }
    }
    if let Some(foreign) = kept.keys().find(|key| !written.contains_key(*key)) {
        bail!("{foreign} was never written");
    }
    let mut revisions: Vec<i64> = kept.values().copied().collect();
    revisions.sort_unstable();
    let expected: Vec<i64> = (base + 1..=revision).collect();
    if revisions != expected {
        let at = revisions.iter().zip(&expected).take_while(|(left, right)| left == right).count();
        bail!(
            "GAP: {} keys for revisions {}..={revision}, apart at {:?}",
            kept.len(),
            base + 1,
            expected.get(at)
        );
    }
    let everything = RangeRequest {
        key: "kill/".into(),
        range_end: "kill0".into(),
        count_only: true,
        ..Default::default()
    };
    let all = kv.range(everything).await?.into_inner();
    // Revision 1 is the empty store.
    if all.count != revision - 1 {
        bail!("{} keys of all cycles at revision {revision}", all.count);
    }
    Ok(revision)
}

/// The keys of a cycle with their revisions; each must have been written once, with its own value.
async fn read_cycle(kv: &mut KvClient<Channel>, cycle: u64) -> Result<(HashMap<String, i64>, i64)> {
    let (mut from, end) = (key(cycle, "").into_bytes(), key(cycle + 1, "").into_bytes());
    let mut kept = HashMap::new();
    loop {
        let request = RangeRequest {
            key: from.clone().into(),
            range_end: end.clone().into(),
            limit: PAGE,
            ..Default::default()
        };
        let RangeResponse { header, kvs, more, .. } = kv.range(request).await?.into_inner();
        let revision = header.context("a range without a header")?.revision;
        for pair in &kvs {
            let key = String::from_utf8(pair.key.to_vec())?;
            if pair.version != 1 || pair.create_revision != pair.mod_revision {
                bail!("TWICE: {key} has version {}", pair.version);
            }
            if pair.value != value(&key) {
                bail!("{key} has a value that was never written to it");
            }
            kept.insert(key, pair.mod_revision);
        }
        match kvs.last() {
            Some(last) if more => {
                from = last.key.to_vec();
                from.push(0);
            }
            _ => return Ok((kept, revision)),
        }
    }
}
