//! The questions of authorization, request by request: asked at the edge, and again when a command is applied.

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RequestOp, TxnRequest};
use parking_lot::RwLockReadGuard;

use super::AuthStore;
use super::rights::Action;
use super::store::State;
use crate::command::{AuthOperation, Caller, Operation};
use crate::lease::{LeaseId, Lessor};

/// Answers for one caller at one moment. While it lives users and roles stand still, so it must not live long.
///
/// Every question is answered with yes while authentication is off. Otherwise: a caller that is not known
/// ([`EtcdError::UserEmpty`]), one recognised before the last change ([`EtcdError::AuthRevisionOld`]), and one
/// without the right ([`EtcdError::PermissionDenied`]) are refused.
pub struct Checker<'a> {
    state: RwLockReadGuard<'a, State>,
    caller: Option<&'a Caller>,
    lessor: &'a Lessor,
}

type Verdict = Result<(), EtcdError>;

impl AuthStore {
    /// Answers for a caller; none is one without credentials.
    pub fn checker<'a>(&'a self, caller: Option<&'a Caller>, lessor: &'a Lessor) -> Checker<'a> {
        Checker { state: self.state(), caller, lessor }
    }
}

impl Checker<'_> {
    /// Whether the caller may administer. The auth revision of the caller does not matter here, as in etcd: whoever
    /// changes users must not be thrown out by each change.
    pub fn admin(&self) -> Verdict {
        if !self.state.enabled {
            return Ok(());
        }
        let caller = self.caller.filter(|caller| !caller.user.is_empty()).ok_or(EtcdError::UserEmpty)?;
        match self.state.rights.get(&caller.user) {
            None => Err(EtcdError::UserNotFound),
            Some(rights) if rights.is_root => Ok(()),
            Some(_) => Err(EtcdError::PermissionDenied),
        }
    }

    /// Whether the caller is known at all.
    pub fn known(&self) -> Verdict {
        match (self.state.enabled, self.caller) {
            (true, None) => Err(EtcdError::UserEmpty),
            _ => Ok(()),
        }
    }

    /// Whether the caller may see this user. Who is nobody may see the user without a name, as in etcd; there is none.
    pub fn see_user(&self, name: &str) -> Verdict {
        let own = self.caller.map_or("", |caller| &caller.user);
        if own == name { Ok(()) } else { self.admin() }
    }

    /// Whether the caller may see this role, given the roles it has.
    pub fn see_role(&self, role: &str, own_roles: &[String]) -> Verdict {
        if own_roles.iter().any(|own| own == role) { Ok(()) } else { self.admin() }
    }

    fn permit(&self, action: Action, key: &Bytes, range_end: &Bytes) -> Verdict {
        if !self.state.enabled {
            return Ok(());
        }
        let caller = self.caller.ok_or(EtcdError::UserEmpty)?;
        if caller.revision < self.state.revision {
            return Err(EtcdError::AuthRevisionOld);
        }
        match self.state.rights.get(&caller.user) {
            Some(rights) if rights.permit(action, key, range_end) => Ok(()),
            _ => Err(EtcdError::PermissionDenied),
        }
    }

    /// Reading or watching a range, spelled as in requests.
    pub fn range(&self, key: &Bytes, range_end: &Bytes) -> Verdict {
        self.permit(Action::Read, key, range_end)
    }

    /// A put. A lease may only be used by who could end it, since ending it deletes all its keys.
    pub fn put(&self, request: &PutRequest) -> Verdict {
        self.permit(Action::Write, &request.key, &Bytes::new())?;
        self.end_lease(request.lease)?;
        if request.prev_kv {
            self.permit(Action::Read, &request.key, &Bytes::new())?;
        }
        Ok(())
    }

    /// A deletion.
    pub fn delete_range(&self, request: &DeleteRangeRequest) -> Verdict {
        self.permit(Action::Write, &request.key, &request.range_end)?;
        if request.prev_kv {
            self.permit(Action::Read, &request.key, &request.range_end)?;
        }
        Ok(())
    }

    /// A transaction: the conditions and both branches, whichever would run, and everything nested in them. The depth
    /// is bounded by the decoder, which refuses more than 100 levels.
    pub fn txn(&self, request: &TxnRequest) -> Verdict {
        for compare in &request.compare {
            self.permit(Action::Read, &compare.key, &compare.range_end)?;
        }
        request.success.iter().chain(&request.failure).try_for_each(|op| self.op(op))
    }

    fn op(&self, op: &RequestOp) -> Verdict {
        match &op.request {
            Some(Request::RequestRange(range)) => self.range(&range.key, &range.range_end),
            Some(Request::RequestPut(put)) => self.put(put),
            Some(Request::RequestDeleteRange(delete)) => self.delete_range(delete),
            Some(Request::RequestTxn(txn)) => self.txn(txn),
            None => Ok(()),
        }
    }

    /// Ending or renewing a lease: all its keys must be writable. A lease that is not there is nobody's.
    pub fn end_lease(&self, lease: impl Into<LeaseId>) -> Verdict {
        self.each_key_of(lease.into(), Action::Write)
    }

    /// Seeing the keys of a lease.
    pub fn see_lease(&self, lease: impl Into<LeaseId>) -> Verdict {
        self.each_key_of(lease.into(), Action::Read)
    }

    fn each_key_of(&self, lease: LeaseId, action: Action) -> Verdict {
        if lease == LeaseId::NONE || self.admin().is_ok() {
            return Ok(());
        }
        let keys = self.lessor.keys(lease).unwrap_or_default();
        keys.iter().try_for_each(|key| self.permit(action, key, &Bytes::new()))
    }

    /// A command that is about to be applied. What the server itself proposes has nothing to fear here: expiries are
    /// told from revocations, and compactions and alarms are settled at the edge.
    pub fn command(&self, operation: &Operation) -> Verdict {
        match operation {
            Operation::Put(request) => self.put(request),
            Operation::DeleteRange(request) => self.delete_range(request),
            Operation::Txn(request) => self.txn(request),
            Operation::LeaseRevoke(revoke) if revoke.expired_in_term == 0 => self.end_lease(revoke.id),
            Operation::Auth(command) => match &command.operation {
                None | Some(AuthOperation::Authenticate(_)) => Ok(()),
                Some(_) => self.admin(),
            },
            Operation::LeaseRevoke(_)
            | Operation::LeaseGrant(_)
            | Operation::Compact(_)
            | Operation::Alarm(_)
            | Operation::Cluster(_) => Ok(()),
        }
    }
}
