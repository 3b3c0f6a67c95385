//! Connections of other members, and the framing of their calls.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, EncodeBody, SingleMessageCompressionOverride, Streaming};
use tonic_prost::ProstCodec;

use super::PeerService;
use crate::transport::MESSAGE_BYTES_MAX;

/// Connections at once: two from each member, and room for those that are just ending.
const CONNECTIONS_MAX: usize = 1024;

/// Silence after which a member is asked whether it is there, and the time it has to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after an accept that failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until `parted`, then lets the calls in progress end.
pub(crate) async fn serve(listener: TcpListener, service: Arc<PeerService>, parted: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = parted.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if tasks.len() < CONNECTIONS_MAX => {
                tasks.spawn(serve_connection(stream, Arc::clone(&service), parted.clone()));
            }
            Ok(_) => tracing::warn!("too many connections at the peer port; one is closed"),
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection of a member");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn serve_connection(stream: TcpStream, service: Arc<PeerService>, parted: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = parted.cancelled() => {
            // A leader's stream of appends has no end of its own.
            return;
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection of a member ended early");
    }
}

/// Answers with an error and nothing else.
pub(super) fn refuse(status: Status) -> Response<Body> {
    status.into_http()
}

/// Runs a call with one request and one answer.
pub(super) async fn unary<Req, Res, Call>(
    request: Request<Incoming>,
    handler: impl FnOnce(Req) -> Call,
) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Default + Send + 'static,
    Call: Future<Output = Result<Res, Status>>,
{
    let outcome = match requests::<Req, Res>(request).message().await {
        Ok(Some(message)) => handler(message).await,
        Ok(None) => Err(Status::invalid_argument("a call without a request")),
        Err(status) => Err(status),
    };
    match outcome {
        Ok(answer) => respond::<Req, Res>(futures::stream::once(std::future::ready(Ok(answer)))),
        Err(status) => refuse(status),
    }
}

/// Runs a call with a stream in both directions.
pub(super) fn streaming<Req, Res, Answers>(
    request: Request<Incoming>,
    handler: impl FnOnce(Streaming<Req>) -> Answers,
) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Default + Send + 'static,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    respond::<Req, Res>(handler(requests::<Req, Res>(request)))
}

fn requests<Req, Res>(request: Request<Incoming>) -> Streaming<Req>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Default + Send + 'static,
{
    let decoder = ProstCodec::<Res, Req>::default().decoder();
    Streaming::new_request(decoder, request.into_body(), None, Some(MESSAGE_BYTES_MAX))
}

fn respond<Req, Res>(answers: impl Stream<Item = Result<Res, Status>> + Send + 'static) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Default + Send + 'static,
{
    let encoder = ProstCodec::<Res, Req>::default().encoder();
    let compression = SingleMessageCompressionOverride::default();
    let body = EncodeBody::new_server(encoder, answers, None, compression, Some(MESSAGE_BYTES_MAX));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
