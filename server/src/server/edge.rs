//! What answers clients, made of a member and its settings.

use std::sync::Arc;

use etcdkit_proto::etcdserverpb::Member;
use tokio_util::sync::CancellationToken;

use super::StartError;
use super::member::MemberParts;
use crate::api::{
    Access, Api, Auth, Budget, Cluster, Election, Headers, Health, Kv, Leaderless, Lease, Line, Lock,
    Maintenance, OwnStanding, Passwords, Timing, Watch,
};
use crate::config::{Config, MemberUrl, RECEIVE_OVERHEAD_BYTES};
use crate::data_dir::Identity;
use crate::jwt::TokenKind;
use crate::lease::ttl_min_seconds;
use crate::lease_keeper::LeaseKeeper;
use crate::propose::{Limits, Proposer};
use crate::read::ReadGate;

pub(super) fn propose_within_limits(config: &Config, member: &MemberParts) -> Proposer {
    let limits = Limits {
        request_bytes_max: config.max_request_bytes,
        member_id: member.identity.member_id,
        quota_bytes: config.quota_bytes(),
        timeout: config.request_timeout(),
    };
    Proposer::new(member.forwarder.clone(), member.backend.clone(), Arc::clone(&member.alarms), limits)
}

pub(super) fn assemble(
    config: &Config,
    member: &MemberParts,
    proposer: &Proposer,
    keeper: &LeaseKeeper,
    advertised: Vec<String>,
    stopping: &CancellationToken,
) -> Result<Api, StartError> {
    let Identity { member_id, cluster_id } = member.identity;
    let headers = Headers::new(cluster_id, member_id, &member.raft, member.store.clone());
    let metrics = Arc::clone(member.backend.metrics());
    let gate = ReadGate::new(member.forwarder.clone(), config.request_timeout(), Arc::clone(&metrics));
    let own_standing = OwnStanding { member_id, cluster: Arc::clone(&member.cluster) };
    let access = Access {
        auth: Arc::clone(&member.auth),
        lessor: Arc::clone(&member.lessor),
        clock: member.clock,
        jwt: match TokenKind::open(&config.auth_token)? {
            TokenKind::Simple => None,
            TokenKind::Jwt(jwt) => Some(Arc::from(jwt)),
        },
    };
    let kv = Kv {
        headers: headers.clone(),
        store: member.store.clone(),
        proposer: proposer.clone(),
        gate: gate.clone(),
        own: own_standing.clone(),
        access: access.clone(),
        ops_max: config.max_txn_ops,
        chunk_bytes: config.max_request_bytes,
        timing: Timing { metrics: Arc::clone(&metrics), slow: config.warning_apply_duration },
        budget: Budget::default(),
    };
    let own = Member {
        id: member_id,
        name: config.name.clone(),
        peer_ur_ls: config.members()?.iter().map(MemberUrl::to_string).collect(),
        client_ur_ls: advertised,
        is_learner: false,
    };
    let lease = Lease {
        headers: headers.clone(),
        proposer: proposer.clone(),
        access: access.clone(),
        lessor: Arc::clone(&member.lessor),
        keeper: keeper.clone(),
        ttl_min_seconds: ttl_min_seconds(config.election_timeout),
        stopping: stopping.clone(),
    };
    let line =
        Line { headers: headers.clone(), kv: kv.clone(), lease: lease.clone(), hub: member.hub.clone() };
    let watch = Watch {
        headers: headers.clone(),
        hub: member.hub.clone(),
        access: access.clone(),
        progress_interval: config.progress_interval(),
        metrics: Arc::clone(&metrics),
        stopping: stopping.clone(),
    };
    let auth = Auth {
        headers: headers.clone(),
        access: access.clone(),
        proposer: proposer.clone(),
        gate: gate.clone(),
        passwords: Passwords::new(config.bcrypt_cost),
    };
    Ok(Api {
        auth,
        access: access.clone(),
        kv,
        watch,
        lease,
        lock: Lock { line: line.clone() },
        election: Election { line, stopping: stopping.clone() },
        cluster: Cluster {
            headers: headers.clone(),
            gate: gate.clone(),
            proposer: proposer.clone(),
            forwarder: member.forwarder.clone(),
            state: Arc::clone(&member.cluster),
            contact: Arc::clone(&member.contact),
            members: member.raft.members(),
            own,
            strict: config.strict_reconfig_check,
            learners_max: config.max_learners,
            timeout: config.request_timeout(),
        },
        maintenance: Maintenance {
            access,
            member_id,
            alarms: Arc::clone(&member.alarms),
            cluster: Arc::clone(&member.cluster),
            proposer: proposer.clone(),
            gate,
            headers,
            raft: member.raft.clone(),
            store: member.store.clone(),
            backend: member.backend.clone(),
            transfer_timeout: config.request_timeout(),
            quota_bytes: config.quota_backend_bytes,
        },
        health: Health { stopping: stopping.clone() },
        raft: member.raft.clone(),
        own: own_standing,
        receive_bytes_max: config.max_request_bytes + RECEIVE_OVERHEAD_BYTES,
        slow_request: config.warning_unary_request_duration,
        leaderless: Leaderless::new(),
        metrics,
        timeline: Arc::clone(&member.timeline),
        spans: None,
    })
}

pub(super) fn keep_leases(
    config: &Config,
    member: &MemberParts,
    stopping: &CancellationToken,
) -> LeaseKeeper {
    LeaseKeeper {
        lessor: Arc::clone(&member.lessor),
        clock: member.clock,
        forwarder: member.forwarder.clone(),
        leading: ReadGate::of_leader(
            member.forwarder.clone(),
            config.request_timeout(),
            Arc::clone(member.backend.metrics()),
        ),
        timeout: config.request_timeout(),
        stopping: stopping.clone(),
    }
}
