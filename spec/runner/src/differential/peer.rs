//! One of the two servers: performs a request and tells the answer as text in which only what must be equal
//! is left.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::lease_client::LeaseClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::etcdserverpb::{
    LeaseGrantResponse, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest,
    LeaseTimeToLiveResponse, RangeResponse, ResponseHeader, TxnResponse,
};
use tonic::Status;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use super::auth;
use super::gateway::{self, Http};
use super::generate::Request;
use super::kind::Requests;
use super::streams::Stream;

/// Largest answer taken: a transaction may return many megabyte values.
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;
/// No healthy answer takes as long; without it a hang would hide which request caused it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection on which calls carry the token of whoever asks.
pub(super) type Authorized = InterceptedService<Channel, Caller>;

/// The token of whoever asks; nobody's without one.
#[derive(Clone, Default)]
pub(super) struct Caller(Arc<Mutex<Option<AsciiMetadataValue>>>);

impl Caller {
    pub(super) fn token(&self) -> Option<AsciiMetadataValue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, token: Option<AsciiMetadataValue>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        if let Some(token) = self.token() {
            request.metadata_mut().insert("token", token);
        }
        Ok(request)
    }
}

pub(super) struct Peer {
    kv: KvClient<Authorized>,
    lease: LeaseClient<Authorized>,
    maintenance: MaintenanceClient<Authorized>,
    channel: Authorized,
    http: Http,
    caller: Caller,
    /// The tokens that were given, by who asked for them.
    tokens: BTreeMap<usize, AsciiMetadataValue>,
    pub(super) streams: Vec<Stream>,
    revision: i64,
    compacted: i64,
}

impl Peer {
    pub(super) async fn connect(endpoint: &str, kind: Requests) -> Result<Self> {
        let connection = Endpoint::from_shared(endpoint.to_owned())?.tcp_nodelay(true).connect().await?;
        let caller = Caller::default();
        let channel = InterceptedService::new(connection, caller.clone());
        Ok(Peer {
            kv: KvClient::new(channel.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX),
            lease: LeaseClient::new(channel.clone()),
            maintenance: MaintenanceClient::new(channel.clone()),
            streams: if kind.watches() { Stream::open_all(&channel) } else { Vec::new() },
            http: Http::new(endpoint),
            tokens: BTreeMap::new(),
            channel,
            caller,
            revision: 1,
            compacted: 0,
        })
    }

    /// The store's revision, as the last answer told it.
    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    /// The revision of the last compaction that was done.
    pub(super) fn compacted(&self) -> i64 {
        self.compacted
    }

    /// The answer, comparable.
    pub(super) async fn execute(&mut self, request: &Request) -> String {
        match tokio::time::timeout(REQUEST_TIMEOUT, self.perform(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(status)) => format!("error {:?} {:?}", status.code(), status.message()),
            Err(_) => format!("no answer within {REQUEST_TIMEOUT:?}"),
        }
    }

    async fn perform(&mut self, request: &Request) -> Result<String, Status> {
        match request.clone() {
            Request::Range(range) => {
                let mut response = self.kv.range(range).await?.into_inner();
                self.header(&mut response.header);
                Ok(told(&response))
            }
            Request::RangeStream(range) => self.range_stream(range).await,
            Request::Put(put) => {
                let mut response = self.kv.put(put).await?.into_inner();
                self.header(&mut response.header);
                Ok(told(&response))
            }
            Request::Delete(delete) => {
                let mut response = self.kv.delete_range(delete).await?.into_inner();
                self.header(&mut response.header);
                Ok(told(&response))
            }
            Request::Txn(txn) => {
                let mut response = self.kv.txn(txn).await?.into_inner();
                self.header(&mut response.header);
                inner_headers(&mut response);
                Ok(told(&response))
            }
            Request::Compact(compact) => {
                let mut response = self.kv.compact(compact).await?.into_inner();
                self.compacted = compact.revision;
                self.header(&mut response.header);
                Ok(told(&response))
            }
            Request::HashKv(hash) => {
                let mut response = self.maintenance.hash_kv(hash).await?.into_inner();
                self.header(&mut response.header);
                // What is hashed is each server's own affair.
                response.hash = 0;
                Ok(told(&response))
            }
            Request::Watch(stream, create) => Ok(self.streams[stream].create(create).await),
            Request::Unwatch(stream, id) => Ok(self.streams[stream].cancel(id).await),
            Request::Call(call) => {
                let (told, token) = auth::perform(&self.channel, &call).await?;
                if let Some(token) = token {
                    self.tokens.insert(call.slot, token);
                }
                Ok(told)
            }
            Request::Json(json) => Ok(gateway::perform(&self.http, &json, self.caller.token()).await),
            Request::As(slot) => {
                self.caller.set(self.tokens.get(&slot).cloned());
                Ok(String::new())
            }
            lease => self.perform_lease(lease).await,
        }
    }

