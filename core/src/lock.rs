//! The lock service: locks held by the server on behalf of the caller.
//!
//! [`concurrency::Mutex`](crate::concurrency::Mutex) does the same from the client, with a lease that is kept alive
//! and a fencing token; the keys are the same, so both exclude each other.

use etcdkit_proto::v3lockpb as pb;

use crate::core::Core;
use crate::error::Result;
use crate::method;
use crate::response::response;

/// Client of the lock service.
#[derive(Clone)]
pub struct LockClient {
    core: Core,
}

impl LockClient {
    pub(crate) fn new(core: Core) -> Self {
        // Waiting for a lock takes as long as its holder holds it.
        Self { core: core.with_timeout(None) }
    }

    /// Waits for a lock. Without a lease of the caller's the server makes one of 60 s that nobody keeps alive.
    pub async fn lock(&self, name: impl Into<Vec<u8>>, options: Option<LockOptions>) -> Result<LockResponse> {
        let lease = options.unwrap_or_default().lease;
        let request = pb::LockRequest { name: name.into().into(), lease };
        Ok(self.core.unary(&method::LOCK, request).await?.into())
    }

    /// Releases a lock, given the key that `lock` returned.
    pub async fn unlock(&self, key: impl Into<Vec<u8>>) -> Result<UnlockResponse> {
        let core = self.core.with_timeout(Some(self.core.options().timeout));
        let request = pb::UnlockRequest { key: key.into().into() };
        Ok(core.unary(&method::UNLOCK, request).await?.into())
    }
}

/// Options of `lock`.
#[derive(Clone, Debug, Default)]
pub struct LockOptions {
    lease: i64,
}

impl LockOptions {
    /// A lease of the server's.
    pub const fn new() -> Self {
        Self { lease: 0 }
    }

    /// Holds the lock as long as this lease lives.
    #[must_use]
    pub const fn with_lease(mut self, lease: i64) -> Self {
        self.lease = lease;
        self
    }
}

response! {
    /// Answer to `lock`.
    LockResponse(pb::LockResponse)
}

impl LockResponse {
    /// The key that exists as long as the lock is held.
    pub fn key(&self) -> &[u8] {
        &self.message.key
    }
}

response! {
    /// Answer to `unlock`.
    UnlockResponse(pb::UnlockResponse)
}
