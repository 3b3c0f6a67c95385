//! A follower that asks where to read is a witness of the leader's office.
//!
//! A leader that is asked has to make sure that nobody had been elected in its place by then: section 6.4 of Ongaro's thesis
//! has it exchange heartbeats with a majority. What a heartbeat brings back is that a member follows it in its term, and the
//! question brings the same. In a cluster of three the two of them are a majority, and nobody else has to be asked.
//!
//! Why that is enough: whoever asks says the term up to which it had voted when it asked, which was after the reads came
//! that it asks for. Another leader needs the votes of a majority in a later term; that has at least one member in common with
//! the leader and its witnesses, none of whom had voted in a later term by then. So what was acknowledged by then was
//! committed by this leader or by those before it, and an entry of its own term that is committed says that it knows
//! all of that.

use std::collections::BTreeSet;

use openraft::ServerState;

use super::encoding::decode_vote;
use super::node::RaftNode;

/// A member, and how far it had voted when it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Witness {
    /// 0 is nobody.
    pub(crate) member_id: u64,
    pub(crate) voted_term: u64,
}

impl RaftNode {
    /// This member as a witness. A vote is given to the log before anybody is told of it, so the log is asked: what else is
    /// known of votes here may be late.
    pub(crate) fn witness(&self) -> Witness {
        let vote = self.wal.vote().and_then(|vote| decode_vote(vote).ok());
        Witness { member_id: self.id, voted_term: vote.map_or(0, |vote| vote.leader_id.term) }
    }

    /// The position to read at, if this member leads and needs no other to say so.
    pub(super) async fn position_by(&self, witness: Witness) -> Option<u64> {
        let own = self.id;
        let position = self.raft.with_raft_state(move |state| {
            let term = witness.voted_term;
            // The vote alone would not do: after a restart a member has that of its office before.
            let leads = state.server_state == ServerState::Leader && state.vote_ref().leader_id.term == term;
            let configs = state.membership_state.effective().get_joint_config();
            if !leads || !is_majority(configs, [own, witness.member_id]) {
                return None;
            }
            state.local_committed().filter(|last| last.leader_id.term == term).map(|last| last.index)
        });
        // One that has stopped is told by the way that others go.
        position.await.ok().flatten()
    }
}

/// Whether the two are more than half of the voters, of all configurations in effect.
fn is_majority(configs: &[BTreeSet<u64>], two: [u64; 2]) -> bool {
    let two = BTreeSet::from(two);
    configs.iter().all(|voters| 2 * voters.intersection(&two).count() > voters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(configs: &[&[u64]]) -> Vec<BTreeSet<u64>> {
        configs.iter().map(|voters| voters.iter().copied().collect()).collect()
    }

    #[test]
    fn two_of_three_are_a_majority_and_two_of_four_are_not() {
        let is_majority = |configs: &[&[u64]], two| is_majority(&voters(configs), two);
        assert!(is_majority(&[&[1, 2, 3]], [1, 2]));
        assert!(is_majority(&[&[1]], [1, 9]));
        assert!(!is_majority(&[&[1, 2, 3]], [1, 1]), "a leader is no witness of its own");
        assert!(!is_majority(&[&[1, 2, 3]], [1, 4]), "one without a vote is none");
        assert!(!is_majority(&[&[1, 2, 3]], [1, 0]));
        assert!(!is_majority(&[&[2, 3, 4]], [1, 2]), "a leader that gives its vote up does not count");
        assert!(!is_majority(&[&[1, 2, 3, 4]], [1, 2]));
        assert!(!is_majority(&[&[1, 2, 3, 4, 5]], [1, 2]));
        assert!(!is_majority(&[&[1, 2, 3], &[1, 2, 3, 4]], [1, 2]), "of both configurations");
        assert!(is_majority(&[&[1, 2], &[1, 2, 3]], [1, 2]));
    }
}
