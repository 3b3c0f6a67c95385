//! The life of a connection: it is read and written until it ends, and given up when a server that owes answers is silent.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use futures::task::AtomicWaker;
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
    /// None once it has ended.
    connection: Mutex<Option<Http2<S, Bytes>>>,
    bell: Arc<Bell>,
}

/// What the connection rings when there is something to do.
#[derive(Default)]
pub(super) struct Bell {
    /// The task that drives it.
    task: AtomicWaker,
}

thread_local! {
    /// The bell that this thread answers itself, and whether it has rung.
    static ANSWERED: Cell<(*const Bell, bool)> = const { Cell::new((ptr::null(), false)) };
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let bell = Arc::as_ptr(self);
        match ANSWERED.get() {
            (answered, _) if answered == bell => ANSWERED.set((bell, true)),
            _ => self.task.wake(),
        }
    }
}

/// Whoever has handed something to a connection may send it off, instead of waiting until a thread is awake for the
/// connection's task.
pub(super) trait Drive: Send + Sync {
    fn bell(&self) -> &Arc<Bell>;

    /// Reads and writes what there is. False when another thread is about it, which may have been there already.
    fn drive(&self) -> bool;
}

/// While this lives, its thread looks after a connection itself, and drives it at the end: nobody is woken for that.
pub(super) struct Driving<'a> {
    driver: &'a dyn Drive,
    before: (*const Bell, bool),
}

impl<'a> Driving<'a> {
    pub(super) fn by_this_thread(driver: &'a dyn Drive) -> Self {
        let before = ANSWERED.replace((Arc::as_ptr(driver.bell()), false));
        Driving { driver, before }
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        let (_, has_rung) = ANSWERED.replace(self.before);
        if !self.driver.drive() && has_rung {
            self.driver.bell().task.wake();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn of(connection: Http2<S, Bytes>) -> Self {
        Driver { connection: Mutex::new(Some(connection)), bell: Arc::default() }
    }

    fn poll_end(&self, context: &mut Context<'_>) -> Poll<()> {
        self.bell.task.register(context.waker());
        self.poll(&mut self.connection.lock())
    }

    fn poll(&self, connection: &mut Option<Http2<S, Bytes>>) -> Poll<()> {
        let Some(driven) = connection else { return Poll::Ready(()) };
        let waker = Waker::from(Arc::clone(&self.bell));
        let ended = ready!(driven.poll_unpin(&mut Context::from_waker(&waker)));
        *connection = None;
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Drive for Driver<S> {
    fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }

    fn drive(&self) -> bool {
        let Some(mut connection) = self.connection.try_lock() else { return false };
        // The task is told of the end too.
        if self.poll(&mut connection).is_ready() {
            self.bell.task.wake();
        }
        true
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
        *driver.connection.lock() = None;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::AtomicUsize;

    use futures::task::ArcWake;

    use super::*;

    const PIPE_BYTES: usize = 64 << 10;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl ArcWake for Woken {
        fn wake_by_ref(woken: &Arc<Self>) {
            woken.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn who_drives_a_connection_wakes_its_task_only_when_it_cannot() {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let (handshake, server) = tokio::join!(h2::client::handshake(client), h2::server::handshake(server));
        let ((mut requests, connection), mut server) = (handshake.unwrap(), server.unwrap());
        let (driver, woken) = (Driver::of(connection), Arc::new(Woken::default()));
        let waker = futures::task::waker(Arc::clone(&woken));
        let look = || driver.poll_end(&mut Context::from_waker(&waker)).is_pending();
        let mut request = || requests.send_request(http::Request::new(()), true).unwrap().0;
        let count = || woken.0.load(Ordering::Relaxed);
        // The two settle how they speak.
        for _ in 0..3 {
            assert!(look());
            assert!(server.accept().now_or_never().is_none());
        }

        let before = count();
        let _plain = request();
        assert_eq!(count(), before + 1, "without anybody to drive it the task is woken");
        assert!(look() && server.accept().now_or_never().is_some());

        let before = count();
        let driving = Driving::by_this_thread(&driver);
        let _driven = request();
        drop(driving);
        assert_eq!(count(), before);
        assert!(server.accept().now_or_never().is_some());

        assert!(look());
        let before = count();
        let driving = Driving::by_this_thread(&driver);
        let held = driver.connection.lock();
        let _held_up = request();
        drop(driving);
        assert_eq!(count(), before + 1, "another thread may have been past it");
        drop(held);
        assert!(look() && server.accept().now_or_never().is_some());
    }
}
