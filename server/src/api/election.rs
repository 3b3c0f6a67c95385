//! `v3electionpb.Election`: the first in a line leads, and its value says what it proclaims.

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{ResponseHeader, WatchCreateRequest};
use etcdkit_proto::key_range::prefix_end;
use etcdkit_proto::mvccpb::KeyValue;
use etcdkit_proto::mvccpb::event::EventType;
use etcdkit_proto::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::access::Credentials;
use super::line::{self, Line, Place, without_code};

/// Leaders that wait for a slow observer. One is enough: the observation goes on from the last one sent,
/// and etcd does not promise every leader either.
const OBSERVED_MAX: usize = 1;

/// The Election service.
pub(crate) struct Election {
    pub(crate) line: Line,
    pub(crate) stopping: CancellationToken,
}

fn not_leader() -> Status {
    Status::unknown("election: not leader")
}

fn no_leader_named() -> Status {
    Status::unknown("\"leader\" field must be provided")
}

impl Election {
    pub(crate) async fn campaign(
        &self,
        by: &Credentials,
        request: CampaignRequest,
    ) -> Result<CampaignResponse, Status> {
        self.win(by, request).await.map_err(without_code)
    }

    async fn win(&self, by: &Credentials, request: CampaignRequest) -> Result<CampaignResponse, Status> {
        let lease = self.line.session(by, request.lease).await?;
        let prefix = line::prefix(&request.name);
        let (waiting, place, present, header) =
            self.line.enter(by, &prefix, request.value.clone(), lease).await?;
        if present.is_some_and(|value| value != request.value) {
            self.line.write(by, &place, request.value).await?.ok_or_else(not_leader)?;
        }
        self.line.wait_turn(by, &prefix, &place).await?;
        waiting.done();
        let leader = LeaderKey { name: request.name, key: place.key, rev: place.created, lease };
        Ok(CampaignResponse { header: Some(header), leader: Some(leader) })
    }

    pub(crate) async fn proclaim(
        &self,
        by: &Credentials,
        request: ProclaimRequest,
    ) -> Result<ProclaimResponse, Status> {
        let place = self.place(by, request.leader).await.map_err(without_code)?;
        let header = self.line.write(by, &place, request.value).await.map_err(without_code)?;
        Ok(ProclaimResponse { header: Some(header.ok_or_else(not_leader)?) })
    }

    pub(crate) async fn resign(
        &self,
        by: &Credentials,
        request: ResignRequest,
    ) -> Result<ResignResponse, Status> {
        let place = self.place(by, request.leader).await.map_err(without_code)?;
        let header = self.line.leave(by, &place).await.map_err(without_code)?;
        Ok(ResignResponse { header: Some(header) })
    }

    async fn place(&self, by: &Credentials, leader: Option<LeaderKey>) -> Result<Place, Status> {
        let leader = leader.ok_or_else(no_leader_named)?;
        let lease = self.line.session(by, leader.lease).await?;
        Ok(Place { key: leader.key, created: leader.rev, lease })
    }

    pub(crate) async fn leader(
        &self,
        by: &Credentials,
        request: LeaderRequest,
    ) -> Result<LeaderResponse, Status> {
        let first = self.line.first(by, &line::prefix(&request.name)).await.map_err(without_code)?;
        match first.kvs.into_iter().next() {
            Some(kv) => Ok(LeaderResponse { header: first.header, kv: Some(kv) }),
            None => Err(Status::unknown("election: no leader")),
        }
    }

    /// The leader, then each change of it and of its value.
    pub(crate) async fn observe(
        &self,
        by: Credentials,
        request: LeaderRequest,
    ) -> Result<impl Stream<Item = Result<LeaderResponse, Status>> + Send + use<>, Status> {
        let (sender, receiver) = mpsc::channel(OBSERVED_MAX);
        let (line, stopping) = (self.line.clone(), self.stopping.clone());
        tokio::spawn(async move {
            let observed = observe(&line, &by, line::prefix(&request.name), &sender);
            let ended = tokio::select! {
                () = sender.closed() => return,
                () = stopping.cancelled() => return,
                ended = observed => ended,
            };
            if let Err(status) = ended {
                // Fails when the observer has gone, and then nobody needs to know.
                let _ = sender.send(Err(without_code(status))).await;
            }
        });
        Ok(ReceiverStream::new(receiver))
    }
}

type Observer = mpsc::Sender<Result<LeaderResponse, Status>>;

/// Follows one leader after the other until the observer goes away.
async fn observe(line: &Line, by: &Credentials, prefix: Bytes, observer: &Observer) -> Result<(), Status> {
    loop {
        let first = line.first(by, &prefix).await?;
        let header = first.header.unwrap_or_default();
        let (kv, header) = match first.kvs.into_iter().next() {
            Some(kv) => (kv, header),
            None => await_leader(line, by, &prefix, header.revision).await?,
        };
        let (key, revision) = (kv.key.clone(), header.revision);
        if tell(observer, kv, header).await.is_err() {
            return Ok(());
        }
        if follow(line, by, key, revision + 1, observer).await?.is_err() {
            return Ok(());
        }
    }
}

/// The first key that is put under the prefix from `revision` on.
async fn await_leader(
    line: &Line,
    by: &Credentials,
    prefix: &Bytes,
    revision: i64,
) -> Result<(KeyValue, ResponseHeader), Status> {
    let request = WatchCreateRequest {
        key: prefix.clone(),
        range_end: prefix_end(prefix).into(),
        start_revision: revision,
        ..Default::default()
    };
    let mut watch = line.watch(by, &request)?;
    loop {
        let (events, header) = watch.next().await?;
        let put =
            events.into_iter().find(|event| event.r#type() == EventType::Put).and_then(|event| event.kv);
        if let Some(kv) = put {
            // Several revisions may have come at once; what follows must be seen from this one on.
            let header = ResponseHeader { revision: kv.mod_revision, ..header };
            return Ok((kv, header));
        }
    }
}

/// The observer went away.
struct Gone;

/// Tells each value of the leader until its key is deleted.
async fn follow(
    line: &Line,
    by: &Credentials,
    key: Bytes,
    start_revision: i64,
    observer: &Observer,
) -> Result<Result<(), Gone>, Status> {
    let mut watch = line.watch(by, &WatchCreateRequest { key, start_revision, ..Default::default() })?;
    loop {
        let (events, header) = watch.next().await?;
        for event in events {
            let Some(kv) = event.kv.filter(|_| event.r#type == EventType::Put as i32) else {
                return Ok(Ok(()));
            };
            if tell(observer, kv, header).await.is_err() {
                return Ok(Err(Gone));
            }
        }
    }
}

async fn tell(observer: &Observer, kv: KeyValue, header: ResponseHeader) -> Result<(), Gone> {
    let response = LeaderResponse { header: Some(header), kv: Some(kv) };
    observer.send(Ok(response)).await.map_err(|_closed| Gone)
}
