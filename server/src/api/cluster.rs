//! `etcdserverpb.Cluster`: who the members are.

use std::sync::Arc;

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse, MemberPromoteRequest,
    MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse, MemberUpdateRequest,
    MemberUpdateResponse, ResponseHeader,
};
use tonic::Status;

use super::error::mismatched;
use super::header::Headers;
use crate::cluster::ClusterState;
use crate::command::{Applied, ClusterCommand, ClusterOperation, Operation, PeerUrls};
use crate::config::parse_urls;
use crate::propose::Proposer;
use crate::read::ReadGate;

/// The Cluster service of a cluster of one.
pub(crate) struct Cluster {
    pub(crate) headers: Headers,
    pub(crate) gate: ReadGate,
    pub(crate) proposer: Proposer,
    pub(crate) state: Arc<ClusterState>,
    /// As the settings have it.
    pub(crate) own: Member,
}

impl Cluster {
    pub(crate) async fn member_list(&self, request: MemberListRequest) -> Result<MemberListResponse, Status> {
        if request.linearizable {
            self.gate.pass().await?;
        }
        Ok(MemberListResponse { header: self.header(), members: self.members() })
    }

    /// Checks the request as etcd does. That a second member can join is still to be built.
    pub(crate) async fn member_add(&self, request: MemberAddRequest) -> Result<MemberAddResponse, Status> {
        let urls: Vec<String> = request.peer_ur_ls.iter().map(|url| url.trim().to_owned()).collect();
        if urls.is_empty() || urls.iter().any(|url| parse_urls(url).is_err()) {
            return Err(EtcdError::MemberBadUrls.into());
        }
        if self.members().iter().any(|member| member.peer_ur_ls.iter().any(|url| urls.contains(url))) {
            return Err(EtcdError::PeerUrlExist.into());
        }
        Err(Status::unimplemented(
            "etcdkit: this version runs single-member clusters only, no member can be added",
        ))
    }

    /// The only member cannot go.
    pub(crate) async fn member_remove(
        &self,
        request: MemberRemoveRequest,
    ) -> Result<MemberRemoveResponse, Status> {
        self.gate.pass().await?;
        match request.id == self.own.id {
            true => Err(EtcdError::MemberNotEnoughStarted.into()),
            false => Err(EtcdError::MemberNotFound.into()),
        }
    }

    /// Changes the addresses at which other members reach one. They are taken as they come, as in etcd.
    pub(crate) async fn member_update(
        &self,
        request: MemberUpdateRequest,
    ) -> Result<MemberUpdateResponse, Status> {
        if request.id != self.own.id {
            return Err(EtcdError::MemberNotFound.into());
        }
        let urls = PeerUrls { member_id: request.id, urls: request.peer_ur_ls };
        let command = Box::new(ClusterCommand { operation: Some(ClusterOperation::PeerUrls(urls)) });
        match self.proposer.propose(Operation::Cluster(command)).await? {
            Applied::Cluster => Ok(MemberUpdateResponse { header: self.header(), members: self.members() }),
            _ => Err(mismatched()),
        }
    }

    /// The only member is no learner.
    pub(crate) async fn member_promote(
        &self,
        request: MemberPromoteRequest,
    ) -> Result<MemberPromoteResponse, Status> {
        self.gate.pass().await?;
        match request.id == self.own.id {
            true => Err(EtcdError::MemberNotLearner.into()),
            false => Err(EtcdError::MemberNotFound.into()),
        }
    }

    fn members(&self) -> Vec<Member> {
        let peer_ur_ls = self.state.peer_urls(self.own.id).unwrap_or_else(|| self.own.peer_ur_ls.clone());
        vec![Member { peer_ur_ls, ..self.own.clone() }]
    }

    /// Headers of this service carry no revision, as in etcd.
    fn header(&self) -> Option<ResponseHeader> {
        Some(self.headers.at(0))
    }
}
