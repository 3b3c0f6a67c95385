//! The stream side of the hub: what one watch connection asks for, and what it is to be sent.

use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::WatchCreateRequest;

use super::super::MvccError;
use super::frame::WatchFrame;
use super::hub::{Hub, StreamId};
use super::queue::StreamQueue;
use crate::fail_point;

/// One watch stream. Requests may come from one task while another takes the frames; only one task may
/// take frames. Dropping the stream ends its watchers.
pub struct WatchStream {
    hub: Hub,
    id: StreamId,
    queue: Arc<StreamQueue>,
}

/// What there is to do for a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this.
    Frame(WatchFrame),
    /// Nothing yet, but history is being read: ask again after letting others run.
    Again,
    /// Nothing before [`WatchStream::ready`] returns.
    Wait,
}

impl WatchStream {
    pub(super) fn new(hub: Hub, id: StreamId, queue: Arc<StreamQueue>) -> Self {
        WatchStream { hub, id, queue }
    }

    /// Creates a watcher, or refuses it; the frame that tells so comes in its turn. Permission has been
    /// checked before, see [`Self::refuse`].
    pub fn create(&self, request: &WatchCreateRequest) {
        self.hub.create(self.id, request);
    }

    /// Answers a creation that the edge does not permit, with the reason as it stands in the message.
    pub fn refuse(&self, reason: String) {
        self.hub.refuse(self.id, reason);
    }

    /// Ends a watcher; an unknown id is ignored.
    pub fn cancel(&self, watch_id: i64) {
        self.hub.cancel(self.id, watch_id);
    }

    /// The watchers with their ranges, spelled as requests spell them.
    pub fn ranges(&self) -> Vec<(i64, Bytes, Bytes)> {
        self.hub.ranges(self.id)
    }

    /// Ends a watcher whose right was taken away, with the reason as it stands in the message.
    pub fn revoke(&self, watch_id: i64, reason: String) {
        self.hub.revoke(self.id, watch_id, reason);
    }

    /// Answers a progress request of the client for the whole stream. Nothing is answered while any
    /// watcher has events to come, or none exists.
    pub fn request_progress(&self) {
        self.hub.progress_of_stream(self.id);
    }

    /// Tells progress to each watcher that asked for it at creation, is synced, and was sent nothing since
    /// the last call. To be called at the progress interval.
    pub fn progress_tick(&self) {
        self.hub.progress_of_watchers(self.id);
    }

    /// The next frame, if there is one. Reads a bounded piece of history when watchers lag and the queue
    /// has room: a millisecond or so of blocking work.
    ///
    /// # Errors
    /// History could not be read from storage; the stream is of no use any more.
    pub fn try_next(&self) -> Result<Next, MvccError> {
        let reads_history = self.queue.wants_history();
        if reads_history {
            self.hub.catch_up(self.id)?;
        }
        fail_point::pass("beforeSendWatchResponse");
        Ok(match self.queue.pop() {
            Some(frame) => Next::Frame(frame),
            None if reads_history => Next::Again,
            None => Next::Wait,
        })
    }

    /// Waits until [`Self::try_next`] may have something. May return early.
    pub async fn ready(&self) {
        self.queue.ready().await;
    }

    /// The next frame. Cancel safe.
    ///
    /// # Errors
    /// As [`Self::try_next`].
    pub async fn next(&self) -> Result<WatchFrame, MvccError> {
        loop {
            match self.try_next()? {
                Next::Frame(frame) => return Ok(frame),
                Next::Again => tokio::task::yield_now().await,
                Next::Wait => self.ready().await,
            }
        }
    }

    /// Bytes that wait to be sent, shared ones counted once.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Waits until the stream's queue is within its bound. To be awaited before each request is read, so
    /// that answers to requests cannot pile up.
    pub async fn room(&self) {
        self.queue.room().await;
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        self.hub.close(self.id);
    }
}
