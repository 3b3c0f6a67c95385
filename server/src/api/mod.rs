//! The gRPC edge: one file per etcd service.
//!
//! A request is checked here, goes down to `propose` or `read`, and comes back as a message with a
//! header. This file is the table of everything the client port answers.

mod access;
mod auth;
mod budget;
mod check;
mod cluster;
mod codec;
mod downgrade;
mod election;
mod error;
mod grpc;
mod header;
mod health;
mod kv;
mod leaderless;
mod lease;
mod line;
mod lock;
mod maintenance;
mod parts;
mod password;
mod permission;
mod snapshot;
mod stream;
mod timing;
mod version;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::etcdserverpb::{MemberPromoteRequest, MemberPromoteResponse};
use etcdkit_proto::{DESCRIPTORS, EtcdError};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;
use prost::Message;
use tonic::Status;

pub(crate) use access::Access;
pub(crate) use access::CertificateName;
pub(crate) use auth::Auth;
pub(crate) use budget::Budget;
pub(crate) use cluster::Cluster;
pub(crate) use election::Election;
pub(crate) use grpc::{ApiBody, refuse, unary};
pub(crate) use header::Headers;
pub(crate) use health::Health;
pub(crate) use kv::Kv;
pub(crate) use leaderless::Leaderless;
pub(crate) use lease::Lease;
pub(crate) use line::Line;
pub(crate) use lock::Lock;
pub(crate) use maintenance::Maintenance;
pub(crate) use password::Passwords;
pub(crate) use stream::bidirectional;
pub(crate) use timing::Timing;
pub(crate) use version::CLUSTER_VERSION;
pub use version::ETCD_VERSION;
pub(crate) use version::STORAGE_VERSION;
pub(crate) use watch::Watch;

use crate::cluster::{ClusterState, Standing};
use crate::metrics::{Calls, Metrics};
use crate::raft::RaftNode;
use crate::span::Spans;
use crate::timeline::Timeline;
use access::Credentials;
use grpc::Intake;
use permission::Needs;
use stream::server_streaming;

/// Everything the client port answers.
pub(crate) struct Api {
    pub(crate) kv: Kv,
    pub(crate) watch: Watch,
    pub(crate) lease: Lease,
    pub(crate) cluster: Cluster,
    pub(crate) maintenance: Maintenance,
    pub(crate) lock: Lock,
    pub(crate) election: Election,
    pub(crate) health: Health,
    pub(crate) auth: Auth,
    pub(crate) access: Access,
    pub(crate) raft: RaftNode,
    /// What this member is.
    pub(crate) own: OwnStanding,
    /// Most bytes of a received message.
    pub(crate) receive_bytes_max: usize,
    /// A call of one answer that takes longer is told of in the log.
    pub(crate) slow_request: Duration,
    /// Ends streams that ask for a leader.
    pub(crate) leaderless: Leaderless,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) timeline: Arc<Timeline>,
    /// Who follows calls.
    pub(crate) spans: Option<Arc<dyn Spans>>,
}

/// What this member is in its cluster. Cheap to ask and to clone.
#[derive(Clone)]
pub(crate) struct OwnStanding {
    pub(crate) member_id: u64,
    pub(crate) cluster: Arc<ClusterState>,
}

impl OwnStanding {
    /// Whether it has no vote yet.
    pub(crate) fn is_learner(&self) -> bool {
        self.cluster.standing(self.member_id) == Standing::Learner
    }
}

