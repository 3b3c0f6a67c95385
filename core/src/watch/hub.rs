//! All watches of a client over one gRPC stream, kept alive across broken connections.
//!
//! The state is a table of watches behind a lock. Users change the table and wake the task; the task owns the stream,
//! sends what the table asks for and files what arrives. After a disconnect every watch is created again at the
//! revision after the last one delivered, so nothing is lost or repeated:
//!
//! | the watch has seen | it goes on at |
//! |---|---|
//! | events up to revision 7 | 8 |
//! | no event, a progress notice at revision 9 | 10 |
//! | no event, created at store revision 5 | 6 |
//! | nothing, start revision 3 asked for | 3 |

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use parking_lot::Mutex;
use pb::watch_request::RequestUnion;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::buffer::{Buffer, Pushed};
use super::{Event, WatchResponse};
use crate::core::Core;
use crate::endpoint::Slot;
use crate::error::{Error, Result, watch_reason};
use crate::method;
use crate::response::ResponseHeader;
use crate::retry::{self, Verdict};

/// Requests on their way to the server; what does not fit waits in the table.
const REQUESTS_MAX: usize = 64;
/// How long the server may take to answer a creation before the connection is given up.
const CREATE_TIMEOUT: Duration = Duration::from_secs(5);
/// A progress request is asked again this long after no answer: etcd drops it while any watch is behind.
const PROGRESS_RETRY: Duration = Duration::from_millis(500);
/// Watches one client may have, so that a leak shows as an error and not as memory.
const WATCHES_MAX: usize = 1 << 20;

/// One user stream: its buffer and the ids of its watches.
#[derive(Default)]
pub(super) struct Subscription {
    pub(super) buffer: Buffer,
    ids: Mutex<Ids>,
    paused: AtomicBool,
}

#[derive(Default)]
struct Ids {
    /// Watch id as the user sees it, to the key in the hub's table.
    keys: HashMap<i64, u64>,
    next: i64,
    progress_wanted: bool,
}

/// The table of watches and the task that serves it.
#[derive(Default)]
pub(crate) struct WatchHub {
    table: Mutex<Table>,
    wake: Notify,
}

#[derive(Default)]
struct Table {
    watches: BTreeMap<u64, Watch>,
    next_key: u64,
    /// Watches to create, in order.
    to_create: VecDeque<u64>,
    /// The creation whose answer is outstanding. One at a time, because a refused creation carries no id.
    creating: Option<(u64, Instant)>,
    by_server_id: HashMap<i64, u64>,
    to_cancel: VecDeque<i64>,
    progress: Vec<Arc<Subscription>>,
    progress_asked: Option<Instant>,
    /// Number of the task that serves the table.
    running: Option<u64>,
    tasks: u64,
    last_failure: Option<Status>,
}

struct Watch {
    subscription: Arc<Subscription>,
    id: i64,
    request: pb::WatchCreateRequest,
    /// First revision not delivered yet; 0 while the server has not told where "now" is.
    next_revision: i64,
    phase: Phase,
    /// Told when the first creation is decided.
    created: Option<oneshot::Sender<Result<()>>>,
    announced: bool,
    fragments: Vec<Event>,
    logins: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Live(i64),
    /// Live, and the user wants it to end.
    Ending(i64),
    /// The reader is behind; the server does not know of the watch.
    Paused,
}

/// What the stream's task does next.
enum Next {
    Send(pb::WatchRequest),
    Idle(Option<Instant>),
    Reconnect,
    Finished,
}

/// Why a connection ended.
enum End {
    Finished,
    /// No stream was needed for a while.
    Rested,
    Lost(Status),
    Login,
}

impl WatchHub {
    /// Adds a watch and tells when it exists.
    pub(super) fn add(
        self: &Arc<Self>,
        core: &Core,
        subscription: &Arc<Subscription>,
        request: pb::WatchCreateRequest,
    ) -> Result<oneshot::Receiver<Result<()>>> {
        let (told, created) = oneshot::channel();
        self.insert(core, subscription, request, Some(told))?;
        Ok(created)
    }

    /// Adds a watch whose outcome only its messages tell.
    pub(super) fn add_untold(
        self: &Arc<Self>,
        core: &Core,
        subscription: &Arc<Subscription>,
        request: pb::WatchCreateRequest,
    ) -> Result<()> {
        self.insert(core, subscription, request, None)
    }

