//! A range read in chunks, so that neither side ever holds all of a large result.

use etcdkit_proto::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use prost::Message;

use super::range::Counting;
use super::{MvccError, Store};

/// Keys in the first chunk, as in etcd: the size of pairs is not known yet.
const FIRST_CHUNK_KEYS: i64 = 10;

/// Chunks of one range read. All chunks merged are the answer of the unary call; header, count and
/// `more` come with the last.
pub struct RangeStream {
    store: Store,
    request: RangeRequest,
    /// Chunks are kept between half and twice this size.
    chunk_bytes: usize,
    /// Keys still wanted.
    remaining: i64,
    sent: i64,
    header_revision: i64,
    done: bool,
}

impl Store {
    /// Reads a range in chunks of about `chunk_bytes`, all at one revision. Orders other than the native
    /// one and revision filters are not possible in chunks; the edge refuses them.
    pub fn range_stream(&self, request: RangeRequest, chunk_bytes: usize) -> RangeStream {
        let remaining = if request.limit <= 0 { i64::MAX } else { request.limit };
        let request = RangeRequest { limit: FIRST_CHUNK_KEYS.min(remaining), ..request };
        let store = self.clone();
        RangeStream { store, request, chunk_bytes, remaining, sent: 0, header_revision: 0, done: false }
    }
}

impl RangeStream {
    /// The next chunk; none after the last. A compaction that overtakes the revision read is an error.
    pub fn next_chunk(&mut self) -> Result<Option<RangeResponse>, MvccError> {
        if self.done {
            return Ok(None);
        }
        let mut chunk = self.read()?;
        if self.request.count_only {
            self.done = true;
            return Ok(Some(chunk));
        }
        let revision = chunk.header.as_ref().map_or(0, |header| header.revision);
        if self.header_revision == 0 {
            self.header_revision = revision;
        }
        if self.request.revision <= 0 {
            self.request.revision = revision;
        }
        let keys = chunk.kvs.len() as i64;
        self.remaining -= keys;
        self.sent += keys;
        self.done = !chunk.more || self.remaining == 0;
        self.advance(&chunk);
        chunk.header = None;
        chunk.count = 0;
        if self.done {
            chunk.header =
                Some(ResponseHeader { revision: self.header_revision, ..ResponseHeader::default() });
            chunk.count = self.sent + if chunk.more { self.count_rest()? } else { 0 };
            return Ok(Some(chunk));
        }
        chunk.more = false;
        Ok(Some(chunk))
    }

    fn read(&self) -> Result<RangeResponse, MvccError> {
        // Counting the whole range again for every chunk would take quadratic time.
        let counting = if self.request.count_only { Counting::All } else { Counting::Read };
        self.store.range_counting(&self.request, counting)
    }

    fn count_rest(&self) -> Result<i64, MvccError> {
        let request = RangeRequest { count_only: true, ..self.request.clone() };
        Ok(self.store.range(&request)?.count)
    }

    fn advance(&mut self, chunk: &RangeResponse) {
        if let Some(last) = chunk.kvs.last() {
            self.request.key = [last.key.as_ref(), b"\0"].concat().into();
        }
        let size = chunk.encoded_len();
        let limit = match self.request.limit {
            limit if size < self.chunk_bytes / 2 => limit.saturating_mul(2),
            limit if size > self.chunk_bytes.saturating_mul(2) => (limit / 2).max(1),
            limit => limit,
        };
        self.request.limit = limit.min(self.remaining);
    }
}
