//! Watch streams of both servers, compared watcher by watcher.
//!
//! How events are grouped into responses depends on timing while a watcher catches up, so the events of each
//! watcher are compared as one sequence. What must hold for every grouping is checked on arrival: the events
//! of one revision come in one response unless the watcher allows fragments.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use etcdkit_proto::etcdserverpb::watch_client::WatchClient;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::peer::{Authorized, Peer, presence};

/// Streams of each server.
pub(super) const STREAMS: usize = 3;
/// Streams without watchers of the future, which alone can tell that they have caught up.
pub(super) const CATCH_UP_STREAMS: usize = 2;
/// Requests waiting to be sent on one stream.
const REQUESTS: usize = 64;
/// How long an answer on a stream, or the same events on both servers, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A progress request is dropped while a watcher catches up, so it is repeated.
const PROGRESS_EVERY: Duration = Duration::from_millis(20);
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;

/// What arrived on one stream.
#[derive(Debug, Default)]
struct Seen {
    /// Answers to create requests, in order.
    created: Vec<String>,
    /// What each watcher saw; ids are used again, so everything ever seen under an id.
    watchers: BTreeMap<i64, Vec<String>>,
    /// The last revision each watcher saw, and how often progress was told.
    last: BTreeMap<i64, i64>,
    progress: usize,
    broken: Vec<String>,
}

pub(super) struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    seen: Arc<Mutex<Seen>>,
    news: Arc<Notify>,
    asked: usize,
}

impl Stream {
    pub(super) fn open_all(channel: &Authorized) -> Vec<Stream> {
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let (requests, receiver) = mpsc::channel(REQUESTS);
            let mut client = WatchClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
            let (seen, news) = (Arc::<Mutex<Seen>>::default(), Arc::<Notify>::default());
            let (collected, notify) = (seen.clone(), news.clone());
            tokio::spawn(async move {
                let opened = client.watch(ReceiverStream::new(receiver)).await;
                match opened {
                    Ok(responses) => collect(responses.into_inner(), &collected, &notify).await,
                    Err(status) => {
                        note(&collected, &notify, |seen| seen.broken.push(format!("{:?}", status.code())))
                    }
                }
            });
            streams.push(Stream { requests, seen, news, asked: 0 });
        }
        streams
    }

    async fn send(&self, union: RequestUnion) {
        // A broken stream shows in what was seen.
        let _ = self.requests.send(WatchRequest { request_union: Some(union) }).await;
    }

    /// Creates a watcher and waits for the server's answer.
    pub(super) async fn create(&mut self, create: WatchCreateRequest) -> String {
        self.send(RequestUnion::CreateRequest(create)).await;
        self.asked += 1;
        let asked = self.asked;
        let answered = self.wait(|seen| seen.created.len() >= asked || !seen.broken.is_empty()).await;
        let seen = lock(&self.seen);
        match answered {
            true => seen.created.last().cloned().unwrap_or_else(|| format!("{:?}", seen.broken)),
            false => "the watch was not created".to_owned(),
        }
    }

    /// Cancels a watcher; the answer, if the id is known, is part of what the watcher sees. Events on their way
    /// are raced by the cancellation, so all watchers catch up first.
    pub(super) async fn cancel(&mut self, watch_id: i64) -> String {
        self.settle().await;
        let ended = |seen: &Seen| seen.watchers.get(&watch_id).map_or(0, |lines| ends(lines));
        let (alive, before) = {
            let seen = lock(&self.seen);
            let lines = seen.watchers.get(&watch_id);
            (
                lines.and_then(|lines| lines.last()).is_some_and(|last| !last.starts_with("canceled")),
                ended(&seen),
            )
        };
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id })).await;
        if alive {
            self.wait(|seen| ended(seen) > before || !seen.broken.is_empty()).await;
        }
        "sent".to_owned()
    }

    async fn wait(&self, until: impl Fn(&Seen) -> bool) -> bool {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let news = self.news.notified();
            if until(&lock(&self.seen)) {
                return true;
            }
            if tokio::time::timeout_at(deadline, news).await.is_err() {
                return until(&lock(&self.seen));
            }
        }
    }

    /// Waits until every watcher of the stream has seen everything: the server answers a progress request only
    /// then, after the events. A stream without watchers never answers, and has nothing to wait for.
    async fn settle(&self) {
        let deadline = Instant::now() + PATIENCE;
        let before = {
            let seen = lock(&self.seen);
            let alive = |lines: &Vec<String>| lines.last().is_some_and(|last| !last.starts_with("canceled"));
            if !seen.watchers.values().any(alive) {
                return;
            }
            seen.progress
        };
        while Instant::now() < deadline {
            self.send(RequestUnion::ProgressRequest(WatchProgressRequest {})).await;
            let news = self.news.notified();
            if lock(&self.seen).progress > before {
                return;
            }
            let _ = tokio::time::timeout(PROGRESS_EVERY, news).await;
        }
    }
}