    fn insert(
        self: &Arc<Self>,
        core: &Core,
        subscription: &Arc<Subscription>,
        mut request: pb::WatchCreateRequest,
        created: Option<oneshot::Sender<Result<()>>>,
    ) -> Result<()> {
        let mut table = self.table.lock();
        if table.watches.len() >= WATCHES_MAX {
            return Err(Error::WatchError(format!("this client has {WATCHES_MAX} watches; end some first")));
        }
        let key = table.next_key;
        table.next_key += 1;
        let id = subscription.claim_id(request.watch_id, key)?;
        // On the shared stream the server chooses.
        request.watch_id = 0;
        let next_revision = request.start_revision;
        subscription.buffer.watch_added();
        let watch = Watch {
            subscription: subscription.clone(),
            id,
            request,
            next_revision,
            phase: Phase::Waiting,
            created,
            announced: false,
            fragments: Vec::new(),
            logins: 0,
        };
        table.watches.insert(key, watch);
        table.to_create.push_back(key);
        self.ensure_running(&mut table, core);
        drop(table);
        self.wake.notify_one();
        Ok(())
    }

    fn ensure_running(self: &Arc<Self>, table: &mut Table, core: &Core) {
        if table.running.is_some() {
            return;
        }
        table.tasks += 1;
        table.running = Some(table.tasks);
        let guard = Running { hub: self.clone(), task: table.tasks };
        let core = core.clone();
        tokio::spawn(async move { guard.hub.run(&core).await });
    }

    /// Ends a watch on behalf of its user.
    pub(super) fn cancel(&self, subscription: &Subscription, id: i64) {
        let Some(key) = subscription.key_of(id) else { return };
        let mut table = self.table.lock();
        let Some(watch) = table.watches.get_mut(&key) else { return };
        match watch.phase {
            Phase::Live(server_id) => {
                watch.phase = Phase::Ending(server_id);
                table.to_cancel.push_back(server_id);
            }
            Phase::Ending(_) => {}
            Phase::Waiting | Phase::Paused => {
                let response = watch.response(WatchResponse { canceled: true, ..WatchResponse::default() });
                table.end(key, Some(response));
            }
        }
        drop(table);
        self.wake.notify_one();
    }

    /// Forgets every watch of a dropped stream.
    pub(super) fn abandon(&self, subscription: &Arc<Subscription>) {
        let keys: Vec<u64> = subscription.ids.lock().keys.values().copied().collect();
        let mut table = self.table.lock();
        table.progress.retain(|waiting| !Arc::ptr_eq(waiting, subscription));
        for key in keys {
            if let Some(Phase::Live(server_id)) = table.watches.get(&key).map(|watch| watch.phase) {
                table.to_cancel.push_back(server_id);
            }
            table.end(key, None);
        }
        drop(table);
        self.wake.notify_one();
    }

    pub(super) fn request_progress(self: &Arc<Self>, core: &Core, subscription: &Arc<Subscription>) {
        let mut table = self.table.lock();
        let fresh = !std::mem::replace(&mut subscription.ids.lock().progress_wanted, true);
        if fresh {
            table.progress.push(subscription.clone());
        }
        table.progress_asked = None;
        self.ensure_running(&mut table, core);
        drop(table);
        self.wake.notify_one();
    }

    /// Lets paused watches go on, once their reader has caught up.
    pub(super) fn resume_paused(&self, subscription: &Subscription) {
        if !subscription.paused.swap(false, Ordering::AcqRel) {
            return;
        }
        let keys: Vec<u64> = subscription.ids.lock().keys.values().copied().collect();
        let mut table = self.table.lock();
        for key in keys {
            if let Some(watch) = table.watches.get_mut(&key)
                && watch.phase == Phase::Paused
            {
                watch.phase = Phase::Waiting;
                table.to_create.push_back(key);
            }
        }
        drop(table);
        self.wake.notify_one();
    }

    /// The error for a watch that was not created in time.
    pub(super) fn last_failure(&self, limit: Duration) -> Error {
        match &self.table.lock().last_failure {
            Some(status) => Error::GRpcStatus(status.clone()),
            None => Error::deadline(format!("the watch was not created within {limit:?}")),
        }
    }

