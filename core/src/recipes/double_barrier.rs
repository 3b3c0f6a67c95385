//! A barrier that a number of processes enter together and leave together.

use super::{changed, unique};
use crate::client::Client;
use crate::concurrency::Session;
use crate::error::{Error, Result};
use crate::kv::{GetOptions, GetResponse, PutOptions};
use crate::response::KeyValue;
use crate::watch::{EventType, WatchOptions};

/// A barrier among `count` processes. Each stands at `key/waiters/…` under the lease of its session, so that one that
/// dies does not hold up the others' leaving; `key/ready` says that all have come.
#[derive(Debug)]
pub struct DoubleBarrier {
    session: Session,
    key: Vec<u8>,
    count: usize,
    own: Option<Vec<u8>>,
}

impl DoubleBarrier {
    /// The barrier at this key, for `count` processes.
    pub fn new(session: &Session, key: impl Into<Vec<u8>>, count: usize) -> Self {
        Self { session: session.clone(), key: key.into(), count, own: None }
    }

    /// Waits until `count` processes have entered. Fails with the code `ResourceExhausted` when so many had already.
    pub async fn enter(&mut self) -> Result<()> {
        let own = [&*self.waiters_prefix(), unique().as_bytes()].concat();
        let options = PutOptions::new().with_lease(self.session.lease());
        let put = self.client().put(own.clone(), "", Some(options)).await?;
        let entered = put.header().map_or(0, |header| header.revision());
        self.own = Some(own);
        let come = self.waiters().await?.count() as usize;
        if come > self.count {
            self.withdraw().await?;
            let text = format!("too many clients: the barrier is for {}", self.count);
            return Err(Error::GRpcStatus(tonic::Status::resource_exhausted(text)));
        }
        let ready = self.ready();
        if come == self.count {
            self.client().put(ready, "", None).await?;
            return Ok(());
        }
        loop {
            // Not the events alone: a watch that ended leaves the question open.
            changed(self.client(), &ready, WatchOptions::new(), entered, EventType::Put).await?;
            if self.client().get(ready.clone(), None).await?.count() > 0 {
                return Ok(());
            }
        }
    }

    /// Waits until all who have entered want to leave.
    pub async fn leave(&mut self) -> Result<()> {
        loop {
            let inside = self.waiters().await?;
            let by_age = |kv: &&KeyValue| kv.create_revision();
            let (Some(first), Some(last)) =
                (inside.kvs().iter().min_by_key(by_age), inside.kvs().iter().max_by_key(by_age))
            else {
                return Ok(());
            };
            let now = inside.header().map_or(0, |header| header.revision());
            let is_first = self.own.as_deref() == Some(first.key());
            if is_first && inside.kvs().len() == 1 {
                self.client().delete(self.ready(), None).await?;
                return self.withdraw().await;
            }
            // The first waits for the last and the others for the first, so that each change wakes few.
            let awaited = if is_first { last } else { first };
            self.withdraw_unless(is_first).await?;
            changed(self.client(), awaited.key(), WatchOptions::new(), now, EventType::Delete).await?;
        }
    }

    async fn withdraw_unless(&mut self, stays: bool) -> Result<()> {
        if stays { Ok(()) } else { self.withdraw().await }
    }

    async fn withdraw(&mut self) -> Result<()> {
        if let Some(own) = self.own.clone() {
            self.client().delete(own, None).await?;
            self.own = None;
        }
        Ok(())
    }

    async fn waiters(&self) -> Result<GetResponse> {
        self.client().get(self.waiters_prefix(), Some(GetOptions::new().with_prefix())).await
    }

    fn waiters_prefix(&self) -> Vec<u8> {
        [&*self.key, b"/waiters/"].concat()
    }

    fn ready(&self) -> Vec<u8> {
        [&*self.key, b"/ready"].concat()
    }

    fn client(&self) -> &Client {
        self.session.client()
    }
}
