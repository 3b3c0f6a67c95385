//! What a server's memory does under three loads that have no natural end: a watcher that stops
//! reading, a range far larger than any sensible answer, and very many leases.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest, request_op::Request,
    watch_request::RequestUnion,
};
use prost::Message;

use crate::Arguments;
use crate::call::Connection;
use crate::load::{self, Operation, Until};
use crate::server::{Kind, Server};
use crate::watch::count_events;

/// Puts in one transaction of the backlog; below etcd's limit of 128 operations.
const PUTS_PER_TXN: u64 = 100;
const MEGABYTE: usize = 1 << 20;
const RANGE_MEGABYTES: usize = 200;
const LEASES: u64 = 100_000;
/// The backlog counts as delivered when nothing more comes for this long.
const QUIET: Duration = Duration::from_secs(30);

/// Prints RSS, in MiB, after each load and at its peak.
pub(crate) async fn run(arguments: &Arguments, events: u64) -> anyhow::Result<()> {
    println!("| server | load | RSS before | RSS after | RSS peak | checked |");
    println!("|---|---|---:|---:|---:|---|");
    for &kind in &arguments.servers {
        stalled_watcher(arguments, kind, events).await?;
        large_range(arguments, kind).await?;
        many_leases(arguments, kind).await?;
    }
    Ok(())
}

async fn start(arguments: &Arguments, kind: Kind) -> anyhow::Result<Server> {
    let binary = if kind == Kind::Etcd { &arguments.etcd } else { &arguments.etcdkit };
    Server::start(kind, binary, &arguments.disk).await
}

fn row(kind: Kind, load: &str, before: f64, server: &Server, checked: &str) -> anyhow::Result<()> {
    let (after, peak) = server.memory_mib()?;
    println!("| {} | {load} | {before:.0} | {after:.0} | {peak:.0} | {checked} |", kind.name());
    Ok(())
}

async fn stalled_watcher(arguments: &Arguments, kind: Kind, events: u64) -> anyhow::Result<()> {
    let server = start(arguments, kind).await?;
    let before = server.memory_mib()?.0;
    let create = WatchCreateRequest {
        key: Bytes::from_static(b"/backlog/"),
        range_end: Bytes::from_static(b"/backlog0"),
        ..Default::default()
    };
    let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }.encode_to_vec();
    let (requests, queue) = tokio::sync::mpsc::channel(1);
    requests.send(request.into()).await?;
    let mut stream = Connection::open(&server.endpoint())
        .await?
        .streaming("/etcdserverpb.Watch/Watch", tokio_stream::wrappers::ReceiverStream::new(queue))
        .await?;
    stream.message().await?.context("the watcher was not created")?;
    write_backlog(&server.endpoint(), events).await?;
    row(kind, &format!("{events} events for a watcher that does not read"), before, &server, "-")?;
    let mut seen = 0;
    while seen < events {
        let response =
            tokio::time::timeout(QUIET, stream.message()).await.context("the backlog stops short")??;
        seen += count_events(response.context("the stream was closed")?)?;
    }
    ensure!(seen == events, "{seen} events delivered of {events}");
    row(kind, "the same, once it has read on", before, &server, &format!("{seen} events, none lost"))
}

/// Writes `events` puts, in transactions so that it takes minutes rather than hours.
async fn write_backlog(endpoint: &str, events: u64) -> anyhow::Result<()> {
    const WRITERS: u64 = 8;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let endpoint = endpoint.to_owned();
            let transactions =
                events / PUTS_PER_TXN / WRITERS + u64::from(writer < events / PUTS_PER_TXN % WRITERS);
            tokio::spawn(async move {
                let mut connection = Connection::open(&endpoint).await?;
                let put = |n| PutRequest {
                    key: format!("/backlog/{writer}/{n}").into_bytes().into(),
                    value: Bytes::from_static(b"0123456789abcdef"),
                    ..Default::default()
                };
                let success = (0..PUTS_PER_TXN)
                    .map(|n| RequestOp { request: Some(Request::RequestPut(put(n))) })
                    .collect();
                let request = Bytes::from(TxnRequest { success, ..Default::default() }.encode_to_vec());
                for _ in 0..transactions {
                    connection.unary("/etcdserverpb.KV/Txn", request.clone()).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    Ok(())
}

async fn large_range(arguments: &Arguments, kind: Kind) -> anyhow::Result<()> {
    let server = start(arguments, kind).await?;
    let mut connection = Connection::open(&server.endpoint()).await?;
    for n in 0..RANGE_MEGABYTES {
        let put = PutRequest {
            key: format!("/large/{n}").into_bytes().into(),
            value: vec![b'v'; MEGABYTE].into(),
            ..Default::default()
        };
        connection.unary("/etcdserverpb.KV/Put", put.encode_to_vec().into()).await?;
    }
    let before = server.memory_mib()?.0;
    let range = RangeRequest {
        key: Bytes::from_static(b"/large/"),
        range_end: Bytes::from_static(b"/large0"),
        ..Default::default()
    };
    let response = connection.unary("/etcdserverpb.KV/Range", range.encode_to_vec().into()).await?;
    ensure!(response.len() > RANGE_MEGABYTES * MEGABYTE, "the range is short: {} bytes", response.len());
    row(
        kind,
        &format!("one range of {RANGE_MEGABYTES} MiB"),
        before,
        &server,
        &format!("{} bytes", response.len()),
    )
}

async fn many_leases(arguments: &Arguments, kind: Kind) -> anyhow::Result<()> {
    let server = start(arguments, kind).await?;
    let before = server.memory_mib()?.0;
    load::run(&server.endpoint(), Operation::LeaseGrant, 10, 100, Until::Requests(LEASES)).await?;
    row(kind, &format!("{LEASES} leases"), before, &server, "-")
}
