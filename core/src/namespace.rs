//! A part of the key space as if it were all of it: keys get a prefix on their way to the server and lose it on their
//! way back.
//!
//! It happens where requests leave and responses arrive, message by message, so that whatever is built on a client,
//! locks and elections included, lives in the namespace without knowing.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::key_range::{FROM_KEY, prefix_end};
use etcdkit_proto::mvccpb;
use etcdkit_proto::v3electionpb as election;
use etcdkit_proto::v3lockpb as lock;
use pb::request_op::Request;
use pb::response_op::Response;

use crate::error::Result;
use crate::kv::{DeleteOptions, DeleteResponse, GetOptions, GetResponse, KvClient, PutOptions, PutResponse};
use crate::lease::{LeaseClient, LeaseTimeToLiveOptions, LeaseTimeToLiveResponse};
use crate::txn::{Txn, TxnResponse};

/// The prefix of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    prefix: Arc<[u8]>,
}

impl Namespace {
    pub(crate) fn new(prefix: &[u8]) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The namespace `inner` of this one.
    pub(crate) fn within(outer: Option<&Self>, inner: &[u8]) -> Self {
        let outer = outer.map_or(&[][..], |outer| &outer.prefix);
        Self::new(&[outer, inner].concat())
    }

    fn put_before(&self, key: &mut Bytes) {
        let mut whole = BytesMut::with_capacity(self.prefix.len() + key.len());
        whole.extend_from_slice(&self.prefix);
        whole.extend_from_slice(key);
        *key = whole.freeze();
    }

    /// A key on its way in. Outside of a namespace the server refuses an empty key; here only we can.
    fn key(&self, key: &mut Bytes) -> Result<(), EtcdError> {
        if key.is_empty() {
            return Err(EtcdError::EmptyKey);
        }
        self.put_before(key);
        Ok(())
    }

    /// A range on its way in: one without an end ends with the namespace.
    fn range(&self, key: &mut Bytes, end: &mut Bytes) -> Result<(), EtcdError> {
        self.key(key)?;
        if &**end == FROM_KEY {
            *end = prefix_end(&self.prefix).into();
        } else if !end.is_empty() {
            self.put_before(end);
        }
        Ok(())
    }

    /// A key on its way out. One that is not of this namespace stays as it is.
    fn strip(&self, key: &mut Bytes) {
        if key.starts_with(&self.prefix) {
            *key = key.slice(self.prefix.len()..);
        }
    }

    pub(crate) fn strip_pair(&self, pair: Option<&mut mvccpb::KeyValue>) {
        if let Some(pair) = pair {
            self.strip(&mut pair.key);
        }
    }

    fn enter_op(&self, op: &mut pb::RequestOp) -> Result<(), EtcdError> {
        match &mut op.request {
            Some(Request::RequestRange(get)) => get.enter(self),
            Some(Request::RequestPut(put)) => put.enter(self),
            Some(Request::RequestDeleteRange(delete)) => delete.enter(self),
            Some(Request::RequestTxn(txn)) => txn.enter(self),
            None => Ok(()),
        }
    }

    fn leave_op(&self, op: &mut pb::ResponseOp) {
        match &mut op.response {
            Some(Response::ResponseRange(get)) => get.leave(self),
            Some(Response::ResponsePut(put)) => put.leave(self),
            Some(Response::ResponseDeleteRange(delete)) => delete.leave(self),
            Some(Response::ResponseTxn(txn)) => txn.leave(self),
            None => {}
        }
    }

    fn enter_leader(&self, leader: Option<&mut election::LeaderKey>) {
        if let Some(leader) = leader {
            self.put_before(&mut leader.name);
            self.put_before(&mut leader.key);
        }
    }
}

/// Where the keys of a message are. Most messages have none.
pub(crate) trait Keys {
    /// Puts the keys of a request into the namespace. Fails where the server would without one.
    fn enter(&mut self, _namespace: &Namespace) -> Result<(), EtcdError> {
        Ok(())
    }

    /// Takes the keys of a response out of the namespace.
    fn leave(&mut self, _namespace: &Namespace) {}
}

macro_rules! enter {
    ($($message:ty: |$request:ident, $namespace:ident| $enter:expr;)*) => {
        $(impl Keys for $message {
            fn enter(&mut self, $namespace: &Namespace) -> Result<(), EtcdError> {
                let $request = self;
                $enter
            }
        })*
    };
}

macro_rules! leave {
    ($($message:ty: |$response:ident, $namespace:ident| $leave:expr;)*) => {
        $(impl Keys for $message {
            fn leave(&mut self, $namespace: &Namespace) {
                let $response = self;
                $leave
            }
        })*
    };
}

