//! Key ranges as requests spell them: a key and a `range_end` with two special values.

use bytes::Bytes;

/// `range_end` that means "every key from `key` on".
pub const FROM_KEY: &[u8] = b"\0";

/// The set of keys a `(key, range_end)` pair selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// Exactly one key.
    One(Bytes),
    /// Keys in `[start, end)`; empty when `end <= start`.
    Span(Bytes, Bytes),
    /// Keys from `start` on.
    From(Bytes),
}

impl KeyRange {
    /// Reads the pair as every range request of the API spells it.
    pub fn new(key: Bytes, range_end: Bytes) -> Self {
        if range_end.is_empty() {
            KeyRange::One(key)
        } else if range_end == FROM_KEY {
            KeyRange::From(key)
        } else {
            KeyRange::Span(key, range_end)
        }
    }

    /// Whether the key is in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            KeyRange::One(one) => one == key,
            KeyRange::Span(start, end) => key >= start.as_ref() && key < end.as_ref(),
            KeyRange::From(start) => key >= start.as_ref(),
        }
    }

    /// Whether no key can be in the range.
    pub fn is_empty(&self) -> bool {
        matches!(self, KeyRange::Span(start, end) if end <= start)
    }

    /// The pair as requests spell it.
    pub fn to_request(&self) -> (Bytes, Bytes) {
        match self {
            KeyRange::One(key) => (key.clone(), Bytes::new()),
            KeyRange::Span(start, end) => (start.clone(), end.clone()),
            KeyRange::From(start) => (start.clone(), Bytes::from_static(FROM_KEY)),
        }
    }

    /// The first possible key.
    pub fn start(&self) -> &Bytes {
        match self {
            KeyRange::One(start) | KeyRange::Span(start, _) | KeyRange::From(start) => start,
        }
    }
}

/// The `range_end` that selects the keys with this prefix.
///
/// A prefix without a successor (empty, or nothing but 0xff) gives [`FROM_KEY`].
///
/// ```
/// # use etcdkit_proto::key_range::prefix_end;
/// assert_eq!(prefix_end(b"/app/"), b"/app0");
/// assert_eq!(prefix_end(b"a\xff"), b"b");
/// assert_eq!(prefix_end(b"\xff\xff"), b"\0");
/// ```
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    match prefix.iter().rposition(|byte| *byte != 0xff) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            end
        }
        None => FROM_KEY.to_vec(),
    }
}
