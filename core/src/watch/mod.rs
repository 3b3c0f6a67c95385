//! Watching keys: what a user asks for and gets. `hub` carries all watches of a client over one stream.

mod buffer;
mod hub;
mod stream;
mod subscription;
mod table;

use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;

pub use mvccpb::event::EventType;
pub use stream::{WatchRequestSender, WatchResponseStream, WatchStream};

pub(crate) use hub::WatchHub;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::namespace::Namespace;
use crate::range::{KeyRange, ranged};
use crate::response::{KeyValue, ResponseHeader};

/// Client of the watch service.
#[derive(Clone)]
pub struct WatchClient {
    core: Core,
}

impl WatchClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// Bounds the messages of streams opened through this object, in bytes. Unbounded by default.
    ///
    /// The watches of a client share a stream: the first that opens it decides.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.core.limits().receive = limit;
        self
    }

    /// Watches a key or a range of keys. Returns once the server has registered the watch, so that every change made
    /// after the return is seen.
    ///
    /// The first message of the stream tells that the watch was created. The stream outlives broken connections: it
    /// goes on with the next revision, without a gap and without repeating. Where it cannot, because that revision
    /// has been compacted, a message with [`canceled`](WatchResponse::canceled) and
    /// [`compact_revision`](WatchResponse::compact_revision) says so.
    pub async fn watch(&self, key: impl Into<Vec<u8>>, options: Option<WatchOptions>) -> Result<WatchStream> {
        WatchStream::open(self.core.clone(), options.unwrap_or_default().request(key.into())).await
    }
}

/// A kind of event that a watch leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatchFilterType {
    /// No puts.
    NoPut,
    /// No deletions.
    NoDelete,
}

impl WatchFilterType {
    fn number(self) -> i32 {
        use pb::watch_create_request::FilterType;
        match self {
            WatchFilterType::NoPut => FilterType::Noput as i32,
            WatchFilterType::NoDelete => FilterType::Nodelete as i32,
        }
    }
}

/// From the number on the wire.
impl TryFrom<i32> for WatchFilterType {
    type Error = Error;

    fn try_from(number: i32) -> Result<Self> {
        match number {
            0 => Ok(WatchFilterType::NoPut),
            1 => Ok(WatchFilterType::NoDelete),
            _ => Err(Error::InvalidArgs(format!("{number} is no filter of a watch; use 0 or 1"))),
        }
    }
}

ranged! { WatchOptions, with_range }

/// Options of `watch`.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    range: KeyRange,
    start_revision: i64,
    progress_notify: bool,
    filters: Vec<WatchFilterType>,
    prev_kv: bool,
    watch_id: i64,
    fragment: bool,
}

impl WatchOptions {
    /// One key, from now on.
    pub const fn new() -> Self {
        Self {
            range: KeyRange::new(),
            start_revision: 0,
            progress_notify: false,
            filters: Vec::new(),
            prev_kv: false,
            watch_id: 0,
            fragment: false,
        }
    }

    /// Sets the key. The key given to `watch` replaces it.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.range.with_key(key);
        self
    }

    /// Starts with the changes of this revision; 0 is from now on.
    #[must_use]
    pub const fn with_start_revision(mut self, revision: i64) -> Self {
        self.start_revision = revision;
        self
    }

    /// Also delivers the server's progress notices, which have a header and no events.
    #[must_use]
    pub const fn with_progress_notify(mut self) -> Self {
        self.progress_notify = true;
        self
    }

    /// Leaves out kinds of events.
    #[must_use]
    pub fn with_filters(mut self, filters: impl Into<Vec<WatchFilterType>>) -> Self {
        self.filters = filters.into();
        self
    }

    /// Delivers with each event the pair before it.
    #[must_use]
    pub const fn with_prev_key(mut self) -> Self {
        self.prev_kv = true;
        self
    }

    /// Chooses the id of the watch within its stream; 0 lets the client choose.
    #[must_use]
    pub const fn with_watch_id(mut self, watch_id: i64) -> Self {
        self.watch_id = watch_id;
        self
    }

    /// Lets the server send a large revision in parts. They are put together again before delivery.
    #[must_use]
    pub const fn with_fragment(mut self) -> Self {
        self.fragment = true;
        self
    }

    pub(crate) fn request(mut self, key: Vec<u8>) -> pb::WatchCreateRequest {
        self.range.with_key(key);
        let (key, range_end) = self.range.bytes();
        pb::WatchCreateRequest {
            key,
            range_end,
            start_revision: self.start_revision,
            progress_notify: self.progress_notify,
            filters: self.filters.into_iter().map(WatchFilterType::number).collect(),
            prev_kv: self.prev_kv,
            watch_id: self.watch_id,
            fragment: self.fragment,
        }
    }
}

/// One message of a watch stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WatchResponse {
    pub(crate) header: Option<ResponseHeader>,
    pub(crate) watch_id: i64,
    pub(crate) created: bool,
    pub(crate) canceled: bool,
    pub(crate) compact_revision: i64,
    pub(crate) cancel_reason: String,
    pub(crate) events: Vec<Event>,
}

impl WatchResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<ResponseHeader> {
        self.header.take()
    }

    /// The watch within its stream; -1 in an answer to a progress request.
    pub fn watch_id(&self) -> i64 {
        self.watch_id
    }

    /// Whether the message tells that the watch exists now.
    pub fn created(&self) -> bool {
        self.created
    }

    /// Whether the watch has ended. Nothing follows for its id.
    pub fn canceled(&self) -> bool {
        self.canceled
    }

    /// Not 0 when the watch ended because its next revision has been compacted: the oldest revision there is.
    pub fn compact_revision(&self) -> i64 {
        self.compact_revision
    }

    /// Why the watch ended, in the server's words.
    pub fn cancel_reason(&self) -> &str {
        &self.cancel_reason
    }

    /// The changes, in the order of their revisions. The changes of one revision are never in two messages.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Takes the changes out of the response.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Whether the message only tells up to which revision everything has been delivered.
    pub fn is_progress_notify(&self) -> bool {
        self.events.is_empty() && !self.created && !self.canceled
    }
}

/// One change of one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    event_type: EventType,
    kv: Option<KeyValue>,
    prev_kv: Option<KeyValue>,
}

impl Event {
    /// Put or delete.
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// The pair after the change. For a deletion: the key, and the deletion's revision.
    pub fn kv(&self) -> Option<&KeyValue> {
        self.kv.as_ref()
    }

    /// The pair before the change, if asked for and if there was one.
    pub fn prev_kv(&self) -> Option<&KeyValue> {
        self.prev_kv.as_ref()
    }

    /// Takes the keys out of a namespace.
    fn leave(&mut self, namespace: &Namespace) {
        for pair in [&mut self.kv, &mut self.prev_kv].into_iter().flatten() {
            namespace.strip_pair(Some(&mut pair.0));
        }
    }

    pub(crate) fn revision(&self) -> i64 {
        self.kv.as_ref().map_or(0, KeyValue::mod_revision)
    }
}

impl From<mvccpb::Event> for Event {
    fn from(event: mvccpb::Event) -> Self {
        Self { event_type: event.r#type(), kv: event.kv.map(KeyValue), prev_kv: event.prev_kv.map(KeyValue) }
    }
}
