//! `history`: every change of a key that compaction has left. A command of etcdkit, not of etcdctl.

use etcdkit::{Client, Event, EventType, WatchOptions};

use super::output::{Answer, Format, Printer};
use super::session::{Call, Session, failed};
use super::wire;
use crate::console::failure::{Failure, Outcome};
use crate::console::paint::Part;
use crate::console::print_bytes;
use crate::console::quote::hex;
use crate::console::tree::Command;

pub(super) const COMMAND: Command = Command {
    name: "history",
    arguments: "<key>",
    summary: "Shows every change of a key that is still known",
    details: "Shows every change of a key since the last compaction, a line each: revision, PUT or DELETE, value.",
    examples: &["$0 history /config/color"],
    hidden: true,
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let [key] = call.words.as_slice() else {
        return Err(Failure::bad_args("history command needs one key"));
    };
    let key = key.clone();
    let session = call.open()?;
    let client = session.client().await?;
    let now = client.get(key.clone(), None).await.map_err(failed)?;
    let now = now.header().map_or(0, |header| header.revision());
    follow(&session, &client, key, now).await
}

/// Watches from the oldest revision there is until the server says that it has told all up to now.
async fn follow(session: &Session, client: &Client, key: Vec<u8>, now: i64) -> Outcome {
    let mut from = 1;
    loop {
        let options = WatchOptions::new().with_start_revision(from);
        let mut stream = client.watch(key.clone(), Some(options)).await.map_err(failed)?;
        stream.request_progress().await.map_err(failed)?;
        let compacted = loop {
            let Some(answer) = stream.message().await.map_err(failed)? else { return Ok(()) };
            if answer.compact_revision() > 0 {
                break answer.compact_revision();
            }
            if answer.canceled() {
                return Err(Failure::error(answer.cancel_reason()));
            }
            if session.printer.format == Format::Simple {
                let lines: Vec<u8> =
                    answer.events().iter().flat_map(|event| line(event, session.printer)).collect();
                print_bytes(&lines)?;
            } else if !answer.events().is_empty() {
                session.print(&Answer::Watch(&wire::watch(&answer)))?;
            }
            let reached = answer.header().map_or(0, |header| header.revision());
            if !answer.created() && answer.is_progress_notify() && reached >= now {
                return Ok(());
            }
            // While history is being told, the server does not answer such questions.
            if !answer.is_progress_notify() && !answer.created() {
                stream.request_progress().await.map_err(failed)?;
            }
        };
        from = compacted;
    }
}

fn line(event: &Event, printer: Printer) -> Vec<u8> {
    let Some(pair) = event.kv() else { return Vec::new() };
    let paint = printer.look.paint;
    let kind = match event.event_type() {
        EventType::Put => paint.text(Part::Put, "PUT"),
        EventType::Delete => paint.text(Part::Delete, "DELETE"),
    };
    let value = if printer.hex { hex(pair.value()).into_bytes() } else { pair.value().to_vec() };
    let line = [format!("{} {kind} ", pair.mod_revision()).as_bytes(), &value].concat();
    [line.trim_ascii_end(), b"\n"].concat()
}
