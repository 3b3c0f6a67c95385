//! The peer port: what this member answers to the others.
//!
//! Who calls is checked before what it says is read: it must be of this cluster, must mean this member, and must not
//! have been removed. A member that was removed while it was away is told so, and stops.

mod port;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use prost::Message;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;

pub(crate) use port::PeerSite;

use crate::answer;
use crate::cluster::ClusterState;
use crate::command::Command;
use crate::corruption;
use crate::data_dir::Identity;
use crate::forward::{propose_failure, read_failure};
use crate::lease_keeper::LeaseKeeper;
use crate::mvcc::Store;
use crate::propose::Proposer;
use crate::raft::{ProposeError, RaftNode, Witness};
use crate::read::GateError;
use crate::transport::wire::{
    FailureKind, FollowingRequest, FollowingResponse, HashRequest, HashResponse, KnownMember, LeaderFailure,
    LeaseRequest, LeaseResponse, MembersRequest, MembersResponse, ProbeRequest, ProbeResponse,
    ProposalAnswer, ProposeRequest, ProposeResponse, ReadIndexRequest, ReadIndexResponse,
};
use crate::transport::{CLUSTER_KEY, Call, FROM_KEY, REMOVED, SERVICE, TO_KEY};
use etcdkit_proto::EtcdError;
use port::{refuse, streaming, unary};

/// Everything the peer port answers.
pub(crate) struct PeerService {
    pub(crate) identity: Identity,
    pub(crate) raft: RaftNode,
    pub(crate) proposer: Proposer,
    pub(crate) keeper: LeaseKeeper,
    pub(crate) cluster: Arc<ClusterState>,
    pub(crate) store: Store,
    /// Counts the calls that are being answered.
    pub(crate) under_way: TaskTracker,
}

