//! `etcdserverpb.Cluster`: who the members are.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse, MemberPromoteRequest,
    MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse, MemberUpdateRequest,
    MemberUpdateResponse, ResponseHeader,
};
use tokio::sync::watch;
use tonic::Status;

use super::error::mismatched;
use super::header::Headers;
use crate::cluster::{ClusterState, RaftMembers};
use crate::command::{Applied, ClusterCommand, ClusterOperation, MemberId, NewMember, Operation, PeerUrls};
use crate::config::parse_urls;
use crate::contact::Contact;
use crate::data_dir::added_member_id;
use crate::forward::{ForwardError, Forwarder};
use crate::membership::READY_PERCENT;
use crate::propose::Proposer;
use crate::read::ReadGate;

/// How long a member must have been there to be counted on when members are changed; as etcd's.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// How often consensus is looked at while a change of members is waited for, beside each change of it.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The Cluster service.
pub(crate) struct Cluster {
    pub(crate) headers: Headers,
    pub(crate) gate: ReadGate,
    pub(crate) proposer: Proposer,
    pub(crate) forwarder: Forwarder,
    pub(crate) state: Arc<ClusterState>,
    pub(crate) contact: Arc<Contact>,
    pub(crate) members: watch::Receiver<Arc<RaftMembers>>,
    /// As the settings have it.
    pub(crate) own: Member,
    pub(crate) strict: bool,
    pub(crate) learners_max: u32,
    /// The longest a change is waited for.
    pub(crate) timeout: Duration,
}

impl Cluster {
    pub(crate) async fn member_list(&self, request: MemberListRequest) -> Result<MemberListResponse, Status> {
        if request.linearizable {
            self.gate.pass().await?;
        }
        Ok(MemberListResponse { header: self.header(), members: self.members() })
    }

    /// Announces a member, which then may start and join.
    pub(crate) async fn member_add(&self, request: MemberAddRequest) -> Result<MemberAddResponse, Status> {
        let urls: Vec<String> = request.peer_ur_ls.iter().map(|url| url.trim().to_owned()).collect();
        if urls.is_empty() || urls.iter().any(|url| parse_urls(url).is_err()) {
            return Err(EtcdError::MemberBadUrls.into());
        }
        self.gate.pass().await?;
        let members = self.members();
        if members.iter().any(|member| member.peer_ur_ls.iter().any(|url| urls.contains(url))) {
            return Err(EtcdError::PeerUrlExist.into());
        }
        self.may_add(&members, request.is_learner)?;
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let new = NewMember {
            member_id: added_member_id(&urls, seconds),
            peer_urls: urls,
            learner: request.is_learner,
            learners_max: self.learners_max,
        };
        let id = new.member_id;
        self.change(ClusterOperation::AddMember(new)).await?;
        // Answered when the leader sends it the log: from then on a process may start as it.
        self.wait_for(|members| members.nodes.contains_key(&id)).await?;
        let members = self.members();
        let member = members.iter().find(|member| member.id == id).cloned();
        Ok(MemberAddResponse { header: self.header(), member, members })
    }

    pub(crate) async fn member_remove(
        &self,
        request: MemberRemoveRequest,
    ) -> Result<MemberRemoveResponse, Status> {
        self.gate.pass().await?;
        let members = self.members();
        let gone = members.iter().find(|member| member.id == request.id).ok_or(EtcdError::MemberNotFound)?;
        self.may_remove(&members, gone)?;
        self.change(ClusterOperation::RemoveMember(MemberId { member_id: request.id })).await?;
        self.wait_for(|members| !members.nodes.contains_key(&request.id) && !members.changing).await?;
        Ok(MemberRemoveResponse { header: self.header(), members: self.members() })
    }

    /// Changes the addresses at which other members reach one. They are taken as they come, as in etcd.
    pub(crate) async fn member_update(
        &self,
        request: MemberUpdateRequest,
    ) -> Result<MemberUpdateResponse, Status> {
        self.gate.pass().await?;
        let members = self.members();
        if !members.iter().any(|member| member.id == request.id) {
            return Err(EtcdError::MemberNotFound.into());
        }
        let mut others = members.iter().filter(|member| member.id != request.id);
        if others.any(|member| member.peer_ur_ls.iter().any(|url| request.peer_ur_ls.contains(url))) {
            return Err(EtcdError::PeerUrlExist.into());
        }
        let urls = PeerUrls { member_id: request.id, urls: request.peer_ur_ls };
        self.change(ClusterOperation::PeerUrls(urls)).await?;
        Ok(MemberUpdateResponse { header: self.header(), members: self.members() })
    }

    /// Gives a learner its vote.
    pub(crate) async fn member_promote(
        &self,
        request: MemberPromoteRequest,
    ) -> Result<MemberPromoteResponse, Status> {
        self.gate.pass().await?;
        let members = self.members();
        if !members.iter().any(|member| member.id == request.id) {
            return Err(EtcdError::MemberNotFound.into());
        }
        // Asked first of voters too, as in etcd; that a voter is no learner is found when the command is applied.
        if !self.is_ready(request.id).await? {
            return Err(EtcdError::LearnerNotReady.into());
        }
        if self.strict {
            let voters = members.iter().filter(|member| !member.is_learner);
            let (voters, started) = count(voters);
            if started + 1 < majority(voters + 1) {
                return Err(EtcdError::MemberNotEnoughStarted.into());
            }
        }
        self.change(ClusterOperation::PromoteMember(MemberId { member_id: request.id })).await?;
        self.wait_for(|members| members.nodes.get(&request.id).is_some_and(|node| node.votes)).await?;
        Ok(MemberPromoteResponse { header: self.header(), members: self.members() })
    }