impl Api {
    /// Answers one HTTP/2 request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<ApiBody> {
        let path = request.uri().path();
        let Some(method) = Calls::find(path) else {
            return refuse(self.admit(&request).err().unwrap_or_else(|| unimplemented(path)));
        };
        let api = &self;
        let intake = &Intake {
            metrics: &self.metrics,
            method,
            path: request.uri().path_and_query().cloned(),
            bytes_max: self.receive_bytes_max,
            slow: self.slow_request,
            leaderless: leader_required(request.headers()).then(|| self.leaderless.told()),
            budget: &self.kv.budget,
            span: self
                .spans
                .as_ref()
                .and_then(|spans| spans.call(path.trim_start_matches('/'), request.headers())),
        };
        let by = &Credentials::of(&request);
        let admitted = self.admit(&request).and_then(|()| {
            self.metrics.calls.note_client(method, client_version(request.headers()));
            self.admit_learner(path)?;
            self.admit_caller(path, by)
        });
        if let Err(status) = admitted {
            return intake.refuse(status);
        }
        // Calls that wait or carry much state are boxed, so that the task of a put stays small.
        match path {
            "/etcdserverpb.KV/Range" => unary(request, intake, |message| api.kv.range(by, message)).await,
            "/etcdserverpb.KV/Put" => unary(request, intake, |message| api.kv.put(by, message)).await,
            "/etcdserverpb.KV/Txn" => unary(request, intake, |message| api.kv.txn(by, message)).await,
            "/etcdserverpb.KV/DeleteRange" => {
                unary(request, intake, |message| api.kv.delete_range(by, message)).await
            }
            "/etcdserverpb.KV/Compact" => unary(request, intake, |message| api.kv.compact(message)).await,
            "/etcdserverpb.KV/RangeStream" => {
                server_streaming(request, intake, |message| api.kv.range_stream(by, message)).await
            }
            "/etcdserverpb.Watch/Watch" => {
                bidirectional(request, intake, |requests| api.watch.watch(by.clone(), requests))
            }
            "/etcdserverpb.Lease/LeaseGrant" => {
                unary(request, intake, |message| api.lease.grant(by, message)).await
            }
            "/etcdserverpb.Lease/LeaseRevoke" => {
                unary(request, intake, |message| api.lease.revoke(by, message)).await
            }
            "/etcdserverpb.Lease/LeaseKeepAlive" => {
                bidirectional(request, intake, |requests| api.lease.keep_alive(by.clone(), requests))
            }
            "/etcdserverpb.Lease/LeaseTimeToLive" => {
                unary(request, intake, |message| api.lease.time_to_live(by, message)).await
            }
            "/etcdserverpb.Lease/LeaseLeases" => {
                unary(request, intake, |message| api.lease.leases(by, message)).await
            }
            "/etcdserverpb.Cluster/MemberList" => {
                unary(request, intake, |message| api.cluster.member_list(message)).await
            }
            "/etcdserverpb.Maintenance/Alarm" => {
                unary(request, intake, |message| api.maintenance.alarm(by, message)).await
            }
            "/etcdserverpb.Maintenance/Status" => {
                unary(request, intake, |message| api.maintenance.status(message)).await
            }
            "/etcdserverpb.Maintenance/Hash" => {
                unary(request, intake, |message| api.maintenance.hash(message)).await
            }
            "/etcdserverpb.Maintenance/HashKV" => {
                unary(request, intake, |message| api.maintenance.hash_kv(message)).await
            }
            "/etcdserverpb.Cluster/MemberAdd" => {
                Box::pin(unary(request, intake, |message| api.cluster.member_add(message))).await
            }
            "/etcdserverpb.Cluster/MemberRemove" => {
                Box::pin(unary(request, intake, |message| api.cluster.member_remove(message))).await
            }
            "/etcdserverpb.Cluster/MemberUpdate" => {
                Box::pin(unary(request, intake, |message| api.cluster.member_update(message))).await
            }
            "/etcdserverpb.Cluster/MemberPromote" => {
                Box::pin(unary(request, intake, |message| api.promote(message))).await
            }
            "/etcdserverpb.Maintenance/Defragment" => {
                Box::pin(unary(request, intake, |message| api.maintenance.defragment(message))).await
            }
            "/etcdserverpb.Maintenance/MoveLeader" => {
                Box::pin(unary(request, intake, |message| api.maintenance.move_leader(message))).await
            }
            "/etcdserverpb.Maintenance/Downgrade" => {
                Box::pin(unary(request, intake, |message| api.maintenance.downgrade(message))).await
            }
            "/etcdserverpb.Maintenance/Snapshot" => {
                server_streaming(request, intake, |message| api.maintenance.snapshot(message)).await
            }
            "/etcdserverpb.Auth/AuthEnable" => {
                Box::pin(unary(request, intake, |message| api.auth.enable(by, message))).await
            }
            "/etcdserverpb.Auth/AuthDisable" => {
                Box::pin(unary(request, intake, |message| api.auth.disable(by, message))).await
            }
            "/etcdserverpb.Auth/AuthStatus" => {
                Box::pin(unary(request, intake, |message| api.auth.status(by, message))).await
            }
            "/etcdserverpb.Auth/Authenticate" => {
                Box::pin(unary(request, intake, |message| api.auth.authenticate(message))).await
            }
            "/etcdserverpb.Auth/UserAdd" => {
                Box::pin(unary(request, intake, |message| api.auth.user_add(by, message))).await
            }
            "/etcdserverpb.Auth/UserGet" => {
                Box::pin(unary(request, intake, |message| api.auth.user_get(by, message))).await
            }
            "/etcdserverpb.Auth/UserList" => {
                Box::pin(unary(request, intake, |message| api.auth.user_list(message))).await
            }
            "/etcdserverpb.Auth/UserDelete" => {
                Box::pin(unary(request, intake, |message| api.auth.user_delete(by, message))).await
            }
            "/etcdserverpb.Auth/UserChangePassword" => {
                Box::pin(unary(request, intake, |message| api.auth.user_change_password(by, message))).await
            }
            "/etcdserverpb.Auth/UserGrantRole" => {
                Box::pin(unary(request, intake, |message| api.auth.user_grant_role(by, message))).await
            }
            "/etcdserverpb.Auth/UserRevokeRole" => {
                Box::pin(unary(request, intake, |message| api.auth.user_revoke_role(by, message))).await
            }
            "/etcdserverpb.Auth/RoleAdd" => {
                Box::pin(unary(request, intake, |message| api.auth.role_add(by, message))).await
            }
            "/etcdserverpb.Auth/RoleGet" => {
                Box::pin(unary(request, intake, |message| api.auth.role_get(by, message))).await
            }
            "/etcdserverpb.Auth/RoleList" => {
                Box::pin(unary(request, intake, |message| api.auth.role_list(message))).await
            }
            "/etcdserverpb.Auth/RoleDelete" => {
                Box::pin(unary(request, intake, |message| api.auth.role_delete(by, message))).await
            }
            "/etcdserverpb.Auth/RoleGrantPermission" => {
                Box::pin(unary(request, intake, |message| api.auth.role_grant(by, message))).await
            }
            "/etcdserverpb.Auth/RoleRevokePermission" => {
                Box::pin(unary(request, intake, |message| api.auth.role_revoke(by, message))).await
            }
            "/v3lockpb.Lock/Lock" => {
                Box::pin(unary(request, intake, |message| api.lock.lock(by, message))).await
            }
            "/v3lockpb.Lock/Unlock" => {
                Box::pin(unary(request, intake, |message| api.lock.unlock(by, message))).await
            }
            "/v3electionpb.Election/Campaign" => {
                Box::pin(unary(request, intake, |message| api.election.campaign(by, message))).await
            }
            "/v3electionpb.Election/Proclaim" => {
                Box::pin(unary(request, intake, |message| api.election.proclaim(by, message))).await
            }
            "/v3electionpb.Election/Leader" => {
                Box::pin(unary(request, intake, |message| api.election.leader(by, message))).await
            }
            "/v3electionpb.Election/Observe" => {
                server_streaming(request, intake, |message| api.election.observe(by.clone(), message)).await
            }
            "/v3electionpb.Election/Resign" => {
                Box::pin(unary(request, intake, |message| api.election.resign(by, message))).await
            }
            "/grpc.health.v1.Health/Check" => {
                unary(request, intake, |message| api.health.check(message)).await
            }
            "/grpc.health.v1.Health/Watch" => {
                server_streaming(request, intake, |message| api.health.watch(message)).await
            }
            _ => refuse(unimplemented(path)),
        }
    }

    /// Promotes a learner, and counts why not.
    async fn promote(&self, request: MemberPromoteRequest) -> Result<MemberPromoteResponse, Status> {
        let failures = &self.metrics.requests.promote_failures;
        let outcome = self.cluster.member_promote(request).await;
        outcome.inspect_err(|status| failures.with_label_values(&[status.message()]).inc())
    }

    /// Refuses what a learner does not answer. Whether a range is serializable is looked at where it is read.
    fn admit_learner(&self, path: &str) -> Result<(), Status> {
        const ANSWERED: [&str; 3] = [
            "/etcdserverpb.Maintenance/Status",
            "/etcdserverpb.Maintenance/Snapshot",
            "/etcdserverpb.KV/Range",
        ];
        if self.own.is_learner() && !ANSWERED.contains(&path) && !path.starts_with("/grpc.health.") {
            return Err(EtcdError::NotSupportedForLearner.into());
        }
        Ok(())
    }

    /// Checks what the call needs of its caller, as far as that does not depend on the request.
    fn admit_caller(&self, path: &str, by: &Credentials) -> Result<(), Status> {
        if !self.access.is_enabled() {
            return Ok(());
        }
        match permission::of(path) {
            Some(Needs::Nothing | Needs::Asked) => Ok(()),
            Some(Needs::GoodToken) => Ok(self.access.caller(by).map(drop)?),
            Some(Needs::User) => Ok(self.access.check(by, |checker| checker.known())?),
            Some(Needs::Root) => Ok(self.access.check(by, |checker| checker.admin())?),
            None => Err(unimplemented(path)),
        }
    }

    /// Checks that it is a gRPC call, and what its metadata asks for.
    fn admit<B>(&self, request: &Request<B>) -> Result<(), Status> {
        let headers = request.headers();
        let content_type = headers.get(http::header::CONTENT_TYPE).map(|value| value.as_bytes());
        if request.method() != Method::POST
            || !content_type.is_some_and(|kind| kind.starts_with(b"application/grpc"))
        {
            return Err(Status::unimplemented("this port answers gRPC calls"));
        }
        check_client_version(headers)?;
        if leader_required(headers) && self.raft.status().leadership.leader.is_none() {
            return Err(EtcdError::NoLeader.into());
        }
        Ok(())
    }
}

