//! The leader's half: when each lease ends, if nobody keeps it alive.
//!
//! Two orders are kept. Deadlines say when a lease ends; turns say when the leader should next do
//! something about it, which is the deadline at first, and later again and again until the revocation
//! has been applied, because a proposal may be lost.

use std::collections::{BTreeSet, HashMap};

use super::{LeaseId, REVOKES_PER_SECOND_MAX};

/// How long a revocation may take before it is proposed again, in milliseconds; as etcd's.
pub const RETRY_MS: u64 = 3000;

/// Deadlines set for one second at most when all leases start again under a new leader: three quarters
/// of what can be revoked, so that leases which end by themselves find room too.
const RESTARTS_PER_SECOND_MAX: u64 = REVOKES_PER_SECOND_MAX as u64 * 3 / 4;

const SECOND_MS: u64 = 1000;

/// What became of a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease has its full TTL again, in seconds.
    Renewed {
        /// As granted.
        ttl_seconds: i64,
    },
    /// There is no such lease: answer with a TTL of 0.
    Unknown,
    /// The lease has ended and its revocation is on the way: it cannot be saved any more. Wait for a
    /// change of the lessor, then ask again.
    Ending,
    /// Not the leader: ask there.
    NotLeader,
}

#[derive(Clone, Copy, Debug)]
struct Deadline {
    ttl_seconds: i64,
    ends_ms: u64,
    turn_ms: u64,
}

/// The deadlines of all leases while this member leads.
#[derive(Debug, Default)]
pub struct Deadlines {
    by_lease: HashMap<LeaseId, Deadline>,
    turns: BTreeSet<(u64, LeaseId)>,
}

impl Deadlines {
    /// Gives all leases their full TTL from `now_ms` on, and `extend_ms` for clients to find the new
    /// leader. Many leases that would end at once are spread over time, later rather than earlier.
    pub fn start_all(leases: impl Iterator<Item = (LeaseId, i64)>, now_ms: u64, extend_ms: u64) -> Self {
        let mut ends: Vec<_> =
            leases.map(|(id, ttl)| (end_of(now_ms, ttl).saturating_add(extend_ms), id, ttl)).collect();
        // Fewer than can be revoked in a second cannot pile up.
        if ends.len() >= REVOKES_PER_SECOND_MAX {
            ends.sort_unstable();
            spread(&mut ends);
        }
        let mut deadlines = Deadlines::default();
        for (ends_ms, id, ttl_seconds) in ends {
            deadlines.set(id, ttl_seconds, ends_ms);
        }
        deadlines
    }

    /// Starts one lease with its full TTL, in seconds, anew if need be.
    pub fn start(&mut self, id: LeaseId, ttl_seconds: i64, now_ms: u64) {
        self.set(id, ttl_seconds, end_of(now_ms, ttl_seconds));
    }

    /// Keeps a lease alive.
    pub fn renew(&mut self, id: LeaseId, now_ms: u64) -> Renewal {
        let Some(deadline) = self.by_lease.get(&id).copied() else { return Renewal::Unknown };
        if deadline.ends_ms <= now_ms {
            return Renewal::Ending;
        }
        self.start(id, deadline.ttl_seconds, now_ms);
        Renewal::Renewed { ttl_seconds: deadline.ttl_seconds }
    }

    /// Forgets a lease, because it was revoked.
    pub fn remove(&mut self, id: LeaseId) {
        if let Some(deadline) = self.by_lease.remove(&id) {
            self.turns.remove(&(deadline.turn_ms, id));
        }
    }

    /// When a lease ends.
    pub fn ends_ms(&self, id: LeaseId) -> Option<u64> {
        self.by_lease.get(&id).map(|deadline| deadline.ends_ms)
    }

    /// When [`Deadlines::take_expired`] will next have something.
    pub fn next_turn_ms(&self) -> Option<u64> {
        self.turns.first().map(|(turn_ms, _)| *turn_ms)
    }

    /// Up to `limit` leases to revoke now, those that ended first first. Each comes again after
    /// [`RETRY_MS`], until it is removed.
    pub fn take_expired(&mut self, now_ms: u64, limit: usize) -> Vec<LeaseId> {
        let mut expired = Vec::new();
        while expired.len() < limit {
            let Some(&(turn_ms, id)) = self.turns.first() else { break };
            if turn_ms > now_ms {
                break;
            }
            let turn_ms = now_ms.saturating_add(RETRY_MS);
            self.turns.pop_first();
            self.turns.insert((turn_ms, id));
            if let Some(deadline) = self.by_lease.get_mut(&id) {
                deadline.turn_ms = turn_ms;
                expired.push(id);
            }
        }
        expired
    }

    fn set(&mut self, id: LeaseId, ttl_seconds: i64, ends_ms: u64) {
        self.remove(id);
        self.by_lease.insert(id, Deadline { ttl_seconds, ends_ms, turn_ms: ends_ms });
        self.turns.insert((ends_ms, id));
    }
}

fn end_of(now_ms: u64, ttl_seconds: i64) -> u64 {
    let ttl_ms = u64::try_from(ttl_seconds).unwrap_or(0).saturating_mul(SECOND_MS);
    now_ms.saturating_add(ttl_ms)
}

/// Moves ends, which are sorted, back so far that no second has more than its share.
fn spread(ends: &mut [(u64, LeaseId, i64)]) {
    let (mut since_ms, mut passed) = (0_u64, 0);
    for (ends_ms, _, _) in ends {
        let free_ms = since_ms.saturating_add(passed * SECOND_MS / RESTARTS_PER_SECOND_MAX);
        if *ends_ms > free_ms {
            (since_ms, passed) = (*ends_ms, 0);
        } else {
            *ends_ms = free_ms;
        }
        passed += 1;
    }
}