    async fn perform_lease(&mut self, request: Request) -> Result<String, Status> {
        match request {
            Request::Grant(grant) => {
                let chosen_by_server = grant.id == 0;
                let mut response: LeaseGrantResponse = self.lease.lease_grant(grant).await?.into_inner();
                self.header(&mut response.header);
                if chosen_by_server {
                    response.id = response.id.signum();
                }
                Ok(told(&response))
            }
            Request::Revoke(id) => {
                let mut response = self.lease.lease_revoke(LeaseRevokeRequest { id }).await?.into_inner();
                self.header(&mut response.header);
                Ok(told(&response))
            }
            Request::KeepAlive(id) => {
                let requests = tokio_stream::iter([LeaseKeepAliveRequest { id }]);
                let mut responses = self.lease.lease_keep_alive(requests).await?.into_inner();
                let mut response = responses.message().await?;
                if let Some(response) = &mut response {
                    self.header(&mut response.header);
                }
                Ok(told(&response))
            }
            Request::TimeToLive(ttl) => {
                let mut response: LeaseTimeToLiveResponse =
                    self.lease.lease_time_to_live(ttl).await?.into_inner();
                self.header(&mut response.header);
                // What is left depends on the clock, and the keys come in any order.
                response.ttl = response.ttl.signum();
                response.keys.sort();
                Ok(told(&response))
            }
            _ => {
                let mut response = self.lease.lease_leases(LeaseLeasesRequest {}).await?.into_inner();
                self.header(&mut response.header);
                // Ids of the server's choice are large; the order follows the clock.
                let mut ids: Vec<i64> = response.leases.iter().map(|lease| lease.id.min(1 << 20)).collect();
                ids.sort_unstable();
                Ok(format!("{:?} {ids:?}", response.header))
            }
        }
    }

    async fn range_stream(
        &mut self,
        range: etcdkit_proto::etcdserverpb::RangeRequest,
    ) -> Result<String, Status> {
        let mut chunks = self.kv.range_stream(range).await?.into_inner();
        let mut merged = RangeResponse::default();
        while let Some(chunk) = chunks.message().await? {
            let part = chunk.range_response.unwrap_or_default();
            merged.kvs.extend(part.kvs);
            merged.header = part.header.or(merged.header);
            merged.more |= part.more;
            merged.count += part.count;
        }
        self.header(&mut merged.header);
        Ok(told(&merged))
    }

    /// Notes the revision and replaces ids by whether they are there.
    fn header(&mut self, header: &mut Option<ResponseHeader>) {
        let Some(header) = header else { return };
        self.revision = self.revision.max(header.revision);
        presence(header);
    }
}

/// Ids and terms differ between servers; whether there are any must not.
pub(super) fn presence(header: &mut ResponseHeader) {
    header.cluster_id = header.cluster_id.min(1);
    header.member_id = header.member_id.min(1);
    header.raft_term = header.raft_term.min(1);
}

fn inner_headers(txn: &mut TxnResponse) {
    for response in &mut txn.responses {
        let header = match &mut response.response {
            Some(Response::ResponsePut(put)) => &mut put.header,
            Some(Response::ResponseRange(range)) => &mut range.header,
            Some(Response::ResponseDeleteRange(delete)) => &mut delete.header,
            Some(Response::ResponseTxn(txn)) => {
                inner_headers(txn);
                &mut txn.header
            }
            None => continue,
        };
        header.iter_mut().for_each(presence);
    }
}

fn told(response: &impl Debug) -> String {
    format!("{response:?}")
}
