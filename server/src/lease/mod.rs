//! Leases: who granted what for how long, and which keys hang on it.
//!
//! The problem: every member must hold the same leases, yet time passes differently on each. So a lease
//! has two halves that never mix:
//!
//! * [`granted`]: replicated. A lease is an id and the TTL it was granted with; it comes and goes only by
//!   commands of the log. Nothing here knows the time.
//! * [`deadlines`]: of the leader alone, and lost with its office. When a deadline passes, the leader
//!   proposes to revoke the lease; until that is applied the lease and its keys are there. Times come in
//!   as milliseconds of a clock that never goes back.
//!
//! A new leader gives all leases their full TTL again, so a lease may live longer than asked, never
//! shorter. Without a leader no lease ends.
//!
//! [`Lessor`] holds both halves together for many threads.

pub mod deadlines;
pub mod granted;
mod lessor;

use std::fmt;
use std::time::Duration;

use etcdkit_proto::EtcdError;

pub use deadlines::Renewal;
pub use lessor::{Lessor, OpenError};

/// Longest TTL that can be granted, in seconds, as etcd's.
pub const TTL_MAX_SECONDS: i64 = 9_000_000_000;

/// Leases to revoke in a second at most, so that a pile of them does not stop other writes; as etcd's.
pub const REVOKES_PER_SECOND_MAX: usize = 1000;

/// How often the leader should look for expired leases; with each look it takes at most
/// [`EXPIRED_PER_TICK_MAX`] of them.
pub const TICK: Duration = Duration::from_millis(500);

/// Half of what may be revoked in a second, since there are two ticks in one.
pub const EXPIRED_PER_TICK_MAX: usize = REVOKES_PER_SECOND_MAX / 2;

/// Revocations of expired leases proposed at the same time, at most; as etcd's.
pub const REVOKES_IN_FLIGHT_MAX: usize = 16;

/// The name of a lease; never zero for one that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

impl LeaseId {
    /// Stands for the absence of a lease.
    pub const NONE: LeaseId = LeaseId(0);
}

impl From<i64> for LeaseId {
    fn from(id: i64) -> Self {
        LeaseId(id)
    }
}

/// As etcd's tools show it.
impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The shortest TTL, in whole seconds: one and a half election timeouts, so that a lease outlives the
/// change of a leader. 2 s for the usual election timeout of 1 s.
pub fn ttl_min_seconds(election_timeout: Duration) -> i64 {
    const MS: u128 = 1000;
    let min = (election_timeout.as_millis() * 3).div_ceil(2 * MS);
    i64::try_from(min).unwrap_or(TTL_MAX_SECONDS).max(1)
}

/// The TTL to grant, in seconds, for the one asked for; what a proposer puts into its command. Too short
/// ones, zero and negative ones included, are raised to the shortest.
///
/// # Errors
/// [`EtcdError::LeaseTtlTooLarge`] above [`TTL_MAX_SECONDS`].
pub fn ttl_to_grant(asked_seconds: i64, ttl_min_seconds: i64) -> Result<i64, EtcdError> {
    if asked_seconds > TTL_MAX_SECONDS {
        return Err(EtcdError::LeaseTtlTooLarge);
    }
    Ok(asked_seconds.max(ttl_min_seconds))
}

#[cfg(test)]
mod tests;
