//! gRPC over HTTP/2, as far as handlers do not want to know about it.
//!
//! Unary calls are most of a server's load, so their framing is done here with one copy in and one
//! allocation out; streams go through tonic.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use etcdkit_proto::EtcdError;
use http::header::CONTENT_TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::budget::Budget;
use super::parts;
use crate::metrics::{Counted, Counters, Metrics, StreamCounters, of_stream};
use crate::span::{Part, Span};

/// Compression flag and length, before every message.
const PREFIX_BYTES: usize = 5;

/// What grpc-go calls the largest message it sends; a longer one cannot be spelled in every client.
pub(crate) const SEND_BYTES_MAX: usize = i32::MAX as usize;

/// Body of every response of the client port.
pub(crate) enum ApiBody {
    /// A unary answer: one message, then the trailers of success.
    Unary(Option<Bytes>),
    /// The end of a unary answer.
    End,
    /// A stream, or an error.
    Tonic(tonic::body::Body),
}

impl ApiBody {
    /// Any other body.
    pub(crate) fn of<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        ApiBody::Tonic(tonic::body::Body::new(body))
    }
}

impl Body for ApiBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            ApiBody::Tonic(body) => Pin::new(body).poll_frame(context),
            ApiBody::End => Poll::Ready(None),
            ApiBody::Unary(message) => match message.take() {
                Some(message) => Poll::Ready(Some(Ok(Frame::data(message)))),
                None => {
                    *self = ApiBody::End;
                    Poll::Ready(Some(Ok(Frame::trailers(success()))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ApiBody::Tonic(body) => body.is_end_stream(),
            ApiBody::Unary(_) => false,
            ApiBody::End => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn success() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

/// What the messages of a call are held against, and where they are counted.
pub(crate) struct Intake<'a> {
    pub(crate) metrics: &'a Arc<Metrics>,
    /// The number of the call.
    pub(crate) method: usize,
    /// For the log; shares the request's text.
    pub(crate) path: Option<PathAndQuery>,
    /// Most bytes of a received message.
    pub(crate) bytes_max: usize,
    /// A call of one answer that takes longer is told of in the log.
    pub(crate) slow: Duration,
    /// Ends a stream whose caller asked for a leader when there is none for long.
    pub(crate) leaderless: Option<watch::Receiver<u64>>,
    /// Counts large answers until they are sent.
    pub(crate) budget: &'a Budget,
    /// The call, where somebody follows it.
    pub(crate) span: Option<Arc<dyn Span>>,
}

impl Intake<'_> {
    pub(crate) fn counters(&self) -> &Counters {
        self.metrics.calls.of(self.method)
    }

    pub(crate) fn of_stream(&self) -> StreamCounters {
        of_stream(self.metrics, self.method)
    }

    /// Refuses the call before its message is read.
    pub(crate) fn refuse(&self, status: Status) -> Response<ApiBody> {
        Counted::begin(self.counters()).end(status.code());
        self.ended(&status);
        refuse(status)
    }

    /// The work on a request begins; it ends when the answer is dropped.
    pub(crate) fn part(&self, request: &dyn Any) -> Option<Box<dyn Part>> {
        parts::begin(self.span.as_deref()?, request)
    }

    /// Tells who follows the call how it ended.
    pub(crate) fn ended(&self, status: &Status) {
        if let Some(span) = &self.span {
            span.end(status.code(), status.message());
        }
    }

    fn note(&self, took: Duration, outcome: &Result<Bytes, Status>) {
        if took <= self.slow {
            return;
        }
        let path = self.path.as_ref().map(PathAndQuery::path).unwrap_or_default();
        let (response_bytes, error) = match outcome {
            Ok(message) => (message.len(), ""),
            Err(status) => (0, status.message()),
        };
        tracing::warn!(time_spent = ?took, response_type = path, response_size = response_bytes, error, "request stats");
    }
}

/// Answers with an error and nothing else.
pub(crate) fn refuse(status: Status) -> Response<ApiBody> {
    status.into_http::<tonic::body::Body>().map(ApiBody::Tonic)
}

/// Runs a unary call: reads the request within the limit, waits for the handler no longer than the
/// client does, and frames the answer.
pub(crate) async fn unary<Req, Res, Handler, Call>(
    request: Request<Incoming>,
    intake: &Intake<'_>,
    handler: Handler,
) -> Response<ApiBody>
where
    Req: Message + Default + 'static,
    Res: Message,
    Handler: FnOnce(Req) -> Call,
    Call: Future<Output = Result<Res, Status>>,
{
    let deadline = deadline(request.headers());
    let mut counted = None;
    let call = async {
        let message = read_message(request, intake).await?;
        counted = Some(Counted::begin(intake.counters()));
        let _part = intake.part(&message);
        handler(message).await
    };
    let outcome = match deadline {
        None => call.await,
        Some(deadline) => match tokio::time::timeout(deadline, call).await {
            Ok(outcome) => outcome,
            Err(_) => Err(EtcdError::DeadlineExceeded.into()),
        },
    };
    let outcome = outcome.and_then(|answer| frame(&answer));
    if let Some(counted) = counted {
        let code = outcome.as_ref().map_or_else(Status::code, |_message| Code::Ok);
        intake.note(counted.end(code), &outcome);
    }
    match outcome {
        Ok(message) => {
            if let Some(span) = &intake.span {
                span.end(Code::Ok, "");
            }
            intake.counters().sent(message.len() - PREFIX_BYTES);
            let message = intake.budget.hold(message);
            let mut response = Response::new(ApiBody::Unary(Some(message)));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            response
        }
        Err(status) => {
            intake.ended(&status);
            refuse(status)
        }
    }
}

fn frame(answer: &impl Message) -> Result<Bytes, Status> {
    let length = answer.encoded_len();
    if length > SEND_BYTES_MAX {
        return Err(Status::resource_exhausted(format!(
            "trying to send message larger than max ({length} vs. {SEND_BYTES_MAX})"
        )));
    }
    let mut buffer = BytesMut::with_capacity(PREFIX_BYTES + length);
    buffer.put_u8(0);
    buffer.put_u32(length as u32);
    answer.encode(&mut buffer).expect("invariant: the buffer has the encoded length");
    Ok(buffer.freeze())
}

/// Reads the one message of a unary call and the end of the request. The length is checked before the message is
/// buffered.
///
/// The end is waited for although the message is there: a stream that is answered before its request has ended is
/// reset, its late end is an error of the stream, and h2 gives up a connection with a thousand of them. Clients that
/// send the end in a frame of its own, as tonic does, would lose their connection to a fast server.
pub(crate) async fn read_message<Req: Message + Default>(
    request: Request<Incoming>,
    intake: &Intake<'_>,
) -> Result<Req, Status> {
    let receive_bytes_max = intake.bytes_max;
    let mut body = request.into_body();
    let mut first = next_data(&mut body).await?.unwrap_or_default();
    if let Some(length) = message_length(&first, receive_bytes_max)?
        && first.len() == PREFIX_BYTES + length
    {
        end_of(&mut body).await?;
        intake.counters().received(length);
        return super::codec::decode(&first[PREFIX_BYTES..]);
    }
    let mut buffer = BytesMut::from(std::mem::take(&mut first));
    loop {
        let length = message_length(&buffer, receive_bytes_max)?;
        if let Some(length) = length
            && buffer.len() >= PREFIX_BYTES + length
        {
            if buffer.len() > PREFIX_BYTES + length {
                return Err(more_than_one());
            }
            end_of(&mut body).await?;
            intake.counters().received(length);
            return super::codec::decode(&buffer[PREFIX_BYTES..]);
        }
        match next_data(&mut body).await? {
            Some(data) => buffer.extend_from_slice(&data),
            None if buffer.is_empty() => {
                return Err(Status::internal("grpc: a unary request without a message"));
            }
            None => return Err(Status::internal("unexpected EOF")),
        }
    }
}

/// Returns when nothing more can come.
async fn end_of(body: &mut Incoming) -> Result<(), Status> {
    while let Some(data) = next_data(body).await? {
        if !data.is_empty() {
            return Err(more_than_one());
        }
    }
    Ok(())
}

fn more_than_one() -> Status {
    Status::internal("grpc: more than one message in a unary request")
}

/// The next piece of data of the body; none at its end.
async fn next_data(body: &mut Incoming) -> Result<Option<Bytes>, Status> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Status::cancelled(format!("the request ended early: {error}")))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Length of the message that begins here, once its prefix is complete.
fn message_length(buffer: &[u8], receive_bytes_max: usize) -> Result<Option<usize>, Status> {
    let Some((prefix, _)) = buffer.split_first_chunk::<PREFIX_BYTES>() else {
        return Ok(None);
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Status::unimplemented("grpc: this server does not decompress messages"));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > receive_bytes_max {
        return Err(received_too_much(length, receive_bytes_max));
    }
    Ok(Some(length))
}

pub(crate) fn received_too_much(length: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!("grpc: received message larger than max ({length} vs. {limit})"))
}

