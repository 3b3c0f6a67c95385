//! A lock: the front of a line.

use std::sync::Arc;
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::line::{self, Place, absent, line_prefix, pairs, place_key, repeatable, revision, still};
use super::session::Session;
use crate::error::{Error, Result};
use crate::kv::{GetOptions, PutOptions};
use crate::lease::LeaseLost;
use crate::method::{self, Method};
use crate::txn::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse, TxnResponse};

/// Which keys make the lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// The line alone, as `etcdctl lock`, Go's `concurrency` and the lock service use it.
    #[default]
    Reference,
    /// The line, and one plain key which clients use that invented a lock of their own: the owner holds both, so it
    /// excludes those of both kinds. Fencing tokens grow among the members of the line only.
    Bridge {
        /// The plain key. It must not be empty nor start with the lock's name and a slash: taking the lock then fails
        /// with [`Error::InvalidArgs`].
        key: Vec<u8>,
        /// Its value while the lock is held.
        value: Vec<u8>,
    },
}

impl Layout {
    /// A plain key inside the line would be taken for somebody who waits there.
    fn check(&self, prefix: &[u8]) -> Result<()> {
        let Layout::Bridge { key, .. } = self else { return Ok(()) };
        if key.is_empty() {
            return Err(Error::InvalidArgs(
                "the plain key of a lock is empty: give the lock's name".to_owned(),
            ));
        }
        if key.starts_with(prefix) {
            return Err(Error::InvalidArgs(format!(
                "the plain key {:?} is among the keys of the lock's own line: give one that does not start with {:?}",
                String::from_utf8_lossy(key),
                String::from_utf8_lossy(prefix)
            )));
        }
        Ok(())
    }
}

/// A lock shared by all processes that use the same name.
///
/// Dropping the future of a pending `lock` leaves the line. Within one session a second `lock` waits for the first
/// guard like any other process would.
#[derive(Clone, Debug)]
pub struct Mutex {
    session: Session,
    prefix: Vec<u8>,
    layout: Layout,
}

impl Mutex {
    /// The lock `name`, held in the name of a session.
    pub fn new(session: &Session, name: impl AsRef<[u8]>) -> Self {
        Self { session: session.clone(), prefix: line_prefix(name.as_ref()), layout: Layout::Reference }
    }

    /// Chooses the keys that make the lock.
    #[must_use]
    pub fn with_layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// The key of this session in the line, whether or not it exists.
    pub fn key(&self) -> Vec<u8> {
        place_key(&self.prefix, self.session.lease())
    }

    /// Waits for the lock. First come, first served. Fails with [`Error::SessionExpired`] when the session ends.
    pub async fn lock(&self) -> Result<LockGuard> {
        self.layout.check(&self.prefix)?;
        let inside = self.session.place(&self.prefix);
        let inside = self.session.while_alive(async { Ok(inside.lock_owned().await) }).await?;
        let mut attempt = Attempt::start(self, inside);
        let outcome = self.session.while_alive(self.wait_in_line(&mut attempt)).await;
        attempt.decide(outcome).await
    }

    /// Takes the lock if it is free; otherwise fails with [`Error::Locked`].
    pub async fn try_lock(&self) -> Result<LockGuard> {
        self.layout.check(&self.prefix)?;
        let inside = self.session.place(&self.prefix).try_lock_owned().map_err(|_| Error::Locked)?;
        let mut attempt = Attempt::start(self, inside);
        let outcome = self.session.while_alive(self.look_once(&mut attempt)).await;
        attempt.decide(outcome).await
    }

