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

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use super::WatchResponse;
use super::subscription::Subscription;
use super::table::{CREATE_TIMEOUT, Next, Phase, Table, Watch};
use crate::core::Core;
use crate::endpoint::Slot;
use crate::error::{Error, Result};
use crate::method;
use crate::retry::{self, Verdict};

/// Requests on their way to the server; what does not fit waits in the table.
const REQUESTS_MAX: usize = 64;
/// Watches one client may have, so that a leak shows as an error and not as memory.
const WATCHES_MAX: usize = 1 << 20;

/// The table of watches and the task that serves it.
#[derive(Default)]
pub(crate) struct WatchHub {
    table: Mutex<Table>,
    wake: Notify,
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
