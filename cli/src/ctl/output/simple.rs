//! `-w simple`, the default: for people and for shell scripts.

use std::fmt::Display;

use etcdkit::PermissionType;
use etcdkit_proto::authpb;
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::key_range::prefix_end;
use etcdkit_proto::mvccpb::{self, event::EventType};
use pb::response_op::Response;

use super::rows;
use super::{Answer, Health, Printer};
use crate::console::duration;
use crate::console::paint::Part;
use crate::console::quote;
use crate::console::table::{Row, aligned};
use crate::ctl::auth;

pub(super) fn render(answer: &Answer<'_>, printer: Printer) -> Vec<u8> {
    let mut page = Page { text: Vec::new(), printer };
    match answer {
        Answer::Put(answer) => page.put(answer),
        Answer::Get(answer) => page.get(answer),
        Answer::Delete(answer) => page.delete(answer),
        Answer::Txn(answer) => page.txn(answer),
        Answer::Watch(answer) => page.watch(answer),
        Answer::Grant(lease) => {
            page.line(format_args!("lease {:016x} granted with TTL({}s)", lease.id, lease.ttl));
        }
        Answer::Revoke(id, _) => page.line(format_args!("lease {id:016x} revoked")),
        Answer::KeepAlive(lease) => {
            page.line(format_args!("lease {:016x} keepalived with TTL({})", lease.id, lease.ttl));
        }
        Answer::TimeToLive(lease, keys) => page.time_to_live(lease, *keys),
        Answer::Leases(answer) => page.leases(answer),
        Answer::MemberList(answer) => page.rows(rows::MEMBERS, &rows::members(answer)),
        Answer::Health(list) => page.health(list),
        Answer::Status(list) => page.rows(rows::STATUS, &rows::status(list)),
        Answer::HashKv(list) => page.rows(rows::HASH_KV, &rows::hash_kv(list)),
        Answer::Membership(change) => page.line(&change.said),
        Answer::Moved(done) | Answer::Done(done) => page.raw_line(&done.said),
        Answer::Downgrade(verb, answer) => {
            page.line(format_args!("Downgrade {verb} success, cluster version {}", answer.version));
        }
        Answer::Alarms(answer) => page.alarms(answer),
        Answer::Role(name, answer) => page.role(name, answer),
        Answer::Roles(answer) => answer.roles.iter().for_each(|role| page.line(role)),
        Answer::User(name, answer) => page.user(name, answer),
        Answer::Users(answer) => answer.users.iter().for_each(|user| page.line(user)),
        Answer::AuthStatus(answer) => {
            page.line(format_args!("Authentication Status: {}", answer.enabled));
            page.line(format_args!("AuthRevision: {}", answer.auth_revision));
        }
    }
    page.text
}

/// The lines about unhealthy endpoints, which go to stderr.
pub(super) fn unhealthy(list: &[Health]) -> String {
    list.iter()
        .filter(|health| !health.error.is_empty())
        .map(|health| {
            format!("{} is unhealthy: failed to commit proposal: {}\n", health.endpoint, health.error)
        })
        .collect()
}

struct Page {
    text: Vec<u8>,
    printer: Printer,
}

impl Page {
    fn line(&mut self, text: impl Display) {
        self.text.extend_from_slice(text.to_string().as_bytes());
        self.text.push(b'\n');
    }

    fn raw_line(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.text.push(b'\n');
    }

    fn shown(&self, bytes: &[u8]) -> Vec<u8> {
        if self.printer.hex { quote::hex(bytes).into_bytes() } else { bytes.to_vec() }
    }

    fn pair(&mut self, pair: &mvccpb::KeyValue) {
        if !self.printer.values_only {
            let key = self.printer.look.paint.bytes(Part::Key, &self.shown(&pair.key));
            self.raw_line(&key);
        }
        self.raw_line(&self.shown(&pair.value));
    }

    fn rows(&mut self, header: &[&str], rows: &[Row]) {
        if self.printer.look.aligned {
            let mut lines = aligned(header, rows).into_iter();
            let heading = lines.next().unwrap_or_default();
            self.line(self.printer.look.paint.text(Part::Heading, heading));
            lines.for_each(|line| self.line(line));
            return;
        }
        for row in rows {
            self.line(row.join(", "));
        }
    }

    fn put(&mut self, answer: &pb::PutResponse) {
        self.line("OK");
        if let Some(before) = &answer.prev_kv {
            self.pair(before);
        }
    }

