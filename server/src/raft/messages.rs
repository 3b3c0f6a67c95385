//! What openraft says to other members, as the messages of `transport`, and back.

use openraft::EntryPayload;
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest,
    VoteResponse,
};
use openraft::vote::RaftLeaderId;

use super::encoding::{self, log_id, position};
use super::{Entry, LeaderId, LogId, TypeConfig, Vote};
use crate::transport::wire;
use crate::wal::Position;

/// A message that cannot be read; says what is wrong with it.
pub(super) type Malformed = String;

pub(super) fn place(id: &LogId) -> wire::LogPosition {
    let Position { term, index } = position(id);
    wire::LogPosition { term, index }
}

pub(super) fn place_of(place: wire::LogPosition) -> LogId {
    log_id(Position { term: place.term, index: place.index })
}

pub(super) fn ballot(vote: &Vote) -> wire::Ballot {
    wire::Ballot { term: vote.leader_id.term, voted_for: vote.leader_id.voted_for, committed: vote.committed }
}

pub(super) fn ballot_of(ballot: Option<wire::Ballot>) -> Result<Vote, Malformed> {
    let ballot = ballot.ok_or("a message without a ballot")?;
    Ok(Vote { leader_id: LeaderId::new(ballot.term, ballot.voted_for), committed: ballot.committed })
}

pub(super) fn vote_request(request: &VoteRequest<TypeConfig>) -> wire::VoteRequest {
    wire::VoteRequest {
        ballot: Some(ballot(&request.vote)),
        last: request.last_log_id.as_ref().map(place),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(super) fn vote_request_of(request: wire::VoteRequest) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let mut vote = VoteRequest::new(ballot_of(request.ballot)?, request.last.map(place_of));
    vote.leadership_transfer = request.leadership_transfer;
    Ok(vote)
}

pub(super) fn vote_response(response: &VoteResponse<TypeConfig>) -> wire::VoteResponse {
    wire::VoteResponse {
        ballot: Some(ballot(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(place),
    }
}

pub(super) fn vote_response_of(response: wire::VoteResponse) -> Result<VoteResponse<TypeConfig>, Malformed> {
    let vote = ballot_of(response.ballot)?;
    Ok(VoteResponse::new(vote, response.last.map(place_of), response.granted))
}

pub(super) fn append_request(request: AppendEntriesRequest<TypeConfig>) -> wire::AppendRequest {
    wire::AppendRequest {
        ballot: Some(ballot(&request.vote)),
        previous: request.prev_log_id.as_ref().map(place),
        committed: request.leader_commit.as_ref().map(place),
        entries: request.entries.iter().map(entry).collect(),
    }
}

pub(super) fn append_request_of(
    request: wire::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    Ok(AppendEntriesRequest {
        vote: ballot_of(request.ballot)?,
        prev_log_id: request.previous.map(place_of),
        leader_commit: request.committed.map(place_of),
        entries: request.entries.into_iter().map(entry_of).collect::<Result<_, _>>()?,
    })
}

fn entry(entry: &Entry) -> wire::LogEntry {
    let Position { term, index } = position(&entry.log_id);
    let (kind, body) = encoding::entry_body(&entry.payload);
    wire::LogEntry { term, index, kind: u32::from(kind), body }
}

fn entry_of(entry: wire::LogEntry) -> Result<Entry, Malformed> {
    let kind = u8::try_from(entry.kind).map_err(|_| format!("an entry of unknown kind {}", entry.kind))?;
    let payload: EntryPayload<_, _, _> = encoding::entry_payload(kind, entry.body)?;
    Ok(Entry { log_id: log_id(Position { term: entry.term, index: entry.index }), payload })
}

pub(super) fn append_response(result: &StreamAppendResult<TypeConfig>) -> wire::AppendResponse {
    let outcome = match result {
        Ok(matching) => wire::AppendOutcome::Matching(wire::Matching { last: matching.as_ref().map(place) }),
        Err(StreamAppendError::Conflict(at)) => wire::AppendOutcome::Conflict(place(at)),
        Err(StreamAppendError::HigherVote(vote)) => wire::AppendOutcome::HigherBallot(ballot(vote)),
    };
    wire::AppendResponse { outcome: Some(outcome) }
}

pub(super) fn append_response_of(
    response: wire::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    match response.outcome {
        None => Err("an answer to an append without an outcome".to_owned()),
        Some(wire::AppendOutcome::Matching(matching)) => Ok(Ok(matching.last.map(place_of))),
        Some(wire::AppendOutcome::Conflict(at)) => Ok(Err(StreamAppendError::Conflict(place_of(at)))),
        Some(wire::AppendOutcome::HigherBallot(ballot)) => {
            Ok(Err(StreamAppendError::HigherVote(ballot_of(Some(ballot))?)))
        }
    }
}

pub(super) fn transfer_request(request: &TransferLeaderRequest<TypeConfig>) -> wire::TransferRequest {
    wire::TransferRequest {
        ballot: Some(ballot(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(place),
    }
}

pub(super) fn transfer_request_of(
    request: wire::TransferRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    let from = ballot_of(request.ballot)?;
    Ok(TransferLeaderRequest::new(from, request.to, request.last.map(place_of)))
}
