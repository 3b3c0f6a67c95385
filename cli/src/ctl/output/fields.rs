//! `-w fields`: one `"Name" : value` a line, everything the answer holds.

use std::fmt::Display;

use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;
use pb::response_op::Response;

use super::{Answer, HashKv, Health, Status, unsupported};
use crate::console::duration;
use crate::console::failure::Outcome;
use crate::console::quote::quote;

pub(super) fn render(answer: &Answer<'_>, hex: bool) -> Outcome<Vec<u8>> {
    let mut page = Page { text: String::new(), hex };
    match answer {
        Answer::Put(answer) => page.put(answer),
        Answer::Get(answer) => page.get(answer),
        Answer::Delete(answer) => page.delete(answer),
        Answer::Txn(answer) => page.txn(answer),
        Answer::Watch(answer) => page.watch(answer),
        Answer::Grant(lease) => page.lease(lease.header, lease.id, lease.ttl),
        Answer::Revoke(_, answer) => page.header(answer.header),
        Answer::KeepAlive(lease) => page.lease(lease.header, lease.id, lease.ttl),
        Answer::TimeToLive(lease, _) => page.time_to_live(lease),
        Answer::Leases(answer) => page.leases(answer),
        Answer::MemberList(answer) => page.members(answer),
        Answer::Health(list) => list.iter().for_each(|item| page.health(item)),
        Answer::Status(list) => list.iter().for_each(|item| page.status(item)),
        Answer::HashKv(list) => list.iter().for_each(|item| page.hash_kv(item)),
        Answer::Done(done) => page.header(done.header),
        Answer::Alarms(answer) => page.alarms(answer),
        Answer::Role(_, answer) => page.role(answer),
        Answer::Roles(answer) => page.roles(answer),
        Answer::Membership(_)
        | Answer::Moved(_)
        | Answer::Downgrade(..)
        | Answer::User(..)
        | Answer::Users(_)
        | Answer::AuthStatus(_) => return Err(unsupported("fields")),
    }
    Ok(page.text.into_bytes())
}

struct Page {
    text: String,
    hex: bool,
}

impl Page {
    fn field(&mut self, name: &str, value: impl Display) {
        self.text.push_str(&format!("\"{name}\" : {value}\n"));
    }

