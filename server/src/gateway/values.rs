//! The requests in a body: JSON values, one behind the other, in pieces of any size.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde::de::{DeserializeSeed, IgnoredAny};
use tokio::sync::mpsc;
use tonic::Status;

use super::strict::Strict;

/// Where a body comes from.
pub(super) enum Pieces {
    /// The body of a request.
    Http(Incoming),
    /// The messages of a WebSocket.
    Socket(mpsc::Receiver<Bytes>),
}

impl Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let body = match self {
            Pieces::Http(body) => body,
            Pieces::Socket(messages) => return Ok(messages.recv().await),
        };
        while let Some(frame) = body.frame().await {
            let frame =
                frame.map_err(|error| Status::cancelled(format!("the request ended early: {error}")))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// The requests in a body.
pub(super) struct Values {
    body: Pieces,
    buffer: BytesMut,
    bytes_max: usize,
    input: MessageDescriptor,
    end: ValueEnd,
    /// Bytes in which no whole value was found.
    tried: usize,
}

impl Values {
    pub(super) fn new(body: Pieces, bytes_max: usize, input: MessageDescriptor) -> Self {
        Values { body, buffer: BytesMut::new(), bytes_max, input, end: ValueEnd::default(), tried: 0 }
    }

    /// Sends each as it is complete.
    pub(super) async fn send(mut self, to: mpsc::Sender<Bytes>, failed: mpsc::Sender<Status>) {
        loop {
            match self.next().await {
                Ok(Some(message)) => {
                    if to.send(message).await.is_err() {
                        return;
                    }
                }
                Ok(None) => return,
                Err(status) => {
                    // Fails when nobody listens.
                    let _ = failed.send(status).await;
                    return;
                }
            }
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if self.is_worth_reading()
                && let Some(message) = self.take()?
            {
                return Ok(Some(message));
            }
            match self.body.next().await? {
                Some(data) => {
                    self.buffer.extend_from_slice(&data);
                    check_length(self.buffer.len(), self.bytes_max)?;
                }
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => {
                    let last = self.take()?;
                    return last.map(Some).ok_or_else(|| Status::invalid_argument("unexpected EOF"));
                }
            }
        }
    }

    /// Whether a value has ended, or so much more has come that looking for a mistake is worth it: a body that comes byte
    /// by byte is not read anew for each of them.
    fn is_worth_reading(&mut self) -> bool {
        self.end.look(&self.buffer) || self.buffer.len() > self.tried * 2
    }

    /// The next value of the buffer, when it is all there.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        let invalid = |error: serde_json::Error| Status::invalid_argument(format!("proto: {error}"));
        let mut values = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<IgnoredAny>();
        match values.next() {
            None => return Ok(None),
            Some(Err(error)) if error.is_eof() => {
                self.tried = self.buffer.len();
                return Ok(None);
            }
            Some(Err(error)) => return Err(invalid(error)),
            Some(Ok(IgnoredAny)) => {}
        }
        let taken = self.buffer.split_to(values.byte_offset());
        (self.end, self.tried) = (ValueEnd::default(), 0);
        parse(&self.input, &taken).map(Some).map_err(invalid)
    }
}

/// Finds where the first value of a text ends by its brackets and quotes, looking at each byte once. What is wrong
/// inside is for the reader to say.
#[derive(Debug, Default)]
struct ValueEnd {
    seen: usize,
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl ValueEnd {
    /// Whether the end is in the text, which has grown since it was last looked at.
    fn look(&mut self, text: &[u8]) -> bool {
        for byte in &text[self.seen..] {
            self.seen += 1;
            if self.in_text {
                let is_escaped = std::mem::take(&mut self.is_escaped);
                match byte {
                    b'\\' => self.is_escaped = !is_escaped,
                    b'"' if !is_escaped => self.in_text = false,
                    _ => continue,
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                    _ if byte.is_ascii_whitespace() => continue,
                    _ => {}
                }
            }
            if self.depth == 0 && !self.in_text {
                // Found anew for as long as nobody takes the value.
                self.seen -= 1;
                return true;
            }
        }
        false
    }
}

/// Reads a message by its descriptor. Unknown fields are left out, as in etcd.
pub(super) fn parse(input: &MessageDescriptor, value: &[u8]) -> Result<Bytes, serde_json::Error> {
    Strict::Message(input.clone()).deserialize(&mut serde_json::Deserializer::from_slice(value))?;
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let mut value = serde_json::Deserializer::from_slice(value);
    let message = DynamicMessage::deserialize_with_options(input.clone(), &mut value, &options)?;
    Ok(message.encode_to_vec().into())
}

fn check_length(length: usize, max: usize) -> Result<(), Status> {
    match length > max {
        true => Err(Status::resource_exhausted(format!("a body of more than {max} bytes"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn end(text: &str) -> Option<usize> {
        let mut end = ValueEnd::default();
        (1..=text.len()).find(|length| end.look(&text.as_bytes()[..*length]))
    }

    #[test]
    fn a_value_ends_with_the_bracket_or_quote_that_began_it() {
        assert_eq!(end(r#" {"a":[1,{}],"b":"}\""} {"#), Some(r#" {"a":[1,{}],"b":"}\""}"#.len()));
        assert_eq!(end(r#"{"a":"\\"}x"#), Some(r#"{"a":"\\"}"#.len()));
        assert_eq!(end(r#""te\"xt" "#), Some(r#""te\"xt""#.len()));
        assert_eq!(end("nope"), Some(1));
        assert_eq!(end("}"), Some(1));
        assert_eq!(end(r#"{"a":"#), None);
        assert_eq!(end("  \n"), None);
    }

    /// Each byte of the body was once a reason to read all bytes before it again.
    #[tokio::test]
    async fn a_body_in_single_bytes_is_not_read_anew_for_each() {
        let pool = prost_reflect::DescriptorPool::decode(etcdkit_proto::DESCRIPTORS).unwrap();
        let input = pool.get_message_by_name("etcdserverpb.PutRequest").unwrap();
        let text = format!(r#"{{"key":"{}"}}"#, "A".repeat(1 << 20));
        let length = text.len();
        let (sender, pieces) = mpsc::channel(1);
        let sending = tokio::spawn(async move {
            for byte in text.into_bytes() {
                sender.send(Bytes::from(vec![byte])).await.unwrap();
            }
        });
        let mut values = Values::new(Pieces::Socket(pieces), length, input);
        let message = values.next().await.unwrap().unwrap();
        assert!(message.len() > length * 3 / 4 - 32);
        assert!(values.next().await.unwrap().is_none());
        sending.await.unwrap();
    }
}
