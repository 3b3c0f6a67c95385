//! `-w json`: answers as Go's `encoding/json` writes etcd's structures.
//!
//! That is not protobuf's own JSON: names are those of the .proto files, 64-bit numbers are numbers, enums are
//! numbers, and what is zero is left out. Lease answers have their header flattened into them and watch answers
//! have capital names, because etcd's client keeps those in structures of its own.

use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use etcdkit_proto::authpb;
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;
use pb::response_op::Response;

use super::{Answer, HashKv, Health, Membership, Status};
use crate::console::duration;

pub(super) fn render(answer: &Answer<'_>, hex: bool) -> Vec<u8> {
    let mut text = match answer {
        Answer::Put(answer) => put(answer),
        Answer::Get(answer) => get(answer),
        Answer::Delete(answer) => delete(answer),
        Answer::Txn(answer) => txn(answer),
        Answer::Watch(answer) => watch(answer),
        Answer::Grant(lease) => flattened(lease.header)
            .always("ID", lease.id)
            .always("TTL", lease.ttl)
            .always("Error", string(&lease.error))
            .end(),
        Answer::Revoke(_, answer) => Object::new().header(answer.header).end(),
        Answer::KeepAlive(lease) => {
            flattened(lease.header).always("ID", lease.id).always("TTL", lease.ttl).end()
        }
        Answer::TimeToLive(lease, _) => time_to_live(lease),
        Answer::Leases(answer) => {
            let leases = answer.leases.iter().map(|lease| Object::new().always("id", lease.id).end());
            flattened(answer.header).always("leases", array(leases)).end()
        }
        Answer::MemberList(answer) if hex => members_in_hex(answer),
        Answer::MemberList(answer) => {
            Object::new().header(answer.header).list("members", answer.members.iter().map(member)).end()
        }
        Answer::Health(list) => array(list.iter().map(health)),
        Answer::Status(list) => null_if_empty(list.iter().map(status)),
        Answer::HashKv(list) => null_if_empty(list.iter().map(hash_kv)),
        Answer::Membership(change) => membership(change, hex),
        Answer::Moved(done) | Answer::Done(done) => Object::new().header(done.header).end(),
        Answer::Downgrade(_, answer) => {
            Object::new().header(answer.header).text("version", &answer.version).end()
        }
        Answer::Alarms(answer) => {
            Object::new().header(answer.header).list("alarms", answer.alarms.iter().map(alarm)).end()
        }
        Answer::Role(_, answer) => {
            Object::new().header(answer.header).list("perm", answer.perm.iter().map(permission)).end()
        }
        Answer::Roles(answer) => names(answer.header, "roles", &answer.roles),
        Answer::User(_, answer) => names(answer.header, "roles", &answer.roles),
        Answer::Users(answer) => names(answer.header, "users", &answer.users),
        Answer::AuthStatus(answer) => Object::new()
            .header(answer.header)
            .flag("enabled", answer.enabled)
            .number("authRevision", answer.auth_revision)
            .end(),
    };
    text.push('\n');
    text.into_bytes()
}

/// A JSON object under construction. The plain methods leave zero values out; `always` does not.
struct Object {
    text: String,
}

impl Object {
    fn new() -> Self {
        Object { text: "{".to_owned() }
    }

    fn always(mut self, name: &str, value: impl Display) -> Self {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        self.text.push_str(&format!("{}:{value}", string(name)));
        self
    }

    fn number<N: Display + Default + PartialEq>(self, name: &str, value: N) -> Self {
        if value == N::default() { self } else { self.always(name, value) }
    }

    fn flag(self, name: &str, value: bool) -> Self {
        self.number(name, value)
    }

