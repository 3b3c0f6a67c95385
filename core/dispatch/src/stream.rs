//! Streams: opened by a call, read by STREAM_NEXT as encoded items.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use etcdkit::concurrency::{Election, Observer};
use etcdkit::proto::bridge as wire;
use etcdkit::proto::{etcdserverpb as pb, v3electionpb};
use etcdkit::{
    Error, KeepAlive, KeepAliveEvent, KeepAliveEvents, SnapshotResponse, WatchRequestSender, WatchResponse,
};
use etcdkit_bridge::wire::{header, leader, renewal, watch_options, watch_response};
use etcdkit_bridge::{BATCH_MAX, BridgeError, Pulled, Scope};
use futures::{FutureExt, Stream, StreamExt, future, stream};
use prost::Message;
use tokio::sync::Mutex;

use crate::client::ClientObject;
use crate::object::{self, Thing};
use crate::start::{Answer, Call, Work, invalid};

/// An open stream.
pub(crate) struct StreamObject {
    items: Pulled<Bytes>,
    /// Where the stream is a watch: the way to ask for progress.
    progress: Option<Mutex<WatchRequestSender>>,
}

impl StreamObject {
    pub(crate) fn close(&self) {
        self.items.close();
    }
}

type Items = Pin<Box<dyn Stream<Item = Result<Bytes, BridgeError>> + Send>>;

fn adopt(
    call: &Call,
    scope: &Scope,
    items: Items,
    progress: Option<WatchRequestSender>,
    response: &impl Message,
) -> Result<Answer, BridgeError> {
    let items = Pulled::new(scope, items);
    let scope = items.scope().clone();
    let stream = StreamObject { items, progress: progress.map(Mutex::new) };
    let handle = object::adopt_child(call.target, Thing::Stream(Arc::new(stream)), scope)?;
    Ok(Answer::made(handle, response))
}

/// A stream from something that is asked for its next item until it has none.
fn asked<S, T, F>(source: S, next: F) -> Items
where
    S: Send + 'static,
    T: Message + 'static,
    F: for<'a> Fn(&'a mut S) -> future::BoxFuture<'a, Result<Option<T>, Error>> + Copy + Send + 'static,
{
    let step = move |source: Option<S>| async move {
        let mut source = source?;
        match next(&mut source).await {
            Ok(Some(item)) => Some((Ok(item.encode_to_vec().into()), Some(source))),
            Ok(None) => None,
            Err(error) => Some((Err(error.into()), None)),
        }
    };
    stream::unfold(Some(source), step).boxed()
}

/// STREAM_NEXT.
pub(crate) fn next(call: Call, target: Arc<StreamObject>) -> Result<Work, BridgeError> {
    let max = match call.message::<wire::StreamNext>()?.max as usize {
        0 => BATCH_MAX,
        max => max,
    };
    Ok(async move {
        let items = target.items.next(max).await?;
        Ok(Answer::of(&wire::StreamBatch { end: items.is_empty(), items }))
    }
    .boxed())
}

/// WATCH_OPEN.
pub(crate) fn watch(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let options: wire::WatchOptions = call.message()?;
    let create = options.create.ok_or_else(|| invalid("WatchOptions.create says what to watch"))?;
    let (key, watched) = watch_options(create)?;
    let scope = scope.clone();
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        let mut watch = client.watch_client().watch(key, Some(watched)).await?;
        let created = watch.message().await?.map(watch_response).unwrap_or_default();
        let first = options.deliver_created.then(|| Ok(created.encode_to_vec().into()));
        let (sender, responses) = watch.split();
        // A watch that the core opens anew after a lost connection is the same one to its user.
        let news = responses.filter(|item| future::ready(!matches!(item, Ok(item) if is_news_of_old(item))));
        let encoded = news.map(|item| match item {
            Ok(response) => Ok(watch_response(response).encode_to_vec().into()),
            Err(error) => Err(BridgeError::from(error)),
        });
        adopt(&call, &scope, stream::iter(first).chain(encoded).boxed(), Some(sender), &created)
    }
    .boxed())
}

fn is_news_of_old(response: &WatchResponse) -> bool {
    response.created() && !response.canceled()
}

/// WATCH_PROGRESS.
pub(crate) fn progress(target: Arc<StreamObject>) -> Work {
    async move {
        let Some(sender) = &target.progress else { return Err(invalid("the stream is not a watch")) };
        sender.lock().await.request_progress().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}

/// LEASE_KEEP_ALIVE.
pub(crate) fn keep_alive(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let id = call.message::<pb::LeaseKeepAliveRequest>()?.id;
    let scope = scope.clone();
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        let first = client.lease_client().keep_alive_once(id).await?;
        let renewals = client.lease_client().keep_observed(id, first.ttl());
        let first = renewal(&first).encode_to_vec().into();
        let items = stream::iter([Ok(first)]).chain(asked(renewals, renewed)).boxed();
        adopt(&call, &scope, items, None, &wire::Empty {})
    }
    .boxed())
}

fn renewed(
    (keep_alive, events): &mut (KeepAlive, KeepAliveEvents),
) -> future::BoxFuture<'_, Result<Option<pb::LeaseKeepAliveResponse>, Error>> {
    async move {
        while let Some(event) = events.next().await {
            if let KeepAliveEvent::Renewed(answer) = event {
                return Ok(Some(renewal(&answer)));
            }
        }
        Err(Error::LeaseKeepAliveError(keep_alive.lost().await.to_string()))
    }
    .boxed()
}

/// SNAPSHOT.
pub(crate) fn snapshot(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Work {
    let scope = scope.clone();
    async move {
        let client = call.timeout.client(&target.client().await?);
        let chunks = client.maintenance_client().snapshot().await?;
        let items = asked(chunks, |chunks| async move { Ok(chunks.message().await?.map(whole)) }.boxed());
        adopt(&call, &scope, items, None, &wire::Empty {})
    }
    .boxed()
}

/// The core keeps the header apart from its message.
fn whole(chunk: SnapshotResponse) -> pb::SnapshotResponse {
    pb::SnapshotResponse { header: chunk.header().map(header), ..chunk.wire().clone() }
}

/// RANGE_STREAM.
pub(crate) fn range(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let request: pb::RangeRequest = call.message()?;
    let scope = scope.clone();
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        let chunks = client.kv_client().get_stream_of(request).await?;
        let items = asked(chunks, |chunks| async move { chunks.message_wire().await }.boxed());
        adopt(&call, &scope, items, None, &wire::Empty {})
    }
    .boxed())
}

/// ELECTION_OBSERVE.
pub(crate) fn observe(call: Call, target: Arc<ClientObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let name = call.message::<v3electionpb::LeaderRequest>()?.name;
    let scope = scope.clone();
    Ok(async move {
        let observer: Observer = Election::new(&target.client().await?, name).observe();
        let items = asked(observer, |observer| {
            async move { Ok(observer.message().await?.map(|next| leader(&next))) }.boxed()
        });
        adopt(&call, &scope, items, None, &wire::Empty {})
    }
    .boxed())
}
