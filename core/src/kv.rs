//! Reading and writing keys.

use etcdkit_proto::etcdserverpb as pb;
pub use pb::range_request::{SortOrder, SortTarget};

use crate::answers::Answers;
use crate::core::Core;
use crate::error::Result;
use crate::method;
use crate::range::{KeyRange, ranged};
use crate::response::{KeyValue, key_values, response};
use crate::txn::{Txn, TxnResponse};

/// Client of the key-value service.
#[derive(Clone)]
pub struct KvClient {
    core: Core,
}

impl KvClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// The same inside a namespace.
    pub(crate) fn within(&self, prefix: &[u8]) -> Self {
        Self { core: self.core.within(prefix) }
    }

    /// Bounds the responses of calls made through this object, in bytes. Unbounded by default.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.core.limits().receive = limit;
        self
    }

    /// Bounds the requests made through this object, in bytes; larger ones fail unsent. Unbounded by default.
    #[must_use]
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.core.limits().send = limit;
        self
    }

    /// Writes a key.
    pub async fn put(
        &self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        options: Option<PutOptions>,
    ) -> Result<PutResponse> {
        let request = options.unwrap_or_default().request(key.into(), value.into());
        Ok(self.core.unary(&method::PUT, request).await?.into())
    }

    /// Reads a key or a range of keys.
    pub async fn get(&self, key: impl Into<Vec<u8>>, options: Option<GetOptions>) -> Result<GetResponse> {
        let request = options.unwrap_or_default().request(key.into());
        Ok(self.core.unary(&method::RANGE, request).await?.into())
    }

    /// Reads a range in chunks, so that neither side holds all of it. Needs a server of version 3.7.
    pub async fn get_stream(
        &self,
        key: impl Into<Vec<u8>>,
        options: Option<GetOptions>,
    ) -> Result<GetStream> {
        self.get_stream_of(options.unwrap_or_default().request(key.into())).await
    }

    /// Reads a range in chunks, as the request says it.
    pub async fn get_stream_of(&self, request: pb::RangeRequest) -> Result<GetStream> {
        Ok(GetStream { stream: self.core.server_streaming(&method::RANGE_STREAM, request).await? })
    }

    /// Deletes a key or a range of keys.
    pub async fn delete(
        &self,
        key: impl Into<Vec<u8>>,
        options: Option<DeleteOptions>,
    ) -> Result<DeleteResponse> {
        let request = options.unwrap_or_default().request(key.into());
        Ok(self.core.unary(&method::DELETE_RANGE, request).await?.into())
    }

    /// Drops the history below a revision.
    pub async fn compact(
        &self,
        revision: i64,
        options: Option<CompactionOptions>,
    ) -> Result<CompactionResponse> {
        let physical = options.unwrap_or_default().physical;
        let request = pb::CompactionRequest { revision, physical };
        Ok(self.core.unary(&method::COMPACT, request).await?.into())
    }

    /// Runs a transaction. One that only reads is repeated like a read.
    pub async fn txn(&self, txn: Txn) -> Result<TxnResponse> {
        let method = if txn.only_reads() { &method::TXN_READ } else { &method::TXN };
        Ok(self.core.unary(method, txn.into_request()).await?.into())
    }
}

/// Options of `put`.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    lease: i64,
    prev_kv: bool,
    ignore_value: bool,
    ignore_lease: bool,
}

impl PutOptions {
    /// No lease, no previous pair.
    pub const fn new() -> Self {
        Self { lease: 0, prev_kv: false, ignore_value: false, ignore_lease: false }
    }

    /// Attaches the key to a lease; 0 detaches it.
    #[must_use]
    pub const fn with_lease(mut self, lease: i64) -> Self {
        self.lease = lease;
        self
    }

    /// Returns the pair as it was before.
    #[must_use]
    pub const fn with_prev_key(mut self) -> Self {
        self.prev_kv = true;
        self
    }

    /// Keeps the present value; the key must exist and the given value be empty.
    #[must_use]
    pub const fn with_ignore_value(mut self) -> Self {
        self.ignore_value = true;
        self
    }

