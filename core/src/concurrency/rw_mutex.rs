//! A lock that many may hold for reading or one for writing, in the order of their asking.
//!
//! Readers stand at `name/read/…`, writers at `name/write/…`: the keys of Go's `recipes.RWMutex`. A reader waits for
//! the writers before it, a writer for everybody before it. Go's recipe looks for `name/write` and `name` without the
//! closing slash, and so waits for locks whose names begin alike (etcd-io/etcd#16221); this one does not.

use tokio::task::JoinHandle;

use super::line::{self, Place, absent, line_prefix, pairs, repeatable, revision, still};
use super::session::Session;
use crate::error::{Error, Result};
use crate::kv::PutOptions;
use crate::txn::{Compare, Txn, TxnOp};

/// A readers-writer lock among all processes that use the same name.
#[derive(Clone, Debug)]
pub struct RwMutex {
    session: Session,
    name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Read,
    Write,
}

impl RwMutex {
    /// The lock `name`. Guards of one session exclude each other like those of different sessions.
    pub fn new(session: &Session, name: impl Into<Vec<u8>>) -> Self {
        Self { session: session.clone(), name: name.into() }
    }

    /// Waits until no writer that came before is left. Fails with [`Error::SessionExpired`] when the session ends.
    /// Dropping the future gives the place in the line up.
    pub async fn read(&self) -> Result<RwGuard> {
        self.lock(Side::Read).await
    }

    /// Waits until nobody who came before is left; otherwise as [`read`](Self::read).
    pub async fn write(&self) -> Result<RwGuard> {
        self.lock(Side::Write).await
    }

    fn folder(&self, side: Side) -> Vec<u8> {
        let folder: &[u8] = match side {
            Side::Read => b"read/",
            Side::Write => b"write/",
        };
        [&line_prefix(&self.name), folder].concat()
    }

    async fn lock(&self, side: Side) -> Result<RwGuard> {
        let session = &self.session;
        let mut key = self.folder(side);
        // Unlike the places of a mutex a session may have many here, so the lease does not name them.
        key.extend(format!("{:x}-{:016x}", session.lease(), rand::random::<u64>()).bytes());
        let entering = session.runtime().spawn(enter(session.clone(), key.clone()));
        // Dropped before the lock is held, the guard leaves the line; its rank is not needed for that.
        let place = Place { key, rank: 0 };
        let mut guard =
            RwGuard { session: session.clone(), place, entering: Some(entering), released: false };
        guard.entered().await?;
        let before = match side {
            Side::Read => self.folder(Side::Write),
            Side::Write => line_prefix(&self.name),
        };
        session.while_alive(line::reach_front(session, &before, &guard.place)).await?;
        Ok(guard)
    }
}

/// Puts the key in line and gives its rank.
async fn enter(session: Session, key: Vec<u8>) -> Result<i64> {
    let put = TxnOp::put(&*key, "", Some(PutOptions::new().with_lease(session.lease())));
    let enter = Txn::new().when([absent(&key)]).and_then([put]).or_else([TxnOp::get(key, None)]);
    let entering = line::patiently(|| repeatable(session.core(), enter.clone()));
    let response = session.while_alive(entering).await?;
    if response.succeeded() {
        return Ok(revision(&response));
    }
    // The name is random, so a key that exists is ours: the answer to an earlier attempt was lost.
    match pairs(&response, 0).first() {
        Some(own) => Ok(own.create_revision()),
        None => Err(Error::SessionExpired("the place in the line is gone".to_owned())),
    }
}

/// A lock held for reading or for writing. Dropping it releases it in the background; [`unlock`](Self::unlock) tells
/// whether that worked.
#[derive(Debug)]
pub struct RwGuard {
    session: Session,
    place: Place,
    /// The key may be on its way to the server: leaving the line waits for that.
    entering: Option<JoinHandle<Result<i64>>>,
    released: bool,
}

impl RwGuard {
    async fn entered(&mut self) -> Result<()> {
        if let Some(entering) = self.entering.as_mut() {
            let outcome = entering.await;
            self.entering = None;
            self.place.rank = outcome.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))?;
        }
        Ok(())
    }

    /// The key that exists as long as the lock is held.
    pub fn key(&self) -> &[u8] {
        &self.place.key
    }

    /// Grows from holder to holder; see [`LockGuard::fencing_token`](super::LockGuard::fencing_token).
    pub fn fencing_token(&self) -> i64 {
        self.place.rank
    }

    /// A condition that lets a transaction succeed only while the lock is held.
    pub fn is_owner(&self) -> Compare {
        still(&self.place.key, self.place.rank)
    }

    /// Releases the lock. Fails with [`Error::SessionExpired`] when it had been lost before.
    pub async fn unlock(mut self) -> Result<()> {
        let leave = leave(&self.place.key);
        let outcome = repeatable(self.session.core(), leave).await?;
        self.released = true;
        match outcome.succeeded() {
            true => Ok(()),
            false => Err(Error::SessionExpired("the lock was lost before its release".to_owned())),
        }
    }
}

/// Deletes the key, which nobody else ever makes.
fn leave(key: &[u8]) -> Txn {
    let exists = Compare::create_revision(key, crate::CompareOp::Greater, 0);
    Txn::new().when([exists]).and_then([TxnOp::delete(key, None)])
}

impl Drop for RwGuard {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        let (session, leave, entering) = (self.session.clone(), leave(&self.place.key), self.entering.take());
        self.session.runtime().spawn(async move {
            if let Some(entering) = entering {
                // Its outcome does not matter: what it put is taken away.
                let _ = entering.await;
            }
            let leaving = line::patiently(|| repeatable(session.core(), leave.clone()));
            if let Err(error) = session.while_alive(leaving).await {
                tracing::debug!(%error, "a lock could not be released; it ends with its lease");
            }
        });
    }
}
