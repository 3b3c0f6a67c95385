//! A queue of values in which some come before others.

use super::take_first;
use crate::client::Client;
use crate::error::Result;
use crate::kv::{GetOptions, SortOrder, SortTarget};
use crate::txn::{Compare, CompareOp, Txn, TxnOp};

/// A queue among all processes that use the same name. Its values stand at `name/<priority>/<number>`, both written
/// with leading zeros, so that the order of the keys is the order of the values.
#[derive(Clone, Debug)]
pub struct PriorityQueue {
    client: Client,
    name: Vec<u8>,
}

impl PriorityQueue {
    /// The queue `name`.
    pub fn new(client: &Client, name: impl Into<Vec<u8>>) -> Self {
        Self { client: client.clone(), name: name.into() }
    }

    /// Puts a value in; the smallest priority comes out first, and among equals the oldest.
    pub async fn enqueue(&self, value: impl Into<Vec<u8>>, priority: u16) -> Result<()> {
        let value = value.into();
        let folder = [&*self.name, format!("/{priority:05}").as_bytes()].concat();
        // Changed by everybody who takes a number, so that none is taken twice, not even after its value is gone.
        let counter = [b"__", &*folder].concat();
        let newest =
            GetOptions::new().with_prefix().with_sort(SortTarget::Key, SortOrder::Descend).with_limit(1);
        let prefix = [&*folder, b"/"].concat();
        loop {
            let last = self.client.get(prefix.clone(), Some(newest.clone())).await?;
            let number = last.kvs().first().map_or(0, |kv| number_of(kv.key()) + 1);
            let now = last.header().map_or(0, |header| header.revision());
            let key = [&*prefix, format!("{number:016}").as_bytes()].concat();
            let unchanged = Compare::mod_revision(counter.clone(), CompareOp::Less, now + 1);
            let put = [TxnOp::put(counter.clone(), "", None), TxnOp::put(key, value.clone(), None)];
            if self.client.txn(Txn::new().when([unchanged]).and_then(put)).await?.succeeded() {
                return Ok(());
            }
        }
    }

    /// Takes the first value out, waiting for one if need be; otherwise as [`Queue::dequeue`](super::Queue::dequeue).
    pub async fn dequeue(&self) -> Result<Vec<u8>> {
        let first =
            GetOptions::new().with_prefix().with_sort(SortTarget::Key, SortOrder::Ascend).with_limit(1);
        take_first(&self.client, &[&*self.name, b"/"].concat(), first).await
    }
}

/// The number at the end of a key. What is no number counts as 0.
fn number_of(key: &[u8]) -> u64 {
    let digits = key.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