    async fn run(&self, core: &Core) {
        let mut failures = 0;
        let mut failed: Option<Arc<Slot>> = None;
        loop {
            if !self.table.lock().start_over() {
                return;
            }
            let slot = core.balancer().pick(failed.as_ref());
            let login = core.tokens().current().login;
            let began = Instant::now();
            let end = self.serve(core, &slot).await;
            match end {
                End::Finished => return,
                End::Rested => continue,
                End::Login => {
                    if let Err(error) = core.login(login).await {
                        self.fail_all(&error);
                    }
                    continue;
                }
                End::Lost(status) => {
                    self.lost(core, &slot, login, status).await;
                }
            }
            // A connection that worked for a while ended by accident: the first attempt to replace it is immediate.
            failures = if began.elapsed() > retry::BACKOFF_MAX { 0 } else { failures + 1 };
            failed = Some(slot);
            if failures > 0 {
                sleep(retry::backoff(failures - 1)).await;
            }
        }
    }

    /// Decides after a lost connection whether the watches can go on.
    async fn lost(&self, core: &Core, slot: &Slot, login: u64, status: Status) {
        match retry::judge(method::WATCH.class, &status) {
            Verdict::Login if core.tokens().user().is_some() => {
                if let Err(error) = core.login(login).await {
                    self.fail_all(&error);
                }
            }
            Verdict::Again => {
                slot.failed();
                slot.disconnect();
            }
            // Proxies and restarting servers end streams with all kinds of codes; these few will not get better.
            _ if matches!(
                status.code(),
                Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented
            ) =>
            {
                self.fail_all(&Error::GRpcStatus(status.clone()));
            }
            _ => slot.failed(),
        }
        self.table.lock().last_failure = Some(status);
    }

    fn fail_all(&self, error: &Error) {
        let mut table = self.table.lock();
        let keys: Vec<u64> = table.watches.keys().copied().collect();
        for key in keys {
            table.fail(key, &error.to_string(), error);
        }
    }

    async fn serve(&self, core: &Core, slot: &Slot) -> End {
        let (requests, outgoing) = mpsc::channel(REQUESTS_MAX);
        // etcd answers with headers only when there is something to answer to.
        match self.table.lock().next() {
            Next::Send(first) => requests.try_send(first).expect("invariant: the channel is empty"),
            Next::Finished => return End::Finished,
            // Only paused watches: no stream is needed until one goes on.
            Next::Idle(_) | Next::Reconnect => {}
        }
        if requests.capacity() == REQUESTS_MAX {
            self.wake.notified().await;
            return End::Rested;
        }
        let opening = core.open(&method::WATCH, slot, ReceiverStream::new(outgoing));
        let mut responses = match timeout(CREATE_TIMEOUT, opening).await {
            Ok(Ok(responses)) => responses,
            Ok(Err(status)) => return End::Lost(status),
            Err(_) => {
                slot.disconnect();
                return End::Lost(Status::unavailable(format!("no answer within {CREATE_TIMEOUT:?}")));
            }
        };
        slot.succeeded();
        self.exchange(slot, requests, &mut responses).await
    }

    async fn exchange(
        &self,
        slot: &Slot,
        requests: mpsc::Sender<pb::WatchRequest>,
        responses: &mut Streaming<pb::WatchResponse>,
    ) -> End {
        loop {
            let mut until = None;
            while requests.capacity() > 0 {
                match self.table.lock().next() {
                    Next::Send(request) => {
                        if requests.try_send(request).is_err() {
                            return End::Lost(Status::unavailable("the stream is closed"));
                        }
                    }
                    Next::Idle(deadline) => {
                        until = deadline;
                        break;
                    }
                    Next::Reconnect => {
                        slot.disconnect();
                        return End::Lost(Status::unavailable(format!(
                            "no answer within {CREATE_TIMEOUT:?}"
                        )));
                    }
                    Next::Finished => return End::Finished,
                }
            }
            let wait = until.unwrap_or_else(|| Instant::now() + CREATE_TIMEOUT);
            tokio::select! {
                message = responses.message() => match message {
                    Ok(Some(response)) => {
                        if self.table.lock().file(response) {
                            return End::Login;
                        }
                    }
                    Ok(None) => return End::Lost(Status::unavailable("the server ended the stream")),
                    Err(status) => return End::Lost(status),
                },
                () = self.wake.notified() => {}
                () = sleep_until(wait) => {}
            }
        }
    }
}

/// Lets the next watch start a task when this one ends, also when its runtime is shut down under it.
struct Running {
    hub: Arc<WatchHub>,
    task: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut table = self.hub.table.lock();
        if table.running == Some(self.task) {
            table.running = None;
        }
    }
}

impl Subscription {
    fn claim_id(&self, wanted: i64, key: u64) -> Result<i64> {
        let mut ids = self.ids.lock();
        if wanted != 0 && ids.keys.contains_key(&wanted) {
            return Err(Error::WatchError("mvcc: duplicate watch ID provided on the WatchStream".to_owned()));
        }
        let mut id = wanted;
        if wanted == 0 {
            while ids.keys.contains_key(&ids.next) {
                ids.next += 1;
            }
            id = ids.next;
            ids.next += 1;
        }
        ids.keys.insert(id, key);
        Ok(id)
    }

