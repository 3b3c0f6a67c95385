//! One server: made ready by root, then asked.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::cluster_client::ClusterClient;
use etcdkit_proto::etcdserverpb::downgrade_request::DowngradeAction;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::lease_client::LeaseClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{
    AlarmRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleGetRequest, AuthRoleGrantPermissionRequest,
    AuthRoleListRequest, AuthStatusRequest, AuthUserAddRequest, AuthUserGetRequest, AuthUserGrantRoleRequest,
    AuthUserListRequest, AuthenticateRequest, CompactionRequest, DowngradeRequest, HashKvRequest,
    HashRequest, LeaseGrantRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
    MemberListRequest, MemberRemoveRequest, MoveLeaderRequest, PutRequest, StatusRequest,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::generate::{Call, Case};
use super::model::{Caller, Interval, Model, Verdict};

const PASSWORD: &str = "secret";
/// Nobody has it.
const BAD_TOKEN: &str = "aaaaaaaaaaaaaaaa.1";
/// A revision that no store of these tests reaches.
const FUTURE: i64 = 1 << 40;
/// A member that is not there.
const NO_MEMBER: u64 = 7;
const LEASE_SECONDS: i64 = 6000;

pub(super) struct Peer {
    channel: Channel,
    tokens: BTreeMap<String, String>,
}

impl Peer {
    /// Tells the server of all users, roles and leases, and switches authentication on.
    pub(super) async fn prepare(endpoint: &str, model: &Model) -> Result<Self> {
        let channel = Endpoint::from_shared(endpoint.to_owned())?.connect().await?;
        let mut peer = Peer { channel: channel.clone(), tokens: BTreeMap::new() };
        let mut auth = AuthClient::new(channel);
        for (name, grants) in &model.roles {
            auth.role_add(AuthRoleAddRequest { name: name.clone() }).await?;
            for grant in grants {
                let perm = Permission {
                    perm_type: grant.kind as i32,
                    key: grant.interval.from.clone().into(),
                    range_end: range_end(&grant.interval).into(),
                };
                let request = AuthRoleGrantPermissionRequest { name: name.clone(), perm: Some(perm) };
                auth.role_grant_permission(request).await?;
            }
        }
        let root = ("root".to_owned(), vec!["root".to_owned()]);
        for (name, roles) in model.users.iter().chain([(&root.0, &root.1)]) {
            let user =
                AuthUserAddRequest { name: name.clone(), password: PASSWORD.into(), ..Default::default() };
            auth.user_add(user).await?;
            for role in roles {
                let request = AuthUserGrantRoleRequest { user: name.clone(), role: role.clone() };
                auth.user_grant_role(request).await?;
            }
        }
        for lease in model.leases.keys() {
            peer.restore(*lease, model, None).await?;
        }
        auth.auth_enable(AuthEnableRequest {}).await?;
        for name in model.users.keys().chain([&root.0]) {
            let request = AuthenticateRequest { name: name.clone(), password: PASSWORD.into() };
            let token = auth.authenticate(request).await?.into_inner().token;
            peer.tokens.insert(name.clone(), token);
        }
        Ok(peer)
    }

    /// Makes a lease with its keys.
    async fn restore(&mut self, lease: i64, model: &Model, root: Option<&str>) -> Result<()> {
        let with_root = root.map(str::to_owned);
        let grant = LeaseGrantRequest { ttl: LEASE_SECONDS, id: lease };
        LeaseClient::new(self.channel.clone()).lease_grant(signed(grant, with_root.as_deref())?).await?;
        let mut kv = KvClient::new(self.channel.clone());
        for key in model.leases.get(&lease).into_iter().flatten() {
            let put = PutRequest { key: key.clone().into(), lease, ..PutRequest::default() };
            kv.put(signed(put, with_root.as_deref())?).await?;
        }
        Ok(())
    }

    pub(super) async fn verdict(&mut self, case: &Case, model: &Model) -> Result<Verdict> {
        let token = match &case.caller {
            Caller::Nobody => None,
            Caller::BadToken => Some(BAD_TOKEN.to_owned()),
            Caller::Root => self.tokens.get("root").cloned(),
            Caller::User(name) => Some(self.tokens.get(name).cloned().context("a user without a token")?),
        };
        let outcome = self.send(&case.call, token.as_deref()).await?;
        if let (Call::LeaseRevoke(lease), Ok(())) = (&case.call, &outcome) {
            let root = self.tokens.get("root").cloned();
            self.restore(*lease, model, root.as_deref()).await?;
        }
        match outcome {
            Ok(()) => Ok(Verdict::Allowed),
            Err(status) => match status.message() {
                "etcdserver: permission denied" => Ok(Verdict::Denied),
                "etcdserver: user name is empty" => Ok(Verdict::NoUser),
                "etcdserver: invalid auth token" => Ok(Verdict::BadToken),
                "etcdserver: revision of auth store is old" => {
                    bail!("a token is older than the rights: {case:?}")
                }
                _ => Ok(Verdict::Allowed),
            },
        }
    }

    async fn send(&self, call: &Call, token: Option<&str>) -> Result<Result<(), Status>> {
        let mut kv = KvClient::new(self.channel.clone());
        let mut lease = LeaseClient::new(self.channel.clone());
        let mut auth = AuthClient::new(self.channel.clone());
        let mut maintenance = MaintenanceClient::new(self.channel.clone());
        let mut cluster = ClusterClient::new(self.channel.clone());
        Ok(match call.clone() {
            Call::Range(request) => kv.range(signed(request, token)?).await.map(drop),
            Call::Put(request) => kv.put(signed(request, token)?).await.map(drop),
            Call::DeleteRange(request) => kv.delete_range(signed(request, token)?).await.map(drop),
            Call::Txn(request) => kv.txn(signed(request, token)?).await.map(drop),
            Call::LeaseGrant => lease
                .lease_grant(signed(LeaseGrantRequest { ttl: LEASE_SECONDS, id: 0 }, token)?)
                .await
                .map(drop),
            Call::LeaseRevoke(id) => {
                lease.lease_revoke(signed(LeaseRevokeRequest { id }, token)?).await.map(drop)
            }
            Call::LeaseTimeToLive(id, keys) => {
                let request = LeaseTimeToLiveRequest { id, keys };
                lease.lease_time_to_live(signed(request, token)?).await.map(drop)
            }
            Call::LeaseLeases => lease.lease_leases(signed(LeaseLeasesRequest {}, token)?).await.map(drop),
            Call::Compact => {
                let request = CompactionRequest { revision: FUTURE, physical: false };
                kv.compact(signed(request, token)?).await.map(drop)
            }
            Call::MemberList => {
                cluster.member_list(signed(MemberListRequest::default(), token)?).await.map(drop)
            }
            Call::MemberRemove => {
                cluster.member_remove(signed(MemberRemoveRequest { id: NO_MEMBER }, token)?).await.map(drop)
            }
            Call::AlarmList => maintenance.alarm(signed(AlarmRequest::default(), token)?).await.map(drop),
            Call::Status => maintenance.status(signed(StatusRequest {}, token)?).await.map(drop),
            Call::Hash => maintenance.hash(signed(HashRequest {}, token)?).await.map(drop),
            Call::HashKv => {
                maintenance.hash_kv(signed(HashKvRequest { revision: FUTURE }, token)?).await.map(drop)
            }
            Call::MoveLeader => {
                let request = MoveLeaderRequest { target_id: NO_MEMBER };
                maintenance.move_leader(signed(request, token)?).await.map(drop)
            }
            Call::DowngradeValidate => {
                let action = DowngradeAction::Validate as i32;
                let request = DowngradeRequest { action, version: "3.0".into() };
                maintenance.downgrade(signed(request, token)?).await.map(drop)
            }
            Call::UserGet(name) => auth.user_get(signed(AuthUserGetRequest { name }, token)?).await.map(drop),
            Call::UserList => auth.user_list(signed(AuthUserListRequest {}, token)?).await.map(drop),
            Call::RoleGet(role) => auth.role_get(signed(AuthRoleGetRequest { role }, token)?).await.map(drop),
            Call::RoleList => auth.role_list(signed(AuthRoleListRequest {}, token)?).await.map(drop),
            Call::AuthStatus => auth.auth_status(signed(AuthStatusRequest {}, token)?).await.map(drop),
        })
    }
}

fn range_end(interval: &Interval) -> Vec<u8> {
    match &interval.to {
        None => b"\0".to_vec(),
        Some(to) if *to == [interval.from.as_slice(), b"\0"].concat() => Vec::new(),
        Some(to) => to.clone(),
    }
}

fn signed<T>(message: T, token: Option<&str>) -> Result<Request<T>> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("token", token.parse()?);
    }
    Ok(request)
}
