//! The messages between members.
//!
//! They are protobuf, written down as Rust types like those of the log: field numbers are the contract. A field that is
//! added must mean the old behaviour when it is missing.

use bytes::Bytes;

/// A position in the log.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LogPosition {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) index: u64,
}

/// Whom a member votes for.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Ballot {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) voted_for: u64,
    /// Whether a majority has voted so.
    #[prost(bool, tag = "3")]
    pub(crate) committed: bool,
}

/// Asks for a vote.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
    /// Last entry of the candidate.
    #[prost(message, optional, tag = "2")]
    pub(crate) last: Option<LogPosition>,
    /// The leader itself asked the candidate to stand.
    #[prost(bool, tag = "3")]
    pub(crate) leadership_transfer: bool,
}

/// Answers [`VoteRequest`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct VoteResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
    #[prost(bool, tag = "2")]
    pub(crate) granted: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogPosition>,
}

/// An entry of the log.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LogEntry {
    #[prost(uint64, tag = "1")]
    pub(crate) term: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) index: u64,
    /// As in the write-ahead log.
    #[prost(uint32, tag = "3")]
    pub(crate) kind: u32,
    #[prost(bytes = "bytes", tag = "4")]
    pub(crate) body: Bytes,
}

/// Entries for a follower; none for a heartbeat.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct AppendRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
    /// What comes before the entries.
    #[prost(message, optional, tag = "2")]
    pub(crate) previous: Option<LogPosition>,
    /// What a majority has.
    #[prost(message, optional, tag = "3")]
    pub(crate) committed: Option<LogPosition>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) entries: Vec<LogEntry>,
}

/// Answers one [`AppendRequest`] of a stream, in order. After one that is not `matching` the stream ends.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct AppendResponse {
    #[prost(oneof = "AppendOutcome", tags = "1, 2, 3")]
    pub(crate) outcome: Option<AppendOutcome>,
}

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
pub(crate) enum AppendOutcome {
    /// Log and leader agree up to here.
    #[prost(message, tag = "1")]
    Matching(Matching),
    /// They do not agree here.
    #[prost(message, tag = "2")]
    Conflict(LogPosition),
    /// Another leader has been voted for since.
    #[prost(message, tag = "3")]
    HigherBallot(Ballot),
}

/// How far two logs agree; nowhere when empty.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct Matching {
    #[prost(message, optional, tag = "1")]
    pub(crate) last: Option<LogPosition>,
}

/// A piece of a snapshot. The first carries the ballot of the leader and no data, the last says so.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct SnapshotPiece {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) data: Bytes,
    /// Where the data begins in the whole.
    #[prost(uint64, tag = "3")]
    pub(crate) offset: u64,
    /// CRC-32C of the data.
    #[prost(fixed32, tag = "4")]
    pub(crate) checksum: u32,
    #[prost(bool, tag = "5")]
    pub(crate) last: bool,
}

/// A snapshot was taken over, or refused for a newer vote.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct SnapshotResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
}

/// The leader wants to hand over.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct TransferRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) ballot: Option<Ballot>,
    #[prost(uint64, tag = "2")]
    pub(crate) to: u64,
    /// What the new leader must have.
    #[prost(message, optional, tag = "3")]
    pub(crate) last: Option<LogPosition>,
}

/// Answers [`TransferRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct TransferResponse {
    /// Why it was refused; empty when it was not.
    #[prost(string, tag = "1")]
    pub(crate) refused: String,
}

/// Asks the leader to put commands into the log.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ProposeRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) commands: Vec<Bytes>,
}

/// Answers [`ProposeRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ProposeResponse {
    /// One for each command, in their order.
    #[prost(message, repeated, tag = "1")]
    pub(crate) answers: Vec<ProposalAnswer>,
}

/// What became of a command.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ProposalAnswer {
    /// Where it stands in the log; 0 if it does not.
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
    /// What applying it gave.
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) outcome: Bytes,
    /// Why there is none.
    #[prost(message, optional, tag = "3")]
    pub(crate) failure: Option<LeaderFailure>,
}

