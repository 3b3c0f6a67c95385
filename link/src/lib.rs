//! One HTTP/2 connection to a server, and gRPC requests on it.
//!
//! A unary request is whole when it starts. Its caller hands head, message and end to the connection in one go, so that
//! they leave in one write and come back to the very task that waits. hyper's client, which the transport has otherwise,
//! takes a request through four tasks and sends each of the three by itself, because it asks for leave in between; that
//! was a third of the time of a call.

mod answer;
mod kept;
mod life;

use std::cell::Cell;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri, header, request};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service};

use answer::Answer;
pub use kept::Kept;
pub use life::KeepAlive;
use life::{Drive, Driving};

/// Longest head or trailer of a response: a message of an error is in it.
const HEADERS_BYTES_MAX: u32 = 16 << 10;
/// What h2 takes on for a stream before it asks to wait; messages of calls are handed over whole.
const SEND_BUFFER_BYTES: usize = 1 << 20;
/// Frames of a request that are looked at before it counts as one that goes on.
const FRAMES_AT_ONCE: usize = 2;

/// What clients and members call themselves.
pub const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("etcdkit/", env!("CARGO_PKG_VERSION")));

thread_local! {
    static AT_ONCE: Cell<bool> = const { Cell::new(false) };
}

/// Runs the beginning of a call, whose request then leaves on this very thread if it can. That saves a caller outside of
/// the runtime the time until one of the runtime's threads is awake; with many calls at once it would send each by itself.
pub fn at_once<T>(begin: impl FnOnce() -> T) -> T {
    let before = AT_ONCE.replace(true);
    // Reset on the way out of a panic too.
    let _reset = Reset(before);
    begin()
}

/// Whether this is the beginning of a call that [`at_once`] runs.
#[must_use]
pub fn is_at_once() -> bool {
    AT_ONCE.get()
}

struct Reset(bool);

impl Drop for Reset {
    fn drop(&mut self) {
        AT_ONCE.set(self.0);
    }
}

