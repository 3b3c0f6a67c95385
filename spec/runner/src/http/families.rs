//! The families of `/metrics`: each of etcd's is there with its type, its labels and its buckets, or it is in the
//! table below with the reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Families of etcd, by the beginning of their names, that have no meaning here.
const ABSENT: &[(&str, &str)] = &[
    ("go_", "there is no Go runtime"),
    ("promhttp_", "the library behind etcd's `/metrics` counts itself"),
    ("etcd_server_go_version", "there is no Go runtime"),
    ("etcd_debugging_disk_backend_commit_", "phases of a commit of bbolt; the engines have others"),
    (
        "etcd_debugging_server_watch_send_loop_",
        "the connection takes what it can send; no loop waits to be timed",
    ),
    ("etcd_debugging_snap_", "the v2 store's snapshot files, which there are none of"),
    ("etcd_snap_", "the v2 store's snapshot files, which there are none of"),
    ("etcd_debugging_store_", "there is no v2 store"),
    ("etcd_grpc_proxy_", "the server is no proxy"),
    ("etcd_mvcc_db_open_read_transactions", "a read holds no transaction open"),
    ("process_network_", "the operating system counts them for the machine"),
    ("process_virtual_memory_max_bytes", "there is no such limit"),
    ("etcd_network_known_peers", "not counted yet"),
    ("etcd_network_active_peers", "not counted yet"),
];

/// What two texts of metrics have in common, and what not.
pub(super) struct Comparison {
    pub(super) problems: Vec<String>,
    /// How many were compared.
    pub(super) families: usize,
    /// The document.
    pub(super) table: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Family {
    kind: String,
    labels: BTreeSet<String>,
    buckets: BTreeSet<String>,
}

pub(super) fn compare(ours: &str, theirs: &str) -> Comparison {
    let (ours, theirs) = (read(ours), read(theirs));
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for (name, wanted) in &theirs {
        match (ours.get(name), reason(name)) {
            (Some(found), None) => {
                rows.push(format!("| `{name}` | {} | {} | |", wanted.kind, spelled(&wanted.labels)));
                if found != wanted {
                    problems.push(format!("{name}: {found:?} and not {wanted:?}"));
                }
            }
            (Some(_), Some(why)) => {
                problems.push(format!("{name} is there, and should not be because {why}"))
            }
            (None, None) => problems.push(format!("{name} is missing")),
            (None, Some(_)) => {}
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        problems.push(format!("{name} is not etcd's"));
    }
    Comparison { problems, families: theirs.len(), table: table(&rows) }
}

fn reason(name: &str) -> Option<&'static str> {
    ABSENT.iter().find(|(beginning, _)| name.starts_with(beginning)).map(|(_, why)| *why)
}

fn spelled(labels: &BTreeSet<String>) -> String {
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

fn read(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            current = name.to_owned();
            families.insert(current.clone(), Family { kind: kind.to_owned(), ..Family::default() });
            continue;
        }
        let Some((_, labels)) = line.split_once('{') else { continue };
        let Some(family) = families.get_mut(&current) else { continue };
        for pair in labels.split("\",") {
            let Some((name, value)) = pair.split_once("=\"") else { continue };
            if name == "le" {
                family.buckets.insert(number(value));
            } else {
                family.labels.insert(name.to_owned());
            }
        }
    }
    families
}

/// A bound, however it is spelled.
fn number(text: &str) -> String {
    let text = text.split('"').next().unwrap_or(text);
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{number:.6}"))
}

fn table(rows: &[String]) -> String {
    let mut text = "# Metrics\n\nWritten by `etcdkit-spec http --write`, which compares `/metrics` with that of etcd.\n\n\
                    ## Families\n\n| family | type | labels | |\n|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
    text.push_str("\n## Families of etcd that are absent\n\n| family | why |\n|---|---|\n");
    for (beginning, why) in ABSENT {
        let more = if beginning.ends_with('_') { "*" } else { "" };
        let _ = writeln!(text, "| `{beginning}{more}` | {why} |");
    }
    text
}
