//! The lock and election services.

use anyhow::{Context as _, Result};
use etcdkit_proto::v3electionpb::election_client::ElectionClient;
use etcdkit_proto::v3electionpb::{
    CampaignRequest, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest, ResignRequest,
};
use etcdkit_proto::v3lockpb::lock_client::LockClient;
use etcdkit_proto::v3lockpb::{LockRequest, UnlockRequest};
use tonic::Streaming;

use super::{Connection, Wire, answered, ok};
use crate::line::{Line, hex, pair};

impl Wire {
    pub(super) async fn concurrency(&self, line: &Line) -> Result<Line> {
        let channel = self.channel(line).await?;
        match line.verb.as_str() {
            "rpc_lock" => {
                let request = LockRequest { name: line.bytes("name")?.into(), lease: line.number("lease")? };
                let response = LockClient::new(channel).lock(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref()).with("key", hex(&response.key)))
            }
            "rpc_unlock" => {
                let request = UnlockRequest { key: line.bytes("key")?.into() };
                let response = LockClient::new(channel).unlock(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref()))
            }
            _ => self.election(line, ElectionClient::new(channel)).await,
        }
    }

    async fn election(&self, line: &Line, mut client: ElectionClient<Connection>) -> Result<Line> {
        match line.verb.as_str() {
            "campaign" => {
                let (name, value) = (line.bytes("name")?.into(), line.bytes("value")?.into());
                let request = CampaignRequest { name, lease: line.number("lease")?, value };
                let response = client.campaign(request).await?.into_inner();
                let leader = response.leader.context("no leader key in the answer")?;
                let answer = answered(line, response.header.as_ref()).with("key", hex(&leader.key));
                let answer = answer.with("create", leader.rev).with("lease", leader.lease);
                self.state.lock().await.leaders.insert(line.id, leader);
                Ok(answer)
            }
            "proclaim" => {
                let leader = self.leader_key(line).await?;
                let request = ProclaimRequest { leader, value: line.bytes("value")?.into() };
                let response = client.proclaim(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref()))
            }
            "resign" => {
                let request = ResignRequest { leader: self.leader_key(line).await? };
                let response = client.resign(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref()))
            }
            "leader" => {
                let request = LeaderRequest { name: line.bytes("name")?.into() };
                let response = client.leader(request).await?.into_inner();
                let mut answer = answered(line, response.header.as_ref());
                response.kv.iter().for_each(|kv| answer.push("kv", pair(kv)));
                Ok(answer)
            }
            _ => {
                let request = LeaderRequest { name: line.bytes("name")?.into() };
                let (wire, id) = (self.clone(), line.id);
                // The stream opens with the first leader, so waiting for it here could take for ever.
                let pump = tokio::spawn(async move {
                    if let Ok(leaders) = client.observe(request).await {
                        wire.pump_leaders(id, leaders.into_inner()).await;
                    }
                });
                self.state.lock().await.calls.insert(id, (super::client_of(line), pump.abort_handle()));
                Ok(ok(line))
            }
        }
    }

    /// The leadership a campaign won; without `leader=` the field stays absent on the wire.
    async fn leader_key(&self, line: &Line) -> Result<Option<LeaderKey>> {
        let Some(campaign) = line.get("leader") else { return Ok(None) };
        Ok(self.state.lock().await.leaders.get(&campaign.parse::<u64>()?).cloned())
    }

    async fn pump_leaders(&self, id: u64, mut leaders: Streaming<LeaderResponse>) {
        while let Ok(Some(response)) = leaders.message().await {
            let mut line = Line::new(id, "event").with("type", "LEADER");
            response.kv.iter().for_each(|kv| line.push("kv", pair(kv)));
            if self.answers.send(line).await.is_err() {
                return;
            }
        }
        let _ = self.answers.send(Line::new(id, "end")).await;
    }
}