/// Whether the caller wants no answer of a member that has no leader.
fn leader_required(headers: &HeaderMap) -> bool {
    headers.get("hasleader").is_some_and(|value| value == "true")
}

/// The version that a client names, for the metrics; it has passed [`check_client_version`].
fn client_version(headers: &HeaderMap) -> &str {
    let named = headers.get("client-api-version");
    named.and_then(|version| std::str::from_utf8(version.as_bytes()).ok()).unwrap_or("unknown")
}

fn check_client_version(headers: &HeaderMap) -> Result<(), EtcdError> {
    match headers.get("client-api-version") {
        Some(version) if std::str::from_utf8(version.as_bytes()).is_err() => {
            Err(EtcdError::InvalidClientApiVersion)
        }
        _ => Ok(()),
    }
}

/// Tells calls of the contract that are still to be built from calls that nobody has.
fn unimplemented(path: &str) -> Status {
    let path = path.trim_start_matches('/');
    let (service, method) = path.rsplit_once('/').unwrap_or((path, ""));
    let Ok(contract) = prost_types::FileDescriptorSet::decode(DESCRIPTORS) else {
        return Status::unimplemented(format!("unknown service {service}"));
    };
    let declared = contract.file.iter().flat_map(|file| {
        file.service.iter().map(move |service| (format!("{}.{}", file.package(), service.name()), service))
    });
    let Some((_, declared)) = declared.into_iter().find(|(name, _)| name == service) else {
        return Status::unimplemented(format!("unknown service {service}"));
    };
    if declared.method.iter().any(|declared| declared.name() == method) {
        return Status::unimplemented(format!(
            "etcdkit: {service}/{method} is not supported by this version"
        ));
    }
    Status::unimplemented(format!("unknown method {method} for service {service}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_contract_are_told_from_unknown_ones() {
        let table = [
            ("/etcdserverpb.KV/Put", "etcdkit: etcdserverpb.KV/Put is not supported by this version"),
            ("/etcdserverpb.KV/Nope", "unknown method Nope for service etcdserverpb.KV"),
            ("/nope.Nope/Nope", "unknown service nope.Nope"),
            ("/", "unknown service "),
        ];
        for (path, message) in table {
            assert_eq!(unimplemented(path).message(), message, "{path}");
        }
    }

    #[test]
    fn a_client_version_must_be_text() {
        let mut headers = HeaderMap::new();
        assert!(check_client_version(&headers).is_ok());
        headers.insert("client-api-version", http::HeaderValue::from_static("3.7"));
        assert!(check_client_version(&headers).is_ok());
        if let Ok(bad) = http::HeaderValue::from_bytes(b"\xff") {
            headers.insert("client-api-version", bad);
        }
        assert_eq!(check_client_version(&headers), Err(EtcdError::InvalidClientApiVersion));
    }
}
