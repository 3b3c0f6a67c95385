//! Finds members whose data is not what it should be.
//!
//! All members apply the same log, so at one revision all hold the same keys. A disk that returns something else than was
//! written, or a defect, may make one of them differ, and reads there are wrong from then on. So hashes are compared: by
//! each member a little after its start, by the leader now and then, and after each compaction. One that differs from a
//! majority is named in an alarm, under which the cluster takes no writes until somebody has looked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::alarm_request::AlarmAction;
use etcdkit_proto::etcdserverpb::{AlarmRequest, AlarmType};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarms;
use crate::command::Operation;
use crate::mvcc::{KeyValueHash, MvccError, Store};
use crate::propose::Proposer;
use crate::raft::RaftNode;
use crate::transport::wire::{HashRefusal, HashRequest, HashResponse};
use crate::transport::{Call, Peers};

/// Time a member has to hash what it holds. Some hundred megabytes take a second.
const HASH_TIMEOUT: Duration = Duration::from_secs(60);

/// Time before the first comparison: a member that was away gets what it lacks meanwhile.
const START_PAUSE: Duration = Duration::from_secs(5);

/// How often a member is asked again that is not there yet, and the pause in between: a follower lags by milliseconds.
const ASK_AGAIN_MAX: usize = 10;
const ASK_AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// How often to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intervals {
    /// All there is.
    pub(crate) all: Duration,
    /// What a compaction has left, where there was one.
    pub(crate) compacted: Duration,
}

/// Compares this member's keys with those of the others.
#[derive(Clone)]
pub(crate) struct Corruption {
    pub(crate) member_id: u64,
    pub(crate) raft: RaftNode,
    pub(crate) store: Store,
    pub(crate) peers: Arc<Peers>,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) proposer: Proposer,
}

/// What a comparison says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// All that could be compared are equal.
    Equal,
    /// These differ from a majority.
    Divergent(Vec<u64>),
    /// They differ, and no hash has a majority.
    Unclear,
}

/// Hashes by member, at one revision and one compact revision.
struct Compared {
    own: KeyValueHash,
    hashes: BTreeMap<u64, u32>,
    members: usize,
}

impl Corruption {
    /// Compares until `stopping`.
    pub(crate) async fn run(self, intervals: Intervals, stopping: CancellationToken) {
        let mut tick = tokio::time::interval_at(
            Instant::now() + START_PAUSE.min(intervals.all),
            intervals.all.min(intervals.compacted),
        );
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut next, mut compacted, mut begun) = (Instant::now(), self.store.marks().compacted, false);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            let leads = self.raft.status().leadership.is_leader;
            let now_compacted = self.store.marks().compacted;
            let revision = match Instant::now() >= next {
                true => 0,
                false if now_compacted > compacted => now_compacted,
                false => continue,
            };
            compacted = now_compacted;
            if revision == 0 {
                next = Instant::now() + intervals.all;
            }
            if !leads && begun {
                continue;
            }
            begun = true;
            tokio::select! {
                () = stopping.cancelled() => return,
                () = self.check(revision) => {}
            }
        }
    }

    /// Compares before this member serves.
    ///
    /// # Errors
    /// It holds something else than the others; the text is etcd's.
    pub(crate) async fn check_before_service(&self) -> Result<(), String> {
        // Nobody has told the connections yet where members are.
        for (id, node) in &self.raft.members().borrow().nodes {
            self.peers.place(*id, &node.peer_urls);
        }
        match self.compare(0).await {
            Ok(compared) if compared.hashes.values().all(|hash| *hash == compared.own.hash) => {
                tracing::info!(
                    compared_members = compared.hashes.len() - 1,
                    "initial corruption checking passed; no corruption"
                );
                Ok(())
            }
            Ok(_) => Err(format!("{:x} found data inconsistency with peers", self.member_id)),
            Err(error) => Err(format!("{:x} failed to fetch hash ({error})", self.member_id)),
        }
    }

    async fn check(&self, revision: i64) {
        let compared = match self.compare(revision).await {
            Ok(compared) => compared,
            Err(error) => return tracing::warn!(%error, "the keys could not be hashed"),
        };
        match compared.verdict() {
            Verdict::Equal => tracing::debug!(
                revision = compared.own.hash_revision,
                compared_members = compared.hashes.len(),
                "finished peer corruption check"
            ),
            Verdict::Divergent(members) => {
                for member in members {
                    self.raise(member, &compared).await;
                }
            }
            // etcd names no member then, and means all of them.
            Verdict::Unclear => self.raise(0, &compared).await,
        }
    }

    async fn raise(&self, member_id: u64, compared: &Compared) {
        tracing::error!(
            corrupted_member_id = format!("{member_id:x}"),
            revision = compared.own.hash_revision,
            compact_revision = compared.own.compact_revision,
            hashes = ?compared.hashes.iter().map(|(id, hash)| format!("{id:x}: {hash}")).collect::<Vec<_>>(),
            "found data inconsistency between members"
        );
        if self.alarms.list(AlarmType::Corrupt).iter().any(|raised| raised.member_id == member_id) {
            return;
        }
        let alarm = AlarmRequest {
            action: AlarmAction::Activate as i32,
            member_id,
            alarm: AlarmType::Corrupt as i32,
        };
        if let Err(error) = self.proposer.propose(Operation::Alarm(alarm)).await {
            tracing::error!(%error, "the alarm could not be raised; it is tried again with the next comparison");
        }
    }

    /// Hashes up to a revision, zero for the newest, here and at all that answer and have compacted as far.
    async fn compare(&self, revision: i64) -> Result<Compared, MvccError> {
        let store = self.store.clone();
        let hashed = tokio::task::spawn_blocking(move || store.hash_kv(revision)).await;
        let own = hashed.map_err(|_stopped| MvccError::from(EtcdError::Stopped))??;
        let members: Vec<u64> = self.raft.members().borrow().nodes.keys().copied().collect();
        let others = members.iter().filter(|id| **id != self.member_id);
        let answers = others.map(async |id| (*id, self.ask(*id, own.hash_revision).await));
        let answers = futures::future::join_all(answers).await;
        let mut hashes = BTreeMap::from([(self.member_id, own.hash)]);
        for (id, answer) in answers {
            match answer {
                Ok(answer) if answer.compact_revision == own.compact_revision => {
                    hashes.insert(id, answer.hash);
                }
                Ok(answer) => tracing::debug!(
                    remote_peer_id = format!("{id:x}"),
                    remote_peer_compact_revision = answer.compact_revision,
                    "a member was not compared: it has compacted differently"
                ),
                Err(reason) => {
                    tracing::debug!(remote_peer_id = format!("{id:x}"), reason, "a member was not compared")
                }
            }
        }
        Ok(Compared { own, hashes, members: members.len() })
    }

    async fn ask(&self, id: u64, revision: i64) -> Result<HashResponse, String> {
        for _ in 0..ASK_AGAIN_MAX {
            let asked = self.peers.ask(id, Call::Hash, HashRequest { revision }, HASH_TIMEOUT).await;
            let answer: HashResponse = asked.map_err(|error| error.to_string())?;
            match answer.refusal() {
                HashRefusal::None => return Ok(answer),
                HashRefusal::Future => tokio::time::sleep(ASK_AGAIN_PAUSE).await,
                HashRefusal::Compacted => return Err("it has compacted the revision".to_owned()),
                HashRefusal::Failed => return Err("it cannot hash its keys".to_owned()),
            }
        }
        Err("it has not applied the revision yet".to_owned())
    }
}

