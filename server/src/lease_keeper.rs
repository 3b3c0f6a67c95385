//! Leases as clients ask about them, on any member.
//!
//! Only the leader knows how long a lease has left. A follower asks there. And a leader makes sure that it still is one
//! after it has renewed a lease: one that was replaced without noticing would promise a life that its successor, whose
//! clock counts now, does not give.

use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::EtcdError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::forward::Forwarder;
use crate::lease::{Lessor, Renewal};
use crate::read::{GateError, ReadGate};
use crate::transport::wire::LeaseResponse;

/// Pause before a leader is looked for again where nothing tells that there is a new one.
const LEADER_PAUSE: Duration = Duration::from_millis(50);

/// Answers about leases. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LeaseKeeper {
    pub(crate) lessor: Arc<Lessor>,
    pub(crate) clock: Clock,
    pub(crate) forwarder: Forwarder,
    /// Opens while this member leads.
    pub(crate) leading: ReadGate,
    /// The longest a leader is looked for.
    pub(crate) timeout: Duration,
    pub(crate) stopping: CancellationToken,
}

/// What is known of a lease: the seconds it was granted for and the milliseconds it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) granted_ttl: i64,
    pub(crate) remaining_ms: u64,
}

/// What a member may know of a lease.
enum Local {
    Known(Option<Life>),
    NotLeader,
}

impl LeaseKeeper {
    /// Gives a lease its full time again; none when there is no such lease.
    pub(crate) async fn renew(&self, id: i64) -> Result<Option<Life>, GateError> {
        self.anywhere(id, true).await
    }

    /// What is known of a lease; none when there is no such lease.
    pub(crate) async fn life(&self, id: i64) -> Result<Option<Life>, GateError> {
        self.anywhere(id, false).await
    }

    /// The same for another member, which took this one for the leader.
    ///
    /// # Errors
    /// [`EtcdError::NotLeader`].
    pub(crate) async fn here(&self, id: i64, renew: bool) -> Result<Option<Life>, GateError> {
        match self.local(id, renew).await? {
            Local::Known(life) => Ok(life),
            Local::NotLeader => Err(EtcdError::NotLeader.into()),
        }
    }

    async fn anywhere(&self, id: i64, renew: bool) -> Result<Option<Life>, GateError> {
        let deadline = Instant::now() + self.timeout;
        let mut changes = self.forwarder.raft.changes();
        loop {
            let leadership = *changes.borrow_and_update();
            match self.local(id, renew).await? {
                Local::Known(life) => return Ok(life),
                Local::NotLeader => {}
            }
            if let Some(leader) = leadership.leader.filter(|_| !leadership.is_leader) {
                match self.forwarder.lease(leader, id, renew).await {
                    Ok(LeaseResponse { found: false, .. }) => return Ok(None),
                    Ok(LeaseResponse { granted_ttl, remaining_ms, .. }) => {
                        return Ok(Some(Life { granted_ttl, remaining_ms }));
                    }
                    // To renew a lease twice does no harm.
                    Err(error) => {
                        tracing::debug!(%error, lease = id, "the leader did not answer about a lease")
                    }
                }
            }
            if Instant::now() >= deadline {
                return Err(EtcdError::NoLeader.into());
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Err(EtcdError::Stopped.into()),
                _ = tokio::time::timeout(LEADER_PAUSE, changes.changed()) => {}
            }
        }
    }

    async fn local(&self, id: i64, renew: bool) -> Result<Local, GateError> {
        let known = if renew { self.renew_local(id).await? } else { self.look_local(id) };
        // A cluster of one has nobody who could have taken over.
        if matches!(known, Local::Known(_)) && self.forwarder.raft.status().voters > 1 {
            match self.leading.pass().await {
                Ok(()) => {}
                Err(GateError::Api(EtcdError::NotLeader)) => return Ok(Local::NotLeader),
                Err(error) => return Err(error),
            }
        }
        Ok(known)
    }

    fn look_local(&self, id: i64) -> Local {
        if !self.lessor.is_leader() {
            return Local::NotLeader;
        }
        let granted = self.lessor.granted_ttl_seconds(id);
        let remaining = self.lessor.remaining_ms(id, self.clock.now_ms());
        Local::Known(
            granted.zip(remaining).map(|(granted_ttl, remaining_ms)| Life { granted_ttl, remaining_ms }),
        )
    }

    async fn renew_local(&self, id: i64) -> Result<Local, GateError> {
        let mut changes = self.lessor.changes();
        loop {
            changes.mark_unchanged();
            match self.lessor.renew(id, self.clock.now_ms()) {
                Renewal::Renewed { ttl_seconds } => {
                    let remaining_ms = u64::try_from(ttl_seconds).unwrap_or(0).saturating_mul(1000);
                    return Ok(Local::Known(Some(Life { granted_ttl: ttl_seconds, remaining_ms })));
                }
                Renewal::Unknown => return Ok(Local::Known(None)),
                Renewal::NotLeader => return Ok(Local::NotLeader),
                Renewal::Ending => {}
            }
            tokio::select! {
                () = self.stopping.cancelled() => return Err(EtcdError::Stopped.into()),
                changed = changes.changed() => if changed.is_err() {
                    return Err(EtcdError::Stopped.into());
                },
            }
        }
    }
}
