//! Who takes part in consensus, and changes of it.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use openraft::errors::{ClientWriteError, RaftError};

use super::{ProposeError, RaftNode, StoredMembership, node_of, urls_of};
use crate::cluster::{RaftMember, RaftMembers};

/// One step towards other members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberChange {
    /// A new member gets the log, and has no vote.
    Learn {
        /// Its id.
        id: u64,
        /// Where it is reached.
        peer_urls: Vec<String>,
    },
    /// A learner gets a vote.
    Vote(u64),
    /// A member goes.
    Remove(u64),
    /// A member is reached elsewhere.
    Move {
        /// Its id.
        id: u64,
        /// Where it is reached.
        peer_urls: Vec<String>,
    },
    /// A change that another leader left half done is brought to its end.
    Finish,
}

pub(super) fn members_of(stored: &StoredMembership) -> RaftMembers {
    let membership = stored.membership();
    let configs = membership.get_joint_config();
    // Half way through a change, the last configuration is the one that is coming.
    let votes = |id: &u64| configs.last().is_some_and(|voters| voters.contains(id));
    let nodes = membership
        .nodes()
        .map(|(id, node)| (*id, RaftMember { peer_urls: urls_of(node), votes: votes(id) }))
        .collect();
    RaftMembers { nodes, changing: configs.len() > 1 }
}

impl RaftNode {
    /// Makes one step, and returns when it is committed. To be called by one task at a time, on the leader.
    pub(crate) async fn change_members(&self, change: MemberChange) -> Result<(), ProposeError> {
        let node = |peer_urls: &[String]| node_of(peer_urls);
        let change = match change {
            MemberChange::Learn { id, peer_urls } => {
                ChangeMembers::AddNodes(BTreeMap::from([(id, node(&peer_urls))]))
            }
            MemberChange::Vote(id) => ChangeMembers::AddVoterIds(BTreeSet::from([id])),
            MemberChange::Remove(id) => {
                let votes = self.members.borrow().nodes.get(&id).is_some_and(|node| node.votes);
                match votes {
                    true => ChangeMembers::RemoveVoters(BTreeSet::from([id])),
                    false => ChangeMembers::RemoveNodes(BTreeSet::from([id])),
                }
            }
            MemberChange::Move { id, peer_urls } => {
                ChangeMembers::SetNodes(BTreeMap::from([(id, node(&peer_urls))]))
            }
            MemberChange::Finish => {
                let members = self.members.borrow();
                let voters = members.nodes.iter().filter(|(_, node)| node.votes).map(|(id, _)| *id);
                ChangeMembers::ReplaceAllVoters(voters.collect())
            }
        };
        // Who leaves does not stay as a learner.
        match self.raft.change_membership(change, false).await {
            Ok(_) => Ok(()),
            Err(RaftError::Fatal(fatal)) => Err(match self.stop_reason(&fatal) {
                Some(reason) => ProposeError::Storage(reason),
                None => ProposeError::Stopped,
            }),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(ProposeError::NotLeader { leader: forward.leader_id })
            }
            Err(RaftError::APIError(error)) => {
                tracing::debug!(%error, "a change of members was not made");
                Err(ProposeError::LeaderChanged { leader: self.status().leadership.leader })
            }
        }
    }

    /// How far each member has followed the log, on the leader: position of the last entry known to be there.
    pub(crate) fn followers(&self) -> BTreeMap<u64, u64> {
        let metrics = self.raft.data_metrics();
        let metrics = openraft::async_runtime::WatchReceiver::borrow_watched(&metrics);
        let Some(replication) = &metrics.replication else { return BTreeMap::new() };
        replication.iter().map(|(id, last)| (*id, last.as_ref().map_or(0, |last| last.index))).collect()
    }

    /// The other voter that has followed the log farthest, on the leader.
    pub(crate) fn successor(&self, own: u64) -> Option<u64> {
        let members = self.members.borrow();
        let votes = |id: &u64| *id != own && members.nodes.get(id).is_some_and(|node| node.votes);
        let followers = self.followers();
        followers.iter().filter(|(id, _)| votes(id)).max_by_key(|(_, has)| **has).map(|(id, _)| *id)
    }

    /// Asks another voter to take over; it does once it has the whole log.
    pub(crate) async fn transfer_leadership(&self, to: u64) -> Result<(), ProposeError> {
        self.raft.trigger().transfer_leader(to).await.map_err(|_stopped| ProposeError::Stopped)
    }
}