    fn text(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.always(name, string(value)) }
    }

    fn bytes(self, name: &str, value: &[u8]) -> Self {
        if value.is_empty() { self } else { self.always(name, base64(value)) }
    }

    fn optional(self, name: &str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.always(name, value),
            None => self,
        }
    }

    fn list(self, name: &str, items: impl ExactSizeIterator<Item = String>) -> Self {
        if items.len() == 0 { self } else { self.always(name, array(items)) }
    }

    fn header(self, value: Option<pb::ResponseHeader>) -> Self {
        self.optional("header", value.map(|value| flattened(Some(value)).end()))
    }

    fn end(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// Go tells a list that was never filled from an empty one.
fn null_if_empty(items: impl ExactSizeIterator<Item = String>) -> String {
    if items.len() == 0 { "null".to_owned() } else { array(items) }
}

/// A string with the characters escaped that Go escapes beyond JSON's need.
fn string(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn base64(value: &[u8]) -> String {
    format!("\"{}\"", STANDARD.encode(value))
}

/// The fields of a header, in an object that more may be added to.
fn flattened(header: Option<pb::ResponseHeader>) -> Object {
    let header = header.unwrap_or_default();
    Object::new()
        .number("cluster_id", header.cluster_id)
        .number("member_id", header.member_id)
        .number("revision", header.revision)
        .number("raft_term", header.raft_term)
}

fn pair(pair: &mvccpb::KeyValue) -> String {
    Object::new()
        .bytes("key", &pair.key)
        .number("create_revision", pair.create_revision)
        .number("mod_revision", pair.mod_revision)
        .number("version", pair.version)
        .bytes("value", &pair.value)
        .number("lease", pair.lease)
        .end()
}

fn put(answer: &pb::PutResponse) -> String {
    Object::new().header(answer.header).optional("prev_kv", answer.prev_kv.as_ref().map(pair)).end()
}

fn get(answer: &pb::RangeResponse) -> String {
    Object::new()
        .header(answer.header)
        .list("kvs", answer.kvs.iter().map(pair))
        .flag("more", answer.more)
        .number("count", answer.count)
        .end()
}

fn delete(answer: &pb::DeleteRangeResponse) -> String {
    Object::new()
        .header(answer.header)
        .number("deleted", answer.deleted)
        .list("prev_kvs", answer.prev_kvs.iter().map(pair))
        .end()
}

fn txn(answer: &pb::TxnResponse) -> String {
    Object::new()
        .header(answer.header)
        .flag("succeeded", answer.succeeded)
        .list("responses", answer.responses.iter().map(txn_part))
        .end()
}

fn txn_part(part: &pb::ResponseOp) -> String {
    let part = match &part.response {
        Some(Response::ResponseRange(answer)) => Object::new().always("response_range", get(answer)),
        Some(Response::ResponsePut(answer)) => Object::new().always("response_put", put(answer)),
        Some(Response::ResponseDeleteRange(answer)) => {
            Object::new().always("response_delete_range", delete(answer))
        }
        Some(Response::ResponseTxn(answer)) => Object::new().always("response_txn", txn(answer)),
        None => Object::new(),
    };
    Object::new().always("Response", part.end()).end()
}

/// `CancelReason` is always empty: etcd's client keeps the reason for the error.
fn watch(answer: &pb::WatchResponse) -> String {
    Object::new()
        .always("Header", flattened(answer.header).end())
        .always("Events", null_if_empty(answer.events.iter().map(event)))
        .always("CompactRevision", answer.compact_revision)
        .always("Canceled", answer.canceled)
        .always("Created", answer.created)
        .always("CancelReason", "\"\"")
        .end()
}

fn event(event: &mvccpb::Event) -> String {
    Object::new()
        .number("type", event.r#type)
        .optional("kv", event.kv.as_ref().map(pair))
        .optional("prev_kv", event.prev_kv.as_ref().map(pair))
        .end()
}

fn time_to_live(lease: &pb::LeaseTimeToLiveResponse) -> String {
    flattened(lease.header)
        .always("id", lease.id)
        .always("ttl", lease.ttl)
        .always("granted-ttl", lease.granted_ttl)
        .always("keys", null_if_empty(lease.keys.iter().map(|key| base64(key))))
        .end()
}

fn member(member: &pb::Member) -> String {
    member_details(Object::new().number("ID", member.id), member)
}

fn member_details(object: Object, member: &pb::Member) -> String {
    object
        .text("name", &member.name)
        .list("peerURLs", member.peer_ur_ls.iter().map(|url| string(url)))
        .list("clientURLs", member.client_ur_ls.iter().map(|url| string(url)))
        .flag("isLearner", member.is_learner)
        .end()
}

/// Members are the only JSON answers that `--hex` changes.
fn header_in_hex(header: Option<pb::ResponseHeader>) -> String {
    let header = header.unwrap_or_default();
    Object::new()
        .always("cluster_id", string(&format!("{:x}", header.cluster_id)))
        .always("member_id", string(&format!("{:x}", header.member_id)))
        .number("revision", header.revision)
        .number("raft_term", header.raft_term)
        .end()
}

fn member_in_hex(member: &pb::Member) -> String {
    member_details(Object::new().always("ID", string(&format!("{:x}", member.id))), member)
}

fn members_in_hex(answer: &pb::MemberListResponse) -> String {
    Object::new()
        .always("header", header_in_hex(answer.header))
        .always("members", array(answer.members.iter().map(member_in_hex)))
        .end()
}

fn membership(change: &Membership, hex: bool) -> String {
    if !hex {
        return Object::new()
            .header(change.header)
            .optional("member", change.member.as_ref().map(member))
            .list("members", change.members.iter().map(member))
            .end();
    }
    Object::new()
        .always("header", header_in_hex(change.header))
        .optional("member", change.member.as_ref().map(member_in_hex))
        .always("members", array(change.members.iter().map(member_in_hex)))
        .end()
}

fn alarm(alarm: &pb::AlarmMember) -> String {
    Object::new().number("memberID", alarm.member_id).number("alarm", alarm.alarm).end()
}

fn permission(permission: &authpb::Permission) -> String {
    Object::new()
        .number("permType", permission.perm_type)
        .bytes("key", &permission.key)
        .bytes("range_end", &permission.range_end)
        .end()
}

fn names(header: Option<pb::ResponseHeader>, name: &str, names: &[String]) -> String {
    Object::new().header(header).list(name, names.iter().map(|name| string(name))).end()
}

fn health(health: &Health) -> String {
    Object::new()
        .always("endpoint", string(&health.endpoint))
        .always("health", health.error.is_empty())
        .always("took", string(&duration::format(health.took)))
        .text("error", &health.error)
        .end()
}

fn status(item: &Status) -> String {
    let status = &item.status;
    let downgrade = status.downgrade_info.as_ref().map(|downgrade| {
        Object::new()
            .flag("enabled", downgrade.enabled)
            .text("targetVersion", &downgrade.target_version)
            .end()
    });
    let body = Object::new()
        .header(status.header)
        .text("version", &status.version)
        .number("dbSize", status.db_size)
        .number("leader", status.leader)
        .number("raftIndex", status.raft_index)
        .number("raftTerm", status.raft_term)
        .number("raftAppliedIndex", status.raft_applied_index)
        .list("errors", status.errors.iter().map(|error| string(error)))
        .number("dbSizeInUse", status.db_size_in_use)
        .flag("isLearner", status.is_learner)
        .text("storageVersion", &status.storage_version)
        .number("dbSizeQuota", status.db_size_quota)
        .optional("downgradeInfo", downgrade)
        .end();
    Object::new().always("Endpoint", string(&item.endpoint)).always("Status", body).end()
}

fn hash_kv(item: &HashKv) -> String {
    let body = Object::new()
        .header(item.hash.header)
        .number("hash", item.hash.hash)
        .number("compact_revision", item.hash.compact_revision)
        .number("hash_revision", item.hash.hash_revision)
        .end();
    Object::new().always("Endpoint", string(&item.endpoint)).always("HashKV", body).end()
}