/// The connection ended before the request was handed to it.
#[derive(Debug, thiserror::Error)]
#[error("the connection ended before the request was sent")]
pub struct Unsent(#[source] h2::Error);

/// Whether this or one of its causes says that a request provably did nothing: it never left, or the server refused its
/// stream unread. A server refuses a stream by itself, or, when it goes away, all above the last it has taken: only those
/// fail with what it said then (RFC 9113, 6.8 and 8.7).
#[must_use]
pub fn never_sent(error: &(dyn Error + 'static)) -> bool {
    let refused = |error: &h2::Error| {
        error.reason() == Some(h2::Reason::REFUSED_STREAM) || error.is_go_away() && error.is_remote()
    };
    std::iter::successors(Some(error), |&error| error.source())
        .any(|error| error.is::<Unsent>() || error.downcast_ref().is_some_and(refused))
}

/// What a connection allows the server, and how it is watched.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes a server may send on one stream before they are read.
    pub stream_window: u32,
    /// The same on all streams together.
    pub connection_window: u32,
    /// When a silent connection is given up; `None` for never.
    pub keep_alive: Option<KeepAlive>,
}

/// A connection. Clones share it; it ends when the last is gone and the last response is read.
#[derive(Clone)]
pub struct Link {
    requests: SendRequest<Bytes>,
    driver: Arc<dyn Drive>,
    scheme: Scheme,
    authority: Authority,
    /// Held by every call that is not over.
    open: Arc<()>,
}

impl Link {
    /// Speaks HTTP/2 over a stream. Returns when the server has begun to speak too, for which it may let one wait: the
    /// caller has to have a limit.
    ///
    /// # Errors
    /// The stream broke, or what came is no HTTP/2.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        target: &Uri,
        settings: &Settings,
    ) -> io::Result<Self> {
        let (stream, heard) = life::heard(stream);
        let (requests, mut connection) = h2::client::Builder::new()
            .initial_window_size(settings.stream_window)
            .initial_connection_window_size(settings.connection_window)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .enable_push(false)
            .handshake(stream)
            .await
            .map_err(life::broken)?;
        life::greeted(&mut connection, &heard).await?;
        let open = Arc::new(());
        let pings = connection.ping_pong();
        let driver = Arc::new(life::Driver::of(connection));
        let living = life::live(driver.clone(), pings, settings.keep_alive, heard, Arc::downgrade(&open));
        tokio::spawn(living);
        let scheme = target.scheme().cloned().unwrap_or(Scheme::HTTP);
        let authority = target.authority().cloned().unwrap_or_else(|| Authority::from_static("localhost"));
        Ok(Self { requests, driver, scheme, authority, open })
    }

    /// Whether it takes requests: it has not ended, and the server has not asked to leave it.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        !matches!(self.requests.clone().poll_ready(&mut nobody), Poll::Ready(Err(_)))
    }

    async fn send(mut self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let (mut head, mut body) = request.into_parts();
        self.address(&mut head)?;
        let begun = Begun::of(&mut body)?;
        std::future::poll_fn(|context| self.requests.poll_ready(context)).await.map_err(Unsent)?;
        let (response, sending) = {
            let _driving = is_at_once().then(|| Driving::by_this_thread(&*self.driver));
            hand_over(&mut self.requests, Request::from_parts(head, ()), begun, body)?
        };
        let response = response.await?;
        Ok(response.map(|received| Body::new(Answer::new(received, self.open, sending))))
    }

    fn address(&self, head: &mut request::Parts) -> Result<(), http::Error> {
        let mut uri = std::mem::take(&mut head.uri).into_parts();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        head.uri = Uri::from_parts(uri)?;
        head.headers.insert(header::USER_AGENT, USER_AGENT);
        Ok(())
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// Gives the connection the head and what there is of the body; the answer to come, and what sends the rest.
fn hand_over(
    requests: &mut SendRequest<Bytes>,
    head: Request<()>,
    begun: Begun,
    body: Body,
) -> Result<(ResponseFuture, Option<AbortOnDropHandle<()>>), BoxError> {
    let is_head_only = begun.is_whole && begun.frames.is_empty();
    let (response, mut stream) = requests.send_request(head, is_head_only).map_err(Unsent)?;
    if !begun.is_whole {
        let sending = tokio::spawn(go_on(stream, begun.frames, body));
        return Ok((response, Some(AbortOnDropHandle::new(sending))));
    }
    if let Some(message) = begun.frames.into_iter().next() {
        stream.send_data(message, true)?;
    }
    Ok((response, None))
}

/// As much of a request's body as there is without waiting.
struct Begun {
    frames: Vec<Bytes>,
    /// One frame or none, and the end.
    is_whole: bool,
}

impl Begun {
    fn of(body: &mut Body) -> Result<Self, Status> {
        let mut frames = Vec::new();
        while frames.len() < FRAMES_AT_ONCE {
            match body.frame().now_or_never() {
                None => break,
                Some(None) => return Ok(Self { is_whole: frames.len() < FRAMES_AT_ONCE, frames }),
                Some(Some(frame)) => frames.extend(frame?.into_data()),
            }
        }
        Ok(Self { frames, is_whole: false })
    }
}

/// Sends what follows, no faster than the server takes it. Ends early when the stream does, which its reader is told.
async fn go_on(mut stream: SendStream<Bytes>, frames: Vec<Bytes>, mut body: Body) {
    for frame in frames {
        if send(&mut stream, frame).await.is_err() {
            return;
        }
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return stream.send_reset(h2::Reason::CANCEL);
        };
        if let Ok(data) = frame.into_data()
            && send(&mut stream, data).await.is_err()
        {
            return;
        }
    }
    // The server may have ended the stream already.
    let _ = stream.send_data(Bytes::new(), true);
}

