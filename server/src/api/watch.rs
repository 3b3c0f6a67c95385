//! `etcdserverpb.Watch`: streams of events. The hub decides what is sent; here it meets the network.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{ResponseHeader, WatchCreateRequest, WatchRequest};
use futures::Stream;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::codec::EncodeBuf;
use tonic::{Code, Status, Streaming};

use super::access::{Access, Credentials};
use super::codec::Outgoing;
use super::header::Headers;
use super::stream::request_error;
use crate::auth::Checker;
use crate::command::Caller;
use crate::metrics::Metrics;
use crate::mvcc::watch::{Hub, Next, WatchFrame, WatchStream};

/// Progress intervals are this much longer at most, in percent, so that watchers that began together do
/// not all hear of progress at once; as in etcd.
const JITTER_PERCENT_MAX: u32 = 10;

/// The Watch service.
pub(crate) struct Watch {
    pub(crate) headers: Headers,
    pub(crate) hub: Hub,
    pub(crate) access: Access,
    pub(crate) progress_interval: Duration,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stopping: CancellationToken,
}

/// A frame of the hub with what makes it a message.
pub(crate) struct WatchMessage {
    header: ResponseHeader,
    frame: WatchFrame,
}

impl Outgoing for WatchMessage {
    fn write(self, buffer: &mut EncodeBuf<'_>) {
        self.frame.encode(&self.header, buffer).expect("invariant: an encode buffer grows as needed");
    }
}

impl Watch {
    pub(crate) fn watch(
        &self,
        by: Credentials,
        requests: Streaming<WatchRequest>,
    ) -> impl Stream<Item = Result<WatchMessage, Status>> + Send + use<> {
        let stream = Arc::new(self.hub.stream());
        let (failed_sender, failed) = oneshot::channel();
        let reader = tokio::spawn(
            Requests {
                changes: self.access.auth.changes(),
                access: self.access.clone(),
                by,
                user: None,
                stream: Arc::clone(&stream),
                metrics: Arc::clone(&self.metrics),
            }
            .serve(requests, failed_sender),
        );
        let connection = Connection {
            headers: self.headers.clone(),
            metrics: Arc::clone(&self.metrics),
            stream,
            failed: Some(failed),
            tick: progress_ticks(self.progress_interval),
            stopping: self.stopping.clone(),
            _reader: AbortOnDropHandle::new(reader),
        };
        futures::stream::unfold(Some(connection), |connection| async move {
            let mut connection = connection?;
            match connection.next().await {
                Ok(message) => Some((Ok(message), Some(connection))),
                Err(status) => Some((Err(status), None)),
            }
        })
    }
}

