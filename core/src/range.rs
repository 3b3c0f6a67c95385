//! The keys a request is about, as its options name them.

use bytes::Bytes;
use etcdkit_proto::key_range::{FROM_KEY, prefix_end};

/// A key, or the range of keys that begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    key: Vec<u8>,
    end: RangeEnd,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum RangeEnd {
    #[default]
    One,
    Until(Vec<u8>),
    FromKey,
    Prefix,
    All,
}

impl KeyRange {
    /// No key yet.
    pub const fn new() -> Self {
        Self { key: Vec::new(), end: RangeEnd::One }
    }

    /// Sets the key, the start of the range.
    pub fn with_key(&mut self, key: impl Into<Vec<u8>>) {
        self.key = key.into();
    }

    /// Selects `[key, end)`.
    pub fn with_range(&mut self, end_key: impl Into<Vec<u8>>) {
        self.end = RangeEnd::Until(end_key.into());
    }

    /// Selects every key from the key on.
    pub fn with_from_key(&mut self) {
        self.end = RangeEnd::FromKey;
    }

    /// Selects the keys that start with the key. An empty prefix selects every key.
    pub fn with_prefix(&mut self) {
        self.end = RangeEnd::Prefix;
    }

    /// Selects every key.
    pub fn with_all_keys(&mut self) {
        self.end = RangeEnd::All;
    }

    /// The pair as requests spell it: key and range end.
    pub fn build(self) -> (Vec<u8>, Vec<u8>) {
        // The server refuses an empty key, so a range from the very first key starts at a zero byte.
        let first = |key: Vec<u8>| if key.is_empty() { FROM_KEY.to_vec() } else { key };
        match self.end {
            RangeEnd::One => (self.key, Vec::new()),
            RangeEnd::Until(end) => (self.key, end),
            RangeEnd::FromKey => (first(self.key), FROM_KEY.to_vec()),
            RangeEnd::Prefix => {
                let end = prefix_end(&self.key);
                (first(self.key), end)
            }
            RangeEnd::All => (FROM_KEY.to_vec(), FROM_KEY.to_vec()),
        }
    }

    pub(crate) fn bytes(self) -> (Bytes, Bytes) {
        let (key, end) = self.build();
        (key.into(), end.into())
    }
}

/// Gives options that have a `range: KeyRange` the builders that choose it. The one for an end has two names in the
/// API.
macro_rules! ranged {
    ($options:ident, $with_range:ident) => {
        impl $options {
            /// Selects `[key, end)`.
            #[must_use]
            pub fn $with_range(mut self, end: impl Into<Vec<u8>>) -> Self {
                self.range.with_range(end);
                self
            }

            /// Selects every key from the key on.
            #[must_use]
            pub fn with_from_key(mut self) -> Self {
                self.range.with_from_key();
                self
            }

            /// Selects the keys that start with the key.
            #[must_use]
            pub fn with_prefix(mut self) -> Self {
                self.range.with_prefix();
                self
            }

            /// Selects every key.
            #[must_use]
            pub fn with_all_keys(mut self) -> Self {
                self.range.with_all_keys();
                self
            }
        }
    };
}
pub(crate) use ranged;

#[cfg(test)]
mod tests {
    use super::*;

    fn built(key: &str, choose: fn(&mut KeyRange)) -> (Vec<u8>, Vec<u8>) {
        let mut range = KeyRange::new();
        range.with_key(key);
        choose(&mut range);
        range.build()
    }

    #[test]
    fn each_selection_has_its_spelling() {
        assert_eq!(built("a", |_| ()), (b"a".to_vec(), b"".to_vec()));
        assert_eq!(built("a", KeyRange::with_prefix), (b"a".to_vec(), b"b".to_vec()));
        assert_eq!(built("", KeyRange::with_prefix), (b"\0".to_vec(), b"\0".to_vec()));
        assert_eq!(built("a", KeyRange::with_from_key), (b"a".to_vec(), b"\0".to_vec()));
        assert_eq!(built("", KeyRange::with_from_key), (b"\0".to_vec(), b"\0".to_vec()));
        assert_eq!(built("a", KeyRange::with_all_keys), (b"\0".to_vec(), b"\0".to_vec()));
    }
}
