//! Readings as lines.

use std::collections::BTreeMap;

use super::reading::{Reading, Source, Sources};
use crate::console::humanize::bytes;
use crate::console::paint::{Paint, Part};
use crate::console::table::{Row, aligned};

const ENDPOINTS: &[&str] = &[
    "ENDPOINT",
    "ID",
    "ROLE",
    "VERSION",
    "REQ/S",
    "CPU %",
    "MEMORY",
    "DB SIZE",
    "IN USE",
    "KEYS",
    "REVISION",
    "RAFT INDEX",
    "WATCHERS",
    "ALARMS",
];
const REQUESTS: &[&str] = &["RPC", "REQ/S", "FAILED/S", "TOTAL"];

/// What is not known.
const UNKNOWN: &str = "-";

/// The page: a line of sums, a line for each endpoint, a line for each kind of request.
pub(super) fn lines(sources: &Sources, paint: Paint) -> Vec<String> {
    let mut lines = vec![summary(sources), String::new()];
    push_table(&mut lines, ENDPOINTS, &sources.sources.iter().map(endpoint).collect::<Vec<_>>(), paint);
    let silent = sources.sources.iter().filter(|source| !source.error.is_empty());
    lines.extend(silent.map(|source| {
        paint.text(Part::Delete, format_args!("{} does not answer: {}", source.endpoint, source.error))
    }));
    let requests = requests(sources);
    if !requests.is_empty() {
        lines.push(String::new());
        push_table(&mut lines, REQUESTS, &requests, paint);
    }
    lines
}

fn push_table(lines: &mut Vec<String>, header: &[&str], rows: &[Row], paint: Paint) {
    let mut table = aligned(header, rows).into_iter();
    lines.extend(table.next().map(|heading| paint.text(Part::Heading, heading)));
    lines.extend(table);
}

fn summary(sources: &Sources) -> String {
    let all = &sources.sources;
    let answering = all.iter().filter(|source| source.now.is_some()).count();
    let rates: Vec<f64> = all.iter().filter_map(requests_per_second).collect();
    let watchers: Vec<f64> =
        all.iter().filter_map(|source| gauge(source, "etcd_debugging_mvcc_watcher_total")).collect();
    format!(
        "{answering} of {} endpoints answer; {} leases, {} watchers, {} requests/s",
        all.len(),
        sources.leases.map_or(UNKNOWN.to_owned(), |leases| leases.to_string()),
        sum(&watchers).map_or(UNKNOWN.to_owned(), |watchers| format!("{watchers:.0}")),
        sum(&rates).map_or(UNKNOWN.to_owned(), rate),
    )
}

fn sum(values: &[f64]) -> Option<f64> {
    Some(values.iter().sum()).filter(|_| !values.is_empty())
}

fn requests_per_second(source: &Source) -> Option<f64> {
    source.rate(|metrics| {
        let requests = metrics.requests();
        (!requests.is_empty()).then(|| requests.iter().map(|requests| requests.received).sum())
    })
}

fn gauge(source: &Source, name: &str) -> Option<f64> {
    source.now.as_ref()?.metrics.value(name)
}

fn endpoint(source: &Source) -> Row {
    let Some(now) = &source.now else {
        let mut row = vec![UNKNOWN.to_owned(); ENDPOINTS.len()];
        row[0].clone_from(&source.endpoint);
        return row;
    };
    let status = &now.status;
    let known = |value: Option<f64>, shown: fn(f64) -> String| value.map_or(UNKNOWN.to_owned(), shown);
    let size = |bytes_of: f64| bytes(bytes_of as u64);
    let cpu = source.rate(|metrics| metrics.value("process_cpu_seconds_total"));
    vec![
        source.endpoint.clone(),
        format!("{:x}", status.header.map_or(0, |header| header.member_id)),
        role(now).to_owned(),
        status.version.clone(),
        known(requests_per_second(source), rate),
        known(cpu, |seconds| format!("{:.0}", seconds * 100.0)),
        known(gauge(source, "process_resident_memory_bytes"), size),
        bytes(status.db_size as u64),
        bytes(status.db_size_in_use as u64),
        known(gauge(source, "etcd_debugging_mvcc_keys_total"), |keys| format!("{keys:.0}")),
        status.header.map_or(UNKNOWN.to_owned(), |header| header.revision.to_string()),
        status.raft_applied_index.to_string(),
        known(gauge(source, "etcd_debugging_mvcc_watcher_total"), |watchers| format!("{watchers:.0}")),
        if status.errors.is_empty() { UNKNOWN.to_owned() } else { status.errors.join(", ") },
    ]
}

fn role(now: &Reading) -> &'static str {
    let status = &now.status;
    match status.header {
        _ if status.is_learner => "learner",
        Some(header) if header.member_id == status.leader => "leader",
        _ if status.leader == 0 => "no leader",
        _ => "follower",
    }
}

/// A line for each kind of request that there was, the busiest first.
fn requests(sources: &Sources) -> Vec<Row> {
    let mut kinds: BTreeMap<String, (f64, f64, f64)> = BTreeMap::new();
    for source in &sources.sources {
        for requests in source.now.iter().flat_map(|now| now.metrics.requests()) {
            let of = |metrics: &super::metrics::Metrics| {
                metrics.requests().into_iter().find(|other| other.rpc == requests.rpc)
            };
            let kind = kinds.entry(requests.rpc.clone()).or_default();
            kind.0 += source.rate(|metrics| of(metrics).map(|other| other.received)).unwrap_or_default();
            kind.1 += source.rate(|metrics| of(metrics).map(|other| other.failed)).unwrap_or_default();
            kind.2 += requests.received;
        }
    }
    let mut kinds: Vec<_> =
        kinds.into_iter().filter(|(_, (_, failed, total))| *total + *failed > 0.0).collect();
    kinds.sort_by(|(_, one), (_, other)| {
        (other.0, other.2).partial_cmp(&(one.0, one.2)).unwrap_or(std::cmp::Ordering::Equal)
    });
    kinds
        .into_iter()
        .map(|(rpc, (received, failed, total))| {
            vec![rpc, rate(received), rate(failed), format!("{total:.0}")]
        })
        .collect()
}

/// Few requests a second are told with a decimal.
fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}") } else { format!("{per_second:.0}") }
}
