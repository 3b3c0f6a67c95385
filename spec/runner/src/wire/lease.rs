//! Lease calls.

use anyhow::{Result, anyhow};
use etcdkit_proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
};

use super::{Wire, answered};
use crate::line::{Line, hex};

impl Wire {
    pub(super) async fn lease(&self, line: &Line) -> Result<Line> {
        let mut client = self.lease_client(line).await?;
        let id = line.number("lease")?;
        match line.verb.as_str() {
            "grant" => {
                let request = LeaseGrantRequest { ttl: line.number("ttl")?, id };
                let response = client.lease_grant(request).await?.into_inner();
                Ok(answered(line, response.header.as_ref())
                    .with("lease", response.id)
                    .with("ttl", response.ttl))
            }
            "revoke" => {
                let response = client.lease_revoke(LeaseRevokeRequest { id }).await?.into_inner();
                Ok(answered(line, response.header.as_ref()))
            }
            "keepalive" => {
                let requests = tokio_stream::iter([LeaseKeepAliveRequest { id }]);
                let mut responses = client.lease_keep_alive(requests).await?.into_inner();
                let response =
                    responses.message().await?.ok_or_else(|| anyhow!("the keep-alive stream ended"))?;
                Ok(answered(line, response.header.as_ref())
                    .with("lease", response.id)
                    .with("ttl", response.ttl))
            }
            "ttl" => {
                let request = LeaseTimeToLiveRequest { id, keys: line.has("keys") };
                let response = client.lease_time_to_live(request).await?.into_inner();
                let mut answer = answered(line, response.header.as_ref());
                answer = answer.with("ttl", response.ttl).with("granted", response.granted_ttl);
                response.keys.iter().for_each(|key| answer.push("key", hex(key)));
                Ok(answer)
            }
            _ => {
                let response = client.lease_leases(LeaseLeasesRequest {}).await?.into_inner();
                let mut answer =
                    answered(line, response.header.as_ref()).with("count", response.leases.len());
                response.leases.iter().for_each(|lease| answer.push("lease", lease.id));
                Ok(answer)
            }
        }
    }
}
