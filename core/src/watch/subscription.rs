//! One user stream in the hub: its buffer and the ids of its watches.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use super::buffer::Buffer;
use crate::error::{Error, Result};

/// One user stream: its buffer and the ids of its watches.
#[derive(Default)]
pub(super) struct Subscription {
    pub(super) buffer: Buffer,
    pub(super) ids: Mutex<Ids>,
    pub(super) paused: AtomicBool,
}

#[derive(Default)]
pub(super) struct Ids {
    /// Watch id as the user sees it, to the key in the hub's table.
    pub(super) keys: HashMap<i64, u64>,
    next: i64,
    pub(super) progress_wanted: bool,
}

impl Subscription {
    pub(super) fn claim_id(&self, wanted: i64, key: u64) -> Result<i64> {
        let mut ids = self.ids.lock();
        if wanted != 0 && ids.keys.contains_key(&wanted) {
            return Err(Error::WatchError("mvcc: duplicate watch ID provided on the WatchStream".to_owned()));
        }
        let mut id = wanted;
        if wanted == 0 {
            while ids.keys.contains_key(&ids.next) {
                ids.next += 1;
            }
            id = ids.next;
            ids.next += 1;
        }
        ids.keys.insert(id, key);
        Ok(id)
    }

    pub(super) fn key_of(&self, id: i64) -> Option<u64> {
        self.ids.lock().keys.get(&id).copied()
    }
}
