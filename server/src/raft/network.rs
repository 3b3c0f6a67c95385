//! The way to other members, for openraft.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{BasicNode, OptionalSend, RaftNetworkFactory, RaftNetworkV2};
use tokio::sync::Semaphore;
use tonic::Streaming;

use super::messages::{
    append_request, append_response_of, ballot_of, transfer_request, vote_request, vote_response_of,
};
use super::snapshot::pieces;
use super::{Snapshot, SnapshotContents, TypeConfig, Vote};
use crate::fail_point;
use crate::transport::{Call, CallError, Peers, wire};

/// Pause before a member that could not be reached is tried again. Short against an election timeout, so that one that
/// comes back is found before it stands for election; long enough not to burn a processor for one that is gone.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Makes connections to members.
#[derive(Clone, Debug)]
pub(super) struct Network {
    peers: Arc<Peers>,
    /// The longest a member may take to answer what it was sent; an answer waits for its disk.
    patience: Duration,
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    id: u64,
    peers: Arc<Peers>,
    patience: Duration,
}

impl Network {
    pub(super) fn new(peers: Arc<Peers>, patience: Duration) -> Self {
        Network { peers, patience }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Peer;

    async fn new_client(&mut self, target: u64, node: &BasicNode) -> Peer {
        self.peers.place(target, &super::urls_of(node));
        Peer { id: target, peers: self.peers.clone(), patience: self.patience }
    }
}

/// All of them are reported as unreachable, after which openraft pauses before it tries again.
fn unreachable(error: &CallError) -> Unreachable<TypeConfig> {
    Unreachable::new(error)
}

fn malformed(what: String) -> RPCError<TypeConfig> {
    NetworkError::from_string(what).into()
}

impl Peer {
    async fn ballot(
        &self,
        call: Call,
        rpc: &VoteRequest<TypeConfig>,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let asked = self.peers.ask(self.id, call, vote_request(rpc), self.patience).await;
        let response: wire::VoteResponse = asked.map_err(|error| unreachable(&error))?;
        vote_response_of(response).map_err(malformed)
    }
}

impl RaftNetworkV2<TypeConfig> for Peer {
    type SnapshotData = SnapshotContents;

    /// openraft replicates and beats by [`Self::stream_append`]; this one is for completeness.
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let requests = futures::stream::once(std::future::ready(rpc));
        let mut results = self.stream_append(requests, option).await?;
        match results.next().await {
            Some(result) => Ok(match result? {
                Ok(_) => AppendEntriesResponse::Success,
                Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
                Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
            }),
            None => Err(malformed("an append was not answered".to_owned())),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            // openraft pauses after a failure before it makes the next request: without one nobody is called, or a member
            // that is gone would be called without a pause.
            let Some(first) = input.next().await else {
                let nothing: BoxStream<'s, _> = Box::pin(futures::stream::empty());
                return Ok(nothing);
            };
            let input = futures::stream::once(std::future::ready(first)).chain(input);
            let turns = Arc::new(Semaphore::new(1));
            let sent = Arc::new(AtomicBool::new(false));
            let state = (input, turns.clone(), sent.clone());
            let requests = futures::stream::unfold(state, |(mut input, turns, sent)| async move {
                turns.acquire().await.ok()?.forget();
                let request = input.next().await?;
                sent.store(true, Ordering::Relaxed);
                fail_point::pass("raftBeforeLeaderSend");
                Some((append_request(request), (input, turns, sent)))
            });
            let begun = self.peers.converse(self.id, Call::Append, requests, self.patience).await;
            let answers = begun.map_err(|error| unreachable(&error))?;
            let answered = Answered { answers, turns, sent, patience: self.patience };
            let results = futures::stream::unfold(Some(answered), |answered| async move {
                let mut answered = answered?;
                let result = answered.next().await?;
                let goes_on = matches!(result, Ok(Ok(_)));
                Some((result, goes_on.then_some(answered)))
            });
            let results: BoxStream<'s, _> = Box::pin(results);
            Ok(results)
        })
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ballot(Call::Vote, &rpc).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.ballot(Call::PreVote, &rpc).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let SnapshotContents::Own(snapshots) = snapshot.snapshot else {
            return Err(Unreachable::from_string("the snapshot of another member is not passed on").into());
        };
        let sending = async {
            let pieces = pieces(&vote, self.id, snapshots);
            let begun = self.peers.converse(self.id, Call::Snapshot, pieces, self.patience).await;
            let mut answers = begun.map_err(|error| unreachable(&error))?;
            // How long it takes depends on its size; a connection that broke is noticed.
            let answer =
                answers.message().await.map_err(|status| Unreachable::from_string(status.message()))?;
            let answer: wire::SnapshotResponse =
                answer.ok_or_else(|| Unreachable::from_string("a snapshot was not answered"))?;
            let vote = ballot_of(answer.ballot).map_err(Unreachable::from_string)?;
            Ok(SnapshotResponse::new(vote))
        };
        tokio::select! {
            sent = sending => sent,
            closed = cancel => Err(closed.into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let message = transfer_request(&request);
        let asked = self.peers.ask(self.id, Call::Transfer, message, self.patience).await;
        let response: wire::TransferResponse = asked.map_err(|error| unreachable(&error))?;
        match response.refused.as_str() {
            "" => Ok(Ok(())),
            reason => Err(malformed(format!("member {:x} does not take over: {reason}", self.id))),
        }
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(RETRY_PAUSE)))
    }
}