fn progress_ticks(interval: Duration) -> Interval {
    let jitter = interval * rand::random_range(0..=JITTER_PERCENT_MAX) / 100;
    let period = interval + jitter;
    let mut ticks = tokio::time::interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Does what the client asks for, on a task of its own, so that a client is heard however much there is
/// to send to it. A client that says nothing more still gets its events.
struct Requests {
    access: Access,
    by: Credentials,
    /// Whose watchers these are, once one was permitted to somebody.
    user: Option<String>,
    /// Tells that users, roles or rights changed.
    changes: watch::Receiver<u64>,
    stream: Arc<WatchStream>,
    metrics: Arc<Metrics>,
}

impl Requests {
    async fn serve(mut self, mut requests: Streaming<WatchRequest>, failed: oneshot::Sender<Status>) {
        loop {
            self.stream.room().await;
            let request = tokio::select! {
                request = requests.message() => request,
                Ok(()) = self.changes.changed() => {
                    self.end_unpermitted();
                    continue;
                }
            };
            match request {
                Ok(Some(request)) => self.act(request),
                Ok(None) => break,
                Err(status) => {
                    if status.code() != Code::Cancelled {
                        let failures = &self.metrics.requests.stream_failures;
                        failures.with_label_values(&["receive", "watch"]).inc();
                    }
                    // Whoever would be told has gone when this fails.
                    let _ = failed.send(request_error(status));
                    return;
                }
            }
        }
        while self.changes.changed().await.is_ok() {
            self.end_unpermitted();
        }
    }

    fn act(&mut self, request: WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(&create),
            Some(RequestUnion::CancelRequest(cancel)) => self.stream.cancel(cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => self.stream.request_progress(),
            None => {}
        }
    }

    fn create(&mut self, create: &WatchCreateRequest) {
        // A start that no watcher can have is refused before anything is asked about the caller, as in etcd.
        if create.start_revision >= 0
            && let Err(refused) = self.permit(create)
        {
            return self.stream.refuse(as_text(refused));
        }
        self.stream.create(create);
    }

    fn permit(&mut self, create: &WatchCreateRequest) -> Result<(), EtcdError> {
        // As the client spelled it, but for the missing key, which means the smallest.
        let key = if create.key.is_empty() { &Bytes::from_static(b"\0") } else { &create.key };
        let permitted = |checker: &Checker<'_>| checker.range(key, &create.range_end);
        if let Some(caller) = self.access.recognise(&self.by, permitted)? {
            self.user = Some(caller.user);
        }
        Ok(())
    }

    /// Ends the watchers whose right was taken away. Those that were there before authentication was switched on are
    /// left alone, as in etcd.
    fn end_unpermitted(&self) {
        let Some(user) = &self.user else { return };
        let auth = &self.access.auth;
        let caller = Caller { user: user.clone(), revision: auth.revision() };
        for (watch_id, key, range_end) in self.stream.ranges() {
            let verdict = auth.checker(Some(&caller), &self.access.lessor).range(&key, &range_end);
            // A newer change has its own turn.
            if verdict == Err(EtcdError::PermissionDenied) {
                self.stream.revoke(watch_id, as_text(EtcdError::PermissionDenied));
            }
        }
    }
}

/// An error as Go prints it, which is how etcd puts it into a cancel reason.
fn as_text(error: EtcdError) -> String {
    let entry = error.entry();
    format!("rpc error: code = {:?} desc = {}", entry.code, entry.message)
}

/// The sending side of one stream.
struct Connection {
    headers: Headers,
    metrics: Arc<Metrics>,
    stream: Arc<WatchStream>,
    /// Tells that the requests ended in an error; none once they ended well.
    failed: Option<oneshot::Receiver<Status>>,
    tick: Interval,
    stopping: CancellationToken,
    _reader: AbortOnDropHandle<()>,
}

impl Connection {
    async fn next(&mut self) -> Result<WatchMessage, Status> {
        loop {
            match self.stream.try_next()? {
                Next::Frame(frame) => {
                    self.metrics.mvcc.events.inc_by(frame.event_count as u64);
                    return Ok(WatchMessage { header: self.headers.at(frame.revision), frame });
                }
                Next::Again => tokio::task::yield_now().await,
                Next::Wait => self.wait().await?,
            }
        }
    }

    async fn wait(&mut self) -> Result<(), Status> {
        tokio::select! {
            () = self.stream.ready() => {}
            _ = self.tick.tick() => self.stream.progress_tick(),
            () = self.stopping.cancelled() => return Err(EtcdError::Stopped.into()),
            status = reading_failed(&mut self.failed) => return Err(status),
        }
        Ok(())
    }
}

/// Returns when reading requests failed; never when it ended well.
async fn reading_failed(failed: &mut Option<oneshot::Receiver<Status>>) -> Status {
    if let Some(receiver) = failed {
        if let Ok(status) = receiver.await {
            return status;
        }
        *failed = None;
    }
    std::future::pending().await
}

/// Why a watcher was canceled that did not ask for it.
pub(crate) fn stream_ended(frame: &WatchFrame) -> Status {
    if frame.compact_revision != 0 {
        return EtcdError::Compacted.into();
    }
    match frame.cancel_reason.as_ref() {
        "" => EtcdError::WatchCanceled.into(),
        reason => Status::unknown(reason),
    }
}
