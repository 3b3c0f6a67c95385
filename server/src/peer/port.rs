//! Connections of other members, and the framing of their calls.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
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

/// How long calls that have arrived may take to be answered once this member parts from the others.
const PART_PATIENCE: Duration = Duration::from_millis(500);

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
        let until = parted.clone();
        let answer = move |request| {
            let (service, parted) = (Arc::clone(&self.0), parted.clone());
            async move { service.answer(request, visitor.address, parted).await }
        };
        converse(stream, answer, until).await;
    }
}

/// Answers the calls of a connection until it ends. When this member parts from the others, it says which calls it has
/// taken and answers those: what a member knows to be refused it asks of another one, and what it does not know it cannot.
async fn converse<S, A, F>(stream: S, answer: A, parted: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(|request| answer(request).map(Ok::<_, Infallible>));
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
            connection.as_mut().graceful_shutdown();
            // Who is paused or cut off does not take part in this.
            tokio::time::timeout(PART_PATIENCE, connection).await.unwrap_or(Ok(()))
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

/// Runs a call with a stream in both directions until `parted`: a leader's stream of appends has no end of its own.
pub(super) fn streaming<Req, Res, Answers>(
    request: Request<Incoming>,
    parted: CancellationToken,
    handler: impl FnOnce(Streaming<Req>) -> Answers,
) -> Response<Body>
where
    Req: Message + Default + Send + 'static,
    Res: Message + Default + Send + 'static,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    let answers = handler(requests::<Req, Res>(request));
    respond::<Req, Res>(answers.take_until(parted.cancelled_owned()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bytes::Bytes;
    use etcdkit_link::{Link, Settings, never_sent};
    use http::Uri;
    use http_body_util::{BodyExt, Full};
    use tokio::sync::Semaphore;
    use tower::Service;

    use super::*;

    const PIPE_BYTES: usize = 64 << 10;
    const SETTINGS: Settings =
        Settings { stream_window: 1 << 20, connection_window: 1 << 20, keep_alive: None };

    fn call(path: &'static str) -> Request<Body> {
        Request::post(path).body(Body::new(Full::new(Bytes::from_static(b"request")))).unwrap()
    }

    #[tokio::test]
    async fn a_member_that_parts_answers_what_it_has_taken_and_refuses_the_rest() {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let (parted, arrived, may_answer) =
            (CancellationToken::new(), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let (until, coming, waiting) = (parted.clone(), arrived.clone(), may_answer.clone());
        let answer = move |request: Request<Incoming>| {
            let (until, coming, waiting) = (until.clone(), coming.clone(), waiting.clone());
            async move {
                coming.add_permits(1);
                if request.uri().path() == "/streaming" {
                    return streaming::<(), (), _>(request, until, |_| futures::stream::pending());
                }
                waiting.acquire().await.unwrap().forget();
                Response::new(Body::new(Full::new(Bytes::from_static(b"answer"))))
            }
        };
        let serving = tokio::spawn(converse(server, answer, parted.clone()));
        let mut link = Link::over(client, &Uri::from_static("http://member"), &SETTINGS).await.unwrap();
        let stream = link.call(call("/streaming")).await.unwrap().into_body();
        let taken = tokio::spawn(link.call(call("/unary")));
        arrived.acquire_many(2).await.unwrap().forget();

        parted.cancel();
        let ended = stream.collect().await.unwrap();
        assert!(ended.to_bytes().is_empty());
        assert!(never_sent(&*link.call(call("/unary")).await.unwrap_err()));
        may_answer.add_permits(1);
        let body = taken.await.unwrap().unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "answer");
        serving.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_that_parts_does_not_wait_for_long() {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let parted = CancellationToken::new();
        let never = |_: Request<Incoming>| std::future::pending();
        let serving = tokio::spawn(converse(server, never, parted.clone()));
        let mut link = Link::over(client, &Uri::from_static("http://member"), &SETTINGS).await.unwrap();
        let taken = tokio::spawn(link.call(call("/unary")));
        tokio::time::sleep(PART_PATIENCE).await;
        parted.cancel();
        serving.await.unwrap();
        assert!(!never_sent(&*taken.await.unwrap().unwrap_err()));
    }
}
