//! gRPC streams, through tonic.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use etcdkit_proto::EtcdError;
use futures::{Stream, StreamExt};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use prost::Message;
use tokio_stream::wrappers::WatchStream;
use tonic::codec::{EncodeBody, SingleMessageCompressionOverride, Streaming};
use tonic::{Code, Status};

use super::codec::{Outgoing, StreamCodec};
use super::grpc::{ApiBody, Intake, SEND_BYTES_MAX, read_message, received_too_much, refuse};
use crate::metrics::CountedStream;
use crate::span::Span;

/// Runs a call with one request and a stream of answers.
pub(crate) async fn server_streaming<Req, Res, Answers, Handler, Call>(
    request: Request<Incoming>,
    intake: &Intake<'_>,
    handler: Handler,
) -> Response<ApiBody>
where
    Req: Message + Default + Send + 'static,
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
    Handler: FnOnce(Req) -> Call,
    Call: Future<Output = Result<Answers, Status>>,
{
    let message = match read_message(request, intake).await {
        Ok(message) => message,
        Err(status) => {
            intake.ended(&status);
            return refuse(status);
        }
    };
    let part = intake.part(&message);
    let mut counted = intake.of_stream().begin();
    match handler(message).await {
        Ok(answers) => {
            // What streams is the call; its part was to find out what.
            drop(part);
            stream_response::<Res, Answers>(intake, counted, answers)
        }
        Err(status) => {
            drop(part);
            counted.end(status.code());
            intake.ended(&status);
            refuse(status)
        }
    }
}

/// Runs a call with a stream in both directions.
pub(crate) fn bidirectional<Req, Res, Answers>(
    request: Request<Incoming>,
    intake: &Intake<'_>,
    handler: impl FnOnce(Streaming<Req>) -> Answers,
) -> Response<ApiBody>
where
    Req: Message + Default + Send + 'static,
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    let counters = intake.of_stream();
    let counted = counters.begin();
    let decoder = StreamCodec::<Res, Req>::new(counters, intake.span.clone());
    let requests = Streaming::new_request(decoder, request.into_body(), None, Some(intake.bytes_max));
    stream_response::<Res, Answers>(intake, counted, handler(requests))
}

/// Tells the counters how a stream of answers ends, and ends it when there is no leader and the caller asked for one.
struct Ending<Answers> {
    /// None once they have ended.
    answers: Option<Pin<Box<Answers>>>,
    leaderless: Option<WatchStream<u64>>,
    counted: CountedStream,
    span: Option<Arc<dyn Span>>,
}

impl<Answers> Ending<Answers> {
    fn end(&mut self, code: Code, message: &str) {
        self.counted.end(code);
        if let Some(span) = self.span.take() {
            span.end(code, message);
        }
    }
}

impl<Answer, Answers> Stream for Ending<Answers>
where
    Answers: Stream<Item = Result<Answer, Status>>,
{
    type Item = Result<Answer, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(answers) = &mut self.answers else { return Poll::Ready(None) };
        let next = answers.as_mut().poll_next(context);
        let item = match (next, &mut self.leaderless) {
            (Poll::Pending, Some(leaderless)) => match ready!(leaderless.poll_next_unpin(context)) {
                Some(_) => Some(Err(EtcdError::NoLeader.into())),
                None => {
                    self.leaderless = None;
                    return Poll::Pending;
                }
            },
            (next, _) => ready!(next),
        };
        if !matches!(item, Some(Ok(_))) {
            self.answers = None;
        }
        match &item {
            Some(Ok(_answer)) => {}
            Some(Err(status)) => self.end(status.code(), status.message()),
            None => self.end(Code::Ok, ""),
        }
        Poll::Ready(item)
    }
}

fn stream_response<Res, Answers>(
    intake: &Intake<'_>,
    counted: CountedStream,
    answers: Answers,
) -> Response<ApiBody>
where
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    let encoder = StreamCodec::<Res, ()>::new(intake.of_stream(), None);
    let leaderless = intake.leaderless.clone().map(WatchStream::from_changes);
    let answers = Ending { answers: Some(Box::pin(answers)), leaderless, counted, span: intake.span.clone() };
    let body = EncodeBody::new_server(
        encoder,
        answers,
        None,
        SingleMessageCompressionOverride::default(),
        Some(SEND_BYTES_MAX),
    );
    let mut response = Response::new(ApiBody::Tonic(tonic::body::Body::new(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// An error of a request stream, with tonic's text for an oversized message replaced by grpc-go's.
pub(crate) fn request_error(status: Status) -> Status {
    if status.code() != Code::OutOfRange {
        return status;
    }
    let mut numbers = status
        .message()
        .split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse::<usize>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(length), Some(limit)) => received_too_much(length, limit),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_reports_an_oversized_message_in_the_words_of_grpc_go() {
        let tonics =
            "Error, decoded message length too large: found 3000000 bytes, the limit is: 2097152 bytes";
        let status = request_error(Status::out_of_range(tonics));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "grpc: received message larger than max (3000000 vs. 2097152)");
    }
}
