//! `etcdserverpb.Lease`: keys that go away with their owner.

use std::sync::Arc;

use etcdkit_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse,
};
use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::access::{Access, Credentials};
use super::error::mismatched;
use super::header::Headers;
use super::stream::request_error;
use crate::command::{Applied, LeaseGrant, LeaseRevoke, Operation};
use crate::lease::{Lessor, ttl_to_grant};
use crate::lease_keeper::{LeaseKeeper, Life};
use crate::propose::Proposer;

/// TTL told for a lease that is not there.
const TTL_UNKNOWN: i64 = -1;

/// The Lease service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Lease {
    pub(crate) headers: Headers,
    pub(crate) proposer: Proposer,
    pub(crate) access: Access,
    pub(crate) lessor: Arc<Lessor>,
    pub(crate) keeper: LeaseKeeper,
    pub(crate) ttl_min_seconds: i64,
    pub(crate) stopping: CancellationToken,
}

impl Lease {
    pub(crate) async fn grant(
        &self,
        by: &Credentials,
        request: LeaseGrantRequest,
    ) -> Result<LeaseGrantResponse, Status> {
        let caller = self.access.recognise(by, |checker| checker.known())?;
        let ttl = ttl_to_grant(request.ttl, self.ttl_min_seconds)?;
        let id = if request.id == 0 { new_id() } else { request.id };
        match self.proposer.propose_for(caller, Operation::LeaseGrant(LeaseGrant { id, ttl })).await? {
            Applied::LeaseGrant(mut response) => {
                self.headers.fill(&mut response.header);
                Ok(response)
            }
            _ => Err(mismatched()),
        }
    }

    pub(crate) async fn revoke(
        &self,
        by: &Credentials,
        request: LeaseRevokeRequest,
    ) -> Result<LeaseRevokeResponse, Status> {
        let revoke = LeaseRevoke { id: request.id, expired_in_term: 0 };
        let caller = self
            .access
            .recognise(by, |checker| checker.known().and_then(|()| checker.end_lease(request.id)))?;
        match self.proposer.propose_for(caller, Operation::LeaseRevoke(revoke)).await? {
            Applied::LeaseRevoke(mut response) => {
                self.headers.fill(&mut response.header);
                Ok(response)
            }
            _ => Err(mismatched()),
        }
    }

    /// Renews what the client names, one after the other.
    pub(crate) fn keep_alive(
        &self,
        by: Credentials,
        requests: Streaming<LeaseKeepAliveRequest>,
    ) -> impl Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send + use<> {
        futures::stream::unfold((self.clone(), by, requests), |(lease, by, mut requests)| async move {
            let request = tokio::select! {
                () = lease.stopping.cancelled() => return None,
                request = requests.message() => request,
            };
            let answer = match request {
                Ok(Some(request)) => lease.renew(&by, request.id).await,
                Ok(None) => return None,
                Err(status) => Err(request_error(status)),
            };
            Some((answer, (lease, by, requests)))
        })
    }

    async fn renew(&self, by: &Credentials, id: i64) -> Result<LeaseKeepAliveResponse, Status> {
        // The header comes before the renewal: a client must not hear that a lease lives at a revision
        // at which it has been revoked.
        let header = Some(self.headers.now());
        self.access.check(by, |checker| checker.known().and_then(|()| checker.end_lease(id)))?;
        let life = self.keeper.renew(id).await?;
        Ok(LeaseKeepAliveResponse { header, id, ttl: life.map_or(0, |life| life.granted_ttl) })
    }

    pub(crate) async fn time_to_live(
        &self,
        by: &Credentials,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse, Status> {
        self.access.check(by, |checker| {
            checker.known()?;
            if request.keys { checker.see_lease(request.id) } else { Ok(()) }
        })?;
        let header = Some(self.headers.now());
        let id = request.id;
        let Some(Life { granted_ttl, remaining_ms }) = self.keeper.life(id).await? else {
            return Ok(LeaseTimeToLiveResponse { header, id, ttl: TTL_UNKNOWN, ..Default::default() });
        };
        let ttl = i64::try_from(remaining_ms / 1000).unwrap_or(i64::MAX);
        let keys = if request.keys { self.lessor.keys(id).unwrap_or_default() } else { Vec::new() };
        Ok(LeaseTimeToLiveResponse { header, id, ttl, granted_ttl, keys })
    }

    pub(crate) async fn leases(
        &self,
        by: &Credentials,
        _request: LeaseLeasesRequest,
    ) -> Result<LeaseLeasesResponse, Status> {
        let ids = self.lessor.ids();
        self.access.check(by, |checker| {
            checker.known()?;
            ids.iter().try_for_each(|id| checker.see_lease(*id))
        })?;
        let leases = ids.into_iter().map(|id| LeaseStatus { id: id.0 }).collect();
        Ok(LeaseLeasesResponse { header: Some(self.headers.now()), leases })
    }
}

/// A positive id that nobody is likely to have.
fn new_id() -> i64 {
    (rand::random::<u64>() >> 1).max(1) as i64
}
