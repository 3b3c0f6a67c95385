//! Watch streams, message by message: each `watch` opens a stream of its own, `also` adds a watcher to it.

use anyhow::{Context as _, Result, anyhow};
use etcdkit_proto::etcdserverpb::watch_create_request::FilterType;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use etcdkit_proto::mvccpb::event::EventType;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{WatchStream, Wire, ok};
use crate::line::{Line, hex, pair};

/// Requests waiting to be sent on one stream: a scenario sends a handful.
const STREAM_REQUESTS: usize = 64;

impl Wire {
    pub(super) async fn watch(&self, line: &Line) -> Result<Line> {
        if line.verb == "watch" {
            return self.open_stream(line).await;
        }
        let stream: u64 = line.need("watch")?.parse()?;
        let stream =
            self.state.lock().await.streams.get(&stream).cloned().ok_or_else(|| anyhow!("no such watch"))?;
        let union = match line.verb.as_str() {
            "also" => RequestUnion::CreateRequest(create(line)?),
            "progress" => RequestUnion::ProgressRequest(WatchProgressRequest {}),
            _ => {
                let watch_id = line.get("watch_id").map_or(Ok(stream.watch_id), str::parse)?;
                RequestUnion::CancelRequest(WatchCancelRequest { watch_id })
            }
        };
        send(&stream.requests, union).await?;
        Ok(ok(line))
    }

    async fn open_stream(&self, line: &Line) -> Result<Line> {
        let (requests, receiver) = mpsc::channel(STREAM_REQUESTS);
        send(&requests, RequestUnion::CreateRequest(create(line)?)).await?;
        let mut client = self.watch_client(line).await?;
        let mut responses = client.watch(ReceiverStream::new(receiver)).await?.into_inner();
        let first = responses.message().await?.context("the stream ended at once")?;
        let stream = WatchStream { requests, watch_id: first.watch_id };
        self.state.lock().await.streams.insert(line.id, stream);
        let revision = first.header.as_ref().map_or(0, |header| header.revision);
        let answer = ok(line).with("rev", revision).with("id", first.watch_id);
        let answer =
            answer.with("created", u8::from(first.created)).with("canceled", u8::from(first.canceled));
        let answer = answer
            .with("compact", first.compact_revision)
            .with("reason", hex(first.cancel_reason.as_bytes()));
        let wire = self.clone();
        let id = line.id;
        let pump = tokio::spawn(async move { wire.pump(id, responses).await });
        self.state.lock().await.calls.insert(id, (super::client_of(line), pump.abort_handle()));
        Ok(answer)
    }

    async fn pump(&self, id: u64, mut responses: Streaming<WatchResponse>) {
        let mut batch = 0;
        loop {
            let lines = match responses.message().await {
                Ok(Some(response)) => {
                    batch += 1;
                    lines(id, batch, &response)
                }
                Ok(None) => vec![Line::new(id, "end")],
                Err(status) => {
                    let end = Line::new(id, "end").with("code", format!("{:?}", status.code()));
                    vec![end.with("reason", hex(status.message().as_bytes()))]
                }
            };
            let last = lines.first().is_some_and(|line| line.verb == "end");
            for line in lines {
                if self.answers.send(line).await.is_err() {
                    return;
                }
            }
            if last {
                return;
            }
        }
    }
}

async fn send(requests: &mpsc::Sender<WatchRequest>, union: RequestUnion) -> Result<()> {
    requests
        .send(WatchRequest { request_union: Some(union) })
        .await
        .map_err(|_| anyhow!("the watch stream is closed"))
}

fn create(line: &Line) -> Result<WatchCreateRequest> {
    let filters = [("noput", FilterType::Noput), ("nodelete", FilterType::Nodelete)];
    let filters =
        filters.iter().filter(|(name, _)| line.has(name)).map(|(_, filter)| *filter as i32).collect();
    Ok(WatchCreateRequest {
        key: line.bytes("key")?.into(),
        range_end: line.bytes("end")?.into(),
        start_revision: line.number("from")?,
        progress_notify: line.has("progress"),
        filters,
        prev_kv: line.has("prev"),
        watch_id: line.number("watch_id")?,
        fragment: line.has("fragment"),
    })
}

/// One line an event; a response without events is one line that tells what it is.
fn lines(id: u64, batch: u64, response: &WatchResponse) -> Vec<Line> {
    let revision = response.header.as_ref().map_or(0, |header| header.revision);
    let about = |verb: &str| {
        let line = Line::new(id, verb).with("rev", revision).with("id", response.watch_id);
        line.with("fragment", u8::from(response.fragment))
    };
    if response.created || response.canceled {
        let verb = if response.canceled { "canceled" } else { "created" };
        let line = about(verb)
            .with("created", u8::from(response.created))
            .with("compact", response.compact_revision);
        return vec![line.with("reason", hex(response.cancel_reason.as_bytes()))];
    }
    if response.events.is_empty() {
        return vec![about("progress")];
    }
    let event = |event: &etcdkit_proto::mvccpb::Event| {
        let kind = if event.r#type == EventType::Delete as i32 { "DELETE" } else { "PUT" };
        let mut line = about("event").with("batch", batch).with("type", kind);
        event.kv.iter().for_each(|kv| line.push("kv", pair(kv)));
        event.prev_kv.iter().for_each(|kv| line.push("prev", pair(kv)));
        line
    };
    response.events.iter().map(event).collect()
}
