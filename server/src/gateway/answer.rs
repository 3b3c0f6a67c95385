//! Bodies of HTTP answers.

use std::convert::Infallible;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};

use crate::api::ApiBody;

/// Browsers are not to guess that a text is something else.
const NO_SNIFFING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));

fn whole(status: StatusCode, content_type: &'static str, text: Bytes) -> Response<ApiBody> {
    // The body hides its length, and scripts want one.
    let length = HeaderValue::from(text.len());
    let mut response = Response::new(ApiBody::of(Full::new(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Nothing but headers.
pub(super) fn empty() -> Response<ApiBody> {
    let mut response = Response::new(ApiBody::of(Full::new(Bytes::new())));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// Plain text.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<ApiBody> {
    let mut response = whole(status, "text/plain; charset=utf-8", text.into());
    let (name, value) = NO_SNIFFING;
    response.headers_mut().insert(name, value);
    response
}

/// Plain text that etcd sends without the ban on guessing; kept so that nothing compares unequal.
pub(super) fn simple_text(status: StatusCode, text: impl Into<Bytes>) -> Response<ApiBody> {
    whole(status, "text/plain; charset=utf-8", text.into())
}

/// Bytes for a program.
pub(super) fn binary(contents: Vec<u8>) -> Response<ApiBody> {
    let mut response = whole(StatusCode::OK, "application/octet-stream", contents.into());
    let (name, value) = NO_SNIFFING;
    response.headers_mut().insert(name, value);
    response
}

/// Samples of metrics.
pub(super) fn samples(text: String) -> Response<ApiBody> {
    whole(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text.into())
}

/// One JSON value.
pub(super) fn json_text(status: StatusCode, text: impl Into<Bytes>) -> Response<ApiBody> {
    whole(status, "application/json", text.into())
}

/// JSON values, each as it comes.
pub(super) fn json_stream(values: impl Stream<Item = Bytes> + Send + 'static) -> Response<ApiBody> {
    let frames = values.map(|value| Ok::<_, Infallible>(Frame::data(value)));
    let mut response = Response::new(ApiBody::of(StreamBody::new(frames)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