macro_rules! keyless {
    ($($message:ty,)*) => { $(impl Keys for $message {})* };
}

enter! {
    pb::RangeRequest: |request, namespace| namespace.range(&mut request.key, &mut request.range_end);
    pb::PutRequest: |request, namespace| namespace.key(&mut request.key);
    pb::DeleteRangeRequest: |request, namespace| namespace.range(&mut request.key, &mut request.range_end);
    pb::TxnRequest: |request, namespace| {
        for compare in &mut request.compare {
            namespace.range(&mut compare.key, &mut compare.range_end)?;
        }
        let mut ops = request.success.iter_mut().chain(&mut request.failure);
        ops.try_for_each(|op| namespace.enter_op(op))
    };
    pb::WatchCreateRequest: |request, namespace| namespace.range(&mut request.key, &mut request.range_end);
    lock::LockRequest: |request, namespace| namespace.key(&mut request.name);
    lock::UnlockRequest: |request, namespace| namespace.key(&mut request.key);
    election::CampaignRequest: |request, namespace| namespace.key(&mut request.name);
    election::LeaderRequest: |request, namespace| namespace.key(&mut request.name);
    election::ProclaimRequest: |request, namespace| {
        namespace.enter_leader(request.leader.as_mut());
        Ok(())
    };
    election::ResignRequest: |request, namespace| {
        namespace.enter_leader(request.leader.as_mut());
        Ok(())
    };
}

leave! {
    pb::RangeResponse: |response, namespace| {
        response.kvs.iter_mut().for_each(|pair| namespace.strip(&mut pair.key));
    };
    pb::RangeStreamResponse: |response, namespace| {
        response.range_response.iter_mut().for_each(|part| part.leave(namespace));
    };
    pb::PutResponse: |response, namespace| namespace.strip_pair(response.prev_kv.as_mut());
    pb::DeleteRangeResponse: |response, namespace| {
        response.prev_kvs.iter_mut().for_each(|pair| namespace.strip(&mut pair.key));
    };
    pb::TxnResponse: |response, namespace| {
        response.responses.iter_mut().for_each(|op| namespace.leave_op(op));
    };
    pb::LeaseTimeToLiveResponse: |response, namespace| {
        response.keys.retain(|key| key.starts_with(&namespace.prefix));
        response.keys.iter_mut().for_each(|key| namespace.strip(key));
    };
    lock::LockResponse: |response, namespace| namespace.strip(&mut response.key);
    election::CampaignResponse: |response, namespace| {
        if let Some(leader) = &mut response.leader {
            namespace.strip(&mut leader.name);
            namespace.strip(&mut leader.key);
        }
    };
    election::LeaderResponse: |response, namespace| namespace.strip_pair(response.kv.as_mut());
}

keyless! {
    pb::CompactionRequest, pb::CompactionResponse,
    pb::WatchRequest, pb::WatchResponse,
    pb::LeaseGrantRequest, pb::LeaseGrantResponse, pb::LeaseRevokeRequest, pb::LeaseRevokeResponse,
    pb::LeaseKeepAliveRequest, pb::LeaseKeepAliveResponse, pb::LeaseTimeToLiveRequest,
    pb::LeaseLeasesRequest, pb::LeaseLeasesResponse,
    pb::MemberAddRequest, pb::MemberAddResponse, pb::MemberRemoveRequest, pb::MemberRemoveResponse,
    pb::MemberUpdateRequest, pb::MemberUpdateResponse, pb::MemberListRequest, pb::MemberListResponse,
    pb::MemberPromoteRequest, pb::MemberPromoteResponse,
    pb::AlarmRequest, pb::AlarmResponse, pb::StatusRequest, pb::StatusResponse,
    pb::DefragmentRequest, pb::DefragmentResponse, pb::HashRequest, pb::HashResponse,
    pb::HashKvRequest, pb::HashKvResponse, pb::SnapshotRequest, pb::SnapshotResponse,
    pb::MoveLeaderRequest, pb::MoveLeaderResponse, pb::DowngradeRequest, pb::DowngradeResponse,
    pb::AuthenticateRequest, pb::AuthenticateResponse,
    pb::AuthEnableRequest, pb::AuthEnableResponse, pb::AuthDisableRequest, pb::AuthDisableResponse,
    pb::AuthStatusRequest, pb::AuthStatusResponse,
    pb::AuthUserAddRequest, pb::AuthUserAddResponse, pb::AuthUserGetRequest, pb::AuthUserGetResponse,
    pb::AuthUserListRequest, pb::AuthUserListResponse, pb::AuthUserDeleteRequest, pb::AuthUserDeleteResponse,
    pb::AuthUserChangePasswordRequest, pb::AuthUserChangePasswordResponse,
    pb::AuthUserGrantRoleRequest, pb::AuthUserGrantRoleResponse,
    pb::AuthUserRevokeRoleRequest, pb::AuthUserRevokeRoleResponse,
    pb::AuthRoleAddRequest, pb::AuthRoleAddResponse, pb::AuthRoleGetRequest, pb::AuthRoleGetResponse,
    pb::AuthRoleListRequest, pb::AuthRoleListResponse, pb::AuthRoleDeleteRequest, pb::AuthRoleDeleteResponse,
    pb::AuthRoleGrantPermissionRequest, pb::AuthRoleGrantPermissionResponse,
    pb::AuthRoleRevokePermissionRequest, pb::AuthRoleRevokePermissionResponse,
    lock::UnlockResponse, election::ProclaimResponse, election::ResignResponse,
}

