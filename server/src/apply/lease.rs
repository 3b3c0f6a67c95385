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
