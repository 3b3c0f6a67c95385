//! A lease that the core renews until told otherwise.

use std::sync::Arc;

use etcdkit::proto::etcdserverpb as pb;
use etcdkit::{Error, KeepAlive, KeepAliveEvent, KeepAliveEvents, LeaseKeepAliveResponse, ResponseHeader};
use etcdkit_bridge::{BridgeError, Kind, Scope};
use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use parking_lot::Mutex;
use prost::Message;

use crate::boundary::{Answer, Outcome};
use crate::client::{Link, NativeClient, long};
use crate::schema;

/// The renewal of one lease.
#[napi]
pub struct NativeKeepAlive {
    link: Link,
    scope: Scope,
    running: Arc<Mutex<Option<Arc<Running>>>>,
}

struct Running {
    lease: i64,
    keep_alive: KeepAlive,
    events: tokio::sync::Mutex<KeepAliveEvents>,
}

#[napi]
impl NativeKeepAlive {
    /// A renewal that has not begun.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient) -> Self {
        let link = client.link();
        NativeKeepAlive { scope: link.scope.child(), link, running: Arc::default() }
    }

    /// Begins to renew a lease of `ttl` seconds.
    #[napi(catch_unwind)]
    pub fn start(&self, env: Env, tag: u32, lease: BigInt, ttl: u32) -> napi::Result<BigInt> {
        let (lazy, running, lease) = (self.link.lazy.clone(), self.running.clone(), long(&lease)?);
        Ok(self.link.gate.start(&env, tag, &self.scope, async move {
            let client = lazy.client().await?;
            let (keep_alive, events) = client.lease_client().keep_observed(lease, i64::from(ttl));
            let events = tokio::sync::Mutex::new(events);
            *running.lock() = Some(Arc::new(Running { lease, keep_alive, events }));
            Ok(Answer::Nothing)
        }))
    }

    /// Waits for what happens next: an array of its name (`fired`, `succeeded`, `failed`, `lost`) and what there is to
    /// tell about it, or undefined when the renewal was stopped.
    #[napi(catch_unwind)]
    pub fn next(&self, env: Env, tag: u32) -> BigInt {
        let (running, scope) = (self.running.lock().clone(), self.scope.clone());
        // Not in the scope of the renewal: stopping it is no error.
        self.link.gate.start(&env, tag, &Scope::new(), async move {
            let Some(running) = running else { return Ok(Answer::Nothing) };
            match scope.run(next(&running)).await {
                Err(error) if error.kind == Kind::Closed => Ok(Answer::Nothing),
                told => told,
            }
        })
    }

    /// Stops renewing.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.scope.close();
        self.running.lock().take();
    }
}

async fn next(running: &Running) -> Outcome {
    let event = running.events.lock().await.next().await;
    let named = |name: &str, detail: Option<Answer>| {
        Ok(Answer::List([Answer::Text(name.to_owned())].into_iter().chain(detail).collect()))
    };
    match event {
        Some(KeepAliveEvent::Asked) => named("fired", None),
        Some(KeepAliveEvent::Renewed(response)) => {
            named("succeeded", Some(renewal(Ok(response), running.lease)?))
        }
        Some(KeepAliveEvent::Failed(reason)) => named("failed", Some(Answer::Text(reason))),
        // The events end with the renewing, which ends with the loss.
        _ => named("lost", Some(Answer::Text(running.keep_alive.lost().await.to_string()))),
    }
}

impl Drop for NativeKeepAlive {
    fn drop(&mut self) {
        self.scope.close();
    }
}

/// The answer to one renewal. On the wire a lease that is gone is no error but a TTL of 0.
pub(crate) fn renewal(answer: Result<LeaseKeepAliveResponse, Error>, lease: i64) -> Outcome {
    let answer = match answer {
        Err(Error::LeaseKeepAliveError(_)) => pb::LeaseKeepAliveResponse { id: lease, ..Default::default() },
        answer => {
            let answer = answer?;
            let header = answer.header().map(wire_header);
            pb::LeaseKeepAliveResponse { header, id: answer.id(), ttl: answer.ttl() }
        }
    };
    let message = schema::message("etcdserverpb.LeaseKeepAliveResponse").map_err(internal)?;
    Ok(Answer::Message(message, answer.encode_to_vec().into()))
}

pub(crate) fn wire_header(header: &ResponseHeader) -> pb::ResponseHeader {
    pb::ResponseHeader {
        cluster_id: header.cluster_id(),
        member_id: header.member_id(),
        revision: header.revision(),
        raft_term: header.raft_term(),
    }
}

/// A fault of ours, met on a runtime thread.
pub(crate) fn internal(error: napi::Error) -> BridgeError {
    BridgeError::internal(error.reason.clone())
}