    /// Waits for the lock for at most this long; then fails with [`Error::Locked`].
    pub async fn lock_timeout(&self, limit: Duration) -> Result<LockGuard> {
        match timeout(limit, self.lock()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Locked),
        }
    }

    async fn wait_in_line(&self, attempt: &mut Attempt) -> Result<Owned> {
        let entered = attempt.entered().await?;
        if let Some(owned) = entered.owned {
            return Ok(owned);
        }
        line::reach_front(&self.session, &self.prefix, &entered.place).await?;
        loop {
            match self.take_plain_key(&entered.place).await? {
                Taken::Yes(owned) => return Ok(owned),
                Taken::HeldBy { key, revision } => line::deleted(self.session.core(), &key, revision).await?,
            }
        }
    }

    async fn look_once(&self, attempt: &mut Attempt) -> Result<Owned> {
        let entered = attempt.entered().await?;
        if let Some(owned) = entered.owned {
            return Ok(owned);
        }
        if !entered.at_front {
            return Err(Error::Locked);
        }
        match self.take_plain_key(&entered.place).await? {
            Taken::Yes(owned) => Ok(owned),
            Taken::HeldBy { .. } => Err(Error::Locked),
        }
    }

    /// Enters the line, in one transaction that also takes the lock when nobody is there.
    async fn enter(&self) -> Result<Entered> {
        let response = line::patiently(|| repeatable(self.session.core(), self.entering())).await?;
        match &self.layout {
            Layout::Reference => self.entered(&response, response.succeeded()),
            Layout::Bridge { .. } if response.succeeded() => {
                let rank = revision(&response);
                let place = Place { key: self.key(), rank };
                let owned = Some(Owned { place: place.clone(), plain_rank: rank, revision: rank });
                Ok(Entered { place, at_front: true, owned })
            }
            Layout::Bridge { .. } => match response.op_responses().into_iter().next() {
                Some(TxnOpResponse::Txn(inner)) => {
                    // Answers inside a transaction have its revision in their own header.
                    let fresh = inner.succeeded();
                    let mut entered = self.entered_at(&inner, fresh, revision(&response))?;
                    entered.owned = None;
                    Ok(entered)
                }
                _ => Err(Error::Internal("a transaction was answered without its inner answer".to_owned())),
            },
        }
    }

    fn entering(&self) -> Txn {
        let key = self.key();
        let lease = Some(PutOptions::new().with_lease(self.session.lease()));
        let put = || TxnOp::put(key.clone(), "", lease.clone());
        let front = || line::front(&self.prefix);
        let join = Txn::new()
            .when([absent(&key)])
            .and_then([put(), front()])
            .or_else([TxnOp::get(key.clone(), None), front()]);
        match &self.layout {
            Layout::Reference => join,
            Layout::Bridge { key: plain, value } => {
                let nobody = Compare::create_revision(self.prefix.clone(), CompareOp::Equal, 0).with_prefix();
                let take = TxnOp::put(plain.clone(), value.clone(), lease.clone());
                Txn::new().when([nobody, absent(plain)]).and_then([put(), take]).or_else([TxnOp::txn(join)])
            }
        }
    }

    fn entered(&self, response: &TxnResponse, fresh: bool) -> Result<Entered> {
        self.entered_at(response, fresh, revision(response))
    }

    fn entered_at(&self, response: &TxnResponse, fresh: bool, now: i64) -> Result<Entered> {
        let key = self.key();
        let rank = if fresh {
            now
        } else {
            let own = pairs(response, 0);
            own.first()
                .map(|kv| kv.create_revision())
                .ok_or_else(|| Error::SessionExpired("no place".to_owned()))?
        };
        let place = Place { key, rank };
        let at_front = pairs(response, 1).first().is_none_or(|first| first.create_revision() == rank);
        let owned = at_front.then(|| Owned { place: place.clone(), plain_rank: 0, revision: now });
        Ok(Entered { place, at_front, owned })
    }

    /// At the front of the line: takes the plain key as well, where the layout has one.
    async fn take_plain_key(&self, place: &Place) -> Result<Taken> {
        let Layout::Bridge { key, value } = &self.layout else {
            return Ok(Taken::Yes(Owned { place: place.clone(), plain_rank: 0, revision: place.rank }));
        };
        let lease = self.session.lease();
        let take = Txn::new()
            .when([absent(key), still(&place.key, place.rank)])
            .and_then([TxnOp::put(key.clone(), value.clone(), Some(PutOptions::new().with_lease(lease)))])
            .or_else([TxnOp::get(key.clone(), None), TxnOp::get(place.key.clone(), None)]);
        let response = line::patiently(|| repeatable(self.session.core(), take.clone())).await?;
        let now = revision(&response);
        if response.succeeded() {
            return Ok(Taken::Yes(Owned { place: place.clone(), plain_rank: now, revision: now }));
        }
        if pairs(&response, 1).first().is_none_or(|own| own.create_revision() != place.rank) {
            return Err(Error::SessionExpired("the place in the line is gone".to_owned()));
        }
        match pairs(&response, 0).first() {
            // Ours: the answer to an earlier attempt was lost.
            Some(held) if held.lease() == lease && held.value() == value.as_slice() => {
                let plain_rank = held.create_revision();
                Ok(Taken::Yes(Owned { place: place.clone(), plain_rank, revision: now }))
            }
            _ => Ok(Taken::HeldBy { key: key.clone(), revision: now }),
        }
    }

    /// Leaves the line, whatever stage the attempt had reached.
    async fn leave(&self) -> Result<()> {
        let lease = self.session.lease();
        let ours = |key: &[u8]| Compare::lease(key, CompareOp::Equal, lease);
        let drop_key =
            |key: &[u8]| TxnOp::txn(Txn::new().when([ours(key)]).and_then([TxnOp::delete(key, None)]));
        let mut operations = vec![drop_key(&self.key())];
        if let Layout::Bridge { key, .. } = &self.layout {
            operations.push(drop_key(key));
        }
        repeatable(self.session.core(), Txn::new().and_then(operations)).await?;
        Ok(())
    }
}

