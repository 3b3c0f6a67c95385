//! Watches: one line an event.

use anyhow::{Context as _, Result};
use etcdkit::{EventType, WatchFilterType, WatchOptions, WatchResponse, WatchResponseStream};

use crate::Driver;
use crate::line::{Line, hex, pair};

impl Driver {
    pub(crate) async fn watch(&self, line: &Line) -> Result<Line> {
        if line.verb == "unwatch" {
            let watch = u64::try_from(line.need("watch")?)?;
            let sender = self.objects.lock().await.watches.get(&watch).cloned();
            let (mut sender, id) = sender.context("no such watch")?;
            sender.cancel(id).await?;
            return Ok(line.ok());
        }
        let mut stream = self.client(line).await?.watch(line.bytes("key")?, Some(options(line)?)).await?;
        let first = stream.message().await?.context("the watch ended at once")?;
        let (sender, responses) = stream.split();
        let (driver, id, client) = (self.clone(), line.id, u64::try_from(line.need("client")?)?);
        let mut objects = self.objects.lock().await;
        objects.watches.insert(id, (sender, first.watch_id()));
        let pump = tokio::spawn(async move { driver.pump(id, responses).await });
        objects.tasks.insert(id, (client, pump.abort_handle()));
        Ok(line.answered(first.header()))
    }

    async fn pump(&self, id: u64, mut responses: WatchResponseStream) {
        let mut batch = 0;
        loop {
            match responses.message().await {
                Ok(Some(response)) => {
                    batch += 1;
                    for line in lines(id, batch, &response) {
                        self.tell(line).await;
                    }
                }
                Ok(None) => return self.tell(Line::new(id, "end")).await,
                Err(error) => {
                    let end = Line::new(id, "end").with("code", format!("{:?}", error.code()));
                    return self.tell(end.with("reason", hex(error.message().as_bytes()))).await;
                }
            }
        }
    }
}

fn options(line: &Line) -> Result<WatchOptions> {
    let mut options = WatchOptions::new();
    if line.has("end") {
        options = options.with_range(line.bytes("end")?);
    }
    if let Some(revision) = line.number("from")? {
        options = options.with_start_revision(revision);
    }
    if line.has("prev") {
        options = options.with_prev_key();
    }
    if line.has("fragment") {
        options = options.with_fragment();
    }
    let filters = [("noput", WatchFilterType::NoPut), ("nodelete", WatchFilterType::NoDelete)];
    let filters: Vec<_> =
        filters.into_iter().filter(|(name, _)| line.has(name)).map(|(_, filter)| filter).collect();
    Ok(options.with_filters(filters))
}

fn lines(id: u64, batch: u64, response: &WatchResponse) -> Vec<Line> {
    let revision = response.header().map_or(0, |header| header.revision());
    if response.canceled() {
        let line = Line::new(id, "canceled").with("compact", response.compact_revision());
        return vec![line.with("reason", hex(response.cancel_reason().as_bytes()))];
    }
    let event = |event: &etcdkit::Event| {
        let kind = if event.event_type() == EventType::Delete { "DELETE" } else { "PUT" };
        let mut line = Line::new(id, "event").with("rev", revision).with("batch", batch).with("type", kind);
        if let Some(kv) = event.kv() {
            line = line.with("kv", pair(kv));
        }
        match event.prev_kv() {
            Some(kv) => line.with("prev", pair(kv)),
            None => line,
        }
    };
    response.events().iter().map(event).collect()
}
