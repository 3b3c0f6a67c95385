//! Tells those who asked for it when a member has lost sight of its leader.
//!
//! A client that sets `hasleader` would rather go to another member than wait at one that is cut off. A call is refused at
//! once. Streams are ended later: to open them anew costs more than to wait for an election.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::raft::RaftNode;

/// Election timeouts without a leader after which streams are ended; as in etcd.
const PATIENCE_ELECTIONS: u32 = 3;

/// Tells streams that there has been no leader for long. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Leaderless {
    /// Counts how often that was so.
    told: watch::Sender<u64>,
}

impl Leaderless {
    pub(crate) fn new() -> Self {
        Leaderless { told: watch::Sender::new(0) }
    }

    /// Changes when there has been no leader for long.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Looks once in an election timeout, until `stopping`.
    pub(crate) async fn run(self, raft: RaftNode, election_timeout: Duration, stopping: CancellationToken) {
        let mut tick = tokio::time::interval(election_timeout);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut without = 0;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            without = if raft.status().leadership.leader.is_some() { 0 } else { without + 1 };
            if without >= PATIENCE_ELECTIONS {
                self.told.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }
}
