//! A layer of the overlay: committed runs that are not in the engine yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::Table;

/// What an entry costs beside its bytes: two `Bytes` handles in a B-tree node that is two thirds full,
/// and the allocations behind them.
const ENTRY_OVERHEAD_BYTES: usize = 160;

/// A record, or none where the layer hides one of a lower level.
pub(super) type Entry = Option<Bytes>;

/// Changes by table and key, the newest of each key.
#[derive(Debug, Default)]
pub(super) struct Layer {
    tables: [BTreeMap<Bytes, Entry>; Table::ALL.len()],
    /// Mark of the newest run that had one.
    pub(super) mark: Option<Bytes>,
    /// Approximate memory.
    bytes: usize,
}

impl Layer {
    /// A layer that changes nothing, with a mark.
    pub(super) fn marked(mark: Option<Bytes>) -> Self {
        Layer { mark, ..Layer::default() }
    }

    pub(super) fn table(&self, table: Table) -> &BTreeMap<Bytes, Entry> {
        &self.tables[table as usize]
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.mark.is_none() && self.tables.iter().all(BTreeMap::is_empty)
    }

    /// The outer `None`: the layer says nothing about the key.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<&Entry> {
        self.table(table).get(key)
    }

    pub(super) fn insert(&mut self, table: Table, key: Bytes, entry: Entry) {
        let key_bytes = key.len();
        let entry_bytes = entry.as_ref().map_or(0, Bytes::len);
        match self.tables[table as usize].insert(key, entry) {
            // The key in place is kept, only its entry changes.
            Some(old) => {
                self.bytes = self.bytes - old.as_ref().map_or(0, Bytes::len) + entry_bytes;
            }
            None => self.bytes += ENTRY_OVERHEAD_BYTES + key_bytes + entry_bytes,
        }
    }

    /// Puts a newer layer on top of this one.
    pub(super) fn absorb(&mut self, newer: Layer) {
        if newer.mark.is_some() {
            self.mark = newer.mark;
        }
        if self.tables.iter().all(BTreeMap::is_empty) {
            self.tables = newer.tables;
            self.bytes = newer.bytes;
            return;
        }
        for (table, entries) in Table::ALL.into_iter().zip(newer.tables) {
            for (key, entry) in entries {
                self.insert(table, key, entry);
            }
        }
    }

    pub(super) fn range<'a>(
        &'a self,
        table: Table,
        from: Bound<&'a [u8]>,
        to: Bound<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a Bytes, &'a Entry)> {
        self.table(table).range::<[u8], _>((from, to))
    }
}
