//! Queues, barriers, and locks for readers and writers.

use std::sync::Arc;

use etcdkit::concurrency::{RwGuard, RwMutex};
use etcdkit::proto::bridge as wire;
use etcdkit::recipes::{Barrier, DoubleBarrier, PriorityQueue, Queue};
use etcdkit_bridge::{BridgeError, Scope};
use futures::FutureExt;
use tokio::sync::Mutex;

use crate::client::ClientObject;
use crate::concurrency::SessionObject;
use crate::methods::Method;
use crate::object::{self, Thing};
use crate::start::{Answer, Call, Work, invalid};

/// A lock for reading or writing that was taken; given back when dropped.
pub(crate) struct RwMutexObject {
    /// `None` once it is given back.
    held: parking_lot::Mutex<Option<RwGuard>>,
}

/// A barrier that was entered.
pub(crate) struct DoubleBarrierObject {
    entered: Mutex<DoubleBarrier>,
}

/// RW_MUTEX_LOCK.
pub(crate) fn lock(call: Call, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let wanted: wire::RwMutexLock = call.message()?;
    let mutex = RwMutex::new(target.session(), wanted.name);
    let scope = scope.child();
    Ok(async move {
        let guard = if wanted.read { mutex.read().await? } else { mutex.write().await? };
        let locked = wire::MutexLocked {
            header: None,
            key: guard.key().to_vec().into(),
            revision: guard.fencing_token(),
        };
        let object = RwMutexObject { held: parking_lot::Mutex::new(Some(guard)) };
        let handle = object::adopt_child(call.target, Thing::RwMutex(Arc::new(object)), scope)?;
        Ok(Answer::made(handle, &locked))
    }
    .boxed())
}

/// RW_MUTEX_UNLOCK.
pub(crate) fn unlock(target: Arc<RwMutexObject>) -> Work {
    async move {
        let guard = target.held.lock().take().ok_or_else(BridgeError::closed)?;
        guard.unlock().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}

/// QUEUE_ENQUEUE.
pub(crate) fn enqueue(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let item: wire::QueueItem = call.message()?;
    let priority = item.priority.map(u16::try_from).transpose();
    let priority = priority.map_err(|_| invalid("QueueItem.priority is above 65535: give less"))?;
    Ok(async move {
        let client = call.timeout.client(&target.client().await?);
        match priority {
            Some(priority) => PriorityQueue::new(&client, item.name).enqueue(item.value, priority).await?,
            None => Queue::new(&client, item.name).enqueue(item.value).await?,
        }
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed())
}

/// QUEUE_DEQUEUE.
pub(crate) fn dequeue(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let wanted: wire::QueueTake = call.message()?;
    Ok(async move {
        let client = target.client().await?;
        let value = match wanted.by_priority {
            true => PriorityQueue::new(&client, wanted.name).dequeue().await?,
            false => Queue::new(&client, wanted.name).dequeue().await?,
        };
        Ok(Answer::of(&wire::QueueTaken { value: value.into() }))
    }
    .boxed())
}

/// BARRIER_HOLD and BARRIER_RELEASE.
pub(crate) fn set_barrier(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let wanted: wire::Barrier = call.message()?;
    Ok(async move {
        let barrier = Barrier::new(&call.timeout.client(&target.client().await?), wanted.key);
        match call.method {
            Method::BarrierHold => barrier.hold().await?,
            _ => barrier.release().await?,
        }
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed())
}

/// BARRIER_WAIT.
pub(crate) fn wait_at_barrier(call: Call, target: Arc<ClientObject>) -> Result<Work, BridgeError> {
    let wanted: wire::Barrier = call.message()?;
    Ok(async move {
        Barrier::new(&target.client().await?, wanted.key).wait().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed())
}

/// DOUBLE_BARRIER_ENTER.
pub(crate) fn enter(call: Call, target: Arc<SessionObject>, scope: &Scope) -> Result<Work, BridgeError> {
    let wanted: wire::DoubleBarrierEnter = call.message()?;
    if wanted.count == 0 {
        return Err(invalid("DoubleBarrierEnter.count is 0: a barrier is for one at least"));
    }
    let mut barrier = DoubleBarrier::new(target.session(), wanted.key, wanted.count as usize);
    let scope = scope.child();
    Ok(async move {
        barrier.enter().await?;
        let object = DoubleBarrierObject { entered: Mutex::new(barrier) };
        let handle = object::adopt_child(call.target, Thing::DoubleBarrier(Arc::new(object)), scope)?;
        Ok(Answer::made(handle, &wire::Empty {}))
    }
    .boxed())
}

/// DOUBLE_BARRIER_LEAVE.
pub(crate) fn leave(target: Arc<DoubleBarrierObject>) -> Work {
    async move {
        target.entered.lock().await.leave().await?;
        Ok(Answer::of(&wire::Empty {}))
    }
    .boxed()
}
