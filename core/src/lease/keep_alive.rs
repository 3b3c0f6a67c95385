//! Keeping one lease alive without the user's help, and telling exactly once when that fails.
//!
//! The client's own clock decides: a lease that was last renewed longer than its TTL ago counts as lost even if no
//! server says so, because nobody can know whether its keys still exist. What is told is why.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::LeaseKeepAliveResponse;
use super::keeper::renew;
use crate::core::Core;

/// Renewals within one TTL, as in etcd's Go client: two may fail before the lease is in danger.
const RENEWALS_PER_TTL: u32 = 3;
/// Pause after a failed renewal.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Why a lease is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseLost {
    /// The server does not know the lease: it has expired or been revoked.
    #[error("the lease has expired or been revoked")]
    Gone,
    /// No server could be reached for as long as the lease lives.
    #[error("the lease could not be renewed in time: {0}")]
    Unreachable(String),
    /// The server refuses to renew it.
    #[error("the server refuses to renew the lease: {0}")]
    Refused(String),
}

/// Unread [`KeepAliveEvent`]s of one lease; further ones are dropped, for the next renewal says the same.
const EVENTS_MAX: usize = 16;

/// What happens while a lease is kept alive.
#[derive(Debug)]
#[non_exhaustive]
pub enum KeepAliveEvent {
    /// A renewal is about to be sent.
    Asked,
    /// The server renewed the lease.
    Renewed(LeaseKeepAliveResponse),
    /// A renewal failed; others follow until the lease is lost.
    Failed(String),
}

/// The events of one lease that is kept alive. Reading them is optional: those that nobody reads are dropped.
#[derive(Debug)]
pub struct KeepAliveEvents {
    events: mpsc::Receiver<KeepAliveEvent>,
}

impl KeepAliveEvents {
    /// The next event; `None` once the lease is not kept alive any more.
    pub async fn next(&mut self) -> Option<KeepAliveEvent> {
        self.events.recv().await
    }
}

/// A lease kept alive in the background, until this object is dropped. Dropping it does not revoke the lease.
pub struct KeepAlive {
    id: i64,
    lost: watch::Receiver<Option<LeaseLost>>,
    task: AbortHandle,
}

impl KeepAlive {
    pub(crate) fn start(core: Core, id: i64, ttl: i64) -> Self {
        Self::observed(core, id, ttl).0
    }

    pub(crate) fn observed(core: Core, id: i64, ttl: i64) -> (Self, KeepAliveEvents) {
        let (tell, lost) = watch::channel(None);
        let (happened, events) = mpsc::channel(EVENTS_MAX);
        let task = tokio::spawn(async move {
            let reason = run(&core, id, ttl, &happened).await;
            tell.send_replace(Some(reason));
        });
        (Self { id, lost, task: task.abort_handle() }, KeepAliveEvents { events })
    }

    /// The lease.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Waits until the lease is lost. May be called by several at once.
    pub async fn lost(&self) -> LeaseLost {
        lost(self.lost.clone()).await
    }

    /// Why the lease is lost, or `None` while it lives.
    pub fn is_lost(&self) -> Option<LeaseLost> {
        self.lost.borrow().clone()
    }

    /// Stops renewing. The lease then expires unless somebody else renews it.
    pub fn stop(&self) {
        self.task.abort();
    }

    pub(crate) fn watcher(&self) -> watch::Receiver<Option<LeaseLost>> {
        self.lost.clone()
    }
}

impl Drop for KeepAlive {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeepAlive")
            .field("id", &self.id)
            .field("lost", &*self.lost.borrow())
            .finish_non_exhaustive()
    }
}

/// Waits for the loss. Without anybody keeping the lease alive any more there is no loss to tell.
pub(crate) async fn lost(mut lost: watch::Receiver<Option<LeaseLost>>) -> LeaseLost {
    // The borrowed value must be gone before the next await: futures of this crate can move between threads.
    let found = lost.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    match found {
        Some(reason) => reason,
        None => std::future::pending().await,
    }
}

async fn run(core: &Core, id: i64, ttl: i64, happened: &mpsc::Sender<KeepAliveEvent>) -> LeaseLost {
    // Nobody may be reading, or too slowly.
    let tell = |event| drop(happened.try_send(event));
    let seconds = |ttl: i64| Duration::from_secs(u64::try_from(ttl).unwrap_or(0).max(1));
    let mut ttl = seconds(ttl);
    let mut expires = Instant::now() + ttl;
    let mut cause = "no renewal was answered".to_owned();
    loop {
        let asked = Instant::now();
        tell(KeepAliveEvent::Asked);
        // Dropped at the deadline: a renewal that arrives later proves nothing about the time in between.
        let answer = tokio::select! {
            answer = renew(core, id) => answer,
            () = sleep_until(expires) => return LeaseLost::Unreachable(cause),
        };
        match answer {
            Ok(response) if response.ttl() <= 0 => return LeaseLost::Gone,
            Ok(response) => {
                ttl = seconds(response.ttl());
                expires = asked + ttl;
                tell(KeepAliveEvent::Renewed(response));
                sleep(ttl / RENEWALS_PER_TTL).await;
            }
            Err(error) if error.is_passing() => {
                cause = error.to_string();
                tell(KeepAliveEvent::Failed(cause.clone()));
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => return LeaseLost::Refused(error.to_string()),
        }
    }
}
