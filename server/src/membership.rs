//! Keeps consensus in line with the members that were asked for, and members in touch with each other.
//!
//! `etcdctl member add` answers before the new member exists, so a voter that was added cannot count at once: with a
//! majority of two of which one is not there, nothing would be committed any more, and nobody could take the step back.
//! So what is asked for is one thing, a command like any other, and what consensus does about it another: a new member
//! first gets the log as a learner, and its vote when it has nearly all of it. The leader takes these steps, one at a
//! time, and whoever leads next goes on where it stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cluster::{ClusterState, RaftMembers, Standing};
use crate::command::{ClusterCommand, ClusterOperation, MemberAttributes, Operation};
use crate::propose::Proposer;
use crate::raft::{MemberChange, RaftNode};
use crate::transport::Peers;

/// How often a leader looks whether a new member has caught up, and tries again what did not work.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Pause before a member tells again what it is called, where nobody took it.
const TELL_PAUSE: Duration = Duration::from_millis(500);

/// A learner is ready to vote when it has this part of the leader's log, in percent; as etcd's.
pub(crate) const READY_PERCENT: u64 = 90;

/// Entries that a member may lack and still get its vote at once; the rest arrives meanwhile.
const READY_LAG_MAX: u64 = 1_000;

/// Follows the members: opens and closes connections, and brings consensus into line while this member leads.
pub(crate) struct Membership {
    pub(crate) member_id: u64,
    pub(crate) raft: RaftNode,
    pub(crate) cluster: Arc<ClusterState>,
    pub(crate) peers: Arc<Peers>,
    /// What this member tells of itself.
    pub(crate) attributes: MemberAttributes,
    pub(crate) proposer: Proposer,
    /// Set once this member is in its cluster as what it was added, and the others know its name.
    pub(crate) published: watch::Sender<bool>,
}

impl Membership {
    /// Runs until `stopping`.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let links = tokio::spawn(Arc::clone(&self).keep_links(stopping.clone()));
        let telling = tokio::spawn(Arc::clone(&self).tell_attributes(stopping.clone()));
        self.lead(stopping).await;
        let _ = tokio::join!(links, telling);
    }

    /// Knows where every member is reached, and whether this one was removed.
    async fn keep_links(self: Arc<Self>, stopping: CancellationToken) {
        let mut members = self.raft.members();
        let mut asked_for = self.cluster.changes();
        loop {
            let now = members.borrow_and_update().clone();
            asked_for.mark_unchanged();
            for member in self.cluster.members(&now) {
                if member.id != self.member_id {
                    self.peers.place(member.id, &member.peer_ur_ls);
                }
            }
            if self.cluster.is_removed(self.member_id) && !now.nodes.contains_key(&self.member_id) {
                self.peers.set_removed();
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = members.changed() => if changed.is_err() { return },
                changed = asked_for.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Tells the others the name of this member and where its clients reach it, unless they know. A cluster of one has
    /// nobody to tell.
    async fn tell_attributes(self: Arc<Self>, stopping: CancellationToken) {
        let mut members = self.raft.members();
        loop {
            let (is_in, tell) = {
                let now = members.borrow_and_update();
                (now.nodes.contains_key(&self.member_id), now.nodes.len() > 1 && !self.is_told(&now))
            };
            if is_in && tell {
                let operation = ClusterOperation::Attributes(self.attributes.clone());
                let command = Box::new(ClusterCommand { operation: Some(operation) });
                tokio::select! {
                    () = stopping.cancelled() => return,
                    told = self.proposer.propose(Operation::Cluster(command)) => match told {
                        Ok(_) => tracing::info!(
                            local_member_id = format!("{:x}", self.member_id),
                            name = self.attributes.name,
                            "published local member to cluster through raft"
                        ),
                        Err(error) => {
                            tracing::warn!(%error, "failed to publish local member to cluster through raft");
                            tokio::time::sleep(TELL_PAUSE).await;
                            continue;
                        }
                    },
                }
            }
            if is_in && (self.raft.votes(self.member_id) || self.is_to_learn()) {
                self.published.send_replace(true);
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = members.changed() => if changed.is_err() { return },
            }
        }
    }

    fn is_to_learn(&self) -> bool {
        self.cluster.standing(self.member_id) == Standing::Learner
    }

    fn is_told(&self, now: &RaftMembers) -> bool {
        let told = self.cluster.members(now);
        told.iter().any(|member| {
            member.id == self.member_id
                && member.name == self.attributes.name
                && member.client_ur_ls == self.attributes.client_urls
        })
    }

    /// While this member leads, takes the next step towards what was asked for, as long as there is one.
    async fn lead(&self, stopping: CancellationToken) {
        let mut leadership = self.raft.changes();
        let mut asked_for = self.cluster.changes();
        loop {
            let leads = leadership.borrow_and_update().is_leader;
            asked_for.mark_unchanged();
            let step = if leads { self.next_step() } else { None };
            let looks_again = match step {
                Some(Step::Take(change)) => {
                    tracing::info!(?change, "changing the members");
                    let taken = tokio::select! {
                        () = stopping.cancelled() => return,
                        taken = self.raft.change_members(change) => taken,
                    };
                    match taken {
                        Ok(()) => continue,
                        Err(error) => tracing::warn!(%error, "the members could not be changed"),
                    }
                    true
                }
                Some(Step::HandOver(to)) => {
                    if self.raft.transfer_leadership(to).await.is_err() {
                        return;
                    }
                    true
                }
                Some(Step::Wait) => true,
                None => false,
            };
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = leadership.changed() => if changed.is_err() { return },
                changed = asked_for.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_INTERVAL), if looks_again => {}
            }
        }
    }

    fn next_step(&self) -> Option<Step> {
        let now = self.raft.members().borrow().clone();
        if now.changing {
            return Some(Step::Take(MemberChange::Finish));
        }
        let mut waits = false;
        for (id, standing, peer_urls) in self.cluster.asked_for() {
            match next_change(id, standing, peer_urls, &now) {
                None => {}
                Some(MemberChange::Vote(id)) if !self.is_close(id) => waits = true,
                // Who goes lets another one do it, so that there is a leader all the time.
                Some(MemberChange::Remove(id)) if id == self.member_id => {
                    let successor = self.raft.successor(self.member_id);
                    return Some(successor.map_or(Step::Take(MemberChange::Remove(id)), Step::HandOver));
                }
                Some(change) => return Some(Step::Take(change)),
            }
        }
        waits.then_some(Step::Wait)
    }

    /// Whether a member has enough of the log to be counted on.
    fn is_close(&self, id: u64) -> bool {
        let last = self.raft.status().last_log_index;
        self.raft
            .followers()
            .get(&id)
            .is_some_and(|has| *has > 0 && last.saturating_sub(*has) <= READY_LAG_MAX)
    }
}

