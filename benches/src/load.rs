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

use crate::call::Connection;

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
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(endpoint).await?);
    }
    let next = Arc::new(AtomicU64::new(0));
    let (limit, deadline) = match until {
        Until::Elapsed(duration) => (u64::MAX, Some(duration)),
        Until::Requests(count) => (count, None),
    };
    let start = Instant::now();
    let callers: Vec<_> = (0..in_flight)
        .map(|caller| {
            let mut connection = open[caller % connections].clone();
            let next = next.clone();
            tokio::spawn(async move {
                let mut latencies = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?;
                while deadline.is_none_or(|deadline| start.elapsed() < deadline) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= limit {
                        break;
                    }
                    let request = operation.request(n);
                    let sent = Instant::now();
                    connection.unary(operation.path(), request).await?;
                    latencies.saturating_record(u64::try_from(sent.elapsed().as_nanos())?);
                }
                anyhow::Ok(latencies)
            })
        })
        .collect();
    let mut latencies = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3)?;
    for caller in callers {
        latencies.add(caller.await??)?;
    }
    let elapsed = start.elapsed().as_secs_f64();
    Ok(Outcome {
        per_second: latencies.len() as f64 / elapsed,
        p50_us: latencies.value_at_quantile(0.50) as f64 / 1000.0,
        p99_us: latencies.value_at_quantile(0.99) as f64 / 1000.0,
    })
}