/// Sends one frame when there is room for the beginning of it.
async fn send(stream: &mut SendStream<Bytes>, frame: Bytes) -> Result<(), Option<h2::Error>> {
    if !frame.is_empty() {
        stream.reserve_capacity(1);
        while stream.capacity() == 0 {
            let room = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            room.ok_or(None)?.map_err(Some)?;
        }
    }
    stream.send_data(frame, false).map_err(Some)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use h2::server::{Connection as Server, SendResponse};
    use h2::{Reason, RecvStream};
    use http::HeaderMap;
    use http_body_util::{Full, StreamBody};
    use tokio::io::DuplexStream;
    use tokio_util::io::InspectWriter;

    use super::*;

    const PIPE_BYTES: usize = 64 << 10;
    const KEEP_ALIVE: KeepAlive =
        KeepAlive { interval: Duration::from_secs(10), patience: Duration::from_secs(3), while_idle: false };
    const SETTINGS: Settings =
        Settings { stream_window: 1 << 20, connection_window: 1 << 20, keep_alive: Some(KEEP_ALIVE) };

    type Call = (Request<RecvStream>, SendResponse<Bytes>);

    /// A link, the writes it has made, and its server.
    async fn pair() -> (Link, Arc<AtomicUsize>, Server<DuplexStream, Bytes>) {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = writes.clone();
        let count = move |_: &[u8]| _ = counted.fetch_add(1, Ordering::Relaxed);
        let stream = InspectWriter::new(client, count);
        let target = Uri::from_static("http://server:2379");
        let server = tokio::spawn(h2::server::handshake(server));
        let link = Link::over(stream, &target, &SETTINGS).await.unwrap();
        (link, writes, server.await.unwrap().unwrap())
    }

    async fn accepted(server: &mut Server<DuplexStream, Bytes>) -> Call {
        server.accept().await.unwrap().unwrap()
    }

    fn request(body: Body) -> Request<Body> {
        Request::post("/etcdserverpb.KV/Range").body(body).unwrap()
    }

    fn unary(length: usize) -> Request<Body> {
        request(Body::new(Full::new(Bytes::from(vec![7; length]))))
    }

    /// Goes on without an end.
    fn streaming() -> Request<Body> {
        let first =
            futures::stream::iter([Ok::<_, Status>(http_body::Frame::data(Bytes::from_static(b"1")))]);
        request(Body::new(StreamBody::new(futures::StreamExt::chain(first, futures::stream::pending()))))
    }

    fn answer(mut call: Call) {
        let mut body = call.1.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from_static(b"answer"), false).unwrap();
        body.send_trailers(HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            USER_AGENT,
        )]))
        .unwrap();
    }

    #[tokio::test]
    async fn a_unary_request_is_one_write_and_its_answer_has_trailers() {
        let (mut link, writes, mut server) = pair().await;
        let mut before = 0;
        // The first call also settles how the two speak.
        for _ in 0..2 {
            before = writes.load(Ordering::Relaxed);
            let calling = tokio::spawn(link.call(unary(100)));
            let call = accepted(&mut server).await;
            assert_eq!(call.0.uri(), "http://server:2379/etcdserverpb.KV/Range");
            assert_eq!(call.0.headers()["user-agent"], USER_AGENT);
            answer(call);
            // Sends it: nothing else comes.
            assert!(server.accept().now_or_never().is_none());
            let body = calling.await.unwrap().unwrap().into_body().collect().await.unwrap();
            assert!(body.trailers().unwrap().contains_key("grpc-status"));
            assert_eq!(body.to_bytes(), "answer");
        }
        assert_eq!(writes.load(Ordering::Relaxed) - before, 1);
    }

    #[tokio::test]
    async fn a_request_that_is_to_leave_at_once_does() {
        let (mut link, writes, mut server) = pair().await;
        let calling = tokio::spawn(link.call(unary(100)));
        answer(accepted(&mut server).await);
        assert!(server.accept().now_or_never().is_none());
        calling.await.unwrap().unwrap();
        let before = writes.load(Ordering::Relaxed);
        let (mut late, mut early) = (link.call(unary(100)), link.call(unary(100)));
        assert!(futures::poll!(&mut late).is_pending());
        assert_eq!(writes.load(Ordering::Relaxed), before);
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        assert!(at_once(|| early.poll_unpin(&mut nobody)).is_pending());
        assert_ne!(writes.load(Ordering::Relaxed), before);
        answer(accepted(&mut server).await);
        answer(accepted(&mut server).await);
        assert!(server.accept().now_or_never().is_none());
        late.await.unwrap();
        early.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_larger_than_every_window_arrives_whole() {
        let (mut link, _, mut server) = pair().await;
        let calling = tokio::spawn(link.call(unary(3 << 20)));
        let (request, mut respond) = accepted(&mut server).await;
        let reading = tokio::spawn(async move {
            let mut body = request.into_body();
            let mut length = 0;
            while let Some(data) = body.data().await {
                let data = data.unwrap();
                length += data.len();
                body.flow_control().release_capacity(data.len()).unwrap();
            }
            respond.send_response(Response::new(()), true).unwrap();
            length
        });
        let serving = tokio::spawn(async move { while server.accept().await.is_some() {} });
        assert_eq!(reading.await.unwrap(), 3 << 20);
        assert!(calling.await.unwrap().is_ok());
        serving.abort();
    }

    #[tokio::test]
    async fn dropping_an_answer_ends_a_request_that_goes_on() {
        let (mut link, _, mut server) = pair().await;
        let calling = tokio::spawn(link.call(streaming()));
        let (request, mut respond) = accepted(&mut server).await;
        let _open = respond.send_response(Response::new(()), false).unwrap();
        let mut body = request.into_body();
        let serving = tokio::spawn(async move { while server.accept().await.is_some() {} });
        assert_eq!(body.data().await.unwrap().unwrap(), "1");
        drop(calling.await.unwrap().unwrap());
        let ended = body.data().await.unwrap().unwrap_err();
        assert_eq!(ended.reason(), Some(Reason::CANCEL));
        serving.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_owes_an_answer_and_is_silent_is_given_up() {
        let (mut link, _, mut server) = pair().await;
        // Nobody answers a ping while nothing is called, and none is sent.
        tokio::time::sleep(KEEP_ALIVE.interval * 10).await;
        assert!(link.is_usable());
        let calling = tokio::spawn(link.call(unary(1)));
        let _call = accepted(&mut server).await;
        let begun = tokio::time::Instant::now();
        let error = calling.await.unwrap().unwrap_err();
        assert!(begun.elapsed() <= KEEP_ALIVE.interval * 2 + KEEP_ALIVE.patience, "{:?}", begun.elapsed());
        assert!(!never_sent(&*error) && !link.is_usable());
    }

    #[tokio::test]
    async fn a_connection_that_nobody_accepts_takes_no_request() {
        let target = Uri::from_static("http://server:2379");
        let (client, backlog) = tokio::io::duplex(PIPE_BYTES);
        let mut connecting = tokio::spawn(async move { Link::over(client, &target, &SETTINGS).await });
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut connecting).await.is_err());
        drop(backlog);
        connecting.await.unwrap().unwrap_err();
    }

    #[tokio::test]
    async fn what_a_server_that_goes_away_has_not_taken_was_never_sent() {
        let (mut link, _, mut server) = pair().await;
        let taken = tokio::spawn(link.call(unary(1)));
        let call = accepted(&mut server).await;
        server.abrupt_shutdown(Reason::NO_ERROR);
        let late = tokio::spawn(link.call(unary(2)));
        let serving = tokio::spawn(async move { while server.accept().await.is_some() {} });
        assert!(never_sent(&*late.await.unwrap().unwrap_err()));
        drop(call);
        serving.await.unwrap();
        let error = taken.await.unwrap().unwrap_err();
        assert!(!never_sent(&*error));
        assert!(!link.is_usable());
        assert!(never_sent(&*link.call(unary(3)).await.unwrap_err()));
    }
}