impl PeerService {
    /// Answers one request of whoever is at `address`. A stream of answers ends when `parted`.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        address: Option<SocketAddr>,
        parted: CancellationToken,
    ) -> Response<Body> {
        let Some(call) = call_of(request.uri().path()) else {
            tracing::warn!(
                remote_addr = address.map(|address| address.to_string()),
                path = request.uri().path(),
                "refused a call at the peer port: it is none of a member's"
            );
            return refuse(Status::unimplemented("this port answers members of its cluster"));
        };
        if let Err(status) = self.admit(call, request.headers()) {
            tracing::warn!(
                remote_addr = address.map(|address| address.to_string()),
                call = call.name(),
                error = status.message(),
                "refused a call at the peer port"
            );
            return refuse(status);
        }
        let this = &self;
        let _under_way = self.under_way.token();
        match call {
            Call::Append => streaming(request, parted, |requests| this.raft.receive_appends(requests)),
            Call::Snapshot => streaming(request, parted, |pieces| this.raft.receive_snapshot(pieces)),
            Call::Propose => unary(request, |message| this.propose(message)).await,
            Call::ReadIndex => unary(request, |message| this.read_index(message)).await,
            Call::Lease => unary(request, |message| this.lease(message)).await,
            Call::Vote => unary(request, |message| this.raft.receive_vote(message)).await,
            Call::PreVote => unary(request, |message| this.raft.receive_pre_vote(message)).await,
            Call::Transfer => unary(request, |message| this.raft.receive_transfer(message)).await,
            Call::Members => unary(request, |message| this.members(message)).await,
            Call::Probe => unary(request, |message| this.probe(message)).await,
            Call::Following => unary(request, |message| this.following(message)).await,
            Call::Hash => unary(request, |message| this.hash(message)).await,
        }
    }

    /// Checks where the call comes from and whom it is meant for.
    fn admit(&self, call: Call, headers: &HeaderMap) -> Result<(), Status> {
        // Who wants to join knows neither the cluster nor itself yet.
        if call == Call::Members {
            return Ok(());
        }
        let cluster = id(headers, CLUSTER_KEY)?;
        let Identity { member_id, cluster_id } = self.identity;
        if cluster != cluster_id {
            return Err(Status::failed_precondition(format!(
                "cluster ID mismatch: this is {cluster_id:x}, not {cluster:x}"
            )));
        }
        let to = id(headers, TO_KEY)?;
        if to != member_id {
            return Err(Status::failed_precondition(format!("this is member {member_id:x}, not {to:x}")));
        }
        let from = id(headers, FROM_KEY)?;
        // One that is on its way out still takes part, if only to hand over.
        if self.cluster.is_removed(from) && !self.raft.members().borrow().nodes.contains_key(&from) {
            return Err(Status::permission_denied(REMOVED));
        }
        Ok(())
    }

    async fn propose(&self, request: ProposeRequest) -> Result<ProposeResponse, Status> {
        let proposals = request.commands.into_iter().map(|command| self.propose_one(command));
        Ok(ProposeResponse { answers: join_all(proposals).await })
    }

    async fn propose_one(&self, command: Bytes) -> ProposalAnswer {
        let failed = |failure| ProposalAnswer { failure: Some(failure), ..Default::default() };
        if self.proposer.is_busy() {
            let reason = "too much is waiting to be applied".to_owned();
            return failed(LeaderFailure { kind: FailureKind::Busy as i32, leader: 0, reason });
        }
        let command = match Command::decode(command) {
            Ok(command) => command,
            Err(error) => {
                let reason = format!("a command that cannot be read: {error}");
                return failed(LeaderFailure { kind: FailureKind::Unknown as i32, leader: 0, reason });
            }
        };
        match self.proposer.propose_here(command).await {
            Ok((index, outcome)) => ProposalAnswer { index, outcome: answer::encode(outcome), failure: None },
            Err(error) => failed(propose_failure(error)),
        }
    }

    async fn read_index(&self, request: ReadIndexRequest) -> Result<ReadIndexResponse, Status> {
        let ReadIndexRequest { member_id, voted_term } = request;
        let witness = Witness { member_id, voted_term };
        Ok(match self.raft.read_position(witness).await {
            Ok(index) => ReadIndexResponse { index, failure: None },
            Err(error) => ReadIndexResponse { index: 0, failure: Some(read_failure(error)) },
        })
    }

    async fn lease(&self, request: LeaseRequest) -> Result<LeaseResponse, Status> {
        Ok(match self.keeper.here(request.id, request.renew).await {
            Ok(None) => LeaseResponse::default(),
            Ok(Some(life)) => LeaseResponse {
                found: true,
                granted_ttl: life.granted_ttl,
                remaining_ms: life.remaining_ms,
                failure: None,
            },
            Err(error) => {
                let kind = match &error {
                    GateError::Api(EtcdError::NotLeader) => FailureKind::NotLeader,
                    GateError::Api(_) => FailureKind::NoQuorum,
                    GateError::Storage(_) => FailureKind::Storage,
                };
                let failure = LeaderFailure { kind: kind as i32, leader: 0, reason: error.to_string() };
                LeaseResponse { failure: Some(failure), ..Default::default() }
            }
        })
    }

    async fn members(&self, _request: MembersRequest) -> Result<MembersResponse, Status> {
        let members = self.cluster.members(&self.raft.members().borrow());
        let members = members.into_iter().map(|member| KnownMember {
            id: member.id,
            name: member.name,
            peer_urls: member.peer_ur_ls,
            client_urls: member.client_ur_ls,
            is_learner: member.is_learner,
        });
        Ok(MembersResponse { cluster_id: self.identity.cluster_id, members: members.collect() })
    }

    async fn following(&self, request: FollowingRequest) -> Result<FollowingResponse, Status> {
        let status = self.raft.status();
        if !status.leadership.is_leader {
            let failure = propose_failure(ProposeError::NotLeader { leader: status.leadership.leader });
            return Ok(FollowingResponse { failure: Some(failure), ..Default::default() });
        }
        let matching_index = self.raft.followers().get(&request.member_id).copied().unwrap_or(0);
        Ok(FollowingResponse { last_index: status.last_log_index, matching_index, failure: None })
    }

    async fn hash(&self, request: HashRequest) -> Result<HashResponse, Status> {
        let store = self.store.clone();
        let answer = tokio::task::spawn_blocking(move || corruption::answer(&store, request.revision)).await;
        answer.map_err(|_stopped| Status::unavailable("this member stops"))
    }

    async fn probe(&self, _request: ProbeRequest) -> Result<ProbeResponse, Status> {
        let status = self.raft.status();
        Ok(ProbeResponse { applied_index: status.applied_index, term: status.leadership.term })
    }
}

fn call_of(path: &str) -> Option<Call> {
    let name = path.strip_prefix(SERVICE)?;
    Call::ALL.into_iter().find(|call| call.name() == name)
}

fn id(headers: &HeaderMap, key: &str) -> Result<u64, Status> {
    let text = headers.get(key).and_then(|value| value.to_str().ok());
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| Status::failed_precondition(format!("a call without {key}: is the caller a member?")))
}
