//! The two halves of the leases together, for the state machine, the readers and the leader's clock.

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use parking_lot::RwLock;
use prost::Message;
use tokio::sync::watch;

use super::deadlines::{Deadlines, Renewal};
use super::granted::Granted;
use super::{LeaseId, TTL_MAX_SECONDS};
use crate::backend::{Backend, BackendError, BackendWriter, Table};
use crate::metrics::Metrics;

/// A lease as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Record {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl_seconds: i64,
}

/// The leases cannot be read at start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A record does not read back.
    #[error("the stored lease {key:?} cannot be read ({reason}); restore the data directory from a snapshot")]
    Record {
        /// The key of the record.
        key: Bytes,
        /// What is wrong with it.
        reason: String,
    },
}

/// All leases. One thread, that of the state machine, grants, revokes and attaches; any may do the rest.
///
/// Times are milliseconds of one clock that never goes back.
#[derive(Debug)]
pub struct Lessor {
    state: RwLock<State>,
    /// Counts revocations and changes of leadership, for those who wait for one.
    changes: watch::Sender<u64>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    granted: Granted,
    /// There while this member leads.
    deadlines: Option<Deadlines>,
    /// Granted while this member leads, and not started yet, because apply knows no time: the next call
    /// that brings it starts them. Bounded by the leases there are.
    fresh: Vec<LeaseId>,
}

impl State {
    fn started(&mut self, now_ms: u64) -> Option<&mut Deadlines> {
        let deadlines = self.deadlines.as_mut()?;
        for id in self.fresh.drain(..) {
            if let Some(ttl_seconds) = self.granted.ttl_seconds(id) {
                deadlines.start(id, ttl_seconds, now_ms);
            }
        }
        Some(deadlines)
    }
}

impl Lessor {
    /// Reads the leases of the backend. Their keys are to be attached again, from the key records.
    ///
    /// # Errors
    /// What the backend says, and a record that does not read back.
    pub fn open(backend: &Backend) -> Result<Self, OpenError> {
        let mut granted = Granted::default();
        let mut read = Ok(());
        backend.visit(
            Table::Lease,
            Bound::Unbounded,
            Bound::Unbounded,
            |key, value| match Record::decode(value) {
                Ok(lease) => {
                    granted.insert(LeaseId(lease.id), lease.ttl_seconds);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    read = Err(OpenError::Record {
                        key: Bytes::copy_from_slice(key),
                        reason: error.to_string(),
                    });
                    ControlFlow::Break(())
                }
            },
        )?;
        read?;
        let state = RwLock::new(State { granted, ..State::default() });
        let metrics = Arc::clone(backend.metrics());
        Ok(Lessor { state, changes: watch::Sender::new(0), metrics })
    }

    /// Takes over the leases of another member, which leads: this one no longer does.
    pub(crate) fn adopt(&self, other: Lessor) {
        let granted = other.state.into_inner().granted;
        *self.state.write() = State { granted, ..State::default() };
        self.changed();
    }

    /// Grants a lease as a command says, in the run that is being written; with its TTL in seconds. Its
    /// time starts with the next call that brings the time.
    ///
    /// # Errors
    /// [`EtcdError::LeaseTtlTooLarge`]; [`EtcdError::LeaseExist`]; [`EtcdError::LeaseNotFound`] for the id 0.
    pub fn grant(
        &self,
        run: &mut BackendWriter<'_>,
        id: impl Into<LeaseId>,
        ttl_seconds: i64,
    ) -> Result<i64, EtcdError> {
        let id = id.into();
        if id == LeaseId::NONE {
            return Err(EtcdError::LeaseNotFound);
        }
        if ttl_seconds > TTL_MAX_SECONDS {
            return Err(EtcdError::LeaseTtlTooLarge);
        }
        let mut state = self.state.write();
        if !state.granted.insert(id, ttl_seconds) {
            return Err(EtcdError::LeaseExist);
        }
        if state.deadlines.is_some() {
            state.fresh.push(id);
        }
        drop(state);
        self.metrics.lease.granted.inc();
        self.metrics.lease.ttl_seconds.observe(ttl_seconds as f64);
        run.put(Table::Lease, record_key(id), Record { id: id.0, ttl_seconds }.encode_to_vec());
        Ok(ttl_seconds)
    }

    /// Ends a lease, in the run that is being written; with its keys, in order, which the caller deletes
    /// in the same run, in one revision.
    ///
    /// # Errors
    /// [`EtcdError::LeaseNotFound`].
    pub fn revoke(
        &self,
        run: &mut BackendWriter<'_>,
        id: impl Into<LeaseId>,
    ) -> Result<Vec<Bytes>, EtcdError> {
        let id = id.into();
        let mut state = self.state.write();
        let keys = state.granted.remove(id).ok_or(EtcdError::LeaseNotFound)?;
        if let Some(deadlines) = &mut state.deadlines {
            deadlines.remove(id);
        }
        drop(state);
        run.delete(Table::Lease, record_key(id));
        self.metrics.lease.revoked.inc();
        self.changed();
        Ok(keys)
    }