struct Entered {
    place: Place,
    at_front: bool,
    owned: Option<Owned>,
}

/// What the owner of the lock holds.
#[derive(Clone, Debug)]
struct Owned {
    place: Place,
    /// Create revision of the plain key; 0 where the layout has none.
    plain_rank: i64,
    revision: i64,
}

enum Taken {
    Yes(Owned),
    HeldBy { key: Vec<u8>, revision: i64 },
}

/// An attempt to get the lock. Unless it succeeds, the line is left again, also when the attempt is dropped midway:
/// the key may be on its way to the server at that moment, so cleaning up first waits for what was started.
struct Attempt {
    mutex: Mutex,
    entering: Option<JoinHandle<Result<Entered>>>,
    /// The session's only place in this line. Travels to the cleaning up, so that the next attempt starts clean.
    inside: Option<OwnedMutexGuard<()>>,
}

impl Attempt {
    fn start(mutex: &Mutex, inside: OwnedMutexGuard<()>) -> Self {
        let task = mutex.clone();
        let entering = mutex.session.runtime().spawn(async move { task.enter().await });
        Self { mutex: mutex.clone(), entering: Some(entering), inside: Some(inside) }
    }

    async fn entered(&mut self) -> Result<Entered> {
        let Some(entering) = self.entering.as_mut() else {
            return Err(Error::Internal("the line was entered twice".to_owned()));
        };
        let outcome = entering.await;
        self.entering = None;
        outcome.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
    }

    async fn decide(mut self, outcome: Result<Owned>) -> Result<LockGuard> {
        match outcome {
            Ok(owned) => {
                let inside = self.inside.take();
                Ok(LockGuard { mutex: self.mutex.clone(), owned, inside, released: false })
            }
            Err(error) => {
                // A session that is gone has taken its keys along.
                if !matches!(error, Error::SessionExpired(_)) && self.mutex.leave().await.is_ok() {
                    self.inside = None;
                }
                Err(error)
            }
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(inside) = self.inside.take() else { return };
        let (mutex, entering) = (self.mutex.clone(), self.entering.take());
        self.mutex.session.runtime().spawn(async move {
            if let Some(entering) = entering {
                // Entering is patient; leaving must not be more so than the session lives.
                let _ = mutex.session.while_alive(async { Ok(entering.await) }).await;
            }
            clean_up(&mutex).await;
            drop(inside);
        });
    }
}

/// Leaves the line in the background, for as long as that can matter.
async fn clean_up(mutex: &Mutex) {
    let leaving = line::patiently(|| mutex.leave());
    if let Err(error) = mutex.session.while_alive(leaving).await {
        tracing::debug!(%error, "a lock attempt could not be withdrawn; it ends with its lease");
    }
}

/// Why a held lock is lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockLost {
    /// The session's lease ended.
    #[error("{0}")]
    Lease(#[from] LeaseLost),
    /// Somebody deleted the key.
    #[error("the key of the lock was deleted")]
    Deleted,
}

/// A held lock. Dropping it releases the lock in the background; [`unlock`](LockGuard::unlock) tells whether it worked.
#[derive(Debug)]
pub struct LockGuard {
    mutex: Mutex,
    owned: Owned,
    inside: Option<OwnedMutexGuard<()>>,
    released: bool,
}

impl LockGuard {
    /// The key that exists as long as the lock is held.
    pub fn key(&self) -> &[u8] {
        &self.owned.place.key
    }

    /// Grows from holder to holder. A resource that remembers the largest one it has seen can turn away a former
    /// holder that does not know yet.
    pub fn fencing_token(&self) -> i64 {
        self.owned.place.rank
    }

    /// Revision of the key space at which the lock was got.
    pub fn revision(&self) -> i64 {
        self.owned.revision
    }

    /// The session that holds the lock.
    pub fn session(&self) -> &Session {
        &self.mutex.session
    }

    /// A condition that lets a transaction succeed only while the lock is held.
    pub fn is_owner(&self) -> Compare {
        still(&self.owned.place.key, self.owned.place.rank)
    }

