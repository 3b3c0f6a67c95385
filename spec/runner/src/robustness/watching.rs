//! Those who watch in a run: one at each member who hears everything from the beginning, which is what the history is put
//! together from, and others who begin anywhere and look at less, raw and by our client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcdkit_proto::etcdserverpb::watch_client::WatchClient;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use super::history::{Keys, Pair, Response, Told, Watch};
use super::traffic::Shared;

/// After a stream that could not be had.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two requests for progress.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);
/// Requests on their way: one for a watch, and progress.
const REQUESTS: usize = 4;
/// How long a watcher that begins anew each time looks.
const LOOK: std::ops::Range<u64> = 200..2000;

/// One who hears everything, for as long as the run goes and until `until` revisions were heard.
pub(crate) struct Recorder {
    pub(crate) name: String,
    pub(crate) channel: Channel,
    pub(crate) shared: Arc<Shared>,
    /// How far it has come.
    pub(crate) reached: watch::Sender<i64>,
    /// Ends it.
    pub(crate) ended: watch::Receiver<bool>,
}

impl Recorder {
    pub(crate) async fn run(mut self) -> Vec<Watch> {
        let mut watches = Vec::new();
        let mut from = 2;
        loop {
            let name = format!("{}.{}", self.name, watches.len());
            let watch = Watch { name, keys: Keys::all(), from, previous: true, responses: Vec::new() };
            let mut ended = self.ended.clone();
            let mut looking = Looking { watch, compacted: 0 };
            let looked = tokio::select! {
                looked = looking.look(self.channel.clone(), &self.shared, |next| self.heard(next)) => looked,
                _ = ended.wait_for(|ended| *ended) => None,
            };
            let _ = looked;
            from = looking.next().max(looking.compacted);
            if !looking.watch.responses.is_empty() {
                watches.push(looking.watch);
            }
            if *self.ended.borrow_and_update() {
                return watches;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn heard(&self, next: i64) {
        self.reached.send_replace(next - 1);
        self.shared.heard.fetch_max(next - 1, Ordering::SeqCst);
    }
}

/// A raw watch that is looked at.
struct Looking {
    watch: Watch,
    /// The revision that the watch was ended with, if it was by a compaction.
    compacted: i64,
}

impl Looking {
    /// The first revision that has not been told.
    fn next(&self) -> i64 {
        let told = self.watch.responses.iter().rev().find_map(|response| response.events.last());
        let progress = self.watch.responses.iter().rev().find(|response| response.progress);
        let told = told.map_or(0, |told| told.change.revision() + 1);
        told.max(progress.map_or(0, |response| response.revision + 1)).max(self.watch.from)
    }

    /// Looks until the stream ends; nothing when it could not be had.
    async fn look(&mut self, channel: Channel, shared: &Shared, mut heard: impl FnMut(i64)) -> Option<()> {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let create = WatchCreateRequest {
            key: self.watch.keys.key.clone(),
            range_end: self.watch.keys.end.clone(),
            start_revision: self.watch.from,
            prev_kv: self.watch.previous,
            progress_notify: true,
            ..Default::default()
        };
        requests
            .send(WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) })
            .await
            .ok()?;
        let mut client = WatchClient::new(channel).max_decoding_message_size(usize::MAX);
        let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
        let mut responses = client.watch(stream).await.ok()?.into_inner();
        let mut progress = tokio::time::interval(PROGRESS_PAUSE);
        loop {
            let message = tokio::select! {
                message = responses.message() => message.ok()??,
                _ = progress.tick() => {
                    let ask = RequestUnion::ProgressRequest(WatchProgressRequest {});
                    // A stream that is stuck has requests waiting: it needs no more of them.
                    let _ = requests.try_send(WatchRequest { request_union: Some(ask) });
                    continue;
                }
            };
            if message.canceled {
                self.compacted = message.compact_revision;
                return None;
            }
            self.take(message, shared);
            heard(self.next());
        }
    }

    fn take(&mut self, message: WatchResponse, shared: &Shared) {
        let revision = message.header.map_or(0, |header| header.revision);
        if message.created {
            if self.watch.from == 0 {
                self.watch.from = revision + 1;
            }
            return;
        }
        let events: Vec<Told> = message.events.into_iter().map(Told::from).collect();
        let progress = events.is_empty();
        self.watch.responses.push(Response { arrived: shared.clock.now(), revision, events, progress });
    }
}

/// Begins watches of some keys about the newest revision, again and again.
pub(crate) async fn raw(name: String, channels: Vec<Channel>, shared: Arc<Shared>, seed: u64) -> Vec<Watch> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut watches = Vec::new();
    while !shared.ended() {
        let watch = draw(&name, watches.len(), &shared, &mut random);
        let channel = channels[random.random_range(0..channels.len())].clone();
        let time = Duration::from_millis(random.random_range(LOOK));
        let mut looking = Looking { watch, compacted: 0 };
        let _ = tokio::time::timeout(time, looking.look(channel, &shared, |_| {})).await;
        if !looking.watch.responses.is_empty() {
            watches.push(looking.watch);
        }
        tokio::time::sleep(PAUSE).await;
    }
    watches
}