impl Compared {
    fn verdict(&self) -> Verdict {
        let mut counts = BTreeMap::<u32, usize>::new();
        self.hashes.values().for_each(|hash| *counts.entry(*hash).or_default() += 1);
        if counts.len() == 1 {
            return Verdict::Equal;
        }
        let right = counts.iter().find(|(_, count)| **count > self.members / 2).map(|(hash, _)| *hash);
        match right {
            None => Verdict::Unclear,
            Some(right) => {
                let divergent = self.hashes.iter().filter(|(_, hash)| **hash != right);
                Verdict::Divergent(divergent.map(|(id, _)| *id).collect())
            }
        }
    }
}

/// Answers a member that compares. Blocks.
pub(crate) fn answer(store: &Store, revision: i64) -> HashResponse {
    match store.hash_kv(revision) {
        Ok(hashed) => HashResponse {
            hash: hashed.hash,
            compact_revision: hashed.compact_revision,
            refusal: HashRefusal::None as i32,
        },
        Err(error) => {
            let refusal = match &error {
                MvccError::Api(EtcdError::FutureRevision) => HashRefusal::Future,
                MvccError::Api(EtcdError::Compacted) => HashRefusal::Compacted,
                _ => {
                    tracing::error!(%error, "the keys could not be hashed for another member");
                    HashRefusal::Failed
                }
            };
            HashResponse { refusal: refusal as i32, ..Default::default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_differs_from_a_majority_is_named() {
        let own = KeyValueHash { hash: 1, compact_revision: -1, hash_revision: 9, current_revision: 9 };
        let verdict = |hashes: &[(u64, u32)], members| {
            Compared { own, hashes: hashes.iter().copied().collect(), members }.verdict()
        };
        type Hashes = &'static [(u64, u32)];
        let table: &[(Hashes, usize, Verdict)] = &[
            (&[(1, 7)], 1, Verdict::Equal),
            (&[(1, 7), (2, 7), (3, 7)], 3, Verdict::Equal),
            (&[(1, 7), (2, 7), (3, 8)], 3, Verdict::Divergent(vec![3])),
            (&[(1, 8), (2, 7), (3, 7)], 3, Verdict::Divergent(vec![1])),
            (&[(1, 7), (2, 7), (3, 7), (4, 8), (5, 9)], 5, Verdict::Divergent(vec![4, 5])),
            // One of three did not answer: two that differ are no majority of three.
            (&[(1, 7), (2, 8)], 3, Verdict::Unclear),
            (&[(1, 7), (2, 8)], 2, Verdict::Unclear),
            (&[(1, 7), (2, 8), (3, 9)], 3, Verdict::Unclear),
        ];
        for (hashes, members, expected) in table {
            assert_eq!(verdict(hashes, *members), *expected, "{hashes:?} of {members}");
        }
    }
}
