//! One message to a watch client.

use std::borrow::Cow;

use bytes::{BufMut, Bytes};
use etcdkit_proto::etcdserverpb::{ResponseHeader, WatchResponse};
use prost::Message;

/// Id in answers that are about no watcher: a failed creation, the progress of a whole stream.
pub(super) const NO_WATCHER: i64 = -1;

/// A `WatchResponse` whose events are encoded already and shared with other watchers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchFrame {
    /// For the header.
    pub revision: i64,
    /// The watcher, or -1.
    pub watch_id: i64,
    /// The watcher exists from here on.
    pub created: bool,
    /// The watcher is gone.
    pub canceled: bool,
    /// More of the same revision follows.
    pub fragment: bool,
    /// Set when the start of the watcher had been compacted.
    pub compact_revision: i64,
    /// Why creation failed.
    pub cancel_reason: Cow<'static, str>,
    /// The `events` field as it stands in the message, tags included.
    pub events: Bytes,
    /// How many events that are.
    pub event_count: usize,
}

impl WatchFrame {
    pub(super) fn created(watch_id: i64, revision: i64) -> Self {
        WatchFrame { revision, watch_id, created: true, ..WatchFrame::default() }
    }

    /// The watcher could not be created.
    pub(super) fn refused(revision: i64, reason: impl Into<Cow<'static, str>>) -> Self {
        WatchFrame {
            revision,
            watch_id: NO_WATCHER,
            created: true,
            canceled: true,
            cancel_reason: reason.into(),
            ..WatchFrame::default()
        }
    }

    pub(super) fn canceled(watch_id: i64, revision: i64) -> Self {
        WatchFrame { revision, watch_id, canceled: true, ..WatchFrame::default() }
    }

    /// History the watcher needs is gone. The header tells no revision, as in etcd.
    pub(super) fn compacted(watch_id: i64, compact_revision: i64) -> Self {
        WatchFrame { watch_id, canceled: true, compact_revision, ..WatchFrame::default() }
    }

    pub(super) fn progress(watch_id: i64, revision: i64) -> Self {
        WatchFrame { revision, watch_id, ..WatchFrame::default() }
    }

    /// Writes the `WatchResponse` message; the revision of `header` is replaced by the frame's.
    pub fn encode(&self, header: &ResponseHeader, out: &mut impl BufMut) -> Result<(), prost::EncodeError> {
        let response = WatchResponse {
            header: Some(ResponseHeader { revision: self.revision, ..*header }),
            watch_id: self.watch_id,
            created: self.created,
            canceled: self.canceled,
            compact_revision: self.compact_revision,
            cancel_reason: self.cancel_reason.as_ref().to_owned(),
            fragment: self.fragment,
            events: Vec::new(),
        };
        response.encode(out)?;
        // `events` has the highest field number, so it comes last anyway.
        out.put_slice(&self.events);
        Ok(())
    }
}
