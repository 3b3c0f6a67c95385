//! Smaller ways of working together, in the key layouts of Go's `experimental/recipes`, so that programs in both take
//! part in the same queues and barriers.

mod barrier;
mod double_barrier;
mod priority_queue;
mod queue;

pub use barrier::Barrier;
pub use double_barrier::DoubleBarrier;
pub use priority_queue::PriorityQueue;
pub use queue::Queue;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::kv::GetOptions;
use crate::response::KeyValue;
use crate::txn::{Compare, CompareOp, Txn, TxnOp};
use crate::watch::{EventType, WatchOptions};

/// Waits until a key of the prefix, or the key itself, changes in this way after the revision, or may have.
async fn changed(
    client: &Client,
    key: &[u8],
    options: WatchOptions,
    after: i64,
    kind: EventType,
) -> Result<()> {
    let mut watch = client.watch(key, Some(options.with_start_revision(after + 1))).await?;
    while let Some(response) = watch.message().await? {
        // A watch that ended, for instance because its revision was compacted, leaves the question open.
        if response.canceled() || response.events().iter().any(|event| event.event_type() == kind) {
            break;
        }
    }
    Ok(())
}

/// Takes the first key that these options select away from everybody else, waiting for one to appear.
async fn take_first(client: &Client, prefix: &[u8], first: GetOptions) -> Result<Vec<u8>> {
    loop {
        let mut found = client.get(prefix, Some(first.clone())).await?;
        let now = found.header().map_or(0, |header| header.revision());
        match found.take_kvs().pop() {
            None => changed(client, prefix, WatchOptions::new().with_prefix(), now, EventType::Put).await?,
            Some(kv) if take(client, &kv).await? => return Ok(kv.value().to_vec()),
            // Somebody else was faster.
            Some(_) => {}
        }
    }
}

async fn take(client: &Client, kv: &KeyValue) -> Result<bool> {
    let unchanged = Compare::mod_revision(kv.key(), CompareOp::Equal, kv.mod_revision());
    let take = Txn::new().when([unchanged]).and_then([TxnOp::delete(kv.key(), None)]);
    Ok(client.txn(take).await?.succeeded())
}

/// Nanoseconds since 1970 and a number that nobody else has: Go's recipes use the time alone, and try again.
fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{}-{:016x}", now.map_or(0, |now| now.as_nanos()), rand::random::<u64>())
}

fn exists_already(key: &[u8]) -> Error {
    let text = format!("{}: key already exists", String::from_utf8_lossy(key));
    Error::GRpcStatus(tonic::Status::already_exists(text))
}
