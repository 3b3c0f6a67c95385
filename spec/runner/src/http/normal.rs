//! Takes out of an answer what may differ between two servers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ask::Answer;

/// Fields whose value belongs to one server, or to one moment.
const VOLATILE: &[&str] = &[
    "blob",
    "cluster_id",
    "dbSize",
    "dbSizeInUse",
    "hash",
    "ID",
    "leader",
    "lease",
    "member_id",
    "memberID",
    "name",
    "peerURLs",
    "clientURLs",
    "raftAppliedIndex",
    "raftIndex",
    "raftTerm",
    "raft_term",
    "remaining_bytes",
    "token",
    "TTL",
];

/// Fields that we have and etcd has not.
const OURS: &[&str] = &["etcdkit"];

/// Headers that scripts look at.
const HEADERS: &[&str] = &[
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "allow",
    "content-type",
    "grpc-metadata-content-type",
    "www-authenticate",
    "x-content-type-options",
];

/// How Go's JSON decoders begin to complain; the rest is theirs.
const UNREADABLE: &[&str] = &["proto:", "invalid character", "json:", "unexpected EOF", "Failed to decode"];

/// What is compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Normal {
    status: u16,
    headers: BTreeMap<String, String>,
    lines: Vec<Line>,
    is_open: bool,
}

#[derive(Debug, PartialEq)]
enum Line {
    Json(Value),
    Text(String),
}

pub(crate) fn of(answer: &Answer) -> Normal {
    let headers = answer.headers.iter().filter(|(name, _)| HEADERS.contains(&name.as_str()));
    let mut lines: Vec<Line> = answer.body.lines().map(line).collect();
    // etcd sends it on a way of its own: it may come before the answers to what was asked earlier.
    lines.sort_by_key(is_progress);
    Normal {
        status: answer.status,
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        lines: without_repetition(lines),
        is_open: answer.is_open,
    }
}

/// The chunks of a snapshot are as many as the store is large.
fn without_repetition(mut lines: Vec<Line>) -> Vec<Line> {
    lines.dedup();
    lines
}

/// Whether it tells how far all watchers of a stream are.
fn is_progress(line: &Line) -> bool {
    matches!(line, Line::Json(value) if value["result"]["watch_id"] == "-1")
}

fn line(text: &str) -> Line {
    match serde_json::from_str(text) {
        Ok(mut value) => {
            normalise(&mut value);
            Line::Json(value)
        }
        Err(_) => Line::Text(text.to_owned()),
    }
}

fn normalise(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            fields.retain(|name, _| !OURS.contains(&name.as_str()));
            for (name, value) in fields.iter_mut() {
                let is_complaint = name == "message" && value.as_str().is_some_and(is_unreadable);
                // The keys of a lease, which come in any order; none of a request's fields has this name.
                if let ("keys", Value::Array(keys)) = (name.as_str(), &mut *value) {
                    keys.sort_by_key(Value::to_string);
                }
                if VOLATILE.contains(&name.as_str()) || is_complaint {
                    *value = Value::from("…");
                } else {
                    normalise(value);
                }
            }
        }
        _ => {}
    }
}

fn is_unreadable(message: &str) -> bool {
    // Go puts one of two kinds of blanks there, by build.
    UNREADABLE.iter().any(|beginning| message.starts_with(beginning))
}
