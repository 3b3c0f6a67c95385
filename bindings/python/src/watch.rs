//! A watch, pulled from Python in batches.

use std::sync::Arc;

use etcdkit::{Client, Event, KeyValue, WatchFilterType, WatchOptions, WatchResponse, WatchStream};
use etcdkit_proto::{etcdserverpb as pb, mvccpb};
use futures::{FutureExt, StreamExt};
use prost::Message;
use pyo3::prelude::*;
use pyo3::types::PyList;
use tokio::sync::Mutex;

use crate::call::{Call, Finish};
use crate::codec::Codec;
use crate::failure::Failure;
use crate::process::Owner;
use crate::runtime::Scope;

/// Responses of one batch. What is ready is taken together, so that a busy watch does not pay a wake-up for each; the
/// core's own buffer holds the rest.
const BATCH_RESPONSES_MAX: usize = 256;

/// An open watch.
#[pyclass(frozen, module = "etcdkit._etcdkit")]
pub(crate) struct NativeWatch {
    pull: Arc<Mutex<Pull>>,
    response: Py<Codec>,
    /// Ends with the client's, and when the watch is closed.
    scope: Scope,
    owner: Owner,
}

/// The reading end of a watch.
struct Pull {
    /// None once the watch has ended.
    stream: Option<WatchStream>,
    /// Taken from the stream and not handed out yet.
    early: Vec<WatchResponse>,
    /// Why the watch ended, to be told after what came before.
    end: Option<Failure>,
}

impl NativeWatch {
    pub(crate) async fn open(
        client: Client,
        request: pb::WatchCreateRequest,
        response: Py<Codec>,
        scope: &Scope,
    ) -> Result<Self, Failure> {
        let (key, options) = options(request)?;
        let mut stream = client.watch_client().watch(key, Some(options)).await?;
        let mut early = Vec::new();
        // The core answers when the watch exists, and the first message of the stream says it again.
        if let Some(first) = stream.message().await?
            && !first.created()
        {
            early.push(first);
        }
        let pull = Pull { stream: Some(stream), early, end: None };
        Ok(NativeWatch {
            pull: Arc::new(Mutex::new(pull)),
            response,
            scope: scope.child(),
            owner: Owner::current(),
        })
    }
}

#[pymethods]
impl NativeWatch {
    /// Waits for the next batch: a list of WatchResponse messages, empty at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Call> {
        self.owner.check("this watch")?;
        let (pull, codec, closed) = (self.pull.clone(), self.response.clone_ref(py), self.scope.clone());
        Call::start(&Scope::default(), async move {
            let responses = tokio::select! {
                biased;
                () = closed.closed() => Vec::new(),
                responses = async { pull.lock().await.next_batch().await } => responses?,
            };
            Ok(batch(codec, responses))
        })
    }

    /// Ends the watch, at the server too.
    fn close(&self) -> PyResult<()> {
        if !self.owner.is_current() {
            return Ok(());
        }
        self.scope.close();
        let pull = self.pull.clone();
        crate::runtime::spawn(async move { drop(pull.lock().await.stream.take()) })
    }
}

impl Drop for NativeWatch {
    fn drop(&mut self) {
        // An error means that there is no runtime left to end the watch on, so it has ended.
        let _ = self.close();
    }
}

impl Pull {
    /// What is ready, or else the next response; empty at the end.
    async fn next_batch(&mut self) -> Result<Vec<WatchResponse>, Failure> {
        let mut responses = std::mem::take(&mut self.early);
        if responses.is_empty() {
            let Some(stream) = &mut self.stream else {
                return self.end.take().map_or(Ok(Vec::new()), Err);
            };
            let message = stream.next().await;
            self.file(message, &mut responses);
        }
        while responses.len() < BATCH_RESPONSES_MAX {
            let Some(message) = self.stream.as_mut().and_then(|stream| stream.next().now_or_never()) else {
                break;
            };
            self.file(message, &mut responses);
        }
        match responses.is_empty() {
            true => self.end.take().map_or(Ok(responses), Err),
            false => Ok(responses),
        }
    }

    fn file(&mut self, message: Option<etcdkit::Result<WatchResponse>>, responses: &mut Vec<WatchResponse>) {
        match message {
            // Python makes its exception of the revision in the message.
            Some(Ok(response)) if !response.canceled() || response.compact_revision() != 0 => {
                responses.push(response);
                return;
            }
            Some(Ok(response)) => self.end = Some(Failure::watch_ended(&response)),
            Some(Err(error)) => self.end = Some(error.into()),
            None => {}
        }
        self.stream = None;
    }
}

fn batch(codec: Py<Codec>, responses: Vec<WatchResponse>) -> Finish {
    Box::new(move |py| {
        let list = PyList::empty(py);
        for response in responses {
            list.append(codec.get().decode(py, &wire(response).encode_to_vec())?)?;
        }
        Ok(list.into_any().unbind())
    })
}

fn options(request: pb::WatchCreateRequest) -> Result<(Vec<u8>, WatchOptions), Failure> {
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
    let filters = filters.map_err(|_| Failure::invalid("a watch filter is NOPUT or NODELETE"))?;
    Ok((request.key.into(), options.with_filters(filters)))
}

fn wire(mut response: WatchResponse) -> pb::WatchResponse {
    let header = response.header().map(|header| pb::ResponseHeader {
        cluster_id: header.cluster_id(),
        member_id: header.member_id(),
        revision: header.revision(),
        raft_term: header.raft_term(),
    });
    pb::WatchResponse {
        header,
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

fn wire_pair(kv: &KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key_bytes(),
        create_revision: kv.create_revision(),
        mod_revision: kv.mod_revision(),
        version: kv.version(),
        value: kv.value_bytes(),
        lease: kv.lease(),
    }
}
