//! What puts feel while a server maintains its store: a defragmentation, a compaction of much history, a snapshot.
//!
//! A few writers put one key after another all the time. What each put took is noted with the time it began, so that
//! the puts during the work stand beside those before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, DefragmentRequest, DeleteRangeRequest, PutRequest, PutResponse, RequestOp,
    SnapshotRequest, SnapshotResponse, TxnRequest, request_op::Request,
};
use prost::Message;
use tokio::task::JoinHandle;

use crate::Arguments;
use crate::call::Connection;
use crate::load::{self, Operation, Until};
use crate::server::{Kind, Server};

const PUT: &str = "/etcdserverpb.KV/Put";
/// Where a store is filled.
pub(crate) const FILLED: &str = "/fill/";
/// Bytes of a value that fills the store.
const VALUE_BYTES: usize = 10 << 10;
/// Puts in a transaction that fills the store; with their values well below the largest request.
const PUTS_PER_TXN: u64 = 100;
/// Transactions in flight while the store is filled.
const FILLERS: u64 = 8;
/// Writers whose puts are timed: a server that is used, not one at its limit.
const WRITERS: u64 = 4;
/// How often memory is looked at while a snapshot is read.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// Prints how long puts took before and during each work.
pub(crate) async fn run(arguments: &Arguments, store_mib: u64) -> anyhow::Result<()> {
    println!("| server | work | took | put p99 before | put p99 during | longest put during | seen |");
    println!("|---|---|---:|---:|---:|---:|---|");
    for &kind in &arguments.servers {
        let binary = if kind == Kind::Etcd { &arguments.etcd } else { &arguments.etcdkit };
        let server = Server::start(kind, binary, &arguments.disk).await?;
        compact(arguments, kind, &server).await?;
        fill(&server.endpoint(), store_mib).await?;
        snapshot(arguments, kind, &server).await?;
        defragment(arguments, kind, &server).await?;
    }
    Ok(())
}

/// Puts with their beginnings, by one set of writers.
struct Probe {
    begun: Instant,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<anyhow::Result<Vec<Timed>>>>,
}

/// When a put began and how long it took.
#[derive(Clone, Copy, Debug)]
struct Timed {
    at: Duration,
    took: Duration,
}

impl Probe {
    async fn start(server: &Server) -> anyhow::Result<Self> {
        let (begun, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let connection = Connection::open(&server.endpoint()).await?;
            writers.push(tokio::spawn(write(connection, writer, begun, Arc::clone(&stop))));
        }
        Ok(Probe { begun, stop, writers })
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn end(self) -> anyhow::Result<Vec<Timed>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for writer in self.writers {
            all.extend(writer.await??);
        }
        Ok(all)
    }
}

async fn write(
    mut connection: Connection,
    writer: u64,
    begun: Instant,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Timed>> {
    let mut puts = Vec::new();
    let key = format!("/probe/{writer}");
    let put = PutRequest { key: key.into(), value: vec![b'v'; 256].into(), ..Default::default() };
    let put = Bytes::from(put.encode_to_vec());
    while !stop.load(Ordering::Relaxed) {
        let at = begun.elapsed();
        connection.unary(PUT, put.clone()).await?;
        puts.push(Timed { at, took: begun.elapsed() - at });
    }
    Ok(puts)
}

/// Times the work under puts; what is measured before it takes as long as one load of the other measurements.
async fn under_puts<T>(
    arguments: &Arguments,
    kind: Kind,
    server: &Server,
    name: &str,
    work: impl Future<Output = anyhow::Result<T>>,
    seen: impl FnOnce(T) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let probe = Probe::start(server).await?;
    tokio::time::sleep(Duration::from_secs_f64(arguments.seconds)).await;
    let from = probe.now();
    let done = work.await?;
    let to = probe.now();
    let puts = probe.end().await?;
    // A put that began before the work may be the one that waits for it.
    let during = |put: &&Timed| put.at + put.took >= from && put.at <= to;
    let before: Vec<_> = puts.iter().filter(|put| put.at + put.took < from).map(|put| put.took).collect();
    let during: Vec<_> = puts.iter().filter(during).map(|put| put.took).collect();
    let longest = during.iter().max().copied().unwrap_or_default();
    println!(
        "| {} | {name} | {:.2} s | {} | {} | {} | {} |",
        kind.name(),
        (to - from).as_secs_f64(),
        millis(p99(before)),
        millis(p99(during)),
        millis(longest),
        seen(done)?
    );
    Ok(())
}

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// History of so many revisions on few keys is given up, and removed before the answer comes.
async fn compact(arguments: &Arguments, kind: Kind, server: &Server) -> anyhow::Result<()> {
    let revisions = arguments.restart_revisions;
    load::run(&server.endpoint(), Operation::Put, 8, 256, Until::Requests(revisions)).await?;
    let mut connection = Connection::open(&server.endpoint()).await?;
    let put = PutRequest { key: Bytes::from_static(b"last"), ..Default::default() };
    let answer = connection.unary(PUT, put.encode_to_vec().into()).await?;
    let revision = PutResponse::decode(answer)?.header.context("an answer has a header")?.revision;
    let work = async {
        let request = CompactionRequest { revision, physical: true };
        Ok(connection.unary("/etcdserverpb.KV/Compact", request.encode_to_vec().into()).await?)
    };
    let name = format!("compaction of {revisions} revisions");
    under_puts(arguments, kind, server, &name, work, |_| Ok(String::new())).await
}

/// Keys below [`FILLED`] with large values, until the store has so many megabytes.
pub(crate) async fn fill(endpoint: &str, store_mib: u64) -> anyhow::Result<()> {
    let transactions = (store_mib << 20) / (VALUE_BYTES as u64 * PUTS_PER_TXN);
    let next = Arc::new(AtomicU64::new(0));
    let mut fillers = Vec::new();
    for _ in 0..FILLERS {
        let (mut connection, next) = (Connection::open(endpoint).await?, Arc::clone(&next));
        fillers.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= transactions {
                    return anyhow::Ok(());
                }
                connection.unary("/etcdserverpb.KV/Txn", transaction(number)).await?;
            }
        }));
    }
    for filler in fillers {
        filler.await??;
    }
    Ok(())
}

