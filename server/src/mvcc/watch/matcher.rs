//! Who wants to know of a key: single keys by hash, ranges by interval.

use std::collections::HashMap;

use bytes::Bytes;
use etcdkit_proto::key_range::KeyRange;

use super::interval::IntervalTree;

/// A multimap from key ranges to values that is asked by key.
pub(super) struct Matcher<T> {
    keys: HashMap<Bytes, Vec<T>>,
    ranges: IntervalTree<T>,
}

impl<T> Default for Matcher<T> {
    fn default() -> Self {
        Matcher { keys: HashMap::new(), ranges: IntervalTree::default() }
    }
}

impl<T: Copy + PartialEq> Matcher<T> {
    pub(super) fn insert(&mut self, range: &KeyRange, value: T) {
        match range {
            KeyRange::One(key) => self.keys.entry(key.clone()).or_default().push(value),
            KeyRange::Span(start, end) => self.ranges.insert(start.clone(), Some(end.clone()), value),
            KeyRange::From(start) => self.ranges.insert(start.clone(), None, value),
        }
    }

    pub(super) fn remove(&mut self, range: &KeyRange, value: T) {
        match range {
            KeyRange::One(key) => {
                let Some(values) = self.keys.get_mut(key) else { return };
                values.retain(|kept| *kept != value);
                if values.is_empty() {
                    self.keys.remove(key);
                }
            }
            KeyRange::Span(start, end) => self.ranges.remove(start, &Some(end.clone()), value),
            KeyRange::From(start) => self.ranges.remove(start, &None, value),
        }
    }

    /// Shows the values of all ranges that contain the key.
    pub(super) fn matches(&self, key: &[u8], mut each: impl FnMut(T)) {
        if let Some(values) = self.keys.get(key) {
            values.iter().copied().for_each(&mut each);
        }
        self.ranges.stab(key, &mut each);
    }
}
