//! gRPC streams, through tonic.

use std::future::Future;

use futures::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use prost::Message;
use tonic::codec::{EncodeBody, SingleMessageCompressionOverride, Streaming};
use tonic::{Code, Status};

use super::codec::{Outgoing, StreamCodec};
use super::grpc::{ApiBody, SEND_BYTES_MAX, read_message, received_too_much, refuse};

/// Runs a call with one request and a stream of answers.
pub(crate) async fn server_streaming<Req, Res, Answers, Handler, Call>(
    request: Request<Incoming>,
    receive_bytes_max: usize,
    handler: Handler,
) -> Response<ApiBody>
where
    Req: Message + Default + Send + 'static,
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
    Handler: FnOnce(Req) -> Call,
    Call: Future<Output = Result<Answers, Status>>,
{
    let message = match read_message(request, receive_bytes_max).await {
        Ok(message) => message,
        Err(status) => return refuse(status),
    };
    match handler(message).await {
        Ok(answers) => stream_response::<Res, Answers>(answers),
        Err(status) => refuse(status),
    }
}

/// Runs a call with a stream in both directions.
pub(crate) fn bidirectional<Req, Res, Answers>(
    request: Request<Incoming>,
    receive_bytes_max: usize,
    handler: impl FnOnce(Streaming<Req>) -> Answers,
) -> Response<ApiBody>
where
    Req: Message + Default + Send + 'static,
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    let decoder = StreamCodec::<Res, Req>::default();
    let requests = Streaming::new_request(decoder, request.into_body(), None, Some(receive_bytes_max));
    stream_response::<Res, Answers>(handler(requests))
}

fn stream_response<Res, Answers>(answers: Answers) -> Response<ApiBody>
where
    Res: Outgoing,
    Answers: Stream<Item = Result<Res, Status>> + Send + 'static,
{
    let encoder = StreamCodec::<Res, ()>::default();
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