fn transaction(number: u64) -> Bytes {
    // Bytes that no engine can make smaller.
    let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = || {
        let bytes = (0..VALUE_BYTES / 8).flat_map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()
        });
        bytes.collect::<Vec<u8>>()
    };
    let puts = (0..PUTS_PER_TXN).map(|order| {
        let key = format!("{FILLED}{}/{:010}", order % 2, number * PUTS_PER_TXN + order);
        let put = PutRequest { key: key.into(), value: value().into(), ..Default::default() };
        RequestOp { request: Some(Request::RequestPut(put)) }
    });
    TxnRequest { success: puts.collect(), ..Default::default() }.encode_to_vec().into()
}

/// A snapshot of everything, read as fast as it comes.
async fn snapshot(arguments: &Arguments, kind: Kind, server: &Server) -> anyhow::Result<()> {
    let mut connection = Connection::open(&server.endpoint()).await?;
    let before = server.memory_mib()?.0;
    let work = async {
        let request = tokio_stream::iter([Bytes::from(SnapshotRequest {}.encode_to_vec())]);
        let mut parts = connection.streaming("/etcdserverpb.Maintenance/Snapshot", request).await?;
        let (mut bytes, mut peak, mut looked) = (0, before, Instant::now());
        while let Some(part) = parts.message().await? {
            bytes += SnapshotResponse::decode(part)?.blob.len();
            if looked.elapsed() > MEMORY_INTERVAL {
                peak = server.memory_mib()?.0.max(peak);
                looked = Instant::now();
            }
        }
        Ok((bytes, peak))
    };
    under_puts(arguments, kind, server, "snapshot", work, |(bytes, peak)| {
        Ok(format!("{} MiB sent; RSS {before:.0} MiB before, {peak:.0} MiB at most", bytes >> 20))
    })
    .await
}

/// Half of the store is deleted and given up, then the file is made smaller.
async fn defragment(arguments: &Arguments, kind: Kind, server: &Server) -> anyhow::Result<()> {
    let mut connection = Connection::open(&server.endpoint()).await?;
    let half = DeleteRangeRequest { key: "/fill/0/".into(), range_end: "/fill/00".into(), prev_kv: false };
    let answer = connection.unary("/etcdserverpb.KV/DeleteRange", half.encode_to_vec().into()).await?;
    let answer = etcdkit_proto::etcdserverpb::DeleteRangeResponse::decode(answer)?;
    ensure!(answer.deleted > 0, "the store was filled with nothing");
    let revision = answer.header.context("an answer has a header")?.revision;
    let compact = CompactionRequest { revision, physical: true };
    connection.unary("/etcdserverpb.KV/Compact", compact.encode_to_vec().into()).await?;
    let before = server.disk_mib()?;
    let work = async {
        let request = DefragmentRequest {}.encode_to_vec().into();
        Ok(connection.unary("/etcdserverpb.Maintenance/Defragment", request).await?)
    };
    under_puts(arguments, kind, server, "defragmentation", work, |_| {
        Ok(format!("{before:.0} MiB on disk before, {:.0} MiB after", server.disk_mib()?))
    })
    .await
}
