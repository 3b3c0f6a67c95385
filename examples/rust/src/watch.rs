//! Watching a prefix while it is written, and from an older revision.

use anyhow::{Context as _, Result};
use etcdkit::{Client, Event, EventType, GetOptions, WatchOptions, WatchStream};

pub(crate) async fn prefix(client: &Client) -> Result<String> {
    let mut watch = client.watch("stock", Some(WatchOptions::new().with_prefix())).await?;
    client.put("stock1", "10", None).await?;
    client.put("stock2", "20", None).await?;
    client.delete("stock1", None).await?;
    next(&mut watch, 3).await
}

pub(crate) async fn history(client: &Client) -> Result<String> {
    let first = client.put("tour-history", "1", None).await?;
    let revision = first.header().context("a put answers with its revision")?.revision();
    client.put("tour-history", "2", None).await?;
    let options = WatchOptions::new().with_start_revision(revision);
    next(&mut client.watch("tour-history", Some(options)).await?, 2).await
}

/// Loads a configuration, then hears of its changes without missing one in between.
pub(crate) async fn configuration(client: &Client) -> Result<String> {
    client.put("/config/timeout", "30", None).await?;
    client.put("/config/retries", "3", None).await?;
    let response = client.get("/config/", Some(GetOptions::new().with_prefix())).await?;
    let mut loaded = Vec::new();
    for kv in response.kvs() {
        loaded.push(format!("{}={}", kv.key_str()?.trim_start_matches("/config/"), kv.value_str()?));
    }
    let revision = response.header().context("a range answers with a revision")?.revision();
    let options = WatchOptions::new().with_prefix().with_start_revision(revision + 1);
    let mut watch = client.watch("/config/", Some(options)).await?;
    client.put("/config/timeout", "60", None).await?;
    Ok(format!("loaded {}; {}", loaded.join(" "), next(&mut watch, 1).await?))
}

async fn next(watch: &mut WatchStream, count: usize) -> Result<String> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let response = watch.message().await?.context("the watch goes on")?;
        for event in response.events() {
            seen.push(describe(event)?);
        }
    }
    Ok(seen.join(", "))
}

pub(crate) fn describe(event: &Event) -> Result<String> {
    let kv = event.kv().context("an event has a key")?;
    Ok(match event.event_type() {
        EventType::Put => format!("PUT {}={}", kv.key_str()?, kv.value_str()?),
        EventType::Delete => format!("DELETE {}", kv.key_str()?),
    })
}