    /// Keeps the present lease; the key must exist and no lease be given.
    #[must_use]
    pub const fn with_ignore_lease(mut self) -> Self {
        self.ignore_lease = true;
        self
    }

    pub(crate) fn request(self, key: Vec<u8>, value: Vec<u8>) -> pb::PutRequest {
        let Self { lease, prev_kv, ignore_value, ignore_lease } = self;
        pb::PutRequest { key: key.into(), value: value.into(), lease, prev_kv, ignore_value, ignore_lease }
    }
}

ranged! { GetOptions, with_range }
ranged! { DeleteOptions, with_range }

/// Options of `get`.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
    range: KeyRange,
    request: pb::RangeRequest,
}

impl GetOptions {
    /// One key, its newest version, linearizable.
    pub const fn new() -> Self {
        let request = pb::RangeRequest {
            key: bytes::Bytes::new(),
            range_end: bytes::Bytes::new(),
            limit: 0,
            revision: 0,
            sort_order: 0,
            sort_target: 0,
            serializable: false,
            keys_only: false,
            count_only: false,
            min_mod_revision: 0,
            max_mod_revision: 0,
            min_create_revision: 0,
            max_create_revision: 0,
        };
        Self { range: KeyRange::new(), request }
    }

    /// Returns at most this many keys; 0 is no limit.
    #[must_use]
    pub const fn with_limit(mut self, limit: i64) -> Self {
        self.request.limit = limit;
        self
    }

    /// Reads at a past revision; 0 is the newest.
    #[must_use]
    pub const fn with_revision(mut self, revision: i64) -> Self {
        self.request.revision = revision;
        self
    }

    /// Sorts the result.
    #[must_use]
    pub fn with_sort(mut self, target: SortTarget, order: SortOrder) -> Self {
        // Keys come in ascending order anyway; without the request the server need not hold all of them to sort.
        let natural = target == SortTarget::Key && order == SortOrder::Ascend;
        self.request.sort_order = if natural { SortOrder::None } else { order } as i32;
        self.request.sort_target = target as i32;
        self
    }

    /// Lets the member answer from its own state, which may be stale.
    #[must_use]
    pub const fn with_serializable(mut self) -> Self {
        self.request.serializable = true;
        self
    }

    /// Leaves the values out.
    #[must_use]
    pub const fn with_keys_only(mut self) -> Self {
        self.request.keys_only = true;
        self
    }

    /// Returns the count alone.
    #[must_use]
    pub const fn with_count_only(mut self) -> Self {
        self.request.count_only = true;
        self
    }

    /// Leaves out keys modified before the revision.
    #[must_use]
    pub const fn with_min_mod_revision(mut self, revision: i64) -> Self {
        self.request.min_mod_revision = revision;
        self
    }

    /// Leaves out keys modified after the revision.
    #[must_use]
    pub const fn with_max_mod_revision(mut self, revision: i64) -> Self {
        self.request.max_mod_revision = revision;
        self
    }

    /// Leaves out keys created before the revision.
    #[must_use]
    pub const fn with_min_create_revision(mut self, revision: i64) -> Self {
        self.request.min_create_revision = revision;
        self
    }

    /// Leaves out keys created after the revision.
    #[must_use]
    pub const fn with_max_create_revision(mut self, revision: i64) -> Self {
        self.request.max_create_revision = revision;
        self
    }

    pub(crate) fn request(mut self, key: Vec<u8>) -> pb::RangeRequest {
        self.range.with_key(key);
        let (key, range_end) = self.range.bytes();
        pb::RangeRequest { key, range_end, ..self.request }
    }
}

/// Options of `delete`.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    range: KeyRange,
    prev_kv: bool,
}

impl DeleteOptions {
    /// One key, without its previous value.
    pub const fn new() -> Self {
        Self { range: KeyRange::new(), prev_kv: false }
    }

    /// Returns the deleted pairs.
    #[must_use]
    pub const fn with_prev_key(mut self) -> Self {
        self.prev_kv = true;
        self
    }

