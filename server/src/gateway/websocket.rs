//! WebSockets on the paths of the JSON gateway, for browsers, which cannot stream a request otherwise.
//!
//! Every message of the client is a piece of what would be the body, every answer a message of its own. A browser can
//! set no headers here, so a token comes as the second protocol it offers: `Bearer, <token>`.

use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    UPGRADE,
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use prost_reflect::MethodDescriptor;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tonic::metadata::MetadataMap;

use super::answer::plain;
use super::json::{Json, line, metadata};
use super::values::Pieces;
use crate::api::ApiBody;

/// Messages that wait for the call.
const MESSAGES_MAX: usize = 1;

/// The protocol under which a token is offered.
const BEARER: &str = "Bearer";

/// Whether a request asks for a WebSocket.
pub(super) fn is_asked(headers: &HeaderMap) -> bool {
    headers.get(UPGRADE).is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers the handshake; the call goes on by itself.
pub(super) fn open(
    json: Arc<Json>,
    method: MethodDescriptor,
    mut request: Request<Incoming>,
) -> Response<ApiBody> {
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return plain(StatusCode::BAD_REQUEST, "Bad Request\n");
    };
    let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) else {
        return plain(StatusCode::BAD_REQUEST, "Bad Request\n");
    };
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|offered| offered.to_str().ok());
    let is_bearer = offered.is_some_and(|offered| offered.starts_with(BEARER));
    let metadata = metadata(authorization(offered).as_ref());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => serve(&json, &method, metadata, upgraded).await,
            Err(error) => tracing::debug!(%error, "a WebSocket was not opened"),
        }
    });
    let mut response = Response::new(ApiBody::of(http_body_util::Empty::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if is_bearer {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(BEARER));
    }
    response
}

/// The token among the offered protocols, as the header that it stands for.
fn authorization(offered: Option<&str>) -> Option<HeaderValue> {
    let (_, token) = offered?.split_once("Bearer,")?;
    HeaderValue::from_str(&format!("{BEARER} {}", token.trim())).ok()
}

async fn serve(json: &Json, method: &MethodDescriptor, metadata: MetadataMap, upgraded: Upgraded) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(json.body_bytes_max()))
        .max_frame_size(Some(json.body_bytes_max()));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (mut out, mut messages) = socket.split();
    let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
    let reader = async move {
        while let Some(Ok(message)) = messages.next().await {
            let piece = match message {
                Message::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
                Message::Binary(data) => Bytes::copy_from_slice(&data),
                Message::Close(_) => return,
                _ => continue,
            };
            if sender.send(piece).await.is_err() {
                // The call has read what it needs; the socket is still read, to hear of its end.
                while messages.next().await.is_some_and(|message| message.is_ok()) {}
                return;
            }
        }
    };
    let writer = async {
        let is_stream = method.is_client_streaming() || method.is_server_streaming();
        let mut answers = match json.call(method, metadata, Pieces::Socket(receiver)).await {
            Ok(answers) => answers,
            Err(status) => futures::stream::iter([Err(status)]).boxed(),
        };
        while let Some(answer) = answers.next().await {
            let text = match answer {
                Ok(answer) if !is_stream => answer,
                answer => line(answer),
            };
            let text = String::from_utf8_lossy(text.trim_ascii_end()).into_owned();
            if out.send(Message::text(text)).await.is_err() {
                return;
            }
        }
        // Fails when the client has gone first.
        let _ = out.close().await;
    };
    tokio::select! {
        () = reader => {}
        () = writer => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_offered_as_a_protocol() {
        let table = [
            (Some("Bearer, abc.1"), Some("Bearer abc.1")),
            (Some("Bearer,abc.1"), Some("Bearer abc.1")),
            (Some("chat"), None),
            (None, None),
        ];
        for (offered, expected) in table {
            let found = authorization(offered);
            assert_eq!(found.as_ref().and_then(|value| value.to_str().ok()), expected, "{offered:?}");
        }
    }
}