/// The answers to a stream of appends. A stream may be silent for as long as there is nothing to send; one that leaves
/// what was sent unanswered has ended, whatever the connection says.
///
/// One append is under way at a time. openraft tells by the position that an answer names which append it answers, and
/// takes the time at which that one was made for the last sign of the follower. With two appends up to the same position
/// under way, as when the second only carries a new commit, the answer to the first would count for the second: a leader
/// that was paused in between, and replaced, would believe that it still leads, and serve stale reads. The seeded fault
/// run has found it do so. Entries gather while an append is under way, so little is lost.
struct Answered {
    answers: Streaming<wire::AppendResponse>,
    /// Lets the next append go.
    turns: Arc<Semaphore>,
    /// Whether one is under way.
    sent: Arc<AtomicBool>,
    patience: Duration,
}

impl Answered {
    async fn next(&mut self) -> Option<Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>> {
        let mut unanswered = false;
        loop {
            match tokio::time::timeout(self.patience, self.answers.message()).await {
                Ok(Ok(Some(answer))) => {
                    self.sent.store(false, Ordering::Relaxed);
                    self.turns.add_permits(1);
                    return Some(append_response_of(answer).map_err(malformed));
                }
                Ok(Ok(None)) => return None,
                Ok(Err(status)) => return Some(Err(Unreachable::from_string(status.message()).into())),
                Err(_elapsed) if unanswered => {
                    let what = format!("an append was not answered within {:?}", self.patience);
                    return Some(Err(Unreachable::from_string(what).into()));
                }
                // It may have been sent just now: it is given another round.
                Err(_elapsed) => unanswered = self.sent.load(Ordering::Relaxed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn nobody_is_called_before_there_is_something_to_send() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut network = Network::new(Arc::new(Peers::new(1, 2, None)), Duration::from_secs(5));
        let mut peer = network.new_client(3, &BasicNode::new(url)).await;
        let input = Box::pin(futures::stream::pending());
        let mut begun = peer.stream_append(input, RPCOption::new(Duration::from_secs(5)));
        // Every time it is asked it has the chance to call.
        for _ in 0..100 {
            assert!(futures::poll!(&mut begun).is_pending());
            tokio::task::yield_now().await;
        }
        let called = futures::poll!(std::pin::pin!(listener.accept()));
        assert!(called.is_pending(), "somebody was called for nothing");
        drop(begun);
        let nothing = futures::stream::empty();
        let mut results = peer.stream_append(nothing, RPCOption::new(Duration::from_secs(5))).await.unwrap();
        assert!(results.next().await.is_none());
    }
}