/// What a leader is to do next.
enum Step {
    Take(MemberChange),
    /// Let another member lead.
    HandOver(u64),
    /// Look again later.
    Wait,
}

/// The step that brings one member closer to what it shall be.
fn next_change(
    id: u64,
    standing: Standing,
    peer_urls: Vec<String>,
    now: &RaftMembers,
) -> Option<MemberChange> {
    let node = now.nodes.get(&id);
    match (standing, node) {
        (Standing::Removed, Some(_)) => Some(MemberChange::Remove(id)),
        (Standing::Voter | Standing::Learner, None) => Some(MemberChange::Learn { id, peer_urls }),
        (_, Some(node)) if !peer_urls.is_empty() && node.peer_urls != peer_urls => {
            Some(MemberChange::Move { id, peer_urls })
        }
        (Standing::Voter, Some(node)) if !node.votes => Some(MemberChange::Vote(id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cluster::RaftMember;

    #[test]
    fn a_new_voter_learns_first() {
        let urls = vec!["http://a:1".to_owned()];
        let mut now = RaftMembers { nodes: BTreeMap::new(), changing: false };
        let step = |standing, now: &RaftMembers| next_change(7, standing, urls.clone(), now);
        let learn = MemberChange::Learn { id: 7, peer_urls: urls.clone() };
        assert_eq!(step(Standing::Voter, &now), Some(learn));
        now.nodes.insert(7, RaftMember { peer_urls: urls.clone(), votes: false });
        assert_eq!(step(Standing::Voter, &now), Some(MemberChange::Vote(7)));
        assert_eq!(step(Standing::Learner, &now), None);
        now.nodes.insert(7, RaftMember { peer_urls: urls.clone(), votes: true });
        assert_eq!(step(Standing::Voter, &now), None);
        assert_eq!(step(Standing::Removed, &now), Some(MemberChange::Remove(7)));
    }

    #[test]
    fn a_member_that_moved_is_reached_elsewhere() {
        let node = RaftMember { peer_urls: vec!["http://a:1".to_owned()], votes: true };
        let now = RaftMembers { nodes: BTreeMap::from([(7, node)]), changing: false };
        let moved = vec!["http://b:1".to_owned()];
        let step = next_change(7, Standing::Founder, moved.clone(), &now);
        assert_eq!(step, Some(MemberChange::Move { id: 7, peer_urls: moved }));
        assert_eq!(next_change(7, Standing::Founder, Vec::new(), &now), None);
    }
}
