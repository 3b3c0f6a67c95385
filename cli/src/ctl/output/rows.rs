//! The rows that `simple` joins with commas and `table` puts into boxes.

use etcdkit_proto::etcdserverpb as pb;

use super::{HashKv, Health, Status};
use crate::console::duration;
use crate::console::humanize::bytes;
use crate::console::table::Row;

pub(super) const MEMBERS: &[&str] = &["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"];
pub(super) const HEALTH: &[&str] = &["ENDPOINT", "HEALTH", "TOOK", "ERROR"];
pub(super) const HASH_KV: &[&str] = &["ENDPOINT", "HASH", "HASH REVISION"];
pub(super) const STATUS: &[&str] = &[
    "ENDPOINT",
    "ID",
    "VERSION",
    "STORAGE VERSION",
    "DB SIZE",
    "IN USE",
    "PERCENTAGE NOT IN USE",
    "QUOTA",
    "IS LEADER",
    "IS LEARNER",
    "RAFT TERM",
    "RAFT INDEX",
    "RAFT APPLIED INDEX",
    "ERRORS",
    "DOWNGRADE TARGET VERSION",
    "DOWNGRADE ENABLED",
];

pub(super) fn members(answer: &pb::MemberListResponse) -> Vec<Row> {
    let row = |member: &pb::Member| {
        vec![
            format!("{:x}", member.id),
            if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
            member.name.clone(),
            member.peer_ur_ls.join(","),
            member.client_ur_ls.join(","),
            member.is_learner.to_string(),
        ]
    };
    answer.members.iter().map(row).collect()
}

pub(super) fn health(list: &[Health]) -> Vec<Row> {
    let row = |health: &Health| {
        vec![
            health.endpoint.clone(),
            health.error.is_empty().to_string(),
            duration::format(health.took),
            health.error.clone(),
        ]
    };
    list.iter().map(row).collect()
}

pub(super) fn status(list: &[Status]) -> Vec<Row> {
    list.iter().map(status_row).collect()
}

fn status_row(item: &Status) -> Row {
    let status = &item.status;
    let member_id = status.header.map_or(0, |header| header.member_id);
    let downgrade = status.downgrade_info.clone().unwrap_or_default();
    vec![
        item.endpoint.clone(),
        format!("{member_id:x}"),
        status.version.clone(),
        status.storage_version.clone(),
        bytes(status.db_size as u64),
        bytes(status.db_size_in_use as u64),
        format!("{}%", percentage_not_in_use(status)),
        bytes(status.db_size_quota as u64),
        (status.leader == member_id).to_string(),
        status.is_learner.to_string(),
        status.raft_term.to_string(),
        status.raft_index.to_string(),
        status.raft_applied_index.to_string(),
        status.errors.join(", "),
        downgrade.target_version,
        downgrade.enabled.to_string(),
    ]
}

/// An empty database has nothing unused; etcdctl divides by zero there.
fn percentage_not_in_use(status: &pb::StatusResponse) -> i64 {
    match status.db_size {
        0 => 0,
        size => 100 - status.db_size_in_use.saturating_mul(100) / size,
    }
}

pub(super) fn hash_kv(list: &[HashKv]) -> Vec<Row> {
    let row = |item: &HashKv| {
        vec![item.endpoint.clone(), item.hash.hash.to_string(), item.hash.hash_revision.to_string()]
    };
    list.iter().map(row).collect()
}
