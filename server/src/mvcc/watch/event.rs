//! Events as they stand in a watch response, encoded once and shared by all who get them.

use bytes::{BufMut, Bytes, BytesMut};
use etcdkit_proto::etcdserverpb::WatchCreateRequest;
use etcdkit_proto::etcdserverpb::watch_create_request::FilterType;
use etcdkit_proto::mvccpb::KeyValue;
use prost::Message;
use prost::encoding::{encode_varint, encoded_len_varint};

use super::super::write::ChangeKind;

/// `WatchResponse.events`, length-delimited.
const EVENTS_TAG: u8 = 11 << 3 | 2;
/// `Event.type`, a number; only a deletion spells it out.
const TYPE_TAG: u8 = 1 << 3;
/// `Event.kv`.
const KV_TAG: u8 = 2 << 3 | 2;
/// `Event.prev_kv`.
const PREV_KV_TAG: u8 = 3 << 3 | 2;

/// Kinds of events a watcher leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Filters {
    no_put: bool,
    no_delete: bool,
}

impl Filters {
    /// Unknown filters filter nothing.
    pub(super) fn of(request: &WatchCreateRequest) -> Self {
        let wants = |filter| request.filters.contains(&i32::from(filter));
        Filters { no_put: wants(FilterType::Noput), no_delete: wants(FilterType::Nodelete) }
    }

    pub(super) fn pass(self, kind: ChangeKind) -> bool {
        match kind {
            ChangeKind::Create | ChangeKind::Update => !self.no_put,
            ChangeKind::Delete => !self.no_delete,
        }
    }
}

/// A list of events in revision order, encoded.
#[derive(Clone, Debug, Default)]
pub(super) struct EventList {
    bytes: Bytes,
    /// Where each event ends.
    ends: Vec<usize>,
    /// Of the last event.
    pub(super) revision: i64,
}

impl EventList {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Cuts the list so that each part, with `overhead` bytes around it, stays below `bytes_max`, except
    /// that a part holds one event at least. Tells the parts and how many events each has.
    pub(super) fn parts(&self, overhead: usize, bytes_max: usize) -> Vec<(Bytes, usize)> {
        let mut parts = Vec::new();
        let (mut start, mut first) = (0, 0);
        for place in 1..self.ends.len() {
            if overhead + self.ends[place] - start >= bytes_max {
                let end = self.ends[place - 1];
                parts.push((self.bytes.slice(start..end), place - first));
                (start, first) = (end, place);
            }
        }
        parts.push((self.bytes.slice(start..), self.ends.len() - first));
        parts
    }
}

/// Makes an [`EventList`].
#[derive(Debug, Default)]
pub(super) struct EventListBuilder {
    bytes: BytesMut,
    ends: Vec<usize>,
    revision: i64,
}

impl EventListBuilder {
    /// Adds an event from its record, which is the `kv` of the event as it is.
    pub(super) fn push(
        &mut self,
        revision: i64,
        kind: ChangeKind,
        record: &[u8],
        previous: Option<&KeyValue>,
    ) {
        let deleted = kind == ChangeKind::Delete;
        let previous_length = previous.map(Message::encoded_len);
        let length =
            usize::from(deleted) * 2 + field_length(record.len()) + previous_length.map_or(0, field_length);
        self.bytes.reserve(field_length(length));
        self.bytes.put_u8(EVENTS_TAG);
        encode_varint(length as u64, &mut self.bytes);
        if deleted {
            self.bytes.put_slice(&[TYPE_TAG, 1]);
        }
        self.bytes.put_u8(KV_TAG);
        encode_varint(record.len() as u64, &mut self.bytes);
        self.bytes.put_slice(record);
        if let (Some(previous), Some(length)) = (previous, previous_length) {
            self.bytes.put_u8(PREV_KV_TAG);
            encode_varint(length as u64, &mut self.bytes);
            previous.encode_raw(&mut self.bytes);
        }
        self.ends.push(self.bytes.len());
        self.revision = revision;
    }

    pub(super) fn finish(self) -> EventList {
        EventList { bytes: self.bytes.freeze(), ends: self.ends, revision: self.revision }
    }
}

/// Size of a length-delimited field whose tag takes one byte.
fn field_length(content: usize) -> usize {
    1 + encoded_len_varint(content as u64) + content
}