    /// Asks the server whether the lock is still held.
    pub async fn is_held(&self) -> Result<bool> {
        let held = Txn::new().when(self.keys().map(|(key, rank)| still(&key, rank)).collect::<Vec<_>>());
        Ok(repeatable(self.mutex.session.core(), held).await?.succeeded())
    }

    /// Waits until the lock is lost, and tells why.
    pub async fn lost(&self) -> LockLost {
        tokio::select! {
            reason = self.mutex.session.lost() => LockLost::Lease(reason),
            () = self.key_gone() => LockLost::Deleted,
        }
    }

    async fn key_gone(&self) {
        let core = self.mutex.session.core();
        loop {
            let place = &self.owned.place;
            // An error here proves nothing; the lease decides.
            if let Ok(own) = line::patiently(|| line::get(core, &place.key, GetOptions::new())).await {
                let held = own.kvs().first().is_some_and(|kv| kv.create_revision() == place.rank);
                if !held {
                    return;
                }
                let revision = own.header().map_or(0, |header| header.revision());
                let _ = line::deleted(core, &place.key, revision).await;
            } else {
                return std::future::pending().await;
            }
        }
    }

    /// Releases the lock. Fails with [`Error::SessionExpired`] when it had been lost before.
    pub async fn unlock(mut self) -> Result<()> {
        let held = self.release().await?;
        self.released = true;
        match held {
            true => Ok(()),
            false => Err(Error::SessionExpired("the lock was lost before its release".to_owned())),
        }
    }

    /// Keeps the lock beyond this object, until the session ends. For owners that release by [`Session::close`].
    pub fn forget(mut self) {
        self.released = true;
    }

    /// Releases the lock, and tells whether it was still held. Asking again is harmless.
    pub async fn release(&self) -> Result<bool> {
        let keys: Vec<_> = self.keys().collect();
        match release(&self.mutex, &keys, &method::TXN).await {
            // The attempt whose answer was lost may have released it, so a missing key proves nothing now.
            Err(error) if error.is_passing() => {
                release(&self.mutex, &keys, &method::TXN_READ).await?;
                Ok(true)
            }
            outcome => outcome,
        }
    }

    fn keys(&self) -> impl Iterator<Item = (Vec<u8>, i64)> {
        let plain = match &self.mutex.layout {
            Layout::Reference => None,
            Layout::Bridge { key, .. } => Some((key.clone(), self.owned.plain_rank)),
        };
        std::iter::once((self.owned.place.key.clone(), self.owned.place.rank)).chain(plain)
    }
}

/// Deletes each key that is still the one we made. `true` when the first one was.
async fn release(
    mutex: &Mutex,
    keys: &[(Vec<u8>, i64)],
    method: &Method<pb::TxnRequest, pb::TxnResponse>,
) -> Result<bool> {
    let guarded = |(key, rank): &(Vec<u8>, i64)| {
        let delete = Txn::new().when([still(key, *rank)]).and_then([TxnOp::delete(key.clone(), None)]);
        TxnOp::txn(delete)
    };
    let txn = Txn::new().and_then(keys.iter().map(guarded).collect::<Vec<_>>());
    let response = TxnResponse::from(mutex.session.core().unary(method, txn.into_request()).await?);
    match response.op_responses().first() {
        Some(TxnOpResponse::Txn(first)) => Ok(first.succeeded()),
        _ => Err(Error::Internal("a transaction was answered without its inner answer".to_owned())),
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        let (mutex, keys, inside) = (self.mutex.clone(), self.keys().collect::<Vec<_>>(), self.inside.take());
        self.mutex.session.runtime().spawn(async move {
            let releasing = line::patiently(|| release(&mutex, &keys, &method::TXN_READ));
            if let Err(error) = mutex.session.while_alive(releasing).await {
                tracing::debug!(%error, "a lock could not be released; it ends with its lease");
            }
            drop(inside);
        });
    }
}

/// Keeps the type checker honest about what users rely on.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<LockGuard>();
    shared::<Mutex>();
    shared::<Arc<Session>>();
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str) -> Result<()> {
        Layout::Bridge { key: key.into(), value: Vec::new() }.check(&line_prefix(b"locks/a"))
    }

    #[test]
    fn a_plain_key_may_be_the_name_itself_but_not_a_place_in_the_line() {
        for good in ["locks/a", "locks/ab", "elsewhere"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "locks/a/", "locks/a/694d"] {
            assert!(matches!(check(bad), Err(Error::InvalidArgs(_))), "{bad}");
        }
    }
}
