use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, WatchCancelRequest, WatchCreateRequest, WatchProgressRequest,
    WatchRequest, WatchResponse,
};
use etcdkit_proto::mvccpb::event::EventType;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::fixture::{Fixture, soon, text};

struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Stream {
    async fn open(server: &Fixture) -> Self {
        let (requests, receiver) = mpsc::channel(8);
        let responses = server.watch().watch(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Stream { requests, responses }
    }

    async fn ask(&self, union: RequestUnion) {
        self.requests.send(WatchRequest { request_union: Some(union) }).await.unwrap();
    }

    async fn create(&mut self, request: WatchCreateRequest) -> WatchResponse {
        self.ask(RequestUnion::CreateRequest(request)).await;
        self.next().await
    }

    async fn next(&mut self) -> WatchResponse {
        soon(self.responses.message()).await.unwrap().expect("the stream ended")
    }
}

fn on(key: &str, end: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: text(key), range_end: text(end), ..Default::default() }
}

#[tokio::test]
async fn events_come_in_order_with_their_revision() {
    let server = Fixture::memory().await;
    let mut stream = Stream::open(&server).await;
    let created = stream.create(WatchCreateRequest { prev_kv: true, ..on("k", "l") }).await;
    assert!(created.created && created.watch_id == 0);
    let header = created.header.unwrap();
    assert_eq!((header.revision, header.cluster_id), (1, 0xcdf8_1819_4e3a_8c32));

    server.put("k1", "a").await;
    server.put("other", "x").await;
    server.put("k1", "b").await;
    let gone = DeleteRangeRequest { key: text("k1"), ..Default::default() };
    server.kv().delete_range(gone).await.unwrap();

    let mut events = Vec::new();
    while events.len() < 3 {
        let response = stream.next().await;
        let revision = response.header.unwrap().revision;
        assert!(response.events.iter().all(|event| event.kv.as_ref().unwrap().mod_revision <= revision));
        events.extend(response.events);
    }
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let kv = event.kv.clone().unwrap();
            let before = event.prev_kv.clone().map(|kv| kv.value);
            (event.r#type(), kv.mod_revision, kv.value, before)
        })
        .collect();
    let expected = [
        (EventType::Put, 2, text("a"), None),
        (EventType::Put, 4, text("b"), Some(text("a"))),
        (EventType::Delete, 5, text(""), Some(text("b"))),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn history_is_replayed_from_a_start_revision() {
    let server = Fixture::memory().await;
    for value in ["1", "2", "3"] {
        server.put("k", value).await;
    }
    let mut stream = Stream::open(&server).await;
    assert!(stream.create(WatchCreateRequest { start_revision: 3, ..on("k", "") }).await.created);
    let mut values = Vec::new();
    while values.len() < 2 {
        values.extend(stream.next().await.events.into_iter().map(|event| event.kv.unwrap().value));
    }
    assert_eq!(values, [text("2"), text("3")]);
}

#[tokio::test]
async fn a_compacted_start_is_created_and_then_canceled() {
    let server = Fixture::memory().await;
    for value in ["1", "2", "3"] {
        server.put("k", value).await;
    }
    server.kv().compact(CompactionRequest { revision: 3, physical: false }).await.unwrap();
    let mut stream = Stream::open(&server).await;
    let created = stream.create(WatchCreateRequest { start_revision: 2, ..on("k", "") }).await;
    assert!(created.created && !created.canceled);
    let canceled = stream.next().await;
    assert!(canceled.canceled);
    assert_eq!((canceled.compact_revision, canceled.cancel_reason.as_str()), (3, ""));
}

#[tokio::test]
async fn impossible_watchers_are_refused_and_the_stream_goes_on() {
    let server = Fixture::memory().await;
    let mut stream = Stream::open(&server).await;
    let empty = stream.create(on("b", "a")).await;
    assert_eq!(
        (empty.created, empty.canceled, empty.watch_id, empty.cancel_reason.as_str()),
        (true, true, -1, "mvcc: watcher range is empty")
    );
    let chosen = WatchCreateRequest { watch_id: 7, ..on("a", "") };
    assert_eq!(stream.create(chosen.clone()).await.watch_id, 7);
    let twice = stream.create(chosen).await;
    assert_eq!(
        (twice.watch_id, twice.cancel_reason.as_str()),
        (-1, "mvcc: duplicate watch ID provided on the WatchStream")
    );
    let negative = stream.create(WatchCreateRequest { start_revision: -1, ..on("a", "") }).await;
    assert_eq!(negative.cancel_reason, "etcdserver: mvcc: required revision has been compacted");
    stream.ask(RequestUnion::CancelRequest(WatchCancelRequest { watch_id: 7 })).await;
    let canceled = stream.next().await;
    assert!(canceled.canceled && canceled.watch_id == 7);
    assert_eq!(stream.create(on("a", "")).await.watch_id, 0);
}

#[tokio::test]
async fn progress_is_told_for_the_whole_stream() {
    let server = Fixture::memory().await;
    let mut stream = Stream::open(&server).await;
    stream.create(on("a", "")).await;
    server.put("other", "1").await;
    stream.ask(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
    let progress = stream.next().await;
    assert_eq!((progress.watch_id, progress.header.unwrap().revision, progress.events.len()), (-1, 2, 0));
}

#[tokio::test]
async fn a_client_that_asks_no_more_still_gets_events() {
    let server = Fixture::memory().await;
    let mut stream = Stream::open(&server).await;
    stream.create(on("a", "")).await;
    let Stream { requests, mut responses } = stream;
    drop(requests);
    server.put("a", "1").await;
    let response = soon(responses.message()).await.unwrap().unwrap();
    assert_eq!(response.events.len(), 1);
}
