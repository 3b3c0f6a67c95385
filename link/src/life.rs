//! The life of a connection: it is read and written until it ends, and given up when a server that owes answers is silent.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use h2::client::Connection as Http2;
use h2::{Ping, PingPong};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::io::InspectReader;

/// When a silent connection is pinged, and given up.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    /// Silence after which it is pinged.
    pub interval: Duration,
    /// How long an answer may take.
    pub patience: Duration,
    /// Also while no call is open.
    pub while_idle: bool,
}

/// Of [`Heard`]: nothing was read yet.
const NEVER: u64 = u64::MAX;

/// When something was last read.
pub(super) struct Heard {
    since: Instant,
    milliseconds: AtomicU64,
}

impl Heard {
    fn now(&self) {
        // A connection does not live for half a billion years.
        self.milliseconds.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// None while nothing was.
    fn last(&self) -> Option<Instant> {
        let milliseconds = self.milliseconds.load(Ordering::Relaxed);
        (milliseconds != NEVER).then(|| self.since + Duration::from_millis(milliseconds))
    }
}

/// The stream, and when it was last read.
pub(super) fn heard(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
) -> (impl AsyncRead + AsyncWrite + Send + Unpin, Arc<Heard>) {
    let heard = Arc::new(Heard { since: Instant::now(), milliseconds: AtomicU64::new(NEVER) });
    let noted = heard.clone();
    (InspectReader::new(stream, move |_: &[u8]| noted.now()), heard)
}

/// Waits for the first that the server says. It says so by itself (RFC 9113, 3.4), and only once it has accepted the
/// connection: a request that went to one that nobody has accepted would be lost with it, and nobody could tell.
pub(super) async fn greeted<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Http2<S, Bytes>,
    heard: &Heard,
) -> io::Result<()> {
    std::future::poll_fn(|context| match connection.poll_unpin(context) {
        Poll::Pending if heard.last().is_none() => Poll::Pending,
        Poll::Pending => Poll::Ready(Ok(())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(broken(error))),
        Poll::Ready(Ok(())) => {
            let what = "the server ended the connection before it said anything";
            Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, what)))
        }
    })
    .await
}

/// What the stream said, where it was the stream.
pub(super) fn broken(error: h2::Error) -> io::Error {
    match error.is_io() {
        true => error.into_io().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()),
        false => io::Error::other(error),
    }
}

/// A connection that is driven: read and written whenever something may have come, or is to go.
pub(super) struct Driver<S> {
    driven: Mutex<Driven<S>>,
}

struct Driven<S> {
    /// None once it has ended.
    connection: Option<Http2<S, Bytes>>,
    /// Of the task that drives it.
    waker: Option<Waker>,
}

/// Whoever has handed something to a connection may send it off, instead of waiting until a thread is awake for the
/// connection's task.
pub(super) trait Drive: Send + Sync {
    /// Sends what there is to send, unless another thread is about it.
    fn drive(&self);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn of(connection: Http2<S, Bytes>) -> Self {
        Driver { driven: Mutex::new(Driven { connection: Some(connection), waker: None }) }
    }

    fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut driven = self.driven.lock();
        driven.waker = Some(context.waker().clone());
        driven.poll(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Drive for Driver<S> {
    fn drive(&self) {
        let Some(mut driven) = self.driven.try_lock() else { return };
        // Whatever comes next is for the task, which is told of the end too.
        let Some(waker) = driven.waker.clone() else { return };
        if driven.poll(&mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driven<S> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.connection else { return Poll::Ready(()) };
        let ended = ready!(connection.poll_unpin(context));
        self.connection = None;
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
        Poll::Ready(())
    }
}

/// Drives a connection to its end. Its streams end with it.
pub(super) async fn live<S: AsyncRead + AsyncWrite + Unpin>(
    driver: Arc<Driver<S>>,
    pings: Option<PingPong>,
    keep_alive: Option<KeepAlive>,
    heard: Arc<Heard>,
    open: Weak<()>,
) {
    let silence = async {
        match (keep_alive, pings) {
            (Some(keep_alive), Some(pings)) => silent(keep_alive, pings, &heard, &open).await,
            _ => std::future::pending().await,
        }
    };
    let end = std::future::poll_fn(|context| driver.poll_end(context));
    if let Either::Right(_) = select(end, pin!(silence)).await {
        tracing::debug!("a connection is given up: a ping was not answered");
        driver.driven.lock().connection = None;
    }
}

/// Returns when a ping was not answered.
async fn silent(keep_alive: KeepAlive, mut pings: PingPong, heard: &Heard, open: &Weak<()>) {
    let mut look_at = Instant::now() + keep_alive.interval;
    loop {
        sleep_until(look_at).await;
        let quiet_until = heard.last().unwrap_or(heard.since) + keep_alive.interval;
        look_at = Instant::now() + keep_alive.interval;
        if quiet_until > Instant::now() {
            look_at = quiet_until;
        } else if keep_alive.while_idle || has_calls(open) {
            match timeout(keep_alive.patience, pings.ping(Ping::opaque())).await {
                Ok(Ok(_)) => {}
                // The connection broke, which its driver sees itself.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => return,
            }
        }
    }
}

/// Besides the calls, only the link itself holds it.
fn has_calls(open: &Weak<()>) -> bool {
    open.strong_count() > 1
}
