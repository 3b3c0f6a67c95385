//! Renewals of all leases of a client over one stream.
//!
//! A renewal may be repeated at will, so the renewals that waited on a broken stream are sent again over the next one,
//! each for as long as a call may take.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::LeaseKeepAliveResponse;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::method;
use crate::retry::{self, Verdict};

/// Renewals on their way to the task or to the server.
const RENEWALS_MAX: usize = 1024;
/// Unread answers of one [`LeaseKeepAliveStream`]; further ones are dropped, for they say the same.
const ANSWERS_MAX: usize = 16;
/// How long the server may take to answer one renewal before the stream is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the stream stays open without renewals.
const IDLE_MAX: Duration = Duration::from_secs(60);

type Answer = mpsc::Sender<Result<LeaseKeepAliveResponse, Status>>;

struct Renewal {
    id: i64,
    answer: Answer,
    /// When it is too late to send it once more.
    until: Instant,
}

/// The way to the task that owns the stream.
#[derive(Default)]
pub(crate) struct KeepAliveHub {
    task: Mutex<Option<mpsc::Sender<Renewal>>>,
    /// Why the last stream ended, until there is an answer again.
    failure: Mutex<Option<Status>>,
}

impl KeepAliveHub {
    async fn ask(&self, core: &Core, id: i64, answer: Answer) -> Result<()> {
        let until = Instant::now() + limit(core);
        let mut renewal = Renewal { id, answer, until };
        loop {
            let task = self.task(core);
            match task.send(renewal).await {
                Ok(()) => return Ok(()),
                // The task has just rested; the next one takes it.
                Err(unsent) => renewal = unsent.0,
            }
        }
    }

    fn task(&self, core: &Core) -> mpsc::Sender<Renewal> {
        let mut task = self.task.lock();
        if let Some(sender) = task.as_ref().filter(|sender| !sender.is_closed()) {
            return sender.clone();
        }
        let (sender, renewals) = mpsc::channel(RENEWALS_MAX);
        *task = Some(sender.clone());
        tokio::spawn(run(core.clone(), renewals));
        sender
    }
}

/// How long one renewal may take.
fn limit(core: &Core) -> Duration {
    core.timeout().unwrap_or(core.options().timeout)
}

/// Renews a lease once, within the request timeout, over as many streams as it takes.
pub(super) async fn renew(core: &Core, id: i64) -> Result<LeaseKeepAliveResponse> {
    let (answer, mut answers) = mpsc::channel(1);
    let asked = async {
        core.keep_alives().ask(core, id, answer).await?;
        Ok::<_, Error>(answers.recv().await)
    };
    match timeout(limit(core), asked).await {
        Ok(answer) => match answer? {
            Some(Ok(response)) => Ok(response),
            Some(Err(status)) => Err(retry::report(Verdict::Fail, status)),
            None => Err(Error::Internal("the keep-alive task ended".to_owned())),
        },
        Err(_) => Err(match core.keep_alives().failure.lock().clone() {
            Some(status) => retry::report(Verdict::Fail, status),
            None => Error::deadline(format!("lease {id:x} was not renewed within {:?}", limit(core))),
        }),
    }
}

async fn run(core: Core, mut renewals: mpsc::Receiver<Renewal>) {
    let mut failed = None;
    let mut failures = 0;
    let mut pending = VecDeque::new();
    loop {
        if pending.is_empty() {
            match timeout(IDLE_MAX, renewals.recv()).await {
                Ok(Some(first)) => pending.push_back(first),
                _ => {
                    renewals.close();
                    // What slipped in before the close is served still.
                    while let Some(late) = renewals.recv().await {
                        pending.push_back(late);
                    }
                    if pending.is_empty() {
                        return;
                    }
                }
            }
        }
        let slot = core.balancer().pick(failed.as_ref());
        let login = core.tokens().current().login;
        let mut waiting = Waiting::default();
        let began = Instant::now();
        let Err(status) = serve(&core, &slot, &mut pending, &mut renewals, &mut waiting).await else {
            continue;
        };
        *core.keep_alives().failure.lock() = Some(status.clone());
        let verdict = retry::judge(method::LEASE_KEEP_ALIVE.class, &status);
        let hopeless = match verdict {
            Verdict::Login if core.tokens().user().is_some() => core.login(login).await.err().map(refusal),
            Verdict::Login => Some(status.clone()),
            _ => {
                slot.failed();
                slot.disconnect();
                (verdict != Verdict::Again).then(|| status.clone())
            }
        };
        pending.extend(waiting.unanswered());
        give_up(&mut pending, hopeless, &status);
        failed = Some(slot);
        // A stream that worked for a while ended by accident: the first attempt to replace it is immediate.
        failures = if began.elapsed() > retry::BACKOFF_MAX { 0 } else { failures + 1 };
        if failures > 0 {
            sleep(retry::backoff(failures - 1)).await;
        }
    }
}

/// The refusal of a login, as the renewals that wait for it get it.
fn refusal(error: Error) -> Status {
    match error {
        Error::GRpcStatus(status) | Error::OutcomeUnknown(status) => status,
        other => Status::new(other.code(), other.message()),
    }
}

/// Answers the renewals that are not sent again: all of them, or those whose time is over and those beyond the bound.
fn give_up(pending: &mut VecDeque<Renewal>, hopeless: Option<Status>, status: &Status) {
    let now = Instant::now();
    let mut kept = VecDeque::new();
    for renewal in pending.drain(..) {
        if hopeless.is_none() && renewal.until > now && kept.len() < RENEWALS_MAX {
            kept.push_back(renewal);
        } else {
            let _ = renewal.answer.try_send(Err(hopeless.as_ref().unwrap_or(status).clone()));
        }
    }
    *pending = kept;
}

