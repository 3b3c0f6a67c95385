//! Closed-loop load: a number of callers spread over connections, each with one request in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{
    LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, request_op::Request,
};
use hdrhistogram::Histogram;
use prost::Message;

use crate::http2::Calls;

/// Bytes of each value written.
const VALUE_BYTES: usize = 256;
/// Keys the load is spread over.
const KEYS: u64 = 100_000;

/// What each caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Put,
    RangeLinearizable,
    RangeSerializable,
    TxnOfTenPuts,
    LeaseGrant,
}

impl Operation {
    fn path(self) -> &'static str {
        match self {
            Operation::Put => "/etcdserverpb.KV/Put",
            Operation::RangeLinearizable | Operation::RangeSerializable => "/etcdserverpb.KV/Range",
            Operation::TxnOfTenPuts => "/etcdserverpb.KV/Txn",
            Operation::LeaseGrant => "/etcdserverpb.Lease/LeaseGrant",
        }
    }

    /// The request number `n`. Keys are visited in a scattered order, the same for every server.
    fn request(self, n: u64) -> Bytes {
        match self {
            Operation::Put => put(n).encode_to_vec().into(),
            Operation::RangeLinearizable => range(n, false).encode_to_vec().into(),
            Operation::RangeSerializable => range(n, true).encode_to_vec().into(),
            Operation::TxnOfTenPuts => {
                let success = (0..10)
                    .map(|i| RequestOp { request: Some(Request::RequestPut(put(n * 10 + i))) })
                    .collect();
                TxnRequest { success, ..Default::default() }.encode_to_vec().into()
            }
            Operation::LeaseGrant => LeaseGrantRequest { ttl: 3600, id: 0 }.encode_to_vec().into(),
        }
    }
}

/// Key of request `n`: a bijection on the key space while `n < KEYS`, so the first `KEYS` puts create
/// every key once.
fn key(n: u64) -> Bytes {
    const STRIDE: u64 = 61_803;
    format!("/bench/{:010}", n.wrapping_mul(STRIDE) % KEYS).into_bytes().into()
}

fn put(n: u64) -> PutRequest {
    PutRequest { key: key(n), value: Bytes::from_static(&[b'v'; VALUE_BYTES]), ..Default::default() }
}

fn range(n: u64, serializable: bool) -> RangeRequest {
    RangeRequest { key: key(n), serializable, ..Default::default() }
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Elapsed(Duration),
    Requests(u64),
}

/// What a load saw.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Runs `in_flight` callers over `connections` connections.
///
/// # Errors
/// Any failed request ends the measurement: a figure with failures in it would compare unlike things.
pub(crate) async fn run(
    endpoint: &str,
    operation: Operation,
    connections: usize,
    in_flight: usize,
    until: Until,
) -> anyhow::Result<Outcome> {
    let authority = endpoint.strip_prefix("http://").unwrap_or(endpoint);
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Calls::open(authority, operation.path()).await?);
    }
    let start = Instant::now();
    let (limit, deadline) = match until {
        Until::Elapsed(duration) => (u64::MAX, Some(start + duration)),
        Until::Requests(count) => (count, None),
    };
    let supply = Supply { operation, next: Arc::default(), limit, deadline };
    let callers: Vec<_> = open
        .into_iter()
        .enumerate()
        .map(|(order, calls)| {
            let share = in_flight / connections + usize::from(order < in_flight % connections);
            tokio::spawn(drive(calls, share, supply.clone()))
        })
        .collect();
    let mut latencies = histogram()?;
    for caller in callers {
        latencies.add(caller.await??)?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    Ok(Outcome {
        requests: latencies.len(),
        per_second: latencies.len() as f64 / elapsed,
        p50_us: latencies.value_at_quantile(0.50) as f64 / 1000.0,
        p99_us: latencies.value_at_quantile(0.99) as f64 / 1000.0,
    })
}

/// Where callers get their requests from.
#[derive(Clone)]
struct Supply {
    operation: Operation,
    next: Arc<AtomicU64>,
    limit: u64,
    deadline: Option<Instant>,
}

impl Supply {
    /// The next request; none when the load ends.
    fn take(&self) -> Option<Bytes> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return None;
        }
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        (n < self.limit).then(|| self.operation.request(n))
    }
}

/// Keeps `in_flight` calls going on one connection, and returns how long each took in nanoseconds.
async fn drive(mut calls: Calls, in_flight: usize, supply: Supply) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = histogram()?;
    let mut sent = vec![Instant::now(); in_flight];
    let mut idle: Vec<usize> = (0..in_flight).collect();
    let mut answered = Vec::with_capacity(in_flight);
    let mut held: Option<Bytes> = None;
    loop {
        while let Some(&caller) = idle.last() {
            let Some(request) = held.take().or_else(|| supply.take()) else { break };
            if !calls.has_room(request.len()) {
                held = Some(request);
                break;
            }
            sent[caller] = Instant::now();
            calls.call(caller, &request)?;
            idle.pop();
        }
        if idle.len() == in_flight && held.is_none() {
            return Ok(latencies);
        }
        calls.exchange(&mut answered).await?;
        for caller in answered.drain(..) {
            latencies.saturating_record(u64::try_from(sent[caller].elapsed().as_nanos())?);
            idle.push(caller);
        }
    }
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, 600_000_000, 3)?)
}
