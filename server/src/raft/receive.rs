//! What other members say, for openraft.

use futures::StreamExt;
use futures::stream::BoxStream;
use openraft::errors::RaftError;
use tonic::{Status, Streaming};

use super::messages::{
    Malformed, append_request_of, append_response, transfer_request_of, vote_request_of, vote_response,
};
use super::{RaftNode, TypeConfig};
use crate::fail_point;
use crate::transport::wire;

fn malformed(what: Malformed) -> Status {
    Status::invalid_argument(what)
}

fn stopped(error: &dyn std::fmt::Display) -> Status {
    Status::unavailable(format!("this member does not take part: {error}"))
}

impl RaftNode {
    /// Somebody stands for election.
    pub(crate) async fn receive_vote(
        &self,
        request: wire::VoteRequest,
    ) -> Result<wire::VoteResponse, Status> {
        let request = vote_request_of(request).map_err(malformed)?;
        let response = self.raft.vote(request).await;
        response
            .map(|response| vote_response(&response))
            .map_err(|error: RaftError<TypeConfig>| stopped(&error))
    }

    /// Somebody would stand for election, if it had a chance.
    pub(crate) async fn receive_pre_vote(
        &self,
        request: wire::VoteRequest,
    ) -> Result<wire::VoteResponse, Status> {
        let request = vote_request_of(request).map_err(malformed)?;
        let response = self.raft.pre_vote(request).await;
        response.map(|response| vote_response(&response)).map_err(|error| stopped(&error))
    }

    /// A leader appends. Requests are taken as they come and answered in order, each when it is on disk.
    pub(crate) fn receive_appends(
        &self,
        requests: Streaming<wire::AppendRequest>,
    ) -> BoxStream<'static, Result<wire::AppendResponse, Status>> {
        // What does not read ends the stream; the leader begins another.
        let requests =
            futures::stream::unfold((requests, self.heard.clone()), |(mut requests, heard)| async move {
                let request = requests.message().await.ok()??;
                heard.note();
                match append_request_of(request) {
                    Ok(request) => Some((request, (requests, heard))),
                    Err(what) => {
                        tracing::warn!(what, "another member sent what cannot be read");
                        None
                    }
                }
            });
        let results = self.raft.stream_append(Box::pin(requests));
        Box::pin(results.map(|result| match result {
            Ok(result) => {
                fail_point::pass("raftBeforeFollowerSend");
                Ok(append_response(&result))
            }
            Err(fatal) => Err(stopped(&fatal)),
        }))
    }

    /// The leader wants this member to take over.
    pub(crate) async fn receive_transfer(
        &self,
        request: wire::TransferRequest,
    ) -> Result<wire::TransferResponse, Status> {
        let request = transfer_request_of(request).map_err(malformed)?;
        match self.raft.handle_transfer_leader(request).await {
            Ok(Ok(())) => Ok(wire::TransferResponse { refused: String::new() }),
            Ok(Err(refused)) => Ok(wire::TransferResponse { refused: refused.to_string() }),
            Err(fatal) => Err(stopped(&fatal)),
        }
    }
}
