//! `etcdserverpb.Watch`: streams of events. The hub decides what is sent; here it meets the network.

use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{ResponseHeader, WatchRequest};
use futures::Stream;
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::codec::EncodeBuf;
use tonic::{Status, Streaming};

use super::codec::Outgoing;
use super::header::Headers;
use super::stream::request_error;
use crate::mvcc::watch::{Hub, Next, WatchFrame, WatchStream};

/// Progress intervals are this much longer at most, in percent, so that watchers that began together do
/// not all hear of progress at once; as in etcd.
const JITTER_PERCENT_MAX: u32 = 10;

/// The Watch service.
pub(crate) struct Watch {
    pub(crate) headers: Headers,
    pub(crate) hub: Hub,
    pub(crate) progress_interval: Duration,
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
        requests: Streaming<WatchRequest>,
    ) -> impl Stream<Item = Result<WatchMessage, Status>> + Send + use<> {
        let stream = Arc::new(self.hub.stream());
        let (failed_sender, failed) = oneshot::channel();
        let reader = tokio::spawn(read_requests(Arc::clone(&stream), requests, failed_sender));
        let connection = Connection {
            headers: self.headers.clone(),
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
async fn read_requests(
    stream: Arc<WatchStream>,
    mut requests: Streaming<WatchRequest>,
    failed: oneshot::Sender<Status>,
) {
    loop {
        stream.room().await;
        let request = match requests.message().await {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(status) => {
                // Whoever would be told has gone when this fails.
                let _ = failed.send(request_error(status));
                return;
            }
        };
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => stream.create(&create),
            Some(RequestUnion::CancelRequest(cancel)) => stream.cancel(cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => stream.request_progress(),
            None => {}
        }
    }
}

/// The sending side of one stream.
struct Connection {
    headers: Headers,
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
