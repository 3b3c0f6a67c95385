//! Consensus: the only place that names openraft.
//!
//! openraft decides what is appended, committed and applied, and does no I/O of its own. This module
//! gives it a log ([`log_store`], on the write-ahead log), a state machine ([`state_machine`], which
//! hands committed entries to `apply` in runs) and a network ([`network`] out, [`receive`] in, on the connections of
//! `transport`), and turns its interface into the few calls the rest of the server needs: [`RaftNode`].

mod applied;
mod encoding;
mod founding;
mod log_store;
mod members;
mod messages;
mod network;
mod node;
mod offline;
mod proposal;
mod receive;
mod snapshot;
mod standing_alone;
mod state_machine;
mod witness;

#[cfg(test)]
mod tests;

pub(crate) use members::MemberChange;
pub use node::{Leadership, ProposeError, RaftNode, RaftOptions, RaftStatus, ReadError, StartError};
pub(crate) use offline::{LogSummary, OfflineLogError, applied_position, begin_log, read_log};
pub(crate) use witness::Witness;

use proposal::Proposal;
use state_machine::SnapshotContents;

use crate::command::Outcome;

/// The types openraft works with here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeConfig;

// Written out, because openraft's macro cannot name a responder.
impl openraft::RaftTypeConfig for TypeConfig {
    type D = Proposal;
    type R = Outcome;
    type NodeId = u64;
    type Node = openraft::BasicNode;
    type Term = u64;
    /// One leader a term, as in etcd, so that a position in the log is a term and an index.
    type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
    type Vote = openraft::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Proposal, u64, openraft::BasicNode>;
    type Entry = openraft::Entry<<Self::LeaderId as openraft::vote::RaftLeaderId>::Committed, Self::Payload>;
    type AsyncRuntime = openraft::impls::TokioRuntime;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: openraft::OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: openraft::OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

type LeaderId = <TypeConfig as openraft::RaftTypeConfig>::LeaderId;
type CommittedLeaderId = <LeaderId as openraft::vote::RaftLeaderId>::Committed;
type Entry = <TypeConfig as openraft::RaftTypeConfig>::Entry;
type LogId = openraft::LogId<CommittedLeaderId>;
type Vote = openraft::Vote<LeaderId>;
type Membership = openraft::Membership<u64, openraft::BasicNode>;
type StoredMembership = openraft::StoredMembership<CommittedLeaderId, u64, openraft::BasicNode>;
type SnapshotMeta = openraft::SnapshotMeta<CommittedLeaderId, u64, openraft::BasicNode>;
type Snapshot = openraft::Snapshot<CommittedLeaderId, u64, openraft::BasicNode, SnapshotContents>;

/// What openraft keeps of a member besides its id: its peer URLs.
fn node_of(urls: &[String]) -> openraft::BasicNode {
    openraft::BasicNode::new(urls.join(","))
}

fn urls_of(node: &openraft::BasicNode) -> Vec<String> {
    node.addr.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect()
}