fn ends(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("canceled")).count()
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(seen: &Mutex<Seen>, news: &Notify, change: impl FnOnce(&mut Seen)) {
    change(&mut lock(seen));
    news.notify_one();
}

async fn collect(mut responses: Streaming<WatchResponse>, seen: &Mutex<Seen>, news: &Notify) {
    loop {
        match responses.message().await {
            Ok(Some(response)) => note(seen, news, |seen| seen.take(response)),
            Ok(None) => return note(seen, news, |seen| seen.broken.push("ended".to_owned())),
            Err(status) => return note(seen, news, |seen| seen.broken.push(format!("{:?}", status.code()))),
        }
    }
}

impl Seen {
    fn take(&mut self, mut response: WatchResponse) {
        let id = response.watch_id;
        response.header.iter_mut().for_each(presence);
        if response.created {
            let line = format!("created {response:?}");
            self.created.push(line.clone());
            if id >= 0 {
                self.watchers.entry(id).or_default().push(format!("watching {response:?}"));
                self.last.remove(&id);
            }
            return;
        }
        if response.canceled {
            self.watchers.entry(id).or_default().push(format!("canceled {response:?}"));
            return;
        }
        if response.events.is_empty() {
            self.progress += 1;
            return;
        }
        let first =
            response.events.first().and_then(|event| event.kv.as_ref()).map_or(0, |kv| kv.mod_revision);
        let last = response.events.last().and_then(|event| event.kv.as_ref()).map_or(0, |kv| kv.mod_revision);
        let header = response.header.as_ref().map_or(0, |header| header.revision);
        if self.last.get(&id).is_some_and(|before| first <= *before) {
            self.broken.push(format!("watcher {id}: revision {first} is split or out of order"));
        }
        if header < last {
            self.broken.push(format!("watcher {id}: header revision {header} is below the event's {last}"));
        }
        if !response.fragment {
            self.last.insert(id, last);
        }
        let lines = self.watchers.entry(id).or_default();
        lines.extend(response.events.iter().map(|event| format!("{event:?}")));
    }
}

/// Waits until both servers have told the same; otherwise what each of them told, from where they part.
pub(super) async fn compare(tested: &mut Peer, wanted: &mut Peer) -> Option<(String, String)> {
    let both = tested.streams.iter().take(CATCH_UP_STREAMS);
    let both = both.chain(wanted.streams.iter().take(CATCH_UP_STREAMS));
    futures::future::join_all(both.map(Stream::settle)).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let difference = difference(tested, wanted)?;
        if Instant::now() > deadline {
            return Some(difference);
        }
        tokio::time::sleep(PROGRESS_EVERY).await;
    }
}

fn difference(tested: &Peer, wanted: &Peer) -> Option<(String, String)> {
    for (index, (left, right)) in tested.streams.iter().zip(&wanted.streams).enumerate() {
        let (left, right) = (lock(&left.seen), lock(&right.seen));
        if left.broken != right.broken {
            return Some((format!("stream {index}: {:?}", left.broken), format!("{:?}", right.broken)));
        }
        let ids = left.watchers.keys().chain(right.watchers.keys());
        for id in ids {
            let empty = Vec::new();
            let (left, right) =
                (left.watchers.get(id).unwrap_or(&empty), right.watchers.get(id).unwrap_or(&empty));
            if left == right {
                continue;
            }
            let at = left.iter().zip(right).take_while(|(left, right)| left == right).count();
            let show = |lines: &[String]| {
                let next = lines.get(at).map_or("nothing", String::as_str);
                format!("stream {index} watcher {id}, {} lines, line {at}: {next}", lines.len())
            };
            return Some((show(left), show(right)));
        }
    }
    None
}