/// Client of the key-value service inside a namespace; see
/// [`Client::with_namespace`](crate::Client::with_namespace) for all services at once.
#[derive(Clone)]
pub struct KvClientPrefix {
    kv: KvClient,
}

impl KvClientPrefix {
    /// The keys that start with the prefix, which is neither given nor seen from here on.
    pub fn new(kv: KvClient, pfx: Vec<u8>) -> Self {
        Self { kv: kv.within(&pfx) }
    }

    /// Writes a key; see [`KvClient::put`].
    pub async fn put(
        &self,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        options: Option<PutOptions>,
    ) -> Result<PutResponse> {
        self.kv.put(key, value, options).await
    }

    /// Reads a key or a range of keys; see [`KvClient::get`].
    pub async fn get(&self, key: impl Into<Vec<u8>>, options: Option<GetOptions>) -> Result<GetResponse> {
        self.kv.get(key, options).await
    }

    /// Deletes a key or a range of keys; see [`KvClient::delete`].
    pub async fn delete(
        &self,
        key: impl Into<Vec<u8>>,
        options: Option<DeleteOptions>,
    ) -> Result<DeleteResponse> {
        self.kv.delete(key, options).await
    }

    /// Runs a transaction; see [`KvClient::txn`].
    pub async fn txn(&self, txn: Txn) -> Result<TxnResponse> {
        self.kv.txn(txn).await
    }
}

/// Client of the lease service that shows the attached keys of a namespace only.
#[derive(Clone)]
pub struct LeaseClientPrefix {
    lease: LeaseClient,
}

impl LeaseClientPrefix {
    /// The keys that start with the prefix, which is not seen from here on.
    pub fn new(lease: LeaseClient, pfx: Vec<u8>) -> Self {
        Self { lease: lease.within(&pfx) }
    }

    /// Tells what is left of a lease; see [`LeaseClient::time_to_live`].
    pub async fn time_to_live(
        &self,
        id: i64,
        options: Option<LeaseTimeToLiveOptions>,
    ) -> Result<LeaseTimeToLiveResponse> {
        self.lease.time_to_live(id, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(key: &'static str, end: &'static str) -> Result<(Bytes, Bytes), EtcdError> {
        let namespace = Namespace::new(b"ns/");
        let mut request =
            pb::RangeRequest { key: key.into(), range_end: end.into(), ..pb::RangeRequest::default() };
        request.enter(&namespace)?;
        Ok((request.key, request.range_end))
    }

    #[test]
    fn ranges_stay_inside() {
        let table = [
            ("one key", "a", "", "ns/a", ""),
            ("a range", "a", "b", "ns/a", "ns/b"),
            ("from a key on", "a", "\0", "ns/a", "ns0"),
            ("every key", "\0", "\0", "ns/\0", "ns0"),
        ];
        for (case, key, end, inner_key, inner_end) in table {
            assert_eq!(range(key, end), Ok((inner_key.into(), inner_end.into())), "{case}");
        }
        assert_eq!(range("", ""), Err(EtcdError::EmptyKey));
    }

    #[test]
    fn namespaces_nest() {
        let inner = Namespace::within(Some(&Namespace::new(b"a/")), b"b/");
        assert_eq!(inner, Namespace::new(b"a/b/"));
    }

    #[test]
    fn the_empty_namespace_is_all_keys() {
        let mut request = pb::RangeRequest { key: "a".into(), range_end: "\0".into(), ..Default::default() };
        assert_eq!(request.enter(&Namespace::new(b"")), Ok(()));
        assert_eq!((&*request.key, &*request.range_end), (&b"a"[..], &b"\0"[..]));
    }
}
