//! How openraft's values are stored: in the log, and beside the state in the backend.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::vote::RaftLeaderId;
use openraft::{BasicNode, EntryPayload};
use prost::Message;

use super::proposal::Proposal;
use super::{Entry, LeaderId, LogId, Membership, StoredMembership, Vote};
use crate::apply::Progress;
use crate::wal::{LogEntry, Position};

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct LogIdRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    index: u64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct VoteRecord {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    voted_for: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct VotersRecord {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MembershipRecord {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<VotersRecord>,
    /// Address of each node, voters and learners.
    #[prost(btree_map = "uint64, string", tag = "2")]
    nodes: BTreeMap<u64, String>,
    /// Where in the log the membership stands; only beside the state.
    #[prost(message, optional, tag = "3")]
    log_id: Option<LogIdRecord>,
}

pub(super) fn position(log_id: &LogId) -> Position {
    Position { term: log_id.leader_id.term, index: log_id.index }
}

pub(super) fn log_id(position: Position) -> LogId {
    LogId::new(LeaderId::new(position.term, 0).to_committed(), position.index)
}

pub(super) fn encode_vote(vote: &Vote) -> Bytes {
    let record = VoteRecord {
        term: vote.leader_id.term,
        voted_for: vote.leader_id.voted_for,
        committed: vote.committed,
    };
    record.encode_to_vec().into()
}

pub(super) fn decode_vote(bytes: Bytes) -> Result<Vote, prost::DecodeError> {
    let record = VoteRecord::decode(bytes)?;
    Ok(Vote { leader_id: LeaderId::new(record.term, record.voted_for), committed: record.committed })
}

pub(super) fn encode_progress(applied: &LogId, membership: &StoredMembership) -> Progress {
    let applied = LogIdRecord { term: applied.leader_id.term, index: applied.index };
    let mut record = membership_record(membership.membership());
    record.log_id = membership.log_id().map(|id| LogIdRecord { term: id.leader_id.term, index: id.index });
    Progress { applied: applied.encode_to_vec().into(), membership: record.encode_to_vec().into() }
}

pub(super) fn decode_progress(progress: &Progress) -> Result<(LogId, StoredMembership), String> {
    let describe = |error: prost::DecodeError| format!("the applied position is unreadable: {error}");
    let applied = LogIdRecord::decode(progress.applied.clone()).map_err(describe)?;
    let record = MembershipRecord::decode(progress.membership.clone()).map_err(describe)?;
    let id = |id: LogIdRecord| log_id(Position { term: id.term, index: id.index });
    let log_id = record.log_id.map(id);
    Ok((id(applied), StoredMembership::new(log_id, membership(record)?)))
}

fn membership_record(membership: &Membership) -> MembershipRecord {
    let configs = membership.get_joint_config().iter();
    MembershipRecord {
        configs: configs.map(|ids| VotersRecord { ids: ids.iter().copied().collect() }).collect(),
        nodes: membership.nodes().map(|(id, node)| (*id, node.addr.clone())).collect(),
        log_id: None,
    }
}

fn membership(record: MembershipRecord) -> Result<Membership, String> {
    if record.configs.is_empty() {
        return Ok(Membership::default());
    }
    let configs: Vec<BTreeSet<u64>> =
        record.configs.into_iter().map(|voters| voters.ids.into_iter().collect()).collect();
    let nodes: BTreeMap<u64, BasicNode> =
        record.nodes.into_iter().map(|(id, address)| (id, BasicNode::new(address))).collect();
    Membership::new(configs, nodes).map_err(|error| format!("the membership is not valid: {error}"))
}

/// The first byte of an entry's body.
const BODY_BLANK: u8 = 0;
const BODY_COMMAND: u8 = 1;
const BODY_MEMBERSHIP: u8 = 2;

/// What an entry takes in memory beside its command, in bytes; an estimate.
const ENTRY_OVERHEAD_BYTES: usize = 400;

/// An entry as the write-ahead log keeps it.
#[derive(Clone, Debug)]
pub(super) struct Logged(pub(super) Entry);

/// The kind and the body of an entry on its way to another member. A command is shared, not copied.
pub(super) fn entry_body(payload: &EntryPayload<Proposal, u64, BasicNode>) -> (u8, Bytes) {
    match payload {
        EntryPayload::Blank => (BODY_BLANK, Bytes::new()),
        EntryPayload::Normal(proposal) => (BODY_COMMAND, proposal.encoded().clone()),
        EntryPayload::Membership(membership) => {
            (BODY_MEMBERSHIP, membership_record(membership).encode_to_vec().into())
        }
    }
}

/// What another member sent as kind and body.
pub(super) fn entry_payload(kind: u8, body: Bytes) -> Result<EntryPayload<Proposal, u64, BasicNode>, String> {
    match kind {
        BODY_BLANK => Ok(EntryPayload::Blank),
        BODY_COMMAND => Ok(EntryPayload::Normal(Proposal::from_encoded(body))),
        BODY_MEMBERSHIP => {
            let record = MembershipRecord::decode(body).map_err(|error| error.to_string())?;
            Ok(EntryPayload::Membership(membership(record)?))
        }
        kind => Err(format!("an entry of unknown kind {kind}")),
    }
}

impl LogEntry for Logged {
    fn position(&self) -> Position {
        position(&self.0.log_id)
    }

    fn footprint(&self) -> usize {
        let command = match &self.0.payload {
            EntryPayload::Normal(proposal) => proposal.encoded().len(),
            EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        };
        ENTRY_OVERHEAD_BYTES + command
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match &self.0.payload {
            EntryPayload::Blank => out.push(BODY_BLANK),
            EntryPayload::Normal(proposal) => {
                out.push(BODY_COMMAND);
                out.extend_from_slice(proposal.encoded());
            }
            EntryPayload::Membership(membership) => {
                out.push(BODY_MEMBERSHIP);
                let record = membership_record(membership);
                out.extend_from_slice(&record.encode_to_vec());
            }
        }
    }

    fn decode(position: Position, mut body: Bytes) -> Result<Logged, String> {
        if body.is_empty() {
            return Err("an entry without a body".into());
        }
        let kind = body.split_to(1);
        // Copied, or a small command would keep the whole piece of the segment it was read with.
        let payload = entry_payload(kind[0], Bytes::copy_from_slice(&body))?;
        Ok(Logged(Entry { log_id: log_id(position), payload }))
    }
}