    fn get(&mut self, answer: &pb::RangeResponse) {
        for pair in &answer.kvs {
            self.pair(pair);
        }
    }

    fn delete(&mut self, answer: &pb::DeleteRangeResponse) {
        self.line(answer.deleted);
        for pair in &answer.prev_kvs {
            self.pair(pair);
        }
    }

    fn txn(&mut self, answer: &pb::TxnResponse) {
        self.line(if answer.succeeded { "SUCCESS" } else { "FAILURE" });
        for part in answer.responses.iter().filter_map(|part| part.response.as_ref()) {
            self.line("");
            match part {
                Response::ResponsePut(answer) => self.put(answer),
                Response::ResponseRange(answer) => self.get(answer),
                Response::ResponseDeleteRange(answer) => self.delete(answer),
                Response::ResponseTxn(answer) => self.txn(answer),
            }
        }
    }

    fn watch(&mut self, answer: &pb::WatchResponse) {
        for event in &answer.events {
            let kind = event.r#type();
            let part = if kind == EventType::Put { Part::Put } else { Part::Delete };
            self.line(self.printer.look.paint.text(part, kind.as_str_name()));
            if let Some(before) = &event.prev_kv {
                self.pair(before);
            }
            self.pair(&event.kv.clone().unwrap_or_default());
        }
    }

    fn time_to_live(&mut self, lease: &pb::LeaseTimeToLiveResponse, keys: bool) {
        if lease.granted_ttl == 0 && lease.ttl == -1 {
            return self.line(format_args!("lease {:016x} already expired", lease.id));
        }
        self.text.extend_from_slice(
            format!(
                "lease {:016x} granted with TTL({}s), remaining({}s)",
                lease.id, lease.granted_ttl, lease.ttl
            )
            .as_bytes(),
        );
        if keys {
            self.text.extend_from_slice(b", attached keys([");
            self.text.extend_from_slice(&lease.keys.join(&b' '));
            self.text.extend_from_slice(b"])");
        }
        self.text.push(b'\n');
    }

    fn leases(&mut self, answer: &pb::LeaseLeasesResponse) {
        self.line(format_args!("found {} leases", answer.leases.len()));
        for lease in &answer.leases {
            self.line(format_args!("{:016x}", lease.id));
        }
    }

    fn health(&mut self, list: &[Health]) {
        for health in list.iter().filter(|health| health.error.is_empty()) {
            self.line(format_args!(
                "{} is healthy: successfully committed proposal: took = {}",
                health.endpoint,
                duration::format(health.took)
            ));
        }
    }

    fn alarms(&mut self, answer: &pb::AlarmResponse) {
        for alarm in &answer.alarms {
            self.line(format_args!("memberID:{} alarm:{}", alarm.member_id, alarm.alarm().as_str_name()));
        }
    }

    fn user(&mut self, name: &str, answer: &pb::AuthUserGetResponse) {
        self.line(format_args!("User: {name}"));
        let roles: String = answer.roles.iter().map(|role| format!(" {role}")).collect();
        self.line(format_args!("Roles:{roles}"));
    }

    /// The role root may do everything without a permission of its own.
    fn role(&mut self, name: &str, answer: &pb::AuthRoleGetResponse) {
        let everything = name == auth::ROOT && answer.perm.is_empty();
        self.line(format_args!("Role {name}"));
        for (title, other) in [("KV Read:", PermissionType::Read), ("KV Write:", PermissionType::Write)] {
            self.line(title);
            if everything {
                self.line("\t[, <open ended>");
            }
            for permission in &answer.perm {
                if [other, PermissionType::Readwrite].contains(&permission.perm_type()) {
                    self.permission(permission);
                }
            }
        }
    }

    /// A range without an end has no closing bracket, as with etcdctl.
    fn permission(&mut self, permission: &authpb::Permission) {
        let (key, end) = (&permission.key[..], &permission.range_end[..]);
        let mut line = match end {
            b"" => [b"\t", key].concat(),
            b"\0" => [b"\t[", key, b", <open ended>"].concat(),
            _ => [b"\t[", key, b", ", end, b")"].concat(),
        };
        if !key.is_empty() && !end.is_empty() && prefix_end(key) == end {
            line.extend_from_slice(&[b" (prefix ", key, b")"].concat());
        }
        self.raw_line(&line);
    }
}