    fn key_of(&self, id: i64) -> Option<u64> {
        self.ids.lock().keys.get(&id).copied()
    }
}

impl Watch {
    fn response(&self, response: WatchResponse) -> WatchResponse {
        WatchResponse { watch_id: self.id, ..response }
    }

    fn creation(&self) -> pb::WatchRequest {
        let start_revision = self.next_revision;
        let request = pb::WatchCreateRequest { start_revision, ..self.request.clone() };
        pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(request)) }
    }
}

impl Table {
    /// Prepares for a new stream. `false` when nothing is left to do, which also ends the task.
    fn start_over(&mut self) -> bool {
        self.by_server_id.clear();
        self.to_cancel.clear();
        self.to_create.clear();
        self.creating = None;
        self.progress_asked = None;
        let ending: Vec<u64> = self.with_phase(|phase| matches!(phase, Phase::Ending(_)));
        for key in ending {
            let response = WatchResponse { canceled: true, ..WatchResponse::default() };
            let response = self.watches[&key].response(response);
            self.end(key, Some(response));
        }
        for (key, watch) in &mut self.watches {
            watch.fragments.clear();
            if watch.phase != Phase::Paused {
                watch.phase = Phase::Waiting;
                self.to_create.push_back(*key);
            }
        }
        if self.watches.is_empty() {
            self.running = None;
        }
        !self.watches.is_empty()
    }

    fn with_phase(&self, wanted: impl Fn(Phase) -> bool) -> Vec<u64> {
        self.watches.iter().filter(|(_, watch)| wanted(watch.phase)).map(|(key, _)| *key).collect()
    }

    fn next(&mut self) -> Next {
        if let Some(watch_id) = self.to_cancel.pop_front() {
            let cancel = pb::WatchCancelRequest { watch_id };
            return Next::Send(pb::WatchRequest { request_union: Some(RequestUnion::CancelRequest(cancel)) });
        }
        if self.watches.is_empty() {
            self.running = None;
            return Next::Finished;
        }
        let now = Instant::now();
        if let Some((_, since)) = self.creating {
            let deadline = since + CREATE_TIMEOUT;
            return if now >= deadline { Next::Reconnect } else { Next::Idle(Some(deadline)) };
        }
        while let Some(key) = self.to_create.pop_front() {
            if let Some(watch) = self.watches.get(&key).filter(|watch| watch.phase == Phase::Waiting) {
                self.creating = Some((key, now));
                return Next::Send(watch.creation());
            }
        }
        if self.progress.is_empty() || self.by_server_id.is_empty() {
            return Next::Idle(None);
        }
        if let Some(asked) = self.progress_asked.filter(|asked| now < *asked + PROGRESS_RETRY) {
            return Next::Idle(Some(asked + PROGRESS_RETRY));
        }
        self.progress_asked = Some(now);
        let progress = pb::WatchProgressRequest {};
        Next::Send(pb::WatchRequest { request_union: Some(RequestUnion::ProgressRequest(progress)) })
    }

    /// Files a response. `true` when the server wants a new login first.
    fn file(&mut self, response: pb::WatchResponse) -> bool {
        if response.created {
            return self.file_created(response);
        }
        if response.canceled {
            self.file_canceled(response);
        } else if response.watch_id < 0 {
            self.file_progress(response);
        } else {
            self.file_events(response);
        }
        false
    }

    fn file_created(&mut self, response: pb::WatchResponse) -> bool {
        let Some((key, _)) = self.creating.take() else { return false };
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        let Some(watch) = self.watches.get_mut(&key) else {
            // Ended while it was being created.
            if !response.canceled {
                self.to_cancel.push_back(response.watch_id);
            }
            return false;
        };
        if response.canceled {
            let (_, message) = watch_reason(&response.cancel_reason);
            let login = retry::judge(method::WATCH.class, &Status::unknown(message)) == Verdict::Login;
            if login && watch.logins < retry::LOGINS_MAX {
                watch.logins += 1;
                return true;
            }
            let error = Error::WatchError(response.cancel_reason.clone());
            self.fail(key, &response.cancel_reason, &error);
            return false;
        }
        watch.phase = Phase::Live(response.watch_id);
        watch.logins = 0;
        if watch.next_revision == 0 {
            watch.next_revision = revision + 1;
        }
        if !watch.announced {
            watch.announced = true;
            let header = response.header.map(ResponseHeader);
            let notice = watch.response(WatchResponse { header, created: true, ..WatchResponse::default() });
            watch.subscription.buffer.push_notice(Ok(notice));
            if let Some(told) = watch.created.take() {
                // The user may have given up waiting.
                let _ = told.send(Ok(()));
            }
        }
        self.by_server_id.insert(response.watch_id, key);
        false
    }

