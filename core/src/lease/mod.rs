//! Leases: time-bounded ownership of keys.

mod keep_alive;
mod keeper;

use etcdkit_proto::etcdserverpb as pb;

pub(crate) use keep_alive::lost;
pub use keep_alive::{KeepAlive, KeepAliveEvent, KeepAliveEvents, LeaseLost};
pub(crate) use keeper::KeepAliveHub;
pub use keeper::{LeaseKeepAliveStream, LeaseKeeper};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::method;
use crate::response::response;

/// Client of the lease service.
#[derive(Clone)]
pub struct LeaseClient {
    core: Core,
}

impl LeaseClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// The same, showing the attached keys of a namespace only.
    pub(crate) fn within(&self, prefix: &[u8]) -> Self {
        Self { core: self.core.within(prefix) }
    }

    /// Creates a lease of `ttl` seconds. The server may grant more.
    pub async fn grant(&self, ttl: i64, options: Option<LeaseGrantOptions>) -> Result<LeaseGrantResponse> {
        let request = pb::LeaseGrantRequest { ttl, id: options.unwrap_or_default().id };
        Ok(self.core.unary(&method::LEASE_GRANT, request).await?.into())
    }

    /// Ends a lease and deletes its keys.
    pub async fn revoke(&self, id: i64) -> Result<LeaseRevokeResponse> {
        Ok(self.core.unary(&method::LEASE_REVOKE, pb::LeaseRevokeRequest { id }).await?.into())
    }

    /// Renews a lease once, and gives the means to renew it again: one to ask with, one that delivers the answers.
    ///
    /// [`LeaseClient::keep`] does the asking by itself.
    pub async fn keep_alive(&self, id: i64) -> Result<(LeaseKeeper, LeaseKeepAliveStream)> {
        let first = self.keep_alive_once(id).await?;
        Ok(keeper::pair(self.core.clone(), first.id()))
    }

    /// Renews a lease once. Fails when the lease does not exist any more.
    pub async fn keep_alive_once(&self, id: i64) -> Result<LeaseKeepAliveResponse> {
        let response = keeper::renew(&self.core, id).await?;
        if response.ttl() <= 0 {
            return Err(Error::LeaseKeepAliveError(format!(
                "lease {id:x} not found: it has expired or been revoked"
            )));
        }
        Ok(response)
    }

    /// Keeps a lease of `ttl` seconds alive until the returned object is dropped.
    pub fn keep(&self, id: i64, ttl: i64) -> KeepAlive {
        KeepAlive::start(self.core.clone(), id, ttl)
    }

    /// The same as [`keep`](Self::keep), with every renewal to be seen.
    pub fn keep_observed(&self, id: i64, ttl: i64) -> (KeepAlive, KeepAliveEvents) {
        KeepAlive::observed(self.core.clone(), id, ttl)
    }

    /// Tells what is left of a lease. An unknown lease has a TTL of -1.
    pub async fn time_to_live(
        &self,
        id: i64,
        options: Option<LeaseTimeToLiveOptions>,
    ) -> Result<LeaseTimeToLiveResponse> {
        let request = pb::LeaseTimeToLiveRequest { id, keys: options.unwrap_or_default().keys };
        Ok(self.core.unary(&method::LEASE_TIME_TO_LIVE, request).await?.into())
    }

    /// Lists the leases.
    pub async fn leases(&self) -> Result<LeaseLeasesResponse> {
        Ok(self.core.unary(&method::LEASE_LEASES, pb::LeaseLeasesRequest {}).await?.into())
    }
}

/// Options of `lease_grant`.
#[derive(Clone, Debug, Default)]
pub struct LeaseGrantOptions {
    id: i64,
}

impl LeaseGrantOptions {
    /// The server chooses the id.
    pub const fn new() -> Self {
        Self { id: 0 }
    }

    /// Chooses the id; 0 lets the server choose.
    #[must_use]
    pub const fn with_id(mut self, id: i64) -> Self {
        self.id = id;
        self
    }
}

/// Options of `lease_time_to_live`.
#[derive(Clone, Debug, Default)]
pub struct LeaseTimeToLiveOptions {
    keys: bool,
}

impl LeaseTimeToLiveOptions {
    /// Without the keys.
    pub const fn new() -> Self {
        Self { keys: false }
    }

    /// Lists the attached keys too.
    #[must_use]
    pub const fn with_keys(mut self) -> Self {
        self.keys = true;
        self
    }
}

response! {
    /// Answer to `lease_grant`.
    LeaseGrantResponse(pb::LeaseGrantResponse)
}

impl LeaseGrantResponse {
    /// Seconds granted.
    pub fn ttl(&self) -> i64 {
        self.message.ttl
    }

    /// The lease.
    pub fn id(&self) -> i64 {
        self.message.id
    }

    /// Unused by etcd.
    pub fn error(&self) -> &str {
        &self.message.error
    }
}

response! {
    /// Answer to `lease_revoke`.
    LeaseRevokeResponse(pb::LeaseRevokeResponse)
}

response! {
    /// Answer to a renewal.
    LeaseKeepAliveResponse(pb::LeaseKeepAliveResponse)
}

impl LeaseKeepAliveResponse {
    /// Seconds to live from now; 0 when the lease is gone.
    pub fn ttl(&self) -> i64 {
        self.message.ttl
    }

    /// The lease.
    pub fn id(&self) -> i64 {
        self.message.id
    }
}

/// Answer to `lease_time_to_live`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaseTimeToLiveResponse {
    header: Option<crate::ResponseHeader>,
    id: i64,
    ttl: i64,
    granted_ttl: i64,
    keys: Vec<Vec<u8>>,
}

impl LeaseTimeToLiveResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// Whole seconds left; -1 for an unknown lease.
    pub fn ttl(&self) -> i64 {
        self.ttl
    }

    /// The lease.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Seconds the lease was granted for; 0 for an unknown lease.
    pub fn granted_ttl(&self) -> i64 {
        self.granted_ttl
    }

    /// The attached keys, if asked for.
    pub fn keys(&self) -> &[Vec<u8>] {
        &self.keys
    }
}

impl From<pb::LeaseTimeToLiveResponse> for LeaseTimeToLiveResponse {
    fn from(message: pb::LeaseTimeToLiveResponse) -> Self {
        Self {
            header: message.header.map(crate::ResponseHeader),
            id: message.id,
            ttl: message.ttl,
            granted_ttl: message.granted_ttl,
            keys: message.keys.into_iter().map(Vec::from).collect(),
        }
    }
}

/// Answer to `leases`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaseLeasesResponse {
    header: Option<crate::ResponseHeader>,
    leases: Vec<LeaseStatus>,
}

impl LeaseLeasesResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&crate::ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<crate::ResponseHeader> {
        self.header.take()
    }

    /// The leases, those that expire first in front.
    pub fn leases(&self) -> &[LeaseStatus] {
        &self.leases
    }
}

impl From<pb::LeaseLeasesResponse> for LeaseLeasesResponse {
    fn from(message: pb::LeaseLeasesResponse) -> Self {
        let header = message.header.map(crate::ResponseHeader);
        Self {
            header,
            leases: message.leases.into_iter().map(|lease| LeaseStatus { id: lease.id }).collect(),
        }
    }
}

/// One lease of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseStatus {
    id: i64,
}

impl LeaseStatus {
    /// The lease.
    pub fn id(&self) -> i64 {
        self.id
    }
}
