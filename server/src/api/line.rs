//! Waiting lines: keys under a prefix, served in the order of their creation.
//!
//! Locks and elections are both such lines. The layout is that of etcd's own clients, so that a caller of
//! these services, a client that keeps the line itself, and `etcdctl lock` stand in the same line: a key
//! is the name, a slash, and the lease in hex; whoever's key was created first has its turn.

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use etcdkit_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::response_op::Response;
use etcdkit_proto::etcdserverpb::watch_create_request::FilterType;
use etcdkit_proto::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RangeResponse, RequestOp,
    ResponseHeader, ResponseOp, TxnRequest, TxnResponse, WatchCreateRequest, WatchResponse,
};
use etcdkit_proto::key_range::prefix_end;
use etcdkit_proto::mvccpb::Event;
use etcdkit_proto::mvccpb::event::EventType;
use prost::Message;
use tonic::{Code, Status};

use super::access::Credentials;
use super::header::Headers;
use super::kv::Kv;
use super::lease::Lease;
use super::watch::stream_ended;
use crate::mvcc::watch::{Hub, WatchStream};
use crate::streams::elsewhere;

/// TTL of the lease that a caller without one gets, seconds. Nobody keeps it alive; as in etcd.
const SESSION_TTL_SECONDS: i64 = 60;

/// What lines are made of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) headers: Headers,
    pub(crate) kv: Kv,
    pub(crate) lease: Lease,
    pub(crate) hub: Hub,
}

/// A key in a line, with the revision at which it was created.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) key: Bytes,
    pub(crate) created: i64,
    pub(crate) lease: i64,
}

/// etcd's Lock and Election services pass errors on without their code.
pub(crate) fn without_code(status: Status) -> Status {
    Status::new(Code::Unknown, status.message())
}

/// The prefix of a line.
pub(crate) fn prefix(name: &[u8]) -> Bytes {
    [name, b"/"].concat().into()
}

impl Line {
    /// The lease to stand in line with: the caller's, or a new one.
    pub(crate) async fn session(&self, by: &Credentials, lease: i64) -> Result<i64, Status> {
        if lease != 0 {
            return Ok(lease);
        }
        Ok(self.lease.grant(by, LeaseGrantRequest { ttl: SESSION_TTL_SECONDS, id: 0 }).await?.id)
    }

    /// Puts a key at the end of the line, unless it stands there already: then it keeps its place, and
    /// its value, which comes back. Who goes away before its turn, even while the key is being put, leaves the line.
    pub(crate) async fn enter(
        &self,
        by: &Credentials,
        prefix: &Bytes,
        value: Bytes,
        lease: i64,
    ) -> Result<(Waiting, Place, Option<Bytes>, ResponseHeader), Status> {
        let (line, by, prefix) = (self.clone(), by.clone(), prefix.clone());
        // In a task of its own, which goes on when the caller's is dropped: the key may be put all the same.
        elsewhere(async move {
            let (place, present, header) = line.put_at_end(&by, &prefix, value, lease).await?;
            Ok((Waiting::new(&line, &by, &place), place, present, header))
        })
        .await
    }

    async fn put_at_end(
        &self,
        by: &Credentials,
        prefix: &Bytes,
        value: Bytes,
        lease: i64,
    ) -> Result<(Place, Option<Bytes>, ResponseHeader), Status> {
        let key: Bytes = [prefix.as_ref(), format!("{lease:x}").as_bytes()].concat().into();
        let put = PutRequest { key: key.clone(), value, lease, ..Default::default() };
        let get = RangeRequest { key: key.clone(), ..Default::default() };
        let request = TxnRequest {
            compare: vec![created_at(&key, 0)],
            success: vec![op(Request::RequestPut(put))],
            failure: vec![op(Request::RequestRange(get))],
        };
        let response = self.kv.txn(by, request).await?;
        let header = response.header.unwrap_or_default();
        if response.succeeded {
            return Ok((Place { key, created: header.revision, lease }, None, header));
        }
        let present = first_range(response).and_then(|range| range.kvs.into_iter().next());
        // The transaction saw the key, else it would have put it.
        let present = present.ok_or_else(super::error::mismatched)?;
        Ok((Place { key, created: present.create_revision, lease }, Some(present.value), header))
    }

    /// Returns when nobody is before the place any more.
    pub(crate) async fn wait_turn(
        &self,
        by: &Credentials,
        prefix: &Bytes,
        place: &Place,
    ) -> Result<(), Status> {
        loop {
            let before = RangeRequest {
                key: prefix.clone(),
                range_end: prefix_end(prefix).into(),
                limit: 1,
                sort_order: SortOrder::Descend as i32,
                sort_target: SortTarget::Create as i32,
                max_create_revision: place.created - 1,
                ..Default::default()
            };
            let found = self.kv.range(by, before).await?;
            let revision = found.header.map_or(0, |header| header.revision);
            match found.kvs.into_iter().next() {
                None => return Ok(()),
                Some(last) => self.wait_deleted(by, last.key, revision).await?,
            }
        }
    }