/// Asks the leader up to where a read must have been applied to be linearizable.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ReadIndexRequest {
    /// Who asks; 0 where that is not said.
    #[prost(uint64, tag = "1")]
    pub(crate) member_id: u64,
    /// The term up to which it has voted.
    #[prost(uint64, tag = "2")]
    pub(crate) voted_term: u64,
}

/// Answers [`ReadIndexRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ReadIndexResponse {
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
    #[prost(message, optional, tag = "2")]
    pub(crate) failure: Option<LeaderFailure>,
}

/// Asks the leader about a lease, or to renew it.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct LeaseRequest {
    #[prost(int64, tag = "1")]
    pub(crate) id: i64,
    #[prost(bool, tag = "2")]
    pub(crate) renew: bool,
}

/// Answers [`LeaseRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LeaseResponse {
    /// Whether the lease is there.
    #[prost(bool, tag = "1")]
    pub(crate) found: bool,
    /// Seconds it was granted for.
    #[prost(int64, tag = "2")]
    pub(crate) granted_ttl: i64,
    /// Milliseconds it has left.
    #[prost(uint64, tag = "3")]
    pub(crate) remaining_ms: u64,
    #[prost(message, optional, tag = "4")]
    pub(crate) failure: Option<LeaderFailure>,
}

/// Why the member that was asked could not act as the leader.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct LeaderFailure {
    #[prost(enumeration = "FailureKind", tag = "1")]
    pub(crate) kind: i32,
    /// Who leads, where known; 0 where not.
    #[prost(uint64, tag = "2")]
    pub(crate) leader: u64,
    #[prost(string, tag = "3")]
    pub(crate) reason: String,
}

/// Kinds of [`LeaderFailure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum FailureKind {
    /// A kind of a later version.
    Unknown = 0,
    /// It does not lead; nothing was done.
    NotLeader = 1,
    /// It led no more when it was to commit: the command may or may not be applied.
    LeaderChanged = 2,
    /// A majority does not answer it.
    NoQuorum = 3,
    /// It stops.
    Stopped = 4,
    /// Its disk failed.
    Storage = 5,
    /// It has too much to do; nothing was done.
    Busy = 6,
}

/// Asks who the members are; a process that wants to join asks before it knows its cluster.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct MembersRequest {}

/// Answers [`MembersRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct MembersResponse {
    #[prost(uint64, tag = "1")]
    pub(crate) cluster_id: u64,
    #[prost(message, repeated, tag = "2")]
    pub(crate) members: Vec<KnownMember>,
}

/// A member as another one knows it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct KnownMember {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, repeated, tag = "3")]
    pub(crate) peer_urls: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) client_urls: Vec<String>,
    #[prost(bool, tag = "5")]
    pub(crate) is_learner: bool,
}

/// Asks whether a member is there.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ProbeRequest {}

/// Answers [`ProbeRequest`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ProbeResponse {
    #[prost(uint64, tag = "1")]
    pub(crate) applied_index: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) term: u64,
}

/// Asks the leader how far a member has followed.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct FollowingRequest {
    #[prost(uint64, tag = "1")]
    pub(crate) member_id: u64,
}

/// Answers [`FollowingRequest`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct FollowingResponse {
    /// Last entry of the leader.
    #[prost(uint64, tag = "1")]
    pub(crate) last_index: u64,
    /// Last entry that the member is known to have; 0 if none is.
    #[prost(uint64, tag = "2")]
    pub(crate) matching_index: u64,
    #[prost(message, optional, tag = "3")]
    pub(crate) failure: Option<LeaderFailure>,
}

/// Asks a member to hash its keys up to a revision.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct HashRequest {
    #[prost(int64, tag = "1")]
    pub(crate) revision: i64,
}

/// Answers [`HashRequest`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct HashResponse {
    #[prost(uint32, tag = "1")]
    pub(crate) hash: u32,
    /// Hashes with different ones are not comparable.
    #[prost(int64, tag = "2")]
    pub(crate) compact_revision: i64,
    #[prost(enumeration = "HashRefusal", tag = "3")]
    pub(crate) refusal: i32,
}

/// Why a member has no hash to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum HashRefusal {
    /// It has.
    None = 0,
    /// It has not applied the revision yet.
    Future = 1,
    /// It has compacted the revision.
    Compacted = 2,
    /// Its keys do not read back.
    Failed = 3,
}
