//! The same requests as JSON: spelled well, spelled in another way that must mean the same, and spelled wrongly.

use std::sync::LazyLock;

use etcdkit_proto::DESCRIPTORS;
use etcdkit_proto::etcdserverpb::HashKvRequest;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use rand::RngExt as _;
use serde_json::Value;
use tonic::metadata::AsciiMetadataValue;

use super::generate::{Generator, Request};
use crate::http::ask::Peer;
use crate::http::normal;
use crate::http::steps::Step;

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("invariant: the contract reads back"));

/// A request of the gateway.
#[derive(Clone, Debug)]
pub(super) struct Json {
    path: &'static str,
    body: String,
}

/// Where a server is asked.
pub(super) struct Http {
    endpoint: String,
}

impl Http {
    pub(super) fn new(endpoint: &str) -> Self {
        Http { endpoint: endpoint.to_owned() }
    }
}

/// Path, kind of message, and the message.
fn spelled(request: &Request) -> Option<(&'static str, &'static str, Vec<u8>)> {
    Some(match request {
        Request::Range(range) => ("/v3/kv/range", "etcdserverpb.RangeRequest", range.encode_to_vec()),
        Request::Put(put) => ("/v3/kv/put", "etcdserverpb.PutRequest", put.encode_to_vec()),
        Request::Delete(delete) => {
            ("/v3/kv/deleterange", "etcdserverpb.DeleteRangeRequest", delete.encode_to_vec())
        }
        Request::Txn(txn) => ("/v3/kv/txn", "etcdserverpb.TxnRequest", txn.encode_to_vec()),
        Request::Compact(compact) => {
            ("/v3/kv/compaction", "etcdserverpb.CompactionRequest", compact.encode_to_vec())
        }
        Request::Grant(grant) => ("/v3/lease/grant", "etcdserverpb.LeaseGrantRequest", grant.encode_to_vec()),
        Request::TimeToLive(ttl) => {
            ("/v3/lease/timetolive", "etcdserverpb.LeaseTimeToLiveRequest", ttl.encode_to_vec())
        }
        _ => return None,
    })
}

impl Generator {
    pub(super) fn json_request(&mut self) -> Request {
        if let Some(request) = self.opening() {
            return request;
        }
        match self.random.random_range(0..20) {
            0 => return Request::As(self.random.random_range(0..5)),
            1..4 => return Request::As(0),
            4..7 => return self.auth_request(),
            _ => {}
        }
        loop {
            let request = match self.data_request() {
                // Which revisions it may be asked for depends on the last compaction, which is one in JSON here.
                Request::HashKv(_) => Request::HashKv(HashKvRequest::default()),
                request => request,
            };
            let Some((path, kind, message)) = spelled(&request) else { return request };
            let Some(body) = self.spell(kind, &message) else { continue };
            if let Request::Grant(grant) = &request
                && !keeps_ttl(&body, grant.ttl)
            {
                continue;
            }
            return Request::Json(Json { path, body });
        }
    }

    fn spell(&mut self, kind: &str, message: &[u8]) -> Option<String> {
        let message = DynamicMessage::decode(CONTRACT.get_message_by_name(kind)?, message).ok()?;
        let options = SerializeOptions::new().use_proto_field_name(!self.chance(4));
        let mut value = message.serialize_with_options(serde_json::value::Serializer, &options).ok()?;
        if self.chance(3) {
            self.respell(&mut value);
        }
        let mut text = value.to_string();
        if self.chance(8) {
            self.misspell(&mut text);
        }
        Some(text)
    }

    /// Numbers as numbers, fields that nobody knows, values that are not there.
    fn respell(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let (Ok(number), true) = (text.parse::<i64>(), self.chance(2)) {
                    // A key may be spelled in digits too, and is then no number.
                    *value = Value::from(number);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.respell(item)),
            Value::Object(fields) => {
                for value in fields.values_mut() {
                    match self.random.random_range(0..12) {
                        0 => *value = Value::Null,
                        1 if self.chance(4) => *value = Value::Bool(true),
                        2 if self.chance(4) => *value = Value::Array(Vec::new()),
                        _ => self.respell(value),
                    }
                }
                if self.chance(5) {
                    fields.insert("nobody_knows".to_owned(), serde_json::json!({"a": [1, "b", null]}));
                }
            }
            _ => {}
        }
    }

    fn misspell(&mut self, text: &mut String) {
        let at = self.random.random_range(0..=text.len());
        if !text.is_char_boundary(at) {
            return;
        }
        match self.random.random_range(0..4) {
            0 => text.truncate(at),
            1 => {
                let character = self.pick(&['{', '}', '"', ',', ':', ' ', '\\', '0', '-', '.']);
                if !is_read_otherwise(text, at, character) {
                    text.insert(at, character);
                }
            }
            2 => text.push_str(self.pick(&["}", " ", "{}", "\n", "x", "[]"])),
            _ => text.insert_str(0, self.pick(&["\u{feff}", " ", "\n", "null", "[", "1"])),
        }
    }
}

/// Whether a lease would still live to the end of the run.
fn keeps_ttl(body: &str, ttl: i64) -> bool {
    body.contains(&format!(r#""TTL":"{ttl}""#)) || body.contains(&format!(r#""TTL":{ttl}"#))
}

/// Whether the character makes a number of what Go or ours reads as another. Of a number in quotes Go reads as much as is
/// one, and `"2{32"` is 2; ours refuses that, as the mapping of protobuf has it. Zeros before a number Go refuses, and
/// ours reads over.
fn is_read_otherwise(text: &str, at: usize, character: char) -> bool {
    let begins = |quote: &str| text[..at].ends_with(quote);
    if character == '0' && (begins("\"") || begins("\"-")) {
        return true;
    }
    let before_number = text[..at].trim_end_matches(|character: char| character.is_ascii_digit());
    before_number.len() < at
        && (before_number.ends_with('"') || before_number.ends_with("\"-"))
        && "{},: ".contains(character)
}

/// The answer, comparable.
pub(super) async fn perform(http: &Http, json: &Json, token: Option<AsciiMetadataValue>) -> String {
    let mut step = Step::post(json.path, &json.body);
    if let Some(token) = token.as_ref().and_then(|token| token.to_str().ok()) {
        step = step.with("authorization", token);
    }
    match Peer::new(http.endpoint.clone()).ask(&step).await {
        Ok(answer) => format!("{:?}", normal::of(&answer)),
        Err(error) => format!("error {error:#}"),
    }
}