    /// Whether another member leaves a majority of those that are there, counting the new one as not there.
    fn may_add(&self, members: &[Member], learner: bool) -> Result<(), EtcdError> {
        if !self.strict {
            return Ok(());
        }
        let (voters, started) = count(members.iter().filter(|member| !member.is_learner));
        // From one member to two there is no other way.
        let the_second = started == 1 && voters == 1;
        if !(learner || the_second) && started < majority(voters + 1) {
            return Err(EtcdError::MemberNotEnoughStarted);
        }
        let ids = voter_ids(members);
        let there = self.contact.there_for(&ids, HEALTH_INTERVAL);
        if ids.len() > 1 && there < majority(ids.len() + 1) {
            return Err(EtcdError::Unhealthy);
        }
        Ok(())
    }

    /// Whether the others can go on without a member.
    fn may_remove(&self, members: &[Member], gone: &Member) -> Result<(), EtcdError> {
        if !self.strict || gone.is_learner {
            return Ok(());
        }
        let others = members.iter().filter(|member| !member.is_learner && member.id != gone.id);
        let (voters, started) = count(others);
        if started < majority(voters) {
            return Err(EtcdError::MemberNotEnoughStarted);
        }
        // One that is not there is no part of a majority that is.
        if !self.contact.is_there(gone.id) {
            return Ok(());
        }
        let ids = voter_ids(members);
        let there = self.contact.there_for(&ids, HEALTH_INTERVAL);
        if there.saturating_sub(1) < majority(ids.len() - 1) {
            return Err(EtcdError::Unhealthy);
        }
        Ok(())
    }

    /// Whether a member has nearly all that the leader has.
    async fn is_ready(&self, id: u64) -> Result<bool, Status> {
        let leadership = self.forwarder.raft.status().leadership;
        if leadership.leader == Some(id) {
            return Ok(true);
        }
        let (last, has) = match leadership.leader {
            None => return Err(EtcdError::NoLeader.into()),
            Some(_) if leadership.is_leader => {
                let followers = self.forwarder.raft.followers();
                let has = followers.get(&id).copied().unwrap_or(0);
                (self.forwarder.raft.status().last_log_index, has)
            }
            Some(leader) => match self.forwarder.following(leader, id).await {
                Ok(following) => (following.last_index, following.matching_index),
                Err(ForwardError::Lost(_) | ForwardError::LeaderChanged) => {
                    return Err(EtcdError::TimeoutConnectionLost.into());
                }
                Err(ForwardError::NoLeader | ForwardError::NoQuorum | ForwardError::Busy) => {
                    return Err(EtcdError::NoLeader.into());
                }
            },
        };
        Ok(has > 0 && has.saturating_mul(100) >= last.saturating_mul(READY_PERCENT))
    }

    async fn change(&self, operation: ClusterOperation) -> Result<(), Status> {
        let command = Box::new(ClusterCommand { operation: Some(operation) });
        match self.proposer.propose(Operation::Cluster(command)).await? {
            Applied::Cluster => Ok(()),
            _ => Err(mismatched()),
        }
    }

    /// Waits until consensus follows what was asked for.
    async fn wait_for(&self, done: impl Fn(&RaftMembers) -> bool) -> Result<(), Status> {
        let mut members = self.members.clone();
        let waiting = async {
            while !done(&members.borrow_and_update()) {
                if let Ok(Err(_stopped)) = tokio::time::timeout(LOOK_INTERVAL, members.changed()).await {
                    return Err(EtcdError::Stopped.into());
                }
            }
            Ok(())
        };
        match tokio::time::timeout(self.timeout, waiting).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(EtcdError::Timeout.into()),
        }
    }

    fn members(&self) -> Vec<Member> {
        let mut members = self.state.members(&self.members.borrow());
        // What a member tells of itself may still be on its way to the others.
        if let Some(own) = members.iter_mut().find(|member| member.id == self.own.id) {
            own.name.clone_from(&self.own.name);
            own.client_ur_ls.clone_from(&self.own.client_ur_ls);
            if own.peer_ur_ls.is_empty() {
                own.peer_ur_ls.clone_from(&self.own.peer_ur_ls);
            }
        }
        members
    }

    /// Headers of this service carry no revision, as in etcd.
    fn header(&self) -> Option<ResponseHeader> {
        Some(self.headers.at(0))
    }
}

/// How many there are, and how many of them have started.
fn count<'a>(members: impl Iterator<Item = &'a Member>) -> (usize, usize) {
    members.fold((0, 0), |(all, started), member| (all + 1, started + usize::from(!member.name.is_empty())))
}

fn voter_ids(members: &[Member]) -> Vec<u64> {
    members.iter().filter(|member| !member.is_learner).map(|member| member.id).collect()
}

fn majority(voters: usize) -> usize {
    voters / 2 + 1
}
