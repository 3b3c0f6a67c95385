//! Ends leases whose time is up.
//!
//! Only the leader's clock counts, and only through the log: the leader proposes to revoke, and the
//! command carries the term, so that a leader of yesterday cannot end what a leader of today extended.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::command::{LeaseRevoke, Operation};
use crate::lease::{EXPIRED_PER_TICK_MAX, LeaseId, Lessor, REVOKES_IN_FLIGHT_MAX, TICK};
use crate::propose::Proposer;
use crate::raft::RaftNode;

/// The task that ends leases.
pub(crate) struct Expiry {
    pub(crate) raft: RaftNode,
    pub(crate) lessor: Arc<Lessor>,
    pub(crate) proposer: Proposer,
    pub(crate) clock: Clock,
    /// What leases get on top of their TTL when the leader changes.
    pub(crate) election_timeout: Duration,
}

impl Expiry {
    /// Runs until `stopping`.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        let extend_ms = u64::try_from(self.election_timeout.as_millis()).unwrap_or(u64::MAX);
        let in_flight = Arc::new(Semaphore::new(REVOKES_IN_FLIGHT_MAX));
        let mut leadership = self.raft.changes();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.follow_leadership(&mut leadership, extend_ms);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = leadership.changed() => match changed {
                    Ok(()) => self.follow_leadership(&mut leadership, extend_ms),
                    Err(_stopped) => return,
                },
                _ = tick.tick() => self.revoke_expired(&in_flight).await,
            }
        }
    }

    fn follow_leadership(
        &self,
        leadership: &mut tokio::sync::watch::Receiver<crate::raft::Leadership>,
        extend_ms: u64,
    ) {
        if leadership.borrow_and_update().is_leader {
            self.lessor.promote(self.clock.now_ms(), extend_ms);
        } else {
            self.lessor.demote();
        }
    }

    async fn revoke_expired(&self, in_flight: &Arc<Semaphore>) {
        let term = self.raft.status().leadership.term;
        for id in self.lessor.take_expired(self.clock.now_ms(), EXPIRED_PER_TICK_MAX) {
            self.proposer.metrics().lease.expired.inc();
            let Ok(slot) = Arc::clone(in_flight).acquire_owned().await else { return };
            let proposer = self.proposer.clone();
            tokio::spawn(async move {
                revoke(&proposer, id, term).await;
                drop(slot);
            });
        }
    }
}

async fn revoke(proposer: &Proposer, id: LeaseId, term: u64) {
    let command = Operation::LeaseRevoke(LeaseRevoke { id: id.0, expired_in_term: term });
    // What fails is offered again by the lessor; what was revoked meanwhile needs nothing.
    if let Err(error) = proposer.propose(command).await {
        tracing::debug!(lease = %id, %error, "failed to revoke an expired lease");
    }
}
