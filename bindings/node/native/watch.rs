//! A watch, read in batches.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use etcdkit::proto::{etcdserverpb as pb, mvccpb};
use etcdkit::{Event, KeyValue, WatchFilterType, WatchOptions, WatchResponse, WatchStream};
use etcdkit_bridge::{BATCH_MAX, BridgeError, Kind, Pulled, Scope};
use napi::Env;
use napi::bindgen_prelude::{BigInt, JsValue, Unknown};
use napi_derive::napi;
use prost::Message;

use crate::boundary::Answer;
use crate::client::{Link, NativeClient, limited, milliseconds};
use crate::encode::encode;
use crate::js::{Js, type_error};
use crate::keep_alive::{internal, wire_header};
use crate::schema::{self, schema};

/// Responses one batch holds at most: enough to pay for the crossing, few enough not to hold the event loop up.
const RESPONSES_MAX: usize = if BATCH_MAX < 256 { BATCH_MAX } else { 256 };

/// One watch.
#[napi]
pub struct NativeWatch {
    link: Link,
    scope: Scope,
    responses: Arc<OnceLock<Pulled<WatchResponse>>>,
}

#[napi]
impl NativeWatch {
    /// A watch that has not begun.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient) -> Self {
        let link = client.link();
        NativeWatch { scope: link.scope.child(), link, responses: Arc::default() }
    }

    /// Begins it, from a WatchCreateRequest; answers once the server has registered it, with the response that says so.
    #[napi(catch_unwind)]
    pub fn open(
        &self,
        env: Env,
        tag: u32,
        request: Unknown<'_>,
        timeout: Option<f64>,
    ) -> napi::Result<BigInt> {
        // SAFETY: on the thread of the environment that calls.
        let js = unsafe { Js::new(env.raw()) };
        let message = schema::message("etcdserverpb.WatchCreateRequest")?;
        let request = encode(js, schema()?, message, request.raw())?;
        let request = pb::WatchCreateRequest::decode(request.as_slice())
            .map_err(|error| type_error(format!("not a watch: {error}")))?;
        let (key, options) = options(request)?;
        let timeout: Option<Duration> = timeout.map(milliseconds).transpose()?;
        let (lazy, scope, responses) = (self.link.lazy.clone(), self.scope.clone(), self.responses.clone());
        Ok(self.link.gate.start(&env, tag, &self.scope, async move {
            let client = limited(lazy.client().await?, timeout);
            let mut stream: WatchStream = client.watch(key, Some(options)).await?;
            let created = stream.message().await?.unwrap_or_default();
            if responses.set(Pulled::new(&scope, stream)).is_err() {
                return Err(BridgeError::internal("the watch was begun twice"));
            }
            answers(vec![created])
        }))
    }

    /// Waits for the next responses: an array of them, empty when the watch has ended.
    #[napi(catch_unwind)]
    pub fn next(&self, env: Env, tag: u32) -> BigInt {
        let (responses, scope) = (self.responses.clone(), self.scope.clone());
        // Not in the scope of the watch: ending it is no error.
        self.link.gate.start(&env, tag, &Scope::new(), async move {
            let Some(pulled) = responses.get() else {
                return Err(BridgeError::internal("the watch has not begun"));
            };
            match scope.run(pulled.next(RESPONSES_MAX)).await {
                Err(error) if error.kind == Kind::Closed => answers(Vec::new()),
                batch => answers(batch?),
            }
        })
    }

    /// Ends the watch, at the server too.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        end(&self.scope, &self.responses);
    }
}

impl Drop for NativeWatch {
    fn drop(&mut self) {
        end(&self.scope, &self.responses);
    }
}

fn end(scope: &Scope, responses: &OnceLock<Pulled<WatchResponse>>) {
    scope.close();
    if let Some(pulled) = responses.get() {
        pulled.close();
    }
}

fn answers(responses: Vec<WatchResponse>) -> Result<Answer, BridgeError> {
    let message = schema::message("etcdserverpb.WatchResponse").map_err(internal)?;
    let encoded = responses.into_iter().map(|response| Bytes::from(wire(response).encode_to_vec()));
    Ok(Answer::Messages(message, encoded.collect()))
}

fn options(request: pb::WatchCreateRequest) -> napi::Result<(Vec<u8>, WatchOptions)> {
    let mut options = WatchOptions::new().with_start_revision(request.start_revision).with_fragment();
    if !request.range_end.is_empty() {
        options = options.with_range(request.range_end);
    }
    if request.progress_notify {
        options = options.with_progress_notify();
    }
    if request.prev_kv {
        options = options.with_prev_key();
    }
    let filters: Result<Vec<_>, _> =
        request.filters.iter().map(|&number| WatchFilterType::try_from(number)).collect();
    let filters = filters.map_err(|_| type_error("a watch filter is Noput or Nodelete"))?;
    Ok((request.key.into(), options.with_filters(filters)))
}

fn wire(mut response: WatchResponse) -> pb::WatchResponse {
    pb::WatchResponse {
        header: response.header().map(wire_header),
        watch_id: response.watch_id(),
        created: response.created(),
        canceled: response.canceled(),
        compact_revision: response.compact_revision(),
        cancel_reason: response.cancel_reason().to_owned(),
        fragment: false,
        events: response.take_events().iter().map(wire_event).collect(),
    }
}

fn wire_event(event: &Event) -> mvccpb::Event {
    mvccpb::Event {
        r#type: event.event_type() as i32,
        kv: event.kv().map(wire_pair),
        prev_kv: event.prev_kv().map(wire_pair),
    }
}

pub(crate) fn wire_pair(kv: &KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key_bytes(),
        create_revision: kv.create_revision(),
        mod_revision: kv.mod_revision(),
        version: kv.version(),
        value: kv.value_bytes(),
        lease: kv.lease(),
    }
}
