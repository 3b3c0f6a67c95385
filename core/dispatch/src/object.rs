//! The objects that a language holds by handle, and the tree they form.

use std::collections::HashSet;
use std::sync::Arc;

use etcdkit_bridge::{BridgeError, Scope, objects, objects_if_used};
use parking_lot::Mutex;

use crate::client::ClientObject;
use crate::concurrency::{LeadershipObject, MutexObject, SessionObject};
use crate::queue::Queue;
use crate::recipes::{DoubleBarrierObject, RwMutexObject};
use crate::server::ServerObject;
use crate::stream::StreamObject;

/// One object.
pub(crate) struct Object {
    pub(crate) thing: Thing,
    /// What the calls on the object belong to.
    pub(crate) scope: Scope,
    parent: Option<u64>,
    /// `None` once the object is closed: it takes no more children.
    children: Mutex<Option<HashSet<u64>>>,
}

/// What an object is.
#[derive(Clone)]
pub(crate) enum Thing {
    Client(Arc<ClientObject>),
    Stream(Arc<StreamObject>),
    Session(Arc<SessionObject>),
    Mutex(Arc<MutexObject>),
    RwMutex(Arc<RwMutexObject>),
    DoubleBarrier(Arc<DoubleBarrierObject>),
    Leadership(Arc<LeadershipObject>),
    Server(Arc<ServerObject>),
    Queue(Arc<Queue>),
}

impl Thing {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Thing::Client(_) => "client",
            Thing::Stream(_) => "stream",
            Thing::Session(_) => "session",
            Thing::Mutex(_) => "mutex",
            Thing::RwMutex(_) => "rw_mutex",
            Thing::DoubleBarrier(_) => "double_barrier",
            Thing::Leadership(_) => "leadership",
            Thing::Server(_) => "server",
            Thing::Queue(_) => "queue",
        }
    }

    fn close(&self) {
        match self {
            Thing::Stream(stream) => stream.close(),
            Thing::Server(server) => server.close(),
            Thing::Queue(queue) => queue.close(),
            // These end when they are dropped.
            Thing::Client(_)
            | Thing::Session(_)
            | Thing::Mutex(_)
            | Thing::RwMutex(_)
            | Thing::DoubleBarrier(_)
            | Thing::Leadership(_) => {}
        }
    }
}

/// The object with this handle.
pub(crate) fn get(handle: u64) -> Result<Arc<Object>, BridgeError> {
    let object = objects()?.get(handle)?;
    object.downcast::<Object>().map_err(|_| BridgeError::internal("the handle is of another library"))
}

/// Takes an object in that belongs to no other.
pub(crate) fn adopt(thing: Thing, scope: Scope) -> Result<u64, BridgeError> {
    insert(thing, scope, None)
}

/// Takes an object in that is closed with its parent. Fails when the parent has been closed meanwhile.
pub(crate) fn adopt_child(parent: u64, thing: Thing, scope: Scope) -> Result<u64, BridgeError> {
    let above = get(parent)?;
    let mut children = above.children.lock();
    let Some(children) = children.as_mut() else { return Err(BridgeError::closed()) };
    let handle = insert(thing, scope, Some(parent))?;
    children.insert(handle);
    Ok(handle)
}

fn insert(thing: Thing, scope: Scope, parent: Option<u64>) -> Result<u64, BridgeError> {
    objects()?.insert(Arc::new(Object { thing, scope, parent, children: Mutex::new(Some(HashSet::new())) }))
}

/// Closes an object and all below it: their calls complete with [`Kind::Closed`](etcdkit_bridge::Kind::Closed), and
/// what they hold is given back. Closing again, or closing what never was, does nothing. Never waits for a server.
pub fn close(handle: u64) {
    let Some(objects) = objects_if_used() else { return };
    // What is let go of may clean up in the background, which needs the runtime.
    let Ok(_runtime) = etcdkit_bridge::enter() else { return };
    let mut open = vec![handle];
    while let Some(handle) = open.pop() {
        if let Ok(object) = get(handle)
            && let Thing::Queue(queue) = &object.thing
        {
            queue.close();
            if queue.is_lent() {
                // The reader closes it for good when it asks again and is told the end.
                continue;
            }
        }
        let Some(object) = objects.remove(handle).and_then(|object| object.downcast::<Object>().ok()) else {
            continue;
        };
        object.scope.close();
        if let Some(parent) = object.parent
            && let Ok(parent) = get(parent)
            && let Some(siblings) = parent.children.lock().as_mut()
        {
            siblings.remove(&handle);
        }
        open.extend(object.children.lock().take().into_iter().flatten());
        object.thing.close();
    }
}

/// Closes what the results of calls that nobody will read have made.
pub fn close_all(handles: impl IntoIterator<Item = u64>) {
    handles.into_iter().filter(|handle| *handle != 0).for_each(close);
}
