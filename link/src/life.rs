//! The life of a connection: it is read and written until it ends, and given up when a server that owes answers is silent.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use h2::client::Connection as Http2;
use h2::{Ping, PingPong};
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

    fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }
}

/// The stream, and when it was last read.
pub(super) fn heard(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
) -> (impl AsyncRead + AsyncWrite + Send + Unpin, Arc<Heard>) {
    let heard = Arc::new(Heard { since: Instant::now(), milliseconds: AtomicU64::new(0) });
    let noted = heard.clone();
    (InspectReader::new(stream, move |_: &[u8]| noted.now()), heard)
}

/// Drives a connection to its end. Its streams end with it.
pub(super) async fn live<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: Http2<S, Bytes>,
    keep_alive: Option<KeepAlive>,
    heard: Arc<Heard>,
    open: Weak<()>,
) {
    let pings = connection.ping_pong();
    let silence = async {
        match (keep_alive, pings) {
            (Some(keep_alive), Some(pings)) => silent(keep_alive, pings, &heard, &open).await,
            _ => std::future::pending().await,
        }
    };
    match futures::future::select(connection, pin!(silence)).await {
        futures::future::Either::Left((Err(error), _)) => tracing::debug!(%error, "a connection broke"),
        futures::future::Either::Left((Ok(()), _)) => {}
        futures::future::Either::Right(_) => {
            tracing::debug!("a connection is given up: a ping was not answered")
        }
    }
}

/// Returns when a ping was not answered.
async fn silent(keep_alive: KeepAlive, mut pings: PingPong, heard: &Heard, open: &Weak<()>) {
    let mut look_at = Instant::now() + keep_alive.interval;
    loop {
        sleep_until(look_at).await;
        let quiet_until = heard.last() + keep_alive.interval;
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
