//! Every RPC with its path and what the client may do when it fails: one table, so that no call site decides.

use std::marker::PhantomData;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::v3electionpb as election;
use etcdkit_proto::v3lockpb as lock;
use prost::Message;

use crate::error::{Error, Result};
use crate::namespace::{Keys, Namespace};

/// Whether a request may be repeated after a failure that leaves its outcome open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Changes nothing, or nothing the second time.
    Read,
    /// Must reach the server at most once.
    Write,
}

/// One RPC: request type, response type, path and class.
pub(crate) struct Method<Q, R> {
    pub(crate) path: &'static str,
    pub(crate) class: Class,
    types: PhantomData<fn(Q) -> R>,
}

const fn read<Q, R>(path: &'static str) -> Method<Q, R> {
    Method { path, class: Class::Read, types: PhantomData }
}

const fn write<Q, R>(path: &'static str) -> Method<Q, R> {
    Method { path, class: Class::Write, types: PhantomData }
}

macro_rules! methods {
    ($($name:ident: $class:ident $path:literal $request:ty => $response:ty;)*) => {
        $(pub(crate) static $name: Method<$request, $response> = $class($path);)*

        /// Every RPC, for calls whose messages stay encoded.
        static ENCODED: &[Encoded] = &[$(Encoded {
            method: $class($path),
            enter: enter::<$request>,
            leave: leave::<$response>,
        }),*];
    };
}

methods! {
    RANGE: read "/etcdserverpb.KV/Range" pb::RangeRequest => pb::RangeResponse;
    RANGE_STREAM: read "/etcdserverpb.KV/RangeStream" pb::RangeRequest => pb::RangeStreamResponse;
    PUT: write "/etcdserverpb.KV/Put" pb::PutRequest => pb::PutResponse;
    DELETE_RANGE: write "/etcdserverpb.KV/DeleteRange" pb::DeleteRangeRequest => pb::DeleteRangeResponse;
    TXN: write "/etcdserverpb.KV/Txn" pb::TxnRequest => pb::TxnResponse;
    TXN_READ: read "/etcdserverpb.KV/Txn" pb::TxnRequest => pb::TxnResponse;
    COMPACT: write "/etcdserverpb.KV/Compact" pb::CompactionRequest => pb::CompactionResponse;

    WATCH: read "/etcdserverpb.Watch/Watch" pb::WatchRequest => pb::WatchResponse;

    LEASE_GRANT: write "/etcdserverpb.Lease/LeaseGrant" pb::LeaseGrantRequest => pb::LeaseGrantResponse;
    LEASE_REVOKE: write "/etcdserverpb.Lease/LeaseRevoke" pb::LeaseRevokeRequest => pb::LeaseRevokeResponse;
    LEASE_KEEP_ALIVE: read "/etcdserverpb.Lease/LeaseKeepAlive" pb::LeaseKeepAliveRequest => pb::LeaseKeepAliveResponse;
    LEASE_TIME_TO_LIVE: read "/etcdserverpb.Lease/LeaseTimeToLive" pb::LeaseTimeToLiveRequest => pb::LeaseTimeToLiveResponse;
    LEASE_LEASES: read "/etcdserverpb.Lease/LeaseLeases" pb::LeaseLeasesRequest => pb::LeaseLeasesResponse;

    MEMBER_ADD: write "/etcdserverpb.Cluster/MemberAdd" pb::MemberAddRequest => pb::MemberAddResponse;
    MEMBER_REMOVE: write "/etcdserverpb.Cluster/MemberRemove" pb::MemberRemoveRequest => pb::MemberRemoveResponse;
    MEMBER_UPDATE: write "/etcdserverpb.Cluster/MemberUpdate" pb::MemberUpdateRequest => pb::MemberUpdateResponse;
    MEMBER_LIST: read "/etcdserverpb.Cluster/MemberList" pb::MemberListRequest => pb::MemberListResponse;
    MEMBER_PROMOTE: write "/etcdserverpb.Cluster/MemberPromote" pb::MemberPromoteRequest => pb::MemberPromoteResponse;

    ALARM: write "/etcdserverpb.Maintenance/Alarm" pb::AlarmRequest => pb::AlarmResponse;
    ALARM_GET: read "/etcdserverpb.Maintenance/Alarm" pb::AlarmRequest => pb::AlarmResponse;
    STATUS: read "/etcdserverpb.Maintenance/Status" pb::StatusRequest => pb::StatusResponse;
    DEFRAGMENT: write "/etcdserverpb.Maintenance/Defragment" pb::DefragmentRequest => pb::DefragmentResponse;
    HASH: read "/etcdserverpb.Maintenance/Hash" pb::HashRequest => pb::HashResponse;
    HASH_KV: read "/etcdserverpb.Maintenance/HashKV" pb::HashKvRequest => pb::HashKvResponse;
    SNAPSHOT: read "/etcdserverpb.Maintenance/Snapshot" pb::SnapshotRequest => pb::SnapshotResponse;
    MOVE_LEADER: write "/etcdserverpb.Maintenance/MoveLeader" pb::MoveLeaderRequest => pb::MoveLeaderResponse;
    DOWNGRADE: write "/etcdserverpb.Maintenance/Downgrade" pb::DowngradeRequest => pb::DowngradeResponse;

    AUTHENTICATE: read "/etcdserverpb.Auth/Authenticate" pb::AuthenticateRequest => pb::AuthenticateResponse;
    AUTH_ENABLE: write "/etcdserverpb.Auth/AuthEnable" pb::AuthEnableRequest => pb::AuthEnableResponse;
    AUTH_DISABLE: write "/etcdserverpb.Auth/AuthDisable" pb::AuthDisableRequest => pb::AuthDisableResponse;
    AUTH_STATUS: read "/etcdserverpb.Auth/AuthStatus" pb::AuthStatusRequest => pb::AuthStatusResponse;
    USER_ADD: write "/etcdserverpb.Auth/UserAdd" pb::AuthUserAddRequest => pb::AuthUserAddResponse;
    USER_GET: read "/etcdserverpb.Auth/UserGet" pb::AuthUserGetRequest => pb::AuthUserGetResponse;
    USER_LIST: read "/etcdserverpb.Auth/UserList" pb::AuthUserListRequest => pb::AuthUserListResponse;
    USER_DELETE: write "/etcdserverpb.Auth/UserDelete" pb::AuthUserDeleteRequest => pb::AuthUserDeleteResponse;
    USER_CHANGE_PASSWORD: write "/etcdserverpb.Auth/UserChangePassword" pb::AuthUserChangePasswordRequest => pb::AuthUserChangePasswordResponse;
    USER_GRANT_ROLE: write "/etcdserverpb.Auth/UserGrantRole" pb::AuthUserGrantRoleRequest => pb::AuthUserGrantRoleResponse;
    USER_REVOKE_ROLE: write "/etcdserverpb.Auth/UserRevokeRole" pb::AuthUserRevokeRoleRequest => pb::AuthUserRevokeRoleResponse;
    ROLE_ADD: write "/etcdserverpb.Auth/RoleAdd" pb::AuthRoleAddRequest => pb::AuthRoleAddResponse;
    ROLE_GET: read "/etcdserverpb.Auth/RoleGet" pb::AuthRoleGetRequest => pb::AuthRoleGetResponse;
    ROLE_LIST: read "/etcdserverpb.Auth/RoleList" pb::AuthRoleListRequest => pb::AuthRoleListResponse;
    ROLE_DELETE: write "/etcdserverpb.Auth/RoleDelete" pb::AuthRoleDeleteRequest => pb::AuthRoleDeleteResponse;
    ROLE_GRANT_PERMISSION: write "/etcdserverpb.Auth/RoleGrantPermission" pb::AuthRoleGrantPermissionRequest => pb::AuthRoleGrantPermissionResponse;
    ROLE_REVOKE_PERMISSION: write "/etcdserverpb.Auth/RoleRevokePermission" pb::AuthRoleRevokePermissionRequest => pb::AuthRoleRevokePermissionResponse;

    LOCK: write "/v3lockpb.Lock/Lock" lock::LockRequest => lock::LockResponse;
    UNLOCK: write "/v3lockpb.Lock/Unlock" lock::UnlockRequest => lock::UnlockResponse;

    CAMPAIGN: write "/v3electionpb.Election/Campaign" election::CampaignRequest => election::CampaignResponse;
    PROCLAIM: write "/v3electionpb.Election/Proclaim" election::ProclaimRequest => election::ProclaimResponse;
    LEADER: read "/v3electionpb.Election/Leader" election::LeaderRequest => election::LeaderResponse;
    OBSERVE: read "/v3electionpb.Election/Observe" election::LeaderRequest => election::LeaderResponse;
    RESIGN: write "/v3electionpb.Election/Resign" election::ResignRequest => election::ResignResponse;
}

