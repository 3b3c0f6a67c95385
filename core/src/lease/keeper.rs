//! Renewals of all leases of a client over one stream.
//!
//! A renewal may be repeated at will, so a broken stream only fails the renewals that were waiting on it; whoever
//! wants the lease alive asks again, and the next stream is opened for that.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;
use futures::Stream;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
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
}

/// The way to the task that owns the stream.
#[derive(Default)]
pub(crate) struct KeepAliveHub {
    task: Mutex<Option<mpsc::Sender<Renewal>>>,
}

impl KeepAliveHub {
    async fn ask(&self, core: &Core, id: i64, answer: Answer) -> Result<()> {
        let mut renewal = Renewal { id, answer };
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

/// Renews a lease once, within the request timeout, over as many streams as it takes.
pub(super) async fn renew(core: &Core, id: i64) -> Result<LeaseKeepAliveResponse> {
    let limit = core.timeout().unwrap_or(core.options().timeout);
    let deadline = Instant::now() + limit;
    let mut last = None;
    for round in 0..retry::ATTEMPTS_MAX {
        let (answer, mut answers) = mpsc::channel(1);
        let asked = async {
            core.keep_alives().ask(core, id, answer).await?;
            Ok::<_, Error>(answers.recv().await)
        };
        let status = match timeout_at(deadline, asked).await {
            Err(_) => break,
            Ok(answer) => match answer? {
                Some(Ok(response)) => return Ok(response),
                Some(Err(status)) => status,
                None => Status::unavailable("the keep-alive stream ended"),
            },
        };
        if !matches!(retry::judge(method::LEASE_KEEP_ALIVE.class, &status), Verdict::Again | Verdict::Login) {
            return Err(Error::GRpcStatus(status));
        }
        last = Some(status);
        if timeout_at(deadline, sleep(retry::backoff(round))).await.is_err() {
            break;
        }
    }
    Err(match last {
        Some(status) => retry::report(Verdict::Fail, status),
        None => Error::deadline(format!("lease {id:x} was not renewed within {limit:?}")),
    })
}

async fn run(core: Core, mut renewals: mpsc::Receiver<Renewal>) {
    let mut failed = None;
    loop {
        let Ok(Some(first)) = timeout(IDLE_MAX, renewals.recv()).await else {
            renewals.close();
            // What slipped in before the close is told to ask again.
            while let Some(late) = renewals.recv().await {
                let _ = late.answer.try_send(Err(Status::unavailable("the keep-alive stream rested")));
            }
            return;
        };
        let slot = core.balancer().pick(failed.as_ref());
        let login = core.tokens().current().login;
        let mut waiting = Waiting::default();
        let status = match serve(&core, &slot, first, &mut renewals, &mut waiting).await {
            Ok(()) => continue,
            Err(status) => status,
        };
        waiting.fail(&status);
        failed = Some(slot.clone());
        match retry::judge(method::LEASE_KEEP_ALIVE.class, &status) {
            Verdict::Login => {
                // A failed login shows as the failure of the next renewal.
                let _ = core.login(login).await;
            }
            _ => {
                slot.failed();
                slot.disconnect();
            }
        }
    }
}

/// Renewals sent and not answered. The server answers those of one lease in their order.
#[derive(Default)]
struct Waiting {
    by_lease: HashMap<i64, VecDeque<(Instant, Answer)>>,
    order: VecDeque<(Instant, i64)>,
}

impl Waiting {
    fn add(&mut self, renewal: Renewal) {
        let now = Instant::now();
        self.by_lease.entry(renewal.id).or_default().push_back((now, renewal.answer));
        self.order.push_back((now, renewal.id));
    }

    fn answered(&mut self, response: pb::LeaseKeepAliveResponse) {
        let Some(queue) = self.by_lease.get_mut(&response.id) else { return };
        if let Some((_, answer)) = queue.pop_front() {
            // Nobody may be reading any more, or too slowly: the answer says nothing the next one does not.
            let _ = answer.try_send(Ok(response.into()));
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

    fn fail(&mut self, status: &Status) {
        for (_, answer) in self.by_lease.drain().flat_map(|(_, queue)| queue) {
            let _ = answer.try_send(Err(status.clone()));
        }
    }
}

async fn serve(
    core: &Core,
    slot: &crate::endpoint::Slot,
    first: Renewal,
    renewals: &mut mpsc::Receiver<Renewal>,
    waiting: &mut Waiting,
) -> Result<(), Status> {
    let (requests, outgoing) = mpsc::channel(RENEWALS_MAX);
    send(&requests, first, waiting)?;
    let opening = core.open(&method::LEASE_KEEP_ALIVE, slot, ReceiverStream::new(outgoing));
    let mut responses: Streaming<pb::LeaseKeepAliveResponse> = match timeout(ANSWER_TIMEOUT, opening).await {
        Ok(opened) => opened?,
        Err(_) => return Err(Status::unavailable(format!("no answer within {ANSWER_TIMEOUT:?}"))),
    };
    slot.succeeded();
    loop {
        let deadline = waiting.deadline();
        let wait = deadline.unwrap_or_else(|| Instant::now() + IDLE_MAX);
        tokio::select! {
            message = responses.message() => match message? {
                Some(response) => waiting.answered(response),
                None => return Err(Status::unavailable("the server ended the keep-alive stream")),
            },
            renewal = renewals.recv(), if requests.capacity() > 0 => match renewal {
                Some(renewal) => send(&requests, renewal, waiting)?,
                None => return Ok(()),
            },
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
