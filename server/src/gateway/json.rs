//! The JSON gateway: each call as a POST with a JSON body, by protobuf's own mapping.
//!
//! Nothing here knows a message: the contract's descriptors say how each is spelled. Calls go to the server through a
//! connection within the process, so that they pass the same checks as any other.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use etcdkit_proto::{DESCRIPTORS, RawCodec};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor, SerializeOptions};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use super::answer::{json_stream, json_text};
use super::values::{Pieces, Values};
use super::{routes, websocket};
use crate::api::ApiBody;
use crate::in_process::InProcess;

/// A body may be this much longer than the message it stands for: bytes take four letters for three, and names come on
/// top.
const BODY_TIMES_MAX: usize = 2;

/// Requests of a stream that wait for the call.
const REQUESTS_MAX: usize = 1;

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("invariant: the contract reads back"));

/// The gateway.
pub(super) struct Json {
    channel: Channel,
    body_bytes_max: usize,
}

impl Json {
    /// Most bytes of a request.
    pub(super) fn body_bytes_max(&self) -> usize {
        self.body_bytes_max
    }

    pub(super) fn new(way: InProcess, receive_bytes_max: usize) -> Self {
        let connect = move |_uri| {
            let way = way.clone();
            async move { way.connect().await.map(TokioIo::new) }
        };
        // The address is of no meaning within the process.
        let endpoint = Endpoint::from_static("http://in-process");
        Json {
            channel: endpoint.connect_with_connector_lazy(tower::service_fn(connect)),
            body_bytes_max: receive_bytes_max.saturating_mul(BODY_TIMES_MAX),
        }
    }

    pub(super) async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<ApiBody> {
        let Some(method) = routes::call(request.uri().path()).and_then(method) else {
            return error(StatusCode::NOT_FOUND, &Status::not_found("Not Found"));
        };
        if websocket::is_asked(request.headers()) {
            return websocket::open(Arc::clone(self), method, request);
        }
        if request.method() != Method::POST {
            return error(StatusCode::NOT_IMPLEMENTED, &Status::unimplemented("Method Not Allowed"));
        }
        let metadata = metadata(request.headers().get(AUTHORIZATION));
        let body = Pieces::Http(request.into_body());
        let is_stream = method.is_client_streaming() || method.is_server_streaming();
        let mut answers = match self.call(&method, metadata, body).await {
            Ok(answers) => answers,
            Err(status) if is_stream => return last_of_stream(&status),
            Err(status) => return error(http_status(status.code()), &status),
        };
        // The status line depends on the first answer, as in etcd.
        let first = answers.next().await;
        match first {
            Some(Err(status)) if is_stream => last_of_stream(&status),
            Some(Err(status)) => error(http_status(status.code()), &status),
            first if is_stream => {
                let answers = stream::iter(first).chain(answers);
                from_grpc(json_stream(answers.map(|answer| line(answer).into())))
            }
            Some(Ok(answer)) => from_grpc(json_text(StatusCode::OK, answer)),
            None => from_grpc(json_text(StatusCode::OK, "{}")),
        }
    }

    /// Makes the call with the requests in a body; the answers as JSON.
    pub(super) async fn call(
        &self,
        method: &MethodDescriptor,
        metadata: MetadataMap,
        body: Pieces,
    ) -> Result<Answers, Status> {
        let mut values = Values::new(body, self.body_bytes_max, method.input());
        let output = method.output();
        let request = |message| tonic::Request::from_parts(metadata.clone(), Default::default(), message);
        if method.is_client_streaming() {
            let (sender, receiver) = mpsc::channel(REQUESTS_MAX);
            let (failed_sender, failed) = mpsc::channel(1);
            tokio::spawn(values.send(sender, failed_sender));
            let (mut client, path) = self.client(method).await?;
            let requests =
                tonic::Request::from_parts(metadata, Default::default(), ReceiverStream::new(receiver));
            let answers = client.streaming(requests, path, RawCodec).await?.into_inner();
            // A request that cannot be read ends the stream of answers with the reason.
            let failed = ReceiverStream::new(failed).map(Err::<Bytes, Status>);
            return Ok(printed(output, stream::select(answers, failed)));
        }
        // No request is an empty one, and what comes behind the first is left alone, as in etcd.
        let message = values.next().await?.unwrap_or_default();
        let (mut client, path) = self.client(method).await?;
        if method.is_server_streaming() {
            let answers = client.server_streaming(request(message), path, RawCodec).await?.into_inner();
            return Ok(printed(output, answers));
        }
        let answer = client.unary(request(message), path, RawCodec).await?.into_inner();
        Ok(printed(output, stream::iter([Ok(answer)])))
    }

    async fn client(&self, method: &MethodDescriptor) -> Result<(Grpc<Channel>, PathAndQuery), Status> {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let path = PathAndQuery::try_from(path).map_err(|error| Status::internal(error.to_string()))?;
        let mut client = Grpc::new(self.channel.clone()).max_decoding_message_size(usize::MAX);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok((client, path))
    }
}

