//! The two ways to a cluster that a run takes: raw gRPC to one member, and our client to all. Both are asked in the
//! messages of the wire, so that what is sent and told is the same.

use std::time::{Duration, Instant};

use anyhow::Result;
use etcdkit_proto::etcdserverpb::request_op::Request as RequestOp;
use etcdkit_proto::etcdserverpb::response_op::Response as ResponseOp;
use etcdkit_proto::etcdserverpb::{
    self as pb, Compare, DeleteRangeRequest, PutRequest, RangeRequest, ResponseHeader, TxnRequest,
    compare::{CompareResult, CompareTarget, TargetUnion},
};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request as Wrapped};
use tonic_prost::ProstCodec;

use super::history::{Answer, Call, Done, Keys, Nanos, Op, Outcome, Pair, Request};

/// Time limit of a raw call, as in etcd's own test: faults last longer, so calls do fail.
const RAW_TIMEOUT: Duration = Duration::from_millis(200);
/// Time limit of a call of our client: enough to fail over.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Starts at the beginning of a run; tells times to all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watchmaker(Instant);

impl Watchmaker {
    pub(crate) fn start() -> Self {
        Watchmaker(Instant::now())
    }

    pub(crate) fn now(self) -> Nanos {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A way to the cluster.
#[derive(Clone)]
pub(crate) enum Way {
    Raw(Channel),
    Client(etcdkit::Client),
}

/// Why a call failed, and whether it may have been executed.
struct Failed {
    why: String,
    maybe: bool,
}

impl Way {
    /// To one member; the connection is made when it is needed.
    pub(crate) fn raw(endpoint: &str) -> Result<Way> {
        let endpoint =
            Endpoint::from_shared(endpoint.to_owned())?.tcp_nodelay(true).connect_timeout(RAW_TIMEOUT);
        Ok(Way::Raw(endpoint.connect_lazy()))
    }

    pub(crate) async fn client(endpoints: &[String]) -> Result<Way> {
        let options = etcdkit::ConnectOptions::new().with_timeout(CLIENT_TIMEOUT);
        Ok(Way::Client(etcdkit::Client::connect(endpoints, Some(options)).await?))
    }

    /// Makes a call and notes it.
    pub(crate) async fn call(&self, client: &str, clock: Watchmaker, request: Request) -> Call {
        let called = clock.now();
        let outcome = match self.send(&request).await {
            Ok(answer) => Outcome::Ok(answer),
            Err(Failed { why, maybe: true }) => Outcome::Unknown(why),
            Err(Failed { why, maybe: false }) => Outcome::Refused(why),
        };
        Call { client: client.to_owned(), called, returned: clock.now(), request, outcome }
    }

    async fn send(&self, request: &Request) -> Result<Answer, Failed> {
        match request {
            Request::Write { when, then, otherwise } => self.write(when.as_ref(), then, otherwise).await,
            Request::Read { keys, revision, limit, serializable } => {
                let message = RangeRequest {
                    revision: *revision,
                    limit: *limit,
                    serializable: *serializable,
                    ..range(keys)
                };
                let answer: pb::RangeResponse = self.unary("/etcdserverpb.KV/Range", message).await?;
                let pairs = answer.kvs.into_iter().map(Pair::from).collect();
                Ok(Answer::Read {
                    revision: revision_of(answer.header),
                    count: answer.count,
                    more: answer.more,
                    pairs,
                })
            }
            Request::Grant { ttl } => {
                let message = pb::LeaseGrantRequest { ttl: *ttl, id: 0 };
                let answer: pb::LeaseGrantResponse =
                    self.unary("/etcdserverpb.Lease/LeaseGrant", message).await?;
                Ok(Answer::Granted { lease: answer.id })
            }
            Request::Revoke { lease } => {
                let message = pb::LeaseRevokeRequest { id: *lease };
                let answer: pb::LeaseRevokeResponse =
                    self.unary("/etcdserverpb.Lease/LeaseRevoke", message).await?;
                Ok(Answer::Revoked { revision: revision_of(answer.header) })
            }
            Request::KeepAlive { lease } => self.keep_alive(*lease).await,
            Request::Compact { revision } => {
                let message = pb::CompactionRequest { revision: *revision, physical: false };
                let _: pb::CompactionResponse = self.unary("/etcdserverpb.KV/Compact", message).await?;
                Ok(Answer::Compacted)
            }
        }
    }

    async fn write(
        &self,
        when: Option<&(bytes::Bytes, i64)>,
        then: &[Op],
        otherwise: &[Op],
    ) -> Result<Answer, Failed> {
        let header =
            |header, done| Answer::Write { revision: revision_of(header), succeeded: true, done: vec![done] };
        match (when, then) {
            (None, [Op::Put { key, value, lease }]) => {
                let answer: pb::PutResponse =
                    self.unary("/etcdserverpb.KV/Put", put(key, value, *lease)).await?;
                Ok(header(answer.header, Done::Put))
            }
            (None, [Op::Delete(keys)]) => {
                let answer: pb::DeleteRangeResponse =
                    self.unary("/etcdserverpb.KV/DeleteRange", delete(keys)).await?;
                Ok(header(answer.header, Done::Deleted(answer.deleted)))
            }
            _ => {
                let compare = when.map(|(key, modified)| Compare {
                    result: CompareResult::Equal as i32,
                    target: CompareTarget::Mod as i32,
                    key: key.clone(),
                    target_union: Some(TargetUnion::ModRevision(*modified)),
                    ..Default::default()
                });
                let message = TxnRequest {
                    compare: compare.into_iter().collect(),
                    success: then.iter().map(operation).collect(),
                    failure: otherwise.iter().map(operation).collect(),
                };
                let answer: pb::TxnResponse = self.unary("/etcdserverpb.KV/Txn", message).await?;
                let done =
                    answer.responses.into_iter().filter_map(|response| response.response).map(done).collect();
                Ok(Answer::Write { revision: revision_of(answer.header), succeeded: answer.succeeded, done })
            }
        }
    }

    async fn keep_alive(&self, lease: i64) -> Result<Answer, Failed> {
        match self {
            Way::Raw(channel) => {
                let mut client = pb::lease_client::LeaseClient::new(channel.clone());
                let asking = async {
                    let request = pb::LeaseKeepAliveRequest { id: lease };
                    let requests = futures::stream::once(std::future::ready(request));
                    // The stream stays open on this side until the answer is here, as clients have it.
                    let requests = futures::StreamExt::chain(requests, futures::stream::pending());
                    client.lease_keep_alive(requests).await?.into_inner().message().await
                };
                match tokio::time::timeout(RAW_TIMEOUT, asking).await {
                    Ok(Ok(Some(answer))) => Ok(Answer::Kept { ttl: answer.ttl }),
                    Ok(Ok(None)) => Err(Failed { why: "no answer".to_owned(), maybe: true }),
                    Ok(Err(status)) => Err(Failed { why: status.to_string(), maybe: true }),
                    Err(_) => Err(Failed { why: format!("no answer within {RAW_TIMEOUT:?}"), maybe: true }),
                }
            }
            Way::Client(client) => match client.lease_client().keep_alive_once(lease).await {
                Ok(answer) => Ok(Answer::Kept { ttl: answer.ttl() }),
                Err(etcdkit::Error::LeaseKeepAliveError(_)) => Ok(Answer::Kept { ttl: 0 }),
                Err(error) => Err(Failed { why: error.to_string(), maybe: true }),
            },
        }
    }

    async fn unary<Q, R>(&self, path: &'static str, message: Q) -> Result<R, Failed>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
    {
        match self {
            Way::Raw(channel) => raw(channel.clone(), path, message).await,
            Way::Client(client) => {
                let answer = client.call_encoded(path, message.encode_to_vec().into()).await;
                let answer = answer
                    .map_err(|error| Failed { why: error.to_string(), maybe: error.outcome_unknown() })?;
                R::decode(answer).map_err(|error| Failed { why: error.to_string(), maybe: true })
            }
        }
    }
}

async fn raw<Q, R>(channel: Channel, path: &'static str, message: Q) -> Result<R, Failed>
where
    Q: Message + 'static,
    R: Message + Default + 'static,
{
    let mut grpc = Grpc::new(channel).max_decoding_message_size(usize::MAX);
    let calling = async {
        grpc.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        grpc.unary(Wrapped::new(message), PathAndQuery::from_static(path), ProstCodec::<Q, R>::default())
            .await
    };
    match tokio::time::timeout(RAW_TIMEOUT, calling).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(Failed { why: status.to_string(), maybe: !definite(status.code()) }),
        Err(_) => Err(Failed { why: format!("no answer within {RAW_TIMEOUT:?}"), maybe: true }),
    }
}

/// Codes with which a member says that a request asks for what cannot be.
fn definite(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange)
}

fn revision_of(header: Option<ResponseHeader>) -> i64 {
    header.map_or(0, |header| header.revision)
}

fn range(keys: &Keys) -> RangeRequest {
    RangeRequest { key: keys.key.clone(), range_end: keys.end.clone(), ..Default::default() }
}

fn put(key: &bytes::Bytes, value: &bytes::Bytes, lease: i64) -> PutRequest {
    PutRequest { key: key.clone(), value: value.clone(), lease, ..Default::default() }
}

fn delete(keys: &Keys) -> DeleteRangeRequest {
    DeleteRangeRequest { key: keys.key.clone(), range_end: keys.end.clone(), prev_kv: false }
}

fn operation(op: &Op) -> pb::RequestOp {
    let request = match op {
        Op::Put { key, value, lease } => RequestOp::RequestPut(put(key, value, *lease)),
        Op::Delete(keys) => RequestOp::RequestDeleteRange(delete(keys)),
        Op::Get(keys) => RequestOp::RequestRange(range(keys)),
    };
    pb::RequestOp { request: Some(request) }
}

fn done(response: ResponseOp) -> Done {
    match response {
        ResponseOp::ResponsePut(_) | ResponseOp::ResponseTxn(_) => Done::Put,
        ResponseOp::ResponseDeleteRange(deleted) => Done::Deleted(deleted.deleted),
        ResponseOp::ResponseRange(range) => {
            Done::Got { count: range.count, pairs: range.kvs.into_iter().map(Pair::from).collect() }
        }
    }
}
