//! Sessions, and the locks and leaderships they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcdkit::concurrency::{
    Election, Layout, Leadership, LockGuard, Mutex, SESSION_TTL, Session, SessionOptions,
};
use etcdkit::proto::bridge as wire;
use etcdkit::proto::{etcdserverpb as pb, v3electionpb};
use etcdkit_bridge::wire::leader as wire_leader;
use etcdkit_bridge::{BridgeError, Scope};
use futures::FutureExt;

use crate::client::ClientObject;
use crate::object::{self, Thing};
use crate::start::{Answer, Call, Work, invalid};

/// What is said of a lock that was given back.
const RELEASED: &str = "the lock was released";

/// An open session.
pub(crate) struct SessionObject {
    session: Session,
}

impl SessionObject {
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }
}

/// A lock that was taken.
pub(crate) struct MutexObject {
    /// `None` once it is given back.
    held: parking_lot::Mutex<Option<Arc<Held>>>,
}

/// A leadership that was won.
pub(crate) struct LeadershipObject {
    leadership: Leadership,
}

struct Held {
    /// `None` only while being dropped.
    guard: Option<LockGuard>,
    released: AtomicBool,
}

impl Held {
    fn guard(&self) -> Result<&LockGuard, BridgeError> {
        self.guard.as_ref().ok_or_else(BridgeError::closed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Any other guard gives its lock back in the background.
        if let Some(guard) = self.guard.take()
            && self.released.load(Ordering::Relaxed)
        {
            guard.forget();
        }
    }
}

/// SESSION_OPEN.
pub(crate) fn open_session(
    call: Call,
    target: Arc<ClientObject>,
    scope: &Scope,
) -> Result<Work, BridgeError> {
    let config: wire::SessionConfig = call.message()?;
    if config.ttl < 0 {
        return Err(invalid(format!(
            "SessionConfig.ttl is {}: give seconds, or 0 for the default",
            config.ttl
        )));
    }
    let scope = scope.child();
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        let mut options = SessionOptions::new();
        if config.lease != 0 {
            let ttl = client.lease_client().keep_alive_once(config.lease).await?.ttl();
            options = options.with_lease(config.lease).with_ttl(ttl);
        } else {
            options = options.with_ttl(if config.ttl == 0 { SESSION_TTL } else { config.ttl });
        }
        let session = Session::new(&client, Some(options)).await?;
        let opened = wire::SessionOpened { lease: session.lease() };
        let object = Thing::Session(Arc::new(SessionObject { session }));
        Ok(Answer::made(object::adopt_child(call.target, object, scope)?, &opened))
    }
    .boxed())
}