    fn file_canceled(&mut self, response: pb::WatchResponse) {
        let Some(key) = self.by_server_id.remove(&response.watch_id) else { return };
        let Some(watch) = self.watches.get(&key) else { return };
        let canceled = watch.response(WatchResponse {
            header: response.header.map(ResponseHeader),
            canceled: true,
            compact_revision: response.compact_revision,
            cancel_reason: response.cancel_reason,
            ..WatchResponse::default()
        });
        self.end(key, Some(canceled));
    }

    fn file_progress(&mut self, response: pb::WatchResponse) {
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        for key in self.by_server_id.values() {
            if let Some(watch) = self.watches.get_mut(key) {
                watch.next_revision = watch.next_revision.max(revision + 1);
            }
        }
        let header = response.header.map(ResponseHeader);
        for subscription in self.progress.drain(..) {
            subscription.ids.lock().progress_wanted = false;
            let notice = WatchResponse { header: header.clone(), watch_id: -1, ..WatchResponse::default() };
            subscription.buffer.push_notice(Ok(notice));
        }
        self.progress_asked = None;
    }

    fn file_events(&mut self, response: pb::WatchResponse) {
        let Some(key) = self.by_server_id.get(&response.watch_id).copied() else { return };
        let Some(watch) = self.watches.get_mut(&key) else { return };
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        let from = watch.next_revision;
        watch
            .fragments
            .extend(response.events.into_iter().map(Event::from).filter(|event| event.revision() >= from));
        if response.fragment {
            return;
        }
        let events = std::mem::take(&mut watch.fragments);
        let header = response.header.map(ResponseHeader);
        let Some(last) = events.last().map(Event::revision) else {
            watch.next_revision = watch.next_revision.max(revision + 1);
            if watch.request.progress_notify {
                let notice = watch.response(WatchResponse { header, ..WatchResponse::default() });
                // A reader that is behind gains nothing from knowing it: the buffer's bound holds for notices too.
                watch.subscription.buffer.push_progress(notice);
            }
            return;
        };
        let message = watch.response(WatchResponse { header, events, ..WatchResponse::default() });
        if watch.subscription.buffer.push_events(message) == Pushed::Taken {
            watch.next_revision = last + 1;
            return;
        }
        if let Phase::Live(_) = watch.phase {
            watch.phase = Phase::Paused;
            self.by_server_id.remove(&response.watch_id);
            self.to_cancel.push_back(response.watch_id);
            watch.subscription.paused.store(true, Ordering::Release);
            // The reader may have emptied the buffer just before it could see the flag.
            if watch.subscription.buffer.has_room() && watch.subscription.paused.swap(false, Ordering::AcqRel)
            {
                watch.phase = Phase::Waiting;
                self.to_create.push_back(key);
            }
        }
    }

    /// Removes a watch that could not be created: the waiting user gets the error, a reading one a message.
    fn fail(&mut self, key: u64, reason: &str, error: &Error) {
        let Some(watch) = self.watches.get_mut(&key) else { return };
        if let Some(told) = watch.created.take() {
            let error = match error {
                Error::GRpcStatus(status) => Error::GRpcStatus(status.clone()),
                _ => Error::WatchError(reason.to_owned()),
            };
            let _ = told.send(Err(error));
            self.end(key, None);
            return;
        }
        let created = !watch.announced;
        let cancel_reason = reason.to_owned();
        let message = WatchResponse { created, canceled: true, cancel_reason, ..WatchResponse::default() };
        let message = watch.response(message);
        self.end(key, Some(message));
    }

    fn end(&mut self, key: u64, last: Option<WatchResponse>) {
        let Some(watch) = self.watches.remove(&key) else { return };
        if let Phase::Live(id) | Phase::Ending(id) = watch.phase {
            self.by_server_id.remove(&id);
        }
        watch.subscription.ids.lock().keys.remove(&watch.id);
        if let Some(last) = last {
            watch.subscription.buffer.push_notice(Ok(last));
        }
        watch.subscription.buffer.watch_ended();
    }
}
