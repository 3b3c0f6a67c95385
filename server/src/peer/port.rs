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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, EncodeBody, SingleMessageCompressionOverride, Streaming};
use tonic_prost::ProstCodec;

use super::PeerService;
use crate::accept::{Port, Visitor};
use crate::transport::MESSAGE_BYTES_MAX;

/// Connections at once: two from each member, and room for those that are just ending.
const CONNECTIONS_MAX: usize = 1024;

/// Silence after which a member is asked whether it is there, and the time it has to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The port for other members.
#[derive(Clone)]
pub(crate) struct PeerSite(pub(crate) Arc<PeerService>);

impl Port for PeerSite {
    const NAME: &'static str = "peer";
    const CONNECTIONS_MAX: usize = CONNECTIONS_MAX;

    async fn serve<S>(self, stream: S, visitor: Visitor, parted: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let service = Arc::clone(&self.0);
            async move { Ok::<_, Infallible>(service.answer(request, visitor.address).await) }
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
            // A leader's stream of appends has no end of its own.
            () = parted.cancelled() => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection of a member ended early");
        }
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
