//! `/metrics` and `/debug/vars`: what dashboards and alerts read, under etcd's names.
//!
//! What is counted is counted where it happens. What is a state is read here, when somebody asks for it.

use http::{Response, StatusCode};

use super::answer::{json_text, plain, samples};
use crate::api::{Api, ApiBody, CLUSTER_VERSION, ETCD_VERSION};
use crate::platform;

/// Features that etcd switches by `--feature-gates`, with their stage and whether they are on here.
const FEATURES: [(&str, &str, bool); 9] = [
    ("CompactHashCheck", "ALPHA", false),
    ("FastLeaseKeepAlive", "BETA", true),
    ("InitialCorruptCheck", "ALPHA", false),
    ("LeaseCheckpoint", "ALPHA", false),
    ("LeaseCheckpointPersist", "ALPHA", false),
    ("PriorityRequest", "ALPHA", false),
    ("SetMemberLocalAddr", "ALPHA", false),
    ("StopGRPCServiceOnDefrag", "ALPHA", false),
    ("TxnModeWriteWithSharedBuffer", "BETA", true),
];

/// `/metrics`.
pub(super) fn metrics(api: &Api) -> Response<ApiBody> {
    consensus(api);
    store(api);
    identity(api);
    process(api);
    match api.metrics.to_text() {
        Ok(text) => samples(text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// `/debug/vars`: where this member stands, as one object. The command line, which etcd shows too, is left out: in a
/// program that embeds the server it belongs to somebody else.
pub(super) fn variables(api: &Api) -> Response<ApiBody> {
    let status = api.raft.status();
    let leadership = status.leadership;
    let state = if leadership.is_leader { "StateLeader" } else { "StateFollower" };
    let text = serde_json::json!({
        "file_descriptor_limit": platform::process().map_or(0, |process| process.open_files_max),
        "raft.status": {
            "id": format!("{:x}", api.maintenance.member_id),
            "term": leadership.term,
            "commit": status.committed_index,
            "lead": format!("{:x}", leadership.leader.unwrap_or_default()),
            "raftState": state,
            "applied": status.applied_index,
        },
    });
    json_text(StatusCode::OK, format!("{text:#}\n"))
}

fn to_i64(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

fn consensus(api: &Api) {
    let to = &api.metrics.state;
    let status = api.raft.status();
    to.has_leader.set(i64::from(status.leadership.leader.is_some()));
    to.is_leader.set(i64::from(status.leadership.is_leader));
    to.is_learner.set(i64::from(!api.raft.votes(api.maintenance.member_id)));
    to.committed.set(to_i64(status.committed_index));
    to.applied.set(to_i64(status.applied_index));
}

fn store(api: &Api) {
    let to = &api.metrics.state;
    if let Ok(size) = api.maintenance.backend.size() {
        to.total_bytes.set(to_i64(size.total_bytes));
        to.in_use_bytes.set(to_i64(size.in_use_bytes));
    }
    to.quota_bytes.set(api.maintenance.quota());
    let marks = api.kv.store.marks();
    to.revision.set(marks.revision);
    to.compact_revision.set(marks.compacted);
    to.keys.set(to_i64(api.kv.store.keys()));
    let load = api.watch.hub.load();
    to.watch_streams.set(to_i64(load.streams));
    to.watchers.set(to_i64(load.watchers));
    to.slow_watchers.set(to_i64(load.slow_watchers));
    to.pending_events.set(to_i64(load.pending_events));
    to.auth_revision.set(to_i64(api.access.auth.revision()));
    api.maintenance.note_alarms();
}

fn identity(api: &Api) {
    let to = &api.metrics.state;
    let member = format!("{:x}", api.maintenance.member_id);
    to.server_id.with_label_values(&[member.as_str()]).set(1.0);
    to.server_version.with_label_values(&[ETCD_VERSION]).set(1.0);
    let cluster = format!("{}.{}", CLUSTER_VERSION.major, CLUSTER_VERSION.minor);
    to.cluster_version.with_label_values(&[cluster.as_str()]).set(1.0);
    for (name, stage, is_on) in FEATURES {
        to.features.with_label_values(&[name, stage]).set(f64::from(u8::from(is_on)));
    }
}

fn process(api: &Api) {
    let to = &api.metrics.state;
    let Some(process) = platform::process() else { return };
    to.resident_bytes.set(to_i64(process.resident_bytes));
    to.virtual_bytes.set(to_i64(process.virtual_bytes));
    // Only the operating system adds to it; a reader in between may make this too little, never less than before.
    to.cpu_seconds.inc_by((process.cpu_seconds - to.cpu_seconds.get()).max(0.0));
    to.start_seconds.set(process.start_seconds);
    to.open_files.set(to_i64(process.open_files));
    to.open_files_max.set(to_i64(process.open_files_max));
    to.descriptors.set(to_i64(process.open_files));
    to.descriptors_max.set(to_i64(process.open_files_max));
}
