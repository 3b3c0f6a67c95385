//! A member goes on alone after the others are lost for good.
//!
//! Consensus would wait for a majority that never returns. So the log is given one more entry, which says that this
//! member is the only one; with it the member needs nobody's consent, and commits all of its log. Whatever this member
//! was sent is kept, also what no majority had: an acknowledged write cannot be told from one that was not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;

use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;

use super::encoding::{Logged, decode_vote, encode_vote, log_id};
use super::{Entry, LeaderId, Membership, Vote, node_of};
use crate::wal::{Completion, Position, Wal, WalError};

/// Writes the entry. Does nothing where there is no log yet. Blocks.
pub(super) fn stand_alone(wal: &Wal<Logged>, own: u64, peer_urls: &[String]) -> Result<(), WalError> {
    let Some(last) = wal.last() else { return Ok(()) };
    let voted = wal.vote().map(decode_vote).transpose();
    let voted = voted.map_err(|error| WalError::Refused(format!("the vote cannot be read: {error}")))?;
    let term = last.term.max(voted.map_or(0, |vote| vote.leader_id.term)) + 1;
    let nodes = BTreeMap::from([(own, node_of(peer_urls))]);
    let membership = Membership::new(vec![BTreeSet::from([own])], nodes)
        .map_err(|error| WalError::Refused(error.to_string()))?;
    let at = Position { term, index: last.index + 1 };
    let entry = Entry { log_id: log_id(at), payload: EntryPayload::Membership(membership) };
    let vote = Vote { leader_id: LeaderId::new(term, own), committed: false };
    wait(|done| wal.save_vote(encode_vote(&vote), done))?;
    wait(|done| wal.append([Logged(entry)], done))?;
    tracing::warn!(
        index = at.index,
        "forced to be the only member of the cluster; the others must never be started again"
    );
    Ok(())
}

/// Submits something and waits until it is durable.
pub(super) fn wait(submit: impl FnOnce(Completion) -> Result<(), WalError>) -> Result<(), WalError> {
    let (sender, receiver) = mpsc::channel();
    submit(Box::new(move |outcome| {
        // Nobody else holds the receiver, which waits.
        let _ = sender.send(outcome);
    }))?;
    receiver.recv().unwrap_or(Err(WalError::Closed))
}