    pub(crate) fn request(mut self, key: Vec<u8>) -> pb::DeleteRangeRequest {
        self.range.with_key(key);
        let (key, range_end) = self.range.bytes();
        pb::DeleteRangeRequest { key, range_end, prev_kv: self.prev_kv }
    }
}

/// Options of `compact`.
#[derive(Clone, Debug, Default)]
pub struct CompactionOptions {
    physical: bool,
}

impl CompactionOptions {
    /// Answers as soon as the compaction is agreed on.
    pub const fn new() -> Self {
        Self { physical: false }
    }

    /// Answers when the old records are gone from storage.
    #[must_use]
    pub const fn with_physical(mut self) -> Self {
        self.physical = true;
        self
    }
}

/// Answer to `put`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PutResponse {
    header: Option<crate::ResponseHeader>,
    prev_key: Option<KeyValue>,
}

impl PutResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// The pair before the put, if asked for and if there was one.
    pub fn prev_key(&self) -> Option<&KeyValue> {
        self.prev_key.as_ref()
    }

    /// Takes the previous pair out of the response.
    pub fn take_prev_key(&mut self) -> Option<KeyValue> {
        self.prev_key.take()
    }
}

impl From<pb::PutResponse> for PutResponse {
    fn from(message: pb::PutResponse) -> Self {
        let header = message.header.map(crate::ResponseHeader);
        Self { header, prev_key: message.prev_kv.map(KeyValue) }
    }
}

/// Answer to `get`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GetResponse {
    header: Option<crate::ResponseHeader>,
    kvs: Vec<KeyValue>,
    more: bool,
    count: i64,
}

impl GetResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// The pairs.
    pub fn kvs(&self) -> &[KeyValue] {
        &self.kvs
    }

    /// Takes the pairs out of the response.
    pub fn take_kvs(&mut self) -> Vec<KeyValue> {
        std::mem::take(&mut self.kvs)
    }

    /// Whether the limit cut the result short.
    pub fn more(&self) -> bool {
        self.more
    }

    /// Keys in the range, whatever the limit.
    pub fn count(&self) -> i64 {
        self.count
    }
}

impl From<pb::RangeResponse> for GetResponse {
    fn from(message: pb::RangeResponse) -> Self {
        let header = message.header.map(crate::ResponseHeader);
        Self { header, kvs: key_values(message.kvs), more: message.more, count: message.count }
    }
}

/// Answer to `delete`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteResponse {
    header: Option<crate::ResponseHeader>,
    deleted: i64,
    prev_kvs: Vec<KeyValue>,
}

impl DeleteResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// How many keys were deleted.
    pub fn deleted(&self) -> i64 {
        self.deleted
    }

    /// The deleted pairs, if asked for.
    pub fn prev_kvs(&self) -> &[KeyValue] {
        &self.prev_kvs
    }

    /// Takes the deleted pairs out of the response.
    pub fn take_prev_kvs(&mut self) -> Vec<KeyValue> {
        std::mem::take(&mut self.prev_kvs)
    }
}

impl From<pb::DeleteRangeResponse> for DeleteResponse {
    fn from(message: pb::DeleteRangeResponse) -> Self {
        let header = message.header.map(crate::ResponseHeader);
        Self { header, deleted: message.deleted, prev_kvs: key_values(message.prev_kvs) }
    }
}

response! {
    /// Answer to `compact`.
    CompactionResponse(pb::CompactionResponse)
}

/// A range read in chunks.
#[derive(Debug)]
pub struct GetStream {
    stream: Answers<pb::RangeStreamResponse>,
}

impl GetStream {
    /// The next chunk, or `None` at the end. Header, `more` and `count` stand in the last chunk only.
    pub async fn message(&mut self) -> Result<Option<GetResponse>> {
        let chunk = self.message_wire().await?;
        Ok(chunk.map(|chunk| chunk.range_response.unwrap_or_default().into()))
    }

    /// The next chunk as it came over the wire, or `None` at the end.
    pub async fn message_wire(&mut self) -> Result<Option<pb::RangeStreamResponse>> {
        Ok(self.stream.message().await?)
    }
}
