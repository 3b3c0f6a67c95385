//! The election service: campaigns run by the server on behalf of the caller.
//!
//! [`concurrency::Election`](crate::concurrency::Election) does the same from the client and survives lost
//! connections; the keys are the same, so both take part in the same elections.

use etcdkit_proto::v3electionpb as pb;

use crate::answers::Answers;
use crate::core::Core;
use crate::error::Result;
use crate::method;
use crate::response::{KeyValue, ResponseHeader, response};

/// Client of the election service.
#[derive(Clone)]
pub struct ElectionClient {
    core: Core,
}

impl ElectionClient {
    pub(crate) fn new(core: Core) -> Self {
        Self { core }
    }

    /// Waits until the caller leads the election `name`, with `value` for all to see, as long as the lease lives.
    pub async fn campaign(
        &self,
        name: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        lease: i64,
    ) -> Result<CampaignResponse> {
        let request = pb::CampaignRequest { name: name.into().into(), lease, value: value.into().into() };
        // Waiting for leadership takes as long as the present leader leads.
        Ok(self.core.with_timeout(None).unary(&method::CAMPAIGN, request).await?.into())
    }

    /// Changes the value of the leader.
    pub async fn proclaim(
        &self,
        value: impl Into<Vec<u8>>,
        options: Option<ProclaimOptions>,
    ) -> Result<ProclaimResponse> {
        let leader = options.unwrap_or_default().leader.map(|leader| leader.0);
        let request = pb::ProclaimRequest { leader, value: value.into().into() };
        Ok(self.core.unary(&method::PROCLAIM, request).await?.into())
    }

    /// Tells the leader.
    pub async fn leader(&self, name: impl Into<Vec<u8>>) -> Result<LeaderResponse> {
        let request = pb::LeaderRequest { name: name.into().into() };
        Ok(self.core.unary(&method::LEADER, request).await?.into())
    }

    /// Streams the leader and every change of it.
    pub async fn observe(&self, name: impl Into<Vec<u8>>) -> Result<ObserveStream> {
        let request = pb::LeaderRequest { name: name.into().into() };
        // The server answers when there is a leader.
        let core = self.core.with_timeout(None);
        Ok(ObserveStream { stream: core.server_streaming(&method::OBSERVE, request).await? })
    }

    /// Gives leadership up.
    pub async fn resign(&self, option: Option<ResignOptions>) -> Result<ResignResponse> {
        let leader = option.unwrap_or_default().leader.map(|leader| leader.0);
        Ok(self.core.unary(&method::RESIGN, pb::ResignRequest { leader }).await?.into())
    }
}

/// Options of `proclaim`.
#[derive(Clone, Debug, Default)]
pub struct ProclaimOptions {
    leader: Option<LeaderKey>,
}

impl ProclaimOptions {
    /// No leadership yet.
    pub const fn new() -> Self {
        Self { leader: None }
    }

    /// The leadership in whose name to speak.
    #[must_use]
    pub fn with_leader(mut self, leader: LeaderKey) -> Self {
        self.leader = Some(leader);
        self
    }
}

/// Options of `resign`.
#[derive(Clone, Debug, Default)]
pub struct ResignOptions {
    leader: Option<LeaderKey>,
}

impl ResignOptions {
    /// No leadership yet.
    pub const fn new() -> Self {
        Self { leader: None }
    }

    /// The leadership to give up.
    #[must_use]
    pub fn with_leader(mut self, leader: LeaderKey) -> Self {
        self.leader = Some(leader);
        self
    }
}

/// Proof of leadership: valid while its key exists with this create revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaderKey(pub(crate) pb::LeaderKey);

impl LeaderKey {
    /// An empty proof, to be filled in.
    pub const fn new() -> Self {
        Self(pb::LeaderKey { name: bytes::Bytes::new(), key: bytes::Bytes::new(), rev: 0, lease: 0 })
    }

    /// Sets the name of the election.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.0.name = name.into().into();
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.0.key = key.into().into();
        self
    }

    /// Sets the create revision of the key.
    #[must_use]
    pub const fn with_rev(mut self, rev: i64) -> Self {
        self.0.rev = rev;
        self
    }

    /// Sets the lease.
    #[must_use]
    pub const fn with_lease(mut self, lease: i64) -> Self {
        self.0.lease = lease;
        self
    }

    /// Name of the election.
    pub fn name(&self) -> &[u8] {
        &self.0.name
    }

    /// Name of the election as text. Fails when it is not UTF-8.
    pub fn name_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.0.name)?)
    }

    /// Name of the election as text; empty when it is not UTF-8.
    pub fn name_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.0.name).unwrap_or_default()
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// The key as text. Fails when it is not UTF-8.
    pub fn key_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.0.key)?)
    }

    /// The key as text; empty when it is not UTF-8.
    pub fn key_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.0.key).unwrap_or_default()
    }

    /// Create revision of the key.
    pub fn rev(&self) -> i64 {
        self.0.rev
    }

    /// The lease.
    pub fn lease(&self) -> i64 {
        self.0.lease
    }
}

/// Answer to `campaign`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignResponse {
    header: Option<ResponseHeader>,
    leader: Option<LeaderKey>,
}

impl CampaignResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<ResponseHeader> {
        self.header.take()
    }

    /// The proof of leadership.
    pub fn leader(&self) -> Option<&LeaderKey> {
        self.leader.as_ref()
    }

    /// Takes the proof of leadership out of the response.
    pub fn take_leader(&mut self) -> Option<LeaderKey> {
        self.leader.take()
    }
}

impl From<pb::CampaignResponse> for CampaignResponse {
    fn from(message: pb::CampaignResponse) -> Self {
        Self { header: message.header.map(ResponseHeader), leader: message.leader.map(LeaderKey) }
    }
}

/// The leader of an election: its key and value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeaderResponse {
    pub(crate) header: Option<ResponseHeader>,
    pub(crate) kv: Option<KeyValue>,
}

impl LeaderResponse {
    /// The head of the response.
    pub fn header(&self) -> Option<&ResponseHeader> {
        self.header.as_ref()
    }

    /// Takes the head out of the response.
    pub fn take_header(&mut self) -> Option<ResponseHeader> {
        self.header.take()
    }

    /// Key and value of the leader.
    pub fn kv(&self) -> Option<&KeyValue> {
        self.kv.as_ref()
    }

    /// Takes key and value out of the response.
    pub fn take_kv(&mut self) -> Option<KeyValue> {
        self.kv.take()
    }
}

impl From<pb::LeaderResponse> for LeaderResponse {
    fn from(message: pb::LeaderResponse) -> Self {
        Self { header: message.header.map(ResponseHeader), kv: message.kv.map(KeyValue) }
    }
}

/// The leaders of an election, one after the other.
#[derive(Debug)]
pub struct ObserveStream {
    stream: Answers<pb::LeaderResponse>,
}

impl ObserveStream {
    /// The next leader.
    pub async fn message(&mut self) -> Result<Option<LeaderResponse>> {
        Ok(self.stream.message().await?.map(LeaderResponse::from))
    }
}

impl futures::Stream for ObserveStream {
    type Item = Result<LeaderResponse>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let stream = std::pin::Pin::new(&mut self.get_mut().stream);
        stream
            .poll_next(context)
            .map(|leader| leader.map(|leader| leader.map(Into::into).map_err(Into::into)))
    }
}

response! {
    /// Answer to `proclaim`.
    ProclaimResponse(pb::ProclaimResponse)
}
response! {
    /// Answer to `resign`.
    ResignResponse(pb::ResignResponse)
}