    /// Hangs a key on a lease, taking it off the one before; with [`LeaseId::NONE`], and with a lease that
    /// is not there, only that.
    pub fn attach(&self, id: impl Into<LeaseId>, key: &[u8]) {
        let id = id.into();
        // Most keys never had a lease, and readers need not wait for those.
        if id == LeaseId::NONE && self.lease_of(key) == LeaseId::NONE {
            return;
        }
        self.state.write().granted.attach(id, key);
    }

    /// Takes a key off its lease, if it has one.
    pub fn detach(&self, key: &[u8]) {
        self.attach(LeaseId::NONE, key);
    }

    /// Whether the lease is there. One whose time is up is, until its revocation is applied.
    pub fn contains(&self, id: impl Into<LeaseId>) -> bool {
        self.state.read().granted.contains(id.into())
    }

    /// The TTL a lease was granted with, in seconds.
    pub fn granted_ttl_seconds(&self, id: impl Into<LeaseId>) -> Option<i64> {
        self.state.read().granted.ttl_seconds(id.into())
    }

    /// The keys of a lease, in order.
    pub fn keys(&self, id: impl Into<LeaseId>) -> Option<Vec<Bytes>> {
        self.state.read().granted.keys(id.into())
    }

    /// The lease a key hangs on, or [`LeaseId::NONE`].
    pub fn lease_of(&self, key: &[u8]) -> LeaseId {
        self.state.read().granted.lease_of(key)
    }

    /// All leases: on the leader those that end first first, else by id.
    pub fn ids(&self) -> Vec<LeaseId> {
        let state = self.state.read();
        let mut ids: Vec<_> = state.granted.iter().map(|(id, _)| id).collect();
        if let Some(deadlines) = &state.deadlines {
            // Those that have not started yet come last.
            ids.sort_by_cached_key(|id| (deadlines.ends_ms(*id).unwrap_or(u64::MAX), *id));
        }
        ids
    }

    /// How many leases there are.
    pub fn len(&self) -> usize {
        self.state.read().granted.len()
    }

    /// Whether there is no lease.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// This member leads from now on: all leases get their full TTL, and `extend_ms` (the election
    /// timeout) for their clients to find the leader. Again to the same effect.
    pub fn promote(&self, now_ms: u64, extend_ms: u64) {
        let mut state = self.state.write();
        state.fresh.clear();
        state.deadlines = Some(Deadlines::start_all(state.granted.iter(), now_ms, extend_ms));
        drop(state);
        self.changed();
    }

    /// This member no longer leads: no lease ends here.
    pub fn demote(&self) {
        let mut state = self.state.write();
        state.deadlines = None;
        state.fresh = Vec::new();
        drop(state);
        self.changed();
    }

    /// Whether this member leads, as far as leases know.
    pub fn is_leader(&self) -> bool {
        self.state.read().deadlines.is_some()
    }

    /// Keeps a lease alive, on the leader.
    pub fn renew(&self, id: impl Into<LeaseId>, now_ms: u64) -> Renewal {
        let mut state = self.state.write();
        match state.started(now_ms) {
            Some(deadlines) => {
                let renewal = deadlines.renew(id.into(), now_ms);
                if matches!(renewal, Renewal::Renewed { .. }) {
                    self.metrics.lease.renewed.inc();
                }
                renewal
            }
            None => Renewal::NotLeader,
        }
    }

    /// Milliseconds a lease has left, 0 when its time is up; none when it is not there or this member
    /// does not lead.
    pub fn remaining_ms(&self, id: impl Into<LeaseId>, now_ms: u64) -> Option<u64> {
        let mut state = self.state.write();
        let ends_ms = state.started(now_ms)?.ends_ms(id.into())?;
        Some(ends_ms.saturating_sub(now_ms))
    }

    /// When [`Lessor::take_expired`] will next have something; none without leases or leadership. Ask
    /// again after a grant.
    pub fn next_expiry_ms(&self, now_ms: u64) -> Option<u64> {
        self.state.write().started(now_ms)?.next_turn_ms()
    }

    /// Up to `limit` leases whose revocation is to be proposed now, the oldest first; none unless this
    /// member leads. Those not revoked come again after 3 s. To be asked every [`super::TICK`] with
    /// [`super::EXPIRED_PER_TICK_MAX`].
    pub fn take_expired(&self, now_ms: u64, limit: usize) -> Vec<LeaseId> {
        let mut state = self.state.write();
        state.started(now_ms).map_or_else(Vec::new, |deadlines| deadlines.take_expired(now_ms, limit))
    }

    /// Tells each revocation and each change of leadership. For [`Renewal::Ending`]: subscribe, renew,
    /// and while it is ending wait for a change and renew again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

fn record_key(id: LeaseId) -> Bytes {
    Bytes::copy_from_slice(&id.0.to_be_bytes())
}
