//! The hub: where published runs meet the watchers.

use super::super::{Committed, Store};

/// Publishes committed runs. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    store: Store,
}

impl Hub {
    /// A hub for a store.
    pub fn new(store: Store) -> Self {
        Hub { store }
    }

    /// Makes a run visible to readers.
    pub fn publish(&self, committed: Committed) {
        self.store.publish(committed.marks);
    }
}
