//! `check datascale`: how much memory a server takes for a number of keys.

use std::sync::Arc;

use super::load::{Puts, Workers};
use super::memory::resident_bytes;
use super::{
    AUTO_COMPACT, AUTO_DEFRAG, Load, compact, connect_all, defragment, delete_keys, refuse_used_prefix,
};
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::print;
use crate::console::progress::Progress;
use crate::console::tree::Command;
use crate::ctl::session::{Call, Session, failed};

const LOAD: Flag =
    Flag::text("load", "s: 10,000 keys of 1 KiB; m: 100,000; l: 1,000,000; xl: 3,000,000").or("s");
const PREFIX: Flag = Flag::text("prefix", "where the keys of the check go").or("/etcdctl-check-datascale/");

/// Bytes of a key and its value together, as the announcement tells them.
const PAIR_BYTES: usize = 1024;

pub(super) const COMMAND: Command = Command {
    name: "datascale",
    summary: "Checks how much memory a server takes for a number of keys",
    details: "Writes the keys of --load, compares the memory of the first endpoint before and after, and deletes the keys.",
    examples: &["$0 check datascale --load=m --auto-compact --auto-defrag"],
    flags: &[LOAD, PREFIX, AUTO_COMPACT, AUTO_DEFRAG],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

fn keys_and_clients(load: Load) -> (u64, usize) {
    match load {
        Load::Small => (10_000, 50),
        Load::Medium => (100_000, 200),
        Load::Large => (1_000_000, 500),
        Load::ExtraLarge => (3_000_000, 1000),
    }
}

async fn run(call: Call) -> Outcome {
    let (keys, count) = keys_and_clients(Load::named(&call.values.text(&LOAD))?);
    let prefix = call.values.text(&PREFIX);
    let session = call.open()?;
    let clients = connect_all(&session, count).await?;
    let Some(first) = clients.first() else { return Ok(()) };
    refuse_used_prefix(first, &prefix, &format!("etcdctl del --prefix {prefix}")).await?;
    let endpoint = session.endpoints().into_iter().next().unwrap_or_default();
    let before = memory(&session, &endpoint, "before").await?;

    print(&format!(
        "Start data scale check for work load [{keys} key-value pairs, {PAIR_BYTES} bytes per key-value, {count} concurrent clients].\n"
    ))?;
    let progress = Arc::new(Progress::count("writing keys"));
    progress.set(0, keys);
    let puts = Puts { prefix: prefix.clone(), key_bytes: PAIR_BYTES / 2, value_bytes: PAIR_BYTES / 2 };
    let workers = Workers::start(&clients, &puts, Some(Arc::clone(&progress)));
    for _ in 0..keys {
        workers.put().await;
    }
    let report = workers.finish().await;
    progress.finish();

    let after = memory(&session, &endpoint, "after").await?;
    let revision = delete_keys(first, &prefix).await.map_err(failed)?;
    if session.values.switch(&AUTO_COMPACT) {
        compact(first, revision).await?;
    }
    if session.values.switch(&AUTO_DEFRAG) {
        defragment(&session).await?;
    }
    if !report.errors.is_empty() {
        print(&report.error_lines())?;
        return Err(Failure::silent(Exit::Error));
    }
    let used = (after - before) / (1024.0 * 1024.0);
    print(&format!("PASS: Approximate system memory used : {used:.2} MB.\n"))
}

async fn memory(session: &Session, endpoint: &str, when: &str) -> Outcome<f64> {
    match resident_bytes(session, endpoint).await {
        Ok(bytes) => Ok(bytes),
        Err(why) => {
            print(&format!(
                "{why}\nFAIL: Could not read process_resident_memory_bytes {when} the put operations.\n"
            ))?;
            Err(Failure::silent(Exit::Error))
        }
    }
}