    /// Returns when the key, which was there at `revision`, has been deleted.
    async fn wait_deleted(&self, by: &Credentials, key: Bytes, revision: i64) -> Result<(), Status> {
        let request = WatchCreateRequest {
            key,
            start_revision: revision,
            filters: vec![FilterType::Noput as i32],
            ..Default::default()
        };
        let mut watch = self.watch(by, &request)?;
        loop {
            let (events, _) = watch.next().await?;
            if events.iter().any(|event| event.r#type() == EventType::Delete) {
                return Ok(());
            }
        }
    }

    /// Who has the turn.
    pub(crate) async fn first(&self, by: &Credentials, prefix: &Bytes) -> Result<RangeResponse, Status> {
        let request = RangeRequest {
            key: prefix.clone(),
            range_end: prefix_end(prefix).into(),
            limit: 1,
            sort_order: SortOrder::Ascend as i32,
            sort_target: SortTarget::Create as i32,
            ..Default::default()
        };
        self.kv.range(by, request).await
    }

    /// Writes the value of a place that is still held; none when it is not.
    pub(crate) async fn write(
        &self,
        by: &Credentials,
        place: &Place,
        value: Bytes,
    ) -> Result<Option<ResponseHeader>, Status> {
        let put = PutRequest { key: place.key.clone(), value, lease: place.lease, ..Default::default() };
        let response = self.if_held(by, place, Request::RequestPut(put)).await?;
        Ok(response.header.filter(|_| response.succeeded))
    }

    /// Gives up a place, if it is still held.
    pub(crate) async fn leave(&self, by: &Credentials, place: &Place) -> Result<ResponseHeader, Status> {
        let delete = DeleteRangeRequest { key: place.key.clone(), ..Default::default() };
        let response = self.if_held(by, place, Request::RequestDeleteRange(delete)).await?;
        Ok(response.header.unwrap_or_default())
    }

    async fn if_held(
        &self,
        by: &Credentials,
        place: &Place,
        request: Request,
    ) -> Result<TxnResponse, Status> {
        let compare = vec![created_at(&place.key, place.created)];
        self.kv.txn(by, TxnRequest { compare, success: vec![op(request)], failure: vec![] }).await
    }

    /// A watcher of its own.
    pub(crate) fn watch(&self, by: &Credentials, request: &WatchCreateRequest) -> Result<LineWatch, Status> {
        self.kv.access.check(by, |checker| checker.range(&request.key, &request.range_end))?;
        let stream = self.hub.stream();
        stream.create(request);
        Ok(LineWatch { stream, headers: self.headers.clone() })
    }
}

/// The events of one watcher.
pub(crate) struct LineWatch {
    stream: WatchStream,
    headers: Headers,
}

impl LineWatch {
    /// The next events with their header.
    pub(crate) async fn next(&mut self) -> Result<(Vec<Event>, ResponseHeader), Status> {
        loop {
            let frame = self.stream.next().await?;
            if frame.canceled {
                return Err(stream_ended(&frame));
            }
            if frame.event_count > 0 {
                let header = self.headers.at(frame.revision);
                // The bytes are the field of the message that holds the events, and so a message too.
                let events = WatchResponse::decode(frame.events).map_err(|error| {
                    Status::internal(format!("etcdserver: an event does not read back: {error}"))
                })?;
                return Ok((events.events, header));
            }
        }
    }
}

/// Leaves the line when the caller goes away before its turn, so that nobody waits for a place whose owner
/// will never come.
pub(crate) struct Waiting {
    line: Option<(Line, Credentials, Place)>,
}

impl Waiting {
    fn new(line: &Line, by: &Credentials, place: &Place) -> Self {
        Waiting { line: Some((line.clone(), by.clone(), place.clone())) }
    }

    /// The turn has come.
    pub(crate) fn done(mut self) {
        self.line = None;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some((line, by, place)), Ok(runtime)) =
            (self.line.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            // The lease ends the place should this fail.
            if let Err(status) = line.leave(&by, &place).await {
                tracing::debug!(%status, "failed to leave a line");
            }
        });
    }
}

fn created_at(key: &Bytes, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal as i32,
        target: CompareTarget::Create as i32,
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn first_range(response: TxnResponse) -> Option<RangeResponse> {
    response.responses.into_iter().find_map(|ResponseOp { response }| match response {
        Some(Response::ResponseRange(range)) => Some(range),
        _ => None,
    })
}
