//! Watch load: writers put flat out, watchers count what reaches them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::{Buf, Bytes};
use etcdkit_proto::etcdserverpb::{
    PutRequest, WatchCreateRequest, WatchRequest, watch_request::RequestUnion,
};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

use crate::call::Connection;

const WATCH: &str = "/etcdserverpb.Watch/Watch";
const PUT: &str = "/etcdserverpb.KV/Put";
/// Streams the watchers are spread over.
const STREAMS: usize = 10;
/// Callers that put flat out.
const WRITERS: usize = 20;

/// Events delivered per second to `watchers` watchers of one prefix.
pub(crate) async fn events_per_second(
    endpoint: &str,
    watchers: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    let delivered = Arc::new(AtomicU64::new(0));
    let streams = STREAMS.min(watchers);
    let mut readers = Vec::new();
    for stream in 0..streams {
        let share = watchers / streams + usize::from(stream < watchers % streams);
        readers.push(open_stream(endpoint, share, delivered.clone()).await?);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let mut connection = Connection::open(endpoint).await?;
        let stop = stop.clone();
        writers.push(tokio::spawn(async move {
            let mut n = 0u64;
            while !stop.load(Ordering::Relaxed) {
                let key = format!("/watched/{writer}/{}", n % 100).into_bytes().into();
                let put = PutRequest { key, value: Bytes::from_static(&[b'v'; 256]), ..Default::default() };
                connection.unary(PUT, put.encode_to_vec().into()).await?;
                n += 1;
            }
            anyhow::Ok(())
        }));
    }
    // The first part of the run warms connections and buffers and is not counted.
    tokio::time::sleep(duration / 4).await;
    let (start, before) = (Instant::now(), delivered.load(Ordering::Relaxed));
    tokio::time::sleep(duration).await;
    let (elapsed, after) = (start.elapsed(), delivered.load(Ordering::Relaxed));
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await??;
    }
    for reader in readers {
        reader.abort();
    }
    Ok((after - before) as f64 / elapsed.as_secs_f64())
}

/// Opens one stream with `watchers` watchers and returns once all of them exist.
async fn open_stream(
    endpoint: &str,
    watchers: usize,
    delivered: Arc<AtomicU64>,
) -> anyhow::Result<tokio::task::JoinHandle<()>> {
    let mut connection = Connection::open(endpoint).await?;
    let create = WatchCreateRequest {
        key: Bytes::from_static(b"/watched/"),
        range_end: Bytes::from_static(b"/watched0"),
        ..Default::default()
    };
    let request = Bytes::from(
        WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }.encode_to_vec(),
    );
    let (requests, queue) = tokio::sync::mpsc::channel(watchers);
    for _ in 0..watchers {
        requests.send(request.clone()).await?;
    }
    let mut answers = connection.streaming(WATCH, tokio_stream::wrappers::ReceiverStream::new(queue)).await?;
    for _ in 0..watchers {
        answers.message().await?.context("the server closed the stream while watchers were created")?;
    }
    Ok(tokio::spawn(async move {
        // Held so that the request side stays open as long as the stream is read.
        let _requests = requests;
        while let Ok(Some(answer)) = answers.message().await {
            match count_events(answer) {
                Ok(events) => delivered.fetch_add(events, Ordering::Relaxed),
                Err(error) => {
                    eprintln!("a watch response does not parse: {error}");
                    return;
                }
            };
        }
    }))
}

/// Counts the events of an encoded `WatchResponse` without decoding them.
pub(crate) fn count_events(mut response: Bytes) -> anyhow::Result<u64> {
    const EVENTS: u32 = 11;
    let mut events = 0;
    while response.has_remaining() {
        let (field, wire_type) = decode_key(&mut response)?;
        let value = decode_varint(&mut response)?;
        match wire_type {
            WireType::Varint => {}
            WireType::LengthDelimited => {
                let length = usize::try_from(value)?;
                if length > response.remaining() {
                    bail!("a field is longer than its message");
                }
                response.advance(length);
                events += u64::from(field == EVENTS);
            }
            other => bail!("unexpected wire type {other:?}"),
        }
    }
    Ok(events)
}
