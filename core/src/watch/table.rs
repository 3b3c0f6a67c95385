//! The watches of a client: what each has seen, what the server knows of it, and what to tell the server next.
//!
//! It does no input or output: `hub` asks it what to send and hands it what arrives.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use pb::watch_request::RequestUnion;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::Status;

use super::buffer::Pushed;
use super::subscription::Subscription;
use super::{Event, WatchResponse};
use crate::error::{Error, Result, watch_reason};
use crate::method;
use crate::response::ResponseHeader;
use crate::retry::{self, Verdict};

/// How long the server may take to answer a creation before the connection is given up.
pub(super) const CREATE_TIMEOUT: Duration = Duration::from_secs(5);
/// A progress request is asked again this long after no answer: etcd drops it while any watch is behind.
const PROGRESS_RETRY: Duration = Duration::from_millis(500);

/// All watches of a client.
#[derive(Default)]
pub(super) struct Table {
    pub(super) watches: BTreeMap<u64, Watch>,
    pub(super) next_key: u64,
    /// Watches to create, in order.
    pub(super) to_create: VecDeque<u64>,
    /// The creation whose answer is outstanding. One at a time, because a refused creation carries no id.
    creating: Option<(u64, Instant)>,
    by_server_id: HashMap<i64, u64>,
    pub(super) to_cancel: VecDeque<i64>,
    pub(super) progress: Vec<Arc<Subscription>>,
    pub(super) progress_asked: Option<Instant>,
    /// Number of the task that serves the table.
    pub(super) running: Option<u64>,
    pub(super) tasks: u64,
    pub(super) last_failure: Option<Status>,
}

pub(super) struct Watch {
    pub(super) subscription: Arc<Subscription>,
    pub(super) id: i64,
    pub(super) request: pb::WatchCreateRequest,
    /// First revision not delivered yet; 0 while the server has not told where "now" is.
    pub(super) next_revision: i64,
    pub(super) phase: Phase,
    /// Told when the first creation is decided.
    pub(super) created: Option<oneshot::Sender<Result<()>>>,
    pub(super) announced: bool,
    pub(super) fragments: Vec<Event>,
    pub(super) logins: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Waiting,
    Live(i64),
    /// Live, and the user wants it to end.
    Ending(i64),
    /// The reader is behind; the server does not know of the watch.
    Paused,
}

/// What the stream's task does next.
pub(super) enum Next {
    Send(pb::WatchRequest),
    Idle(Option<Instant>),
    Reconnect,
    Finished,
}

impl Watch {
    pub(super) fn response(&self, response: WatchResponse) -> WatchResponse {
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
    pub(super) fn start_over(&mut self) -> bool {
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

    pub(super) fn next(&mut self) -> Next {
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
    pub(super) fn file(&mut self, response: pb::WatchResponse) -> bool {
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
    pub(super) fn fail(&mut self, key: u64, reason: &str, error: &Error) {
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

    pub(super) fn end(&mut self, key: u64, last: Option<WatchResponse>) {
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