/// An RPC whose messages stay encoded, except where their keys belong to a namespace.
pub(crate) struct Encoded {
    pub(crate) method: Method<Bytes, Bytes>,
    pub(crate) enter: fn(&Namespace, Bytes) -> Result<Bytes>,
    pub(crate) leave: fn(&Namespace, Bytes) -> Result<Bytes>,
}

fn enter<Q: Message + Keys + Default>(namespace: &Namespace, request: Bytes) -> Result<Bytes> {
    let mut message =
        Q::decode(request).map_err(|error| Error::InvalidArgs(format!("not a request: {error}")))?;
    message.enter(namespace).map_err(|error| Error::GRpcStatus(error.into()))?;
    Ok(message.encode_to_vec().into())
}

fn leave<R: Message + Keys + Default>(namespace: &Namespace, response: Bytes) -> Result<Bytes> {
    let mut message =
        R::decode(response).map_err(|error| Error::Internal(format!("not a response: {error}")))?;
    message.leave(namespace);
    Ok(message.encode_to_vec().into())
}

/// A transaction that only reads.
pub(crate) static TXN_READ_ENCODED: Encoded =
    Encoded { method: read(TXN_READ.path), enter: enter::<pb::TxnRequest>, leave: leave::<pb::TxnResponse> };

/// The RPC with this path, for calls whose messages stay encoded.
pub(crate) fn encoded(path: &str) -> Option<&'static Encoded> {
    ENCODED.iter().find(|known| known.method.path == path)
}
