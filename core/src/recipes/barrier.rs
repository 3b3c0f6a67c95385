//! A barrier: processes wait before it until it is lifted.

use super::{changed, exists_already};
use crate::client::Client;
use crate::error::Result;
use crate::txn::{Compare, CompareOp, Txn, TxnOp};
use crate::watch::{EventType, WatchOptions};

/// A barrier among all processes that use the same key. It is down while the key exists, whoever made it.
#[derive(Clone, Debug)]
pub struct Barrier {
    client: Client,
    key: Vec<u8>,
}

impl Barrier {
    /// The barrier at this key.
    pub fn new(client: &Client, key: impl Into<Vec<u8>>) -> Self {
        Self { client: client.clone(), key: key.into() }
    }

    /// Lets the barrier down. Fails with the code `AlreadyExists` when it is.
    pub async fn hold(&self) -> Result<()> {
        let absent = Compare::create_revision(&*self.key, CompareOp::Equal, 0);
        let hold = Txn::new().when([absent]).and_then([TxnOp::put(&*self.key, "", None)]);
        match self.client.txn(hold).await?.succeeded() {
            true => Ok(()),
            false => Err(exists_already(&self.key)),
        }
    }

    /// Lifts the barrier. No error when it is not down.
    pub async fn release(&self) -> Result<()> {
        self.client.delete(&*self.key, None).await?;
        Ok(())
    }

    /// Waits until the barrier is not down. Dropping the future gives up the wait.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let found = self.client.get(&*self.key, None).await?;
            if found.kvs().is_empty() {
                return Ok(());
            }
            let now = found.header().map_or(0, |header| header.revision());
            changed(&self.client, &self.key, WatchOptions::new(), now, EventType::Delete).await?;
        }
    }
}
