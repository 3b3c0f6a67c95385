//! Leases.

use anyhow::{Context as _, Result};
use etcdkit::{Client, LeaseGrantOptions, LeaseTimeToLiveOptions};

use crate::line::{Line, hex};

pub(crate) async fn perform(client: &Client, line: &Line) -> Result<Line> {
    match line.verb.as_str() {
        "grant" => {
            let options = line.number("lease")?.map(|id| LeaseGrantOptions::new().with_id(id));
            let response = client.lease_grant(line.need("ttl")?, options).await?;
            let answer = line.answered(response.header());
            Ok(answer.with("lease", response.id()).with("ttl", response.ttl()))
        }
        "revoke" => Ok(line.answered(client.lease_revoke(line.need("lease")?).await?.header())),
        "keepalive" => {
            let (mut keeper, mut answers) = client.lease_keep_alive(line.need("lease")?).await?;
            keeper.keep_alive().await?;
            let response = answers.message().await?.context("the keep-alive stream ended")?;
            let answer = line.answered(response.header());
            Ok(answer.with("lease", response.id()).with("ttl", response.ttl()))
        }
        "ttl" => {
            let options = line.has("keys").then(|| LeaseTimeToLiveOptions::new().with_keys());
            let response = client.lease_time_to_live(line.need("lease")?, options).await?;
            let answer = line.answered(response.header());
            let answer = answer.with("ttl", response.ttl()).with("granted", response.granted_ttl());
            Ok(response.keys().iter().fold(answer, |answer, key| answer.with("key", hex(key))))
        }
        _ => {
            let response = client.leases().await?;
            let answer = line.answered(response.header()).with("count", response.leases().len());
            Ok(response.leases().iter().fold(answer, |answer, lease| answer.with("lease", lease.id())))
        }
    }
}
