//! A copy of a member's storage, read in chunks.

use std::sync::Arc;

use etcdkit::SnapshotStreaming;
use etcdkit::proto::etcdserverpb as pb;
use etcdkit_bridge::Scope;
use napi::Env;
use napi::bindgen_prelude::BigInt;
use napi_derive::napi;
use prost::Message;
use tokio::sync::Mutex;

use crate::boundary::Answer;
use crate::client::{Link, NativeClient};
use crate::keep_alive::{internal, wire_header};
use crate::schema;

/// One copy.
#[napi]
pub struct NativeSnapshot {
    link: Link,
    scope: Scope,
    stream: Arc<Mutex<Option<SnapshotStreaming>>>,
}

#[napi]
impl NativeSnapshot {
    /// A copy that has not begun.
    #[napi(constructor, catch_unwind)]
    pub fn new(client: &NativeClient) -> Self {
        let link = client.link();
        NativeSnapshot { scope: link.scope.child(), link, stream: Arc::default() }
    }

    /// Waits for the next part, a SnapshotResponse; undefined at the end.
    #[napi(catch_unwind)]
    pub fn next(&self, env: Env, tag: u32) -> BigInt {
        let (lazy, stream) = (self.link.lazy.clone(), self.stream.clone());
        self.link.gate.start(&env, tag, &self.scope, async move {
            let mut stream = stream.lock().await;
            if stream.is_none() {
                *stream = Some(lazy.client().await?.snapshot().await?);
            }
            let Some(open) = stream.as_mut() else { return Ok(Answer::Nothing) };
            let Some(part) = open.message().await? else { return Ok(Answer::Nothing) };
            let wire = pb::SnapshotResponse {
                header: part.header().map(wire_header),
                remaining_bytes: part.remaining_bytes(),
                blob: part.blob().to_vec().into(),
                ..Default::default()
            };
            let message = schema::message("etcdserverpb.SnapshotResponse").map_err(internal)?;
            Ok(Answer::Message(message, wire.encode_to_vec().into()))
        })
    }

    /// Gives the copy up.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.scope.close();
    }
}