/// Renewals sent and not answered. The server answers those of one lease in their order.
#[derive(Default)]
struct Waiting {
    by_lease: HashMap<i64, VecDeque<(Instant, Renewal)>>,
    order: VecDeque<(Instant, i64)>,
}

impl Waiting {
    fn add(&mut self, renewal: Renewal) {
        let now = Instant::now();
        self.order.push_back((now, renewal.id));
        self.by_lease.entry(renewal.id).or_default().push_back((now, renewal));
    }

    fn answered(&mut self, response: pb::LeaseKeepAliveResponse) {
        let Some(queue) = self.by_lease.get_mut(&response.id) else { return };
        if let Some((_, renewal)) = queue.pop_front() {
            // Nobody may be reading any more, or too slowly: the answer says nothing the next one does not.
            let _ = renewal.answer.try_send(Ok(response.into()));
        }
        if queue.is_empty() {
            self.by_lease.remove(&response.id);
        }
    }

    /// When the oldest unanswered renewal counts as lost.
    fn deadline(&mut self) -> Option<Instant> {
        while let Some((asked, id)) = self.order.front().copied() {
            let oldest = self.by_lease.get(&id).and_then(|queue| queue.front()).map(|(oldest, _)| *oldest);
            if oldest.is_some_and(|oldest| oldest <= asked) {
                return Some(asked + ANSWER_TIMEOUT);
            }
            self.order.pop_front();
        }
        None
    }

    fn unanswered(self) -> impl Iterator<Item = Renewal> {
        self.by_lease.into_values().flatten().map(|(_, renewal)| renewal)
    }
}

async fn serve(
    core: &Core,
    slot: &crate::endpoint::Slot,
    pending: &mut VecDeque<Renewal>,
    renewals: &mut mpsc::Receiver<Renewal>,
    waiting: &mut Waiting,
) -> Result<(), Status> {
    let (requests, outgoing) = mpsc::channel(RENEWALS_MAX);
    while let Some(renewal) = pending.pop_front() {
        send(&requests, renewal, waiting)?;
    }
    let opening = core.open(&method::LEASE_KEEP_ALIVE, slot, ReceiverStream::new(outgoing));
    let mut responses: Streaming<pb::LeaseKeepAliveResponse> = match timeout(ANSWER_TIMEOUT, opening).await {
        Ok(opened) => opened?,
        Err(_) => return Err(Status::unavailable(format!("no answer within {ANSWER_TIMEOUT:?}"))),
    };
    slot.succeeded();
    loop {
        let deadline = waiting.deadline();
        let no_more = renewals.is_closed() && renewals.is_empty();
        if no_more && deadline.is_none() {
            return Ok(());
        }
        let wait = deadline.unwrap_or_else(|| Instant::now() + IDLE_MAX);
        tokio::select! {
            message = responses.message() => match message? {
                Some(response) => {
                    waiting.answered(response);
                    core.keep_alives().failure.lock().take();
                }
                None => return Err(Status::unavailable("the server ended the keep-alive stream")),
            },
            renewal = renewals.recv(), if requests.capacity() > 0 && !no_more => {
                if let Some(renewal) = renewal {
                    send(&requests, renewal, waiting)?;
                }
            }
            () = sleep_until(wait) => match deadline {
                Some(_) => return Err(Status::unavailable(format!("no answer within {ANSWER_TIMEOUT:?}"))),
                None => return Ok(()),
            },
        }
    }
}

fn send(
    requests: &mpsc::Sender<pb::LeaseKeepAliveRequest>,
    renewal: Renewal,
    waiting: &mut Waiting,
) -> Result<(), Status> {
    let id = renewal.id;
    waiting.add(renewal);
    let request = pb::LeaseKeepAliveRequest { id };
    requests.try_send(request).map_err(|_| Status::unavailable("the keep-alive stream is closed"))
}

/// Asks for renewals of one lease; the answers come through the [`LeaseKeepAliveStream`].
#[derive(Clone)]
pub struct LeaseKeeper {
    core: Core,
    id: i64,
    answer: Answer,
}

impl LeaseKeeper {
    /// The lease.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Asks the server to renew the lease.
    pub async fn keep_alive(&mut self) -> Result<()> {
        self.core.keep_alives().ask(&self.core, self.id, self.answer.clone()).await
    }
}

/// The answers to the renewals of one lease.
pub struct LeaseKeepAliveStream {
    answers: mpsc::Receiver<Result<LeaseKeepAliveResponse, Status>>,
}

impl LeaseKeepAliveStream {
    /// The next answer. A TTL of 0 tells that the lease is gone. `None` once the keeper is dropped.
    pub async fn message(&mut self) -> Result<Option<LeaseKeepAliveResponse>> {
        Ok(self.answers.recv().await.transpose()?)
    }
}

impl Stream for LeaseKeepAliveStream {
    type Item = Result<LeaseKeepAliveResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut()
            .answers
            .poll_recv(context)
            .map(|answer| answer.map(|answer| answer.map_err(Error::GRpcStatus)))
    }
}

pub(super) fn pair(core: Core, id: i64) -> (LeaseKeeper, LeaseKeepAliveStream) {
    let (answer, answers) = mpsc::channel(ANSWERS_MAX);
    (LeaseKeeper { core, id, answer }, LeaseKeepAliveStream { answers })
}

impl std::fmt::Debug for LeaseKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeaseKeeper").field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LeaseKeepAliveStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LeaseKeepAliveStream")
    }
}
