//! What one member is asked by the runner itself, each time on a connection of its own.

use std::time::Duration;

use anyhow::{Context as _, Result};
use etcdkit_proto::etcdserverpb::cluster_client::ClusterClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{
    DefragmentRequest, HashKvRequest, MemberAddRequest, MemberListRequest, MemberRemoveRequest, StatusRequest,
};
use tonic::transport::{Channel, Endpoint};

/// What a member says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: u64,
    pub(crate) leads: bool,
    pub(crate) term: u64,
    pub(crate) applied: u64,
    pub(crate) learns: bool,
}

/// The content of a member, in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hash {
    pub(super) revision: i64,
    hash: u32,
    compacted: i64,
}

async fn channel(endpoint: &str, timeout: Duration) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?.timeout(timeout).connect_timeout(timeout);
    Ok(endpoint.tcp_nodelay(true).connect().await?)
}

pub(super) async fn ask(endpoint: &str, timeout: Duration) -> Result<Asked> {
    let mut client = MaintenanceClient::new(channel(endpoint, timeout).await?);
    let status = client.status(StatusRequest {}).await?.into_inner();
    let header = status.header.context("a status without a header")?;
    Ok(Asked {
        id: header.member_id,
        leads: status.leader != 0 && status.leader == header.member_id,
        term: status.raft_term,
        applied: status.raft_applied_index,
        learns: status.is_learner,
    })
}

pub(super) async fn hash(endpoint: &str, timeout: Duration) -> Result<Hash> {
    let mut client = MaintenanceClient::new(channel(endpoint, timeout).await?);
    let response = client.hash_kv(HashKvRequest { revision: 0 }).await?.into_inner();
    let header = response.header.context("a hash without a header")?;
    Ok(Hash { revision: header.revision, hash: response.hash, compacted: response.compact_revision })
}

pub(super) async fn defragment(endpoint: &str, timeout: Duration) -> Result<()> {
    let mut client = MaintenanceClient::new(channel(endpoint, timeout).await?);
    client.defragment(DefragmentRequest {}).await?;
    Ok(())
}

/// Announces a member; its id.
pub(super) async fn add(endpoint: &str, url: &str, timeout: Duration) -> Result<u64> {
    let mut client = ClusterClient::new(channel(endpoint, timeout).await?);
    let request = MemberAddRequest { peer_ur_ls: vec![url.to_owned()], is_learner: false };
    let added = client.member_add(request).await?.into_inner();
    Ok(added.member.context("a member without an id")?.id)
}

/// The ids of the members that vote, by a read of the leader's list.
pub(super) async fn voters(endpoint: &str, timeout: Duration) -> Result<Vec<u64>> {
    let mut client = ClusterClient::new(channel(endpoint, timeout).await?);
    let listed = client.member_list(MemberListRequest { linearizable: true }).await?.into_inner();
    Ok(listed.members.iter().filter(|member| !member.is_learner).map(|member| member.id).collect())
}

/// Removes a member.
pub(crate) async fn remove(endpoint: &str, id: u64, timeout: Duration) -> Result<()> {
    let mut client = ClusterClient::new(channel(endpoint, timeout).await?);
    client.member_remove(MemberRemoveRequest { id }).await?;
    Ok(())
}