/// SESSION_CLOSE.
pub(crate) fn close_session(target: Arc<SessionObject>) -> Work {
    async move {
        target.session.close().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}

/// SESSION_ORPHAN.
pub(crate) fn orphan_session(target: Arc<SessionObject>) -> Work {
    async move {
        target.session.orphan();
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}

/// SESSION_DONE.
pub(crate) fn session_done(target: Arc<SessionObject>) -> Work {
    async move {
        let reason = target.session.lost().await.to_string();
        Ok(Answer::of(&wire::Ended { reason }))
    }
    .boxed()
}

/// MUTEX_LOCK.
pub(crate) fn lock(call: Call, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let wanted: wire::MutexLock = call.message()?;
    let limit = u64::try_from(wanted.timeout_ms)
        .map_err(|_| invalid("MutexLock.timeout_ms is less than 0: give milliseconds, or 0 for no limit"))?;
    let mut mutex = Mutex::new(&target.session, &wanted.name);
    if let Some(wire::PlainKey { key, value }) = wanted.bridge {
        mutex = mutex.with_layout(Layout::Bridge { key: key.into(), value: value.into() });
    }
    let scope = scope.child();
    Ok(async move {
        let guard = match (wanted.try_only, limit) {
            (true, _) => mutex.try_lock().await?,
            (false, 0) => mutex.lock().await?,
            (false, limit) => mutex.lock_timeout(Duration::from_millis(limit)).await?,
        };
        let locked = wire::MutexLocked {
            header: Some(pb::ResponseHeader { revision: guard.revision(), ..Default::default() }),
            key: guard.key().to_vec().into(),
            revision: guard.fencing_token(),
        };
        let held = Held { guard: Some(guard), released: AtomicBool::new(false) };
        let object = MutexObject { held: parking_lot::Mutex::new(Some(Arc::new(held))) };
        let handle = object::adopt_child(call.target, Thing::Mutex(Arc::new(object)), scope)?;
        Ok(Answer::made(handle, &locked))
    }
    .boxed())
}

/// MUTEX_UNLOCK.
pub(crate) fn unlock(target: Arc<MutexObject>) -> Work {
    async move {
        let Some(held) = target.held.lock().take() else {
            return Ok(Answer::of(&wire::MutexHeld { held: false }));
        };
        let was_held = held.guard()?.release().await?;
        held.released.store(true, Ordering::Relaxed);
        Ok(Answer::of(&wire::MutexHeld { held: was_held }))
    }
    .boxed()
}

/// MUTEX_IS_OWNER.
pub(crate) fn is_owner(target: Arc<MutexObject>) -> Work {
    async move {
        let held = target.held.lock().clone();
        let held = match held {
            Some(held) => held.guard()?.is_held().await?,
            None => false,
        };
        Ok(Answer::of(&wire::MutexHeld { held }))
    }
    .boxed()
}

/// MUTEX_LOST.
pub(crate) fn lost(target: Arc<MutexObject>) -> Work {
    async move {
        let held = target.held.lock().clone();
        let reason = match held {
            Some(held) => held.guard()?.lost().await.to_string(),
            None => RELEASED.to_owned(),
        };
        Ok(Answer::of(&wire::Ended { reason }))
    }
    .boxed()
}

/// ELECTION_CAMPAIGN.
pub(crate) fn campaign(call: Call, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let wanted: wire::Campaign = call.message()?;
    let scope = scope.child();
    Ok(async move {
        let election = Election::new(target.session.client(), wanted.name);
        let leadership = election.campaign(&target.session, wanted.value).await?;
        let revision = leadership.fencing_token();
        let won = wire::Leadership {
            header: Some(pb::ResponseHeader { revision, ..Default::default() }),
            key: leadership.key().to_vec().into(),
            revision,
            lease: target.session.lease(),
        };
        let object = Thing::Leadership(Arc::new(LeadershipObject { leadership }));
        Ok(Answer::made(object::adopt_child(call.target, object, scope)?, &won))
    }
    .boxed())
}

/// ELECTION_RESUME.
pub(crate) fn resume(call: Call, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let won: wire::ElectionResume = call.message()?;
    let scope = scope.child();
    Ok(async move {
        let election = Election::new(target.session.client(), won.name);
        let leadership = election.resume(&target.session, won.key, won.revision);
        let object = Thing::Leadership(Arc::new(LeadershipObject { leadership }));
        Ok(Answer::made(object::adopt_child(call.target, object, scope)?, &wire::Empty {}))
    }
    .boxed())
}

/// ELECTION_PROCLAIM.
pub(crate) fn proclaim(call: Call, target: Arc<LeadershipObject>) -> Result<Work, BridgeError> {
    let wanted: wire::Proclaim = call.message()?;
    Ok(async move {
        target.leadership.proclaim(wanted.value).await?;
        Ok(Answer::of(&wire::Header { header: None }))
    }
    .boxed())
}

/// ELECTION_RESIGN.
pub(crate) fn resign(target: Arc<LeadershipObject>) -> Work {
    async move {
        target.leadership.clone().resign().await?;
        Ok(Answer::of(&wire::Header { header: None }))
    }
    .boxed()
}

/// ELECTION_LEADER.
pub(crate) fn leader(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let name = call.message::<v3electionpb::LeaderRequest>()?.name;
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        Ok(Answer::of(&wire_leader(&Election::new(&client, name).leader().await?)))
    }
    .boxed())
}
