//! The replicated half: leases and the keys attached to them, as the log makes them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use super::LeaseId;

/// Leases with their keys. A key hangs on one lease at most.
///
/// ```text
/// put k1 with lease 7          7: {k1}        k1 -> 7
/// put k2 with lease 7          7: {k1, k2}    k1 -> 7, k2 -> 7
/// put k1 with lease 8          7: {k2}        8: {k1}
/// put k2 without lease         7: {}          8: {k1}
/// revoke 8                     7: {}          the caller deletes k1
/// ```
#[derive(Debug, Default)]
pub struct Granted {
    leases: BTreeMap<LeaseId, Lease>,
    lease_of: HashMap<Bytes, LeaseId>,
}

#[derive(Debug)]
struct Lease {
    ttl_seconds: i64,
    keys: BTreeSet<Bytes>,
}

impl Granted {
    /// Adds a lease; false when it is there already.
    pub fn insert(&mut self, id: LeaseId, ttl_seconds: i64) -> bool {
        if self.leases.contains_key(&id) {
            return false;
        }
        self.leases.insert(id, Lease { ttl_seconds, keys: BTreeSet::new() });
        true
    }

    /// Removes a lease; its keys in order, or none when there is no such lease.
    pub fn remove(&mut self, id: LeaseId) -> Option<Vec<Bytes>> {
        let lease = self.leases.remove(&id)?;
        for key in &lease.keys {
            self.lease_of.remove(key);
        }
        Some(lease.keys.into_iter().collect())
    }

    /// Hangs a key on a lease, taking it off the one before. With [`LeaseId::NONE`], and with a lease that
    /// is not there, it is only taken off.
    pub fn attach(&mut self, id: LeaseId, key: &[u8]) {
        let before = self.lease_of.get(key).copied();
        if before == Some(id) {
            return;
        }
        if let Some(before) = before {
            self.lease_of.remove(key);
            if let Some(lease) = self.leases.get_mut(&before) {
                lease.keys.remove(key);
            }
        }
        let Some(lease) = self.leases.get_mut(&id) else { return };
        // A copy: the caller's key is a part of a whole request, which would be kept in memory with it.
        let key = Bytes::copy_from_slice(key);
        lease.keys.insert(key.clone());
        self.lease_of.insert(key, id);
    }

    /// Whether the lease is there.
    pub fn contains(&self, id: LeaseId) -> bool {
        self.leases.contains_key(&id)
    }

    /// The TTL a lease was granted with, in seconds.
    pub fn ttl_seconds(&self, id: LeaseId) -> Option<i64> {
        self.leases.get(&id).map(|lease| lease.ttl_seconds)
    }

    /// The keys of a lease, in order.
    pub fn keys(&self, id: LeaseId) -> Option<Vec<Bytes>> {
        self.leases.get(&id).map(|lease| lease.keys.iter().cloned().collect())
    }

    /// The lease a key hangs on, or [`LeaseId::NONE`].
    pub fn lease_of(&self, key: &[u8]) -> LeaseId {
        self.lease_of.get(key).copied().unwrap_or(LeaseId::NONE)
    }

    /// All leases with their TTL in seconds, by id.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, i64)> {
        self.leases.iter().map(|(id, lease)| (*id, lease.ttl_seconds))
    }

    /// How many leases there are.
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    /// Whether there is no lease.
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }
}