    fn quoted(&mut self, name: &str, value: &[u8]) {
        self.field(name, quote(value));
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn lease_id(&mut self, name: &str, id: i64) {
        if self.hex { self.field(name, format_args!("{id:016x}")) } else { self.field(name, id) }
    }

    fn member_id(&mut self, name: &str, id: u64) {
        if self.hex { self.field(name, format_args!("{id:x}")) } else { self.field(name, id) }
    }

    /// Some answers have no revision; then the line is left out.
    fn header(&mut self, header: Option<pb::ResponseHeader>) {
        let header = header.unwrap_or_default();
        self.member_id("ClusterID", header.cluster_id);
        self.member_id("MemberID", header.member_id);
        if header.revision > 0 {
            self.field("Revision", header.revision);
        }
        self.field("RaftTerm", header.raft_term);
    }

    fn pair(&mut self, prefix: &str, pair: &mvccpb::KeyValue) {
        self.quoted(&format!("{prefix}Key"), &pair.key);
        self.field(&format!("{prefix}CreateRevision"), pair.create_revision);
        self.field(&format!("{prefix}ModRevision"), pair.mod_revision);
        self.field(&format!("{prefix}Version"), pair.version);
        self.quoted(&format!("{prefix}Value"), &pair.value);
        self.lease_id(&format!("{prefix}Lease"), pair.lease);
    }

    fn put(&mut self, answer: &pb::PutResponse) {
        self.header(answer.header);
        if let Some(before) = &answer.prev_kv {
            self.pair("Prev", before);
        }
    }

    fn get(&mut self, answer: &pb::RangeResponse) {
        self.header(answer.header);
        for pair in &answer.kvs {
            self.pair("", pair);
        }
        self.field("More", answer.more);
        self.field("Count", answer.count);
    }

    fn delete(&mut self, answer: &pb::DeleteRangeResponse) {
        self.header(answer.header);
        self.field("Deleted", answer.deleted);
        for pair in &answer.prev_kvs {
            self.pair("Prev", pair);
        }
    }

    fn txn(&mut self, answer: &pb::TxnResponse) {
        self.header(answer.header);
        self.field("Succeeded", answer.succeeded);
        for part in answer.responses.iter().filter_map(|part| part.response.as_ref()) {
            match part {
                Response::ResponsePut(answer) => self.put(answer),
                Response::ResponseRange(answer) => self.get(answer),
                Response::ResponseDeleteRange(answer) => self.delete(answer),
                Response::ResponseTxn(answer) => self.txn(answer),
            }
        }
    }

    fn watch(&mut self, answer: &pb::WatchResponse) {
        self.header(answer.header);
        for event in &answer.events {
            self.field("Type", event.r#type().as_str_name());
            if let Some(before) = &event.prev_kv {
                self.pair("Prev", before);
            }
            self.pair("", &event.kv.clone().unwrap_or_default());
        }
    }

    fn lease(&mut self, header: Option<pb::ResponseHeader>, id: i64, ttl: i64) {
        self.header(header);
        self.lease_id("ID", id);
        self.field("TTL", ttl);
    }

    fn time_to_live(&mut self, lease: &pb::LeaseTimeToLiveResponse) {
        self.lease(lease.header, lease.id, lease.ttl);
        self.field("GrantedTTL", lease.granted_ttl);
        for key in &lease.keys {
            self.quoted("Key", key);
        }
    }

    fn leases(&mut self, answer: &pb::LeaseLeasesResponse) {
        self.header(answer.header);
        for lease in &answer.leases {
            self.lease_id("ID", lease.id);
        }
    }

    fn members(&mut self, answer: &pb::MemberListResponse) {
        self.header(answer.header);
        for member in &answer.members {
            self.member_id("ID", member.id);
            self.quoted("Name", member.name.as_bytes());
            for url in &member.peer_ur_ls {
                self.quoted("PeerURL", url.as_bytes());
            }
            for url in &member.client_ur_ls {
                self.quoted("ClientURL", url.as_bytes());
            }
            self.field("IsLearner", member.is_learner);
            self.blank();
        }
    }

    fn health(&mut self, health: &Health) {
        self.quoted("Endpoint", health.endpoint.as_bytes());
        self.field("Health", health.error.is_empty());
        self.field("Took", duration::format(health.took));
        self.field("Error", &health.error);
        self.blank();
    }

    /// `Leader` stays decimal under `--hex`, as etcdctl has it.
    fn status(&mut self, item: &Status) {
        let status = &item.status;
        let downgrade = status.downgrade_info.clone().unwrap_or_default();
        self.header(status.header);
        self.quoted("Version", status.version.as_bytes());
        self.quoted("StorageVersion", status.storage_version.as_bytes());
        self.field("DBSize", status.db_size);
        self.field("DBSizeInUse", status.db_size_in_use);
        self.field("DBSizeQuota", status.db_size_quota);
        self.field("Leader", status.leader);
        self.field("IsLearner", status.is_learner);
        self.field("RaftIndex", status.raft_index);
        self.field("RaftTerm", status.raft_term);
        self.field("RaftAppliedIndex", status.raft_applied_index);
        self.field("Errors", format_args!("[{}]", status.errors.join(" ")));
        self.quoted("Endpoint", item.endpoint.as_bytes());
        self.quoted("DowngradeTargetVersion", downgrade.target_version.as_bytes());
        self.field("DowngradeEnabled", downgrade.enabled);
        self.blank();
    }

    fn hash_kv(&mut self, item: &HashKv) {
        self.header(item.hash.header);
        self.quoted("Endpoint", item.endpoint.as_bytes());
        self.field("Hash", item.hash.hash);
        self.field("HashRevision", item.hash.hash_revision);
        self.blank();
    }

    fn alarms(&mut self, answer: &pb::AlarmResponse) {
        self.header(answer.header);
        for alarm in &answer.alarms {
            self.member_id("MemberID", alarm.member_id);
            self.field("AlarmType", alarm.alarm().as_str_name());
            self.blank();
        }
    }

    /// The second space behind the colon is etcdctl's.
    fn role(&mut self, answer: &pb::AuthRoleGetResponse) {
        self.header(answer.header);
        for permission in &answer.perm {
            self.field("PermType", format_args!(" {}", permission.perm_type().as_str_name()));
            self.quoted("Key", &permission.key);
            self.quoted("RangeEnd", &permission.range_end);
        }
    }

    fn roles(&mut self, answer: &pb::AuthRoleListResponse) {
        self.header(answer.header);
        let roles: String = answer.roles.iter().map(|role| format!(" {}", quote(role.as_bytes()))).collect();
        self.text.push_str(&format!("\"Roles\" :{roles}\n"));
    }
}