fn method(call: &str) -> Option<MethodDescriptor> {
    let (service, method) = call.split_once('/')?;
    CONTRACT.get_service_by_name(service)?.methods().find(|known| known.name() == method)
}

/// What goes along with a call: who asks, and that it came this way.
pub(super) fn metadata(authorization: Option<&HeaderValue>) -> MetadataMap {
    const FROM_GATEWAY: &str = "grpcgateway-accept";
    let mut metadata = MetadataMap::new();
    metadata.insert(FROM_GATEWAY, AsciiMetadataValue::from_static("application/json"));
    let value = authorization.and_then(|value| AsciiMetadataValue::try_from(value.as_bytes()).ok());
    if let Some(value) = value {
        metadata.insert("authorization", value);
    }
    metadata
}

/// Spells a message as etcd does: the names of the contract, 64-bit numbers as text, no field that is empty.
fn print(output: &MessageDescriptor, message: Bytes) -> Result<Vec<u8>, Status> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Status::internal(format!("etcdserver: an answer does not read back: {error}"))
    };
    let message = DynamicMessage::decode(output.clone(), message).map_err(|error| unreadable(&error))?;
    let mut serializer = serde_json::Serializer::new(Vec::new());
    let options = SerializeOptions::new().use_proto_field_name(true);
    message.serialize_with_options(&mut serializer, &options).map_err(|error| unreadable(&error))?;
    Ok(serializer.into_inner())
}

/// The answers of a call, each as JSON; an error is the last.
pub(super) type Answers = BoxStream<'static, Result<Vec<u8>, Status>>;

fn printed(
    output: MessageDescriptor,
    answers: impl Stream<Item = Result<Bytes, Status>> + Send + 'static,
) -> Answers {
    let mut is_over = false;
    let printed = answers.map(move |answer| answer.and_then(|answer| print(&output, answer)));
    printed
        .take_while(move |answer| std::future::ready(!std::mem::replace(&mut is_over, answer.is_err())))
        .boxed()
}

/// An answer of a stream on a line of its own.
pub(super) fn line(answer: Result<Vec<u8>, Status>) -> Vec<u8> {
    match answer {
        Ok(text) => [b"{\"result\":".as_slice(), &text, b"}\n"].concat(),
        Err(status) => format!("{{\"error\":{}}}\n", describe(&status)).into_bytes(),
    }
}

/// What grpc-gateway says of the answer it passes on.
fn from_grpc(mut response: Response<ApiBody>) -> Response<ApiBody> {
    let name = HeaderName::from_static("grpc-metadata-content-type");
    response.headers_mut().insert(name, HeaderValue::from_static("application/grpc"));
    response
}

/// A stream that ends before its first answer.
fn last_of_stream(status: &Status) -> Response<ApiBody> {
    json_text(http_status(status.code()), line(Err(status.clone())))
}

fn error(http: StatusCode, status: &Status) -> Response<ApiBody> {
    let mut response = json_text(http, describe(status));
    if let (Code::Unauthenticated, Ok(why)) = (status.code(), HeaderValue::from_str(status.message())) {
        response.headers_mut().insert(WWW_AUTHENTICATE, why);
    }
    response
}

fn describe(status: &Status) -> String {
    let message = serde_json::Value::from(status.message());
    format!(r#"{{"code":{},"message":{message}}}"#, status.code() as i32)
}

/// As gRPC's own gateway maps them.
fn http_status(code: Code) -> StatusCode {
    const CLIENT_CLOSED_REQUEST: u16 = 499;
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::REQUEST_TIMEOUT),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use prost::Message;

    use super::*;

    #[test]
    fn every_route_leads_to_a_call_of_the_contract() {
        for (path, call) in routes::ROUTES {
            assert!(method(call).is_some(), "{path} -> {call}");
        }
    }

    #[test]
    fn a_request_may_be_spelled_both_ways_and_know_too_much() {
        let input = method("etcdserverpb.KV/Range").unwrap().input();
        let read = |text: &str| crate::gateway::values::parse(&input, text.as_bytes());
        let expected = read(r#"{"key":"Zm9v","range_end":"AA==","limit":"7"}"#).unwrap();
        let other = read(r#"{"key":"Zm9v","rangeEnd":"AA==","limit":7,"nope":1}"#).unwrap();
        assert_eq!(expected, other);
        assert!(read(r#"{"key":1}"#).is_err());
        assert!(read(r#"{"key":"#).is_err());
    }

    #[test]
    fn an_answer_leaves_out_what_is_empty() {
        use etcdkit_proto::etcdserverpb::{PutResponse, ResponseHeader};
        let header = ResponseHeader { cluster_id: 1, member_id: u64::MAX, revision: 2, raft_term: 0 };
        let answer = PutResponse { header: Some(header), prev_kv: None }.encode_to_vec();
        let output = method("etcdserverpb.KV/Put").unwrap().output();
        let text = String::from_utf8(print(&output, answer.into()).unwrap()).unwrap();
        let expected = r#"{"header":{"cluster_id":"1","member_id":"18446744073709551615","revision":"2"}}"#;
        assert_eq!(text, expected);
    }
}
