//! Leases as commands: granting, and ending one with everything that hangs on it.

use etcdkit_proto::etcdserverpb::{LeaseGrantResponse, LeaseRevokeResponse};
use etcdkit_proto::key_range::KeyRange;

use super::applier::Run;
use super::kv::header;
use crate::command::{Applied, LeaseGrant, LeaseRevoke};
use crate::mvcc::MvccError;

/// Creates a lease.
pub(super) fn grant(run: &mut Run<'_, '_>, grant: LeaseGrant) -> Result<LeaseGrantResponse, MvccError> {
    let ttl = run.lessor.grant(run.writer.backend(), grant.id, grant.ttl)?;
    Ok(LeaseGrantResponse { header: header(run.writer.revision()), id: grant.id, ttl, ..Default::default() })
}

/// Ends a lease and deletes its keys, all in one revision, in key order. An expiry decided by the leader
/// of another term is void.
pub(super) fn revoke(run: &mut Run<'_, '_>, revoke: LeaseRevoke, term: u64) -> Result<Applied, MvccError> {
    if revoke.expired_in_term != 0 && revoke.expired_in_term != term {
        return Ok(Applied::Nothing);
    }
    let keys = run.lessor.revoke(run.writer.backend(), revoke.id)?;
    for key in keys {
        run.writer.delete_range(&KeyRange::One(key));
    }
    Ok(Applied::LeaseRevoke(LeaseRevokeResponse { header: header(run.writer.read_revision()) }))
}

/// Which keys hang on which lease.
#[derive(Debug, Default)]
pub struct Lessor(parking_lot::Mutex<State>);

#[derive(Debug, Default)]
struct State {
    leases: std::collections::BTreeMap<i64, std::collections::BTreeSet<bytes::Bytes>>,
    by_key: std::collections::HashMap<bytes::Bytes, i64>,
}

impl Lessor {
    pub(super) fn contains(&self, id: i64) -> bool {
        self.0.lock().leases.contains_key(&id)
    }

    /// Hangs a key on a lease instead of the one it hung on; zero is none.
    pub fn attach(&self, id: i64, key: &[u8]) {
        let mut state = self.0.lock();
        let key = bytes::Bytes::copy_from_slice(key);
        if let Some(before) = state.by_key.remove(&key) {
            if let Some(keys) = state.leases.get_mut(&before) {
                keys.remove(&key);
            }
        }
        if id != 0 {
            state.leases.entry(id).or_default().insert(key.clone());
            state.by_key.insert(key, id);
        }
    }

    pub(super) fn grant(
        &self,
        _: &mut crate::backend::BackendWriter<'_>,
        id: i64,
        ttl: i64,
    ) -> Result<i64, etcdkit_proto::EtcdError> {
        let mut state = self.0.lock();
        if state.leases.contains_key(&id) {
            return Err(etcdkit_proto::EtcdError::LeaseExist);
        }
        state.leases.insert(id, Default::default());
        Ok(ttl)
    }

    pub(super) fn revoke(
        &self,
        _: &mut crate::backend::BackendWriter<'_>,
        id: i64,
    ) -> Result<Vec<bytes::Bytes>, etcdkit_proto::EtcdError> {
        let mut state = self.0.lock();
        let keys = state.leases.remove(&id).ok_or(etcdkit_proto::EtcdError::LeaseNotFound)?;
        for key in &keys {
            state.by_key.remove(key);
        }
        Ok(keys.into_iter().collect())
    }
}
