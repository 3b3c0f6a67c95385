//! A queue of values: what was put in first comes out first, to one taker each.

use super::{take_first, unique};
use crate::client::Client;
use crate::error::Result;
use crate::kv::{GetOptions, SortOrder, SortTarget};

/// A queue among all processes that use the same name. Its values stand at `name/…`.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    prefix: Vec<u8>,
}

impl Queue {
    /// The queue `name`.
    pub fn new(client: &Client, name: impl Into<Vec<u8>>) -> Self {
        let mut prefix = name.into();
        prefix.push(b'/');
        Self { client: client.clone(), prefix }
    }

    /// Puts a value in. An error with an unknown outcome leaves open whether it is in.
    pub async fn enqueue(&self, value: impl Into<Vec<u8>>) -> Result<()> {
        let key = [&*self.prefix, unique().as_bytes()].concat();
        self.client.put(key, value, None).await?;
        Ok(())
    }

    /// Takes the oldest value out, waiting for one if need be. Dropping the future gives up the wait. An error with
    /// an unknown outcome leaves open whether a value has been taken.
    pub async fn dequeue(&self) -> Result<Vec<u8>> {
        let oldest =
            GetOptions::new().with_prefix().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1);
        take_first(&self.client, &self.prefix, oldest).await
    }
}
