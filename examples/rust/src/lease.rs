//! Leases, and what to do when one expires.

use anyhow::{Context as _, Result};
use etcdkit::{Client, EventType, GetOptions, LeaseTimeToLiveOptions, PutOptions};

use crate::watch::describe;

pub(crate) async fn lease(client: &Client) -> Result<String> {
    let lease = client.lease_grant(120, None).await?.id();
    client.put("/lskey/key1", "will be delete", Some(PutOptions::new().with_lease(lease))).await?;
    let info = client.lease_time_to_live(lease, Some(LeaseTimeToLiveOptions::new().with_keys())).await?;
    let keys = info.keys().iter().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>().join(" ");
    let (mut keeper, mut answers) = client.lease_keep_alive(lease).await?;
    keeper.keep_alive().await?;
    let kept = answers.message().await?.context("a keep-alive is answered")?.ttl();
    client.lease_revoke(lease).await?;
    let left = client.get("/lskey/key1", Some(GetOptions::new().with_count_only())).await?.count();
    Ok(format!(
        "granted {}s, keys {keys}, kept alive for {kept}s, keys left after revoke: {left}",
        info.granted_ttl()
    ))
}

/// A watcher sees the key of an expired lease go, and registers it again under a new lease.
pub(crate) async fn expiry(client: &Client) -> Result<String> {
    let key = "/service/worker";
    let mut watch = client.watch(key, None).await?;
    let register = async |value, ttl| {
        let lease = client.lease_grant(ttl, None).await?.id();
        client.put(key, value, Some(PutOptions::new().with_lease(lease))).await?;
        anyhow::Ok(())
    };
    register("first life", 2).await?;
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let response = watch.message().await?.context("the watch goes on")?;
        for event in response.events() {
            seen.push(describe(event)?);
            if event.event_type() == EventType::Delete {
                register("second life", 60).await?;
            }
        }
    }
    Ok(seen.join(", "))
}