/// How long the client waits, from `grpc-timeout`: up to eight digits and a unit. A value that cannot
/// be read is no deadline, as the client enforces its own.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let unit = text.chars().last()?;
    let count: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(count.checked_mul(3600)?)),
        'M' => Some(Duration::from_secs(count.checked_mul(60)?)),
        'S' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_millis(count)),
        'u' => Some(Duration::from_micros(count)),
        'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn timeout(value: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_static(value));
        deadline(&headers)
    }

    #[test]
    fn a_deadline_has_eight_digits_and_a_unit() {
        let table = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("1500m", Some(Duration::from_millis(1500))),
            ("7u", Some(Duration::from_micros(7))),
            ("7n", Some(Duration::from_nanos(7))),
            ("", None),
            ("S", None),
            ("5", None),
            ("5x", None),
            ("99999999999999999999S", None),
            ("18446744073709551615H", None),
        ];
        for (text, expected) in table {
            assert_eq!(timeout(text), expected, "{text}");
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_prefix() {
        let status = message_length(&[0, 0, 0, 1, 0], 255).unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "grpc: received message larger than max (256 vs. 255)");
        assert_eq!(message_length(&[0, 0, 0, 1, 0], 256).unwrap(), Some(256));
        assert_eq!(message_length(&[0, 0, 0, 1], 1).unwrap(), None);
        assert_eq!(message_length(&[1, 0, 0, 0, 1], 1).unwrap_err().code(), Code::Unimplemented);
    }
}
