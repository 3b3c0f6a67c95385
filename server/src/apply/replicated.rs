//! What members agree on, as it is held in memory: read from the records of a backend, changed by the applier.

use std::sync::Arc;
use std::time::Duration;

use crate::alarm::Alarms;
use crate::auth::AuthStore;
use crate::backend::{Backend, BackendError};
use crate::cluster::ClusterState;
use crate::lease::Lessor;
use crate::mvcc::{MvccError, Store};

/// All replicated state of one backend. Clones share it.
#[derive(Clone)]
pub struct Replicated {
    /// Keys, with the leases they are attached to.
    pub store: Store,
    /// Leases.
    pub lessor: Arc<Lessor>,
    /// Users, roles and tokens.
    pub auth: Arc<AuthStore>,
    /// Alarms.
    pub alarms: Arc<Alarms>,
    /// Members.
    pub cluster: Arc<ClusterState>,
}

/// Why stored state cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The storage engine failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] MvccError),
    /// The leases cannot be read.
    #[error(transparent)]
    Leases(#[from] crate::lease::OpenError),
    /// The users cannot be read.
    #[error(transparent)]
    Auth(#[from] crate::auth::OpenError),
}

impl Replicated {
    /// Reads what the backend holds; tokens that it hands out live for `token_ttl` after their last use.
    ///
    /// # Errors
    /// What does not read back.
    pub fn open(backend: &Backend, token_ttl: Duration) -> Result<Self, OpenError> {
        let lessor = Arc::new(Lessor::open(backend)?);
        let store = Store::open(backend.clone(), |lease, key| lessor.attach(lease, key))?;
        let token_ttl_ms = u64::try_from(token_ttl.as_millis()).unwrap_or(u64::MAX);
        let auth = Arc::new(AuthStore::open(backend, token_ttl_ms)?);
        let alarms = Arc::new(Alarms::open(backend)?);
        let cluster = Arc::new(ClusterState::open(backend)?);
        Ok(Replicated { store, lessor, auth, alarms, cluster })
    }
}
