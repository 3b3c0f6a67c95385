//! Any unary call by name, with its messages as JSON: for services that no verb of their own is worth.
//!
//! ```text
//! A: rpc Auth.RoleAdd {"name":"r"}
//! A: rpc Auth.UserGet {"name":"u"} -> .roles=r .header.revision>0
//! ```
//!
//! A text that begins with `b:` stands for the bytes of the rest. The answer tells every field by its path, after a
//! dot; a list tells each item, and how many there are under the path and `#`.

use std::sync::LazyLock;

use anyhow::{Context as _, Result, anyhow};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use etcdkit_proto::etcdserverpb::auth_client::AuthClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{AuthenticateRequest, SnapshotRequest};
use etcdkit_proto::{DESCRIPTORS, RawCodec};
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tonic::client::Grpc;

use super::{MESSAGE_BYTES_MAX, Wire, ok};
use crate::line::{Line, hex};

static CONTRACT: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).expect("invariant: the contract reads back"));

const SHA256_BYTES: usize = 32;

impl Wire {
    pub(super) async fn rpc(&self, line: &Line) -> Result<Line> {
        match line.verb.as_str() {
            "login" => self.login(line).await,
            "token" => {
                let token = String::from_utf8(line.bytes("value")?)?;
                self.client(line).await?.1.set(&token)?;
                Ok(ok(line))
            }
            "snapshot" => self.snapshot(line).await,
            _ => self.call(line).await,
        }
    }

    /// Asks for a token and uses it from now on.
    async fn login(&self, line: &Line) -> Result<Line> {
        let (connection, token) = self.client(line).await?;
        let request = AuthenticateRequest {
            name: String::from_utf8(line.bytes("name")?)?,
            password: String::from_utf8(line.bytes("value")?)?,
        };
        // With a token that has become useless too.
        let answer = AuthClient::new(connection).authenticate(request).await?.into_inner();
        token.set(&answer.token)?;
        Ok(ok(line).with("token", hex(answer.token.as_bytes())))
    }

    /// Reads a snapshot; tells its size and whether the digest at its end is that of all before.
    async fn snapshot(&self, line: &Line) -> Result<Line> {
        let mut client = MaintenanceClient::new(self.channel(line).await?);
        let mut parts = client.snapshot(SnapshotRequest {}).await?.into_inner();
        let (mut all, mut remaining, mut falls, mut version) = (Vec::new(), u64::MAX, true, String::new());
        let (mut largest, mut header) = (0, false);
        while let Some(part) = parts.message().await? {
            falls &= part.remaining_bytes <= remaining;
            remaining = part.remaining_bytes;
            largest = largest.max(part.blob.len());
            header |= part.header.is_some();
            version = part.version;
            all.extend_from_slice(&part.blob);
        }
        let at = all.len().checked_sub(SHA256_BYTES).ok_or_else(|| anyhow!("a snapshot without a digest"))?;
        let (data, digest) = all.split_at(at);
        let right = Sha256::digest(data).as_slice() == digest;
        Ok(ok(line)
            .with("digest", u8::from(right))
            .with("falls", u8::from(falls))
            .with("remaining", remaining)
            .with("largest", largest)
            .with("headers", u8::from(header))
            .with("version", version))
    }

    async fn call(&self, line: &Line) -> Result<Line> {
        let name = line.need("method")?;
        let (service, method) =
            name.split_once('.').ok_or_else(|| anyhow!("{name} is not Service.Method"))?;
        let method = CONTRACT
            .services()
            .find(|known| known.name() == service)
            .and_then(|known| known.methods().find(|known| known.name() == method))
            .ok_or_else(|| anyhow!("the contract has no {name}"))?;
        let mut body: Json = serde_json::from_str(line.need("body")?).context("the request")?;
        spell_bytes(&mut body);
        let request = DynamicMessage::deserialize(method.input(), body)?;
        // A message of bytes is the same on the wire as the message it stands for.
        let request = Bytes::from(request.encode_to_vec());
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let mut client = Grpc::new(self.channel(line).await?).max_decoding_message_size(MESSAGE_BYTES_MAX);
        client.ready().await?;
        let answer =
            client.unary(tonic::Request::new(request), PathAndQuery::try_from(path)?, RawCodec).await?;
        let answer = DynamicMessage::decode(method.output(), answer.into_inner())?;
        let mut told = ok(line);
        tell(&answer, "", &mut told);
        Ok(told)
    }
}

/// Replaces `b:text` by the base64 that stands for bytes in JSON.
fn spell_bytes(body: &mut Json) {
    match body {
        Json::String(text) => {
            if let Some(bytes) = text.strip_prefix("b:") {
                *text = BASE64_STANDARD.encode(bytes.replace("\\0", "\0"));
            }
        }
        Json::Array(items) => items.iter_mut().for_each(spell_bytes),
        Json::Object(fields) => fields.values_mut().for_each(spell_bytes),
        _ => {}
    }
}

fn tell(message: &DynamicMessage, path: &str, into: &mut Line) {
    for field in message.descriptor().fields() {
        let path = format!("{path}.{}", field.name());
        match message.get_field(&field).as_ref() {
            Value::List(items) => {
                into.push(&format!("{path}#"), items.len());
                items.iter().for_each(|item| tell_value(item, &field, &path, into));
            }
            Value::Message(_) if !message.has_field(&field) => into.push(&path, "null"),
            value => tell_value(value, &field, &path, into),
        }
    }
}

fn tell_value(value: &Value, field: &FieldDescriptor, path: &str, into: &mut Line) {
    let text = match value {
        Value::Message(inner) => return tell(inner, path, into),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).replace('\0', "\\0"),
        Value::String(text) => text.clone(),
        Value::Bool(is) => is.to_string(),
        Value::EnumNumber(number) => match field.kind() {
            Kind::Enum(known) => {
                known.get_value(*number).map_or_else(|| number.to_string(), |value| value.name().to_owned())
            }
            _ => number.to_string(),
        },
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    into.push(path, text);
}