fn draw(name: &str, number: usize, shared: &Shared, random: &mut SmallRng) -> Watch {
    let newest = shared.heard.load(Ordering::SeqCst);
    let (least, most) = shared.load.watched_from;
    let from = (newest + random.random_range(least..=most)).max(1);
    let prefix = shared.traffic.prefix();
    let keys = match random.random_range(0..3) {
        0 => Keys::one(format!("{prefix}{}", random.random_range(0..10))),
        _ => Keys::below(prefix),
    };
    // 0 is from now on.
    let from = if random.random_bool(0.2) { 0 } else { from };
    Watch {
        name: format!("{name}.{number}"),
        keys,
        from,
        previous: random.random_bool(0.5),
        responses: Vec::new(),
    }
}

/// Watches by our client, which resumes by itself: one watch for as long as it is not overtaken by a compaction.
pub(crate) async fn by_client(
    name: String,
    client: etcdkit::Client,
    shared: Arc<Shared>,
    mut ended: watch::Receiver<bool>,
    seed: u64,
) -> Vec<Watch> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut watches = Vec::new();
    while !*ended.borrow() {
        let mut watch = draw(&name, watches.len(), &shared, &mut random);
        // By our client a watch from now on begins where it cannot be told from outside.
        watch.from = watch.from.max(1);
        let mut options = etcdkit::WatchOptions::new().with_start_revision(watch.from);
        if !watch.keys.end.is_empty() {
            options = options.with_range(watch.keys.end.to_vec());
        }
        if watch.previous {
            options = options.with_prev_key();
        }
        tokio::select! {
            () = follow(&client, &mut watch, options, &shared) => {}
            _ = ended.wait_for(|ended| *ended) => {}
        }
        if !watch.responses.is_empty() {
            watches.push(watch);
        }
        tokio::time::sleep(PAUSE).await;
    }
    watches
}

async fn follow(
    client: &etcdkit::Client,
    watch: &mut Watch,
    options: etcdkit::WatchOptions,
    shared: &Shared,
) {
    let Ok(mut stream) = client.watch(watch.keys.key.to_vec(), Some(options)).await else { return };
    while let Ok(Some(response)) = stream.message().await {
        if response.canceled() {
            return;
        }
        let revision = response.header().map_or(0, etcdkit::ResponseHeader::revision);
        let events: Vec<Told> = response.events().iter().map(told).collect();
        if !events.is_empty() {
            let response = Response { arrived: shared.clock.now(), revision, events, progress: false };
            watch.responses.push(response);
        }
    }
}

fn told(event: &etcdkit::Event) -> Told {
    let pair = |kv: &etcdkit::KeyValue| Pair {
        key: kv.key().to_vec().into(),
        value: kv.value().to_vec().into(),
        create: kv.create_revision(),
        modified: kv.mod_revision(),
        version: kv.version(),
        lease: kv.lease(),
    };
    let deleted = event.event_type() == etcdkit::EventType::Delete;
    let empty = || Pair {
        key: bytes::Bytes::new(),
        value: bytes::Bytes::new(),
        create: 0,
        modified: 0,
        version: 0,
        lease: 0,
    };
    let change = super::history::Change { pair: event.kv().map_or_else(empty, pair), deleted };
    Told { change, previous: event.prev_kv().map(pair) }
}
