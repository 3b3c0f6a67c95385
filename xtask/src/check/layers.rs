//! The layers inside the server: dependencies point down, and each foreign engine has one home.

use regex::Regex;

use super::tree::Tree;

/// What each module of the server may use of the others, from the edge down.
const MODULES: &[(&str, &[&str])] = &[
    (
        "server",
        &[
            "accept",
            "alarm",
            "api",
            "apply",
            "auth",
            "backend",
            "bootstrap",
            "clock",
            "cluster",
            "command",
            "compactor",
            "config",
            "contact",
            "corruption",
            "data_dir",
            "expiry",
            "forward",
            "gateway",
            "in_process",
            "invited",
            "io",
            "jwt",
            "lease",
            "lease_keeper",
            "listener",
            "membership",
            "metrics",
            "mvcc",
            "peer",
            "platform",
            "propose",
            "raft",
            "read",
            "span",
            "timeline",
            "tls",
            "transport",
            "wal",
        ],
    ),
    (
        "offline",
        &[
            "alarm",
            "api",
            "apply",
            "auth",
            "backend",
            "bootstrap",
            "cluster",
            "command",
            "config",
            "data_dir",
            "io",
            "lease",
            "mvcc",
            "raft",
            "wal",
        ],
    ),
    ("listener", &["accept", "api", "gateway", "in_process", "streams"]),
    ("accept", &["config", "platform", "tls"]),
    (
        "peer",
        &[
            "accept",
            "answer",
            "cluster",
            "command",
            "corruption",
            "data_dir",
            "forward",
            "lease_keeper",
            "mvcc",
            "propose",
            "raft",
            "read",
            "transport",
        ],
    ),
    ("bootstrap", &["config", "data_dir", "tls", "transport"]),
    ("invited", &["bootstrap", "config", "raft", "tls", "transport"]),
    ("membership", &["cluster", "command", "propose", "raft", "transport"]),
    ("contact", &["raft", "transport"]),
    ("corruption", &["alarm", "command", "mvcc", "propose", "raft", "transport"]),
    ("streams", &[]),
    ("gateway", &["api", "in_process", "metrics", "platform", "timeline"]),
    ("metrics", &[]),
    ("tls", &["platform"]),
    ("jwt", &["command", "config", "platform"]),
    ("in_process", &[]),
    ("compactor", &["clock", "command", "config", "mvcc", "propose", "raft"]),
    ("expiry", &["clock", "command", "lease", "propose", "raft"]),
    // A read-only transaction is evaluated by `apply`, sizes are told by `backend`.
    (
        "api",
        &[
            "alarm",
            "apply",
            "auth",
            "backend",
            "clock",
            "cluster",
            "command",
            "config",
            "contact",
            "data_dir",
            "forward",
            "jwt",
            "lease",
            "lease_keeper",
            "membership",
            "metrics",
            "mvcc",
            "propose",
            "raft",
            "read",
            "span",
            "streams",
            "timeline",
        ],
    ),
    ("span", &[]),
    ("timeline", &["clock", "mvcc"]),
    ("lease_keeper", &["clock", "forward", "lease", "read", "transport"]),
    ("propose", &["alarm", "backend", "clock", "command", "config", "forward", "metrics", "raft"]),
    ("read", &["forward", "metrics", "raft"]),
    ("forward", &["answer", "command", "raft", "transport"]),
    ("raft", &["apply", "cluster", "command", "io", "metrics", "transport", "wal"]),
    ("apply", &["alarm", "auth", "backend", "cluster", "command", "lease", "metrics", "mvcc"]),
    ("auth", &["backend", "command", "lease"]),
    ("alarm", &["backend", "command"]),
    ("cluster", &["backend", "command"]),
    ("mvcc", &["backend", "lease", "metrics"]),
    ("lease", &["backend", "metrics"]),
    ("backend", &["io", "metrics", "sync"]),
    ("wal", &["io", "metrics", "sync"]),
    ("io", &["platform"]),
    ("data_dir", &["config", "io"]),
    ("config", &["backend", "tls"]),
    ("transport", &["tls"]),
    ("answer", &["command"]),
    ("clock", &[]),
    ("command", &[]),
    ("platform", &[]),
    ("sync", &[]),
];

/// Where a name may appear: a pattern, the folders it is at home in, and why.
const HOMES: &[(&str, &[&str], &str)] = &[
    (r"\bopenraft::", &["server/src/raft/"], "openraft is named in server/src/raft alone"),
    (r"\b(redb|sled)::", &["server/src/backend/"], "storage engines are named in server/src/backend alone"),
    (
        r"\bstd::fs\b|\btokio::fs\b",
        &[
            "server/src/io/",
            // sled does its own; what it has left behind goes as it came.
            "server/src/backend/engine/sled.rs",
            "server/src/platform.rs",
            "cli/",
            "spec/",
            "benches/",
            "xtask/",
            "proto/build.rs",
            "core/",
            "bindings/",
            "examples/",
        ],
        "the server reaches the disk through server/src/io alone",
    ),
];

/// The deterministic modules: time and randomness are inputs there.
const DETERMINISTIC: &[&str] =
    &["server/src/mvcc/", "server/src/apply/", "server/src/auth/", "server/src/lease/"];
const NONDETERMINISM: &str = r"Instant::now|SystemTime::now|\brand::|thread::sleep|tokio::time";

pub(crate) fn check(tree: &Tree) -> anyhow::Result<Vec<String>> {
    let uses = Regex::new(r"\bcrate::(?:\{)?([a-z_]+)")?;
    let nondeterminism = Regex::new(NONDETERMINISM)?;
    let homes: Vec<_> = HOMES
        .iter()
        .map(|(pattern, folders, why)| Ok((Regex::new(pattern)?, *folders, *why)))
        .collect::<anyhow::Result<_>>()?;
    let mut problems = Vec::new();
    for file in tree.rust().filter(|file| !is_test(&file.path)) {
        let module = server_module(&file.path);
        for (number, line) in file.product_lines() {
            let place = format!("{}:{number}", file.path);
            for (pattern, folders, why) in &homes {
                if pattern.is_match(line) && !folders.iter().any(|folder| file.path.starts_with(folder)) {
                    problems.push(format!("{place}: {why}"));
                }
            }
            if nondeterminism.is_match(line) && DETERMINISTIC.iter().any(|d| file.path.starts_with(d)) {
                problems.push(format!("{place}: time and randomness are inputs of this module"));
            }
            let Some(module) = module else { continue };
            for used in uses.captures_iter(line) {
                if !may_use(module, &used[1]) {
                    problems.push(format!("{place}: {module} must not use {}", &used[1]));
                }
            }
        }
    }
    Ok(problems)
}

/// Tests and examples may reach across layers.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/examples/") || path.ends_with("/tests.rs")
}

/// The top module a file of the server belongs to; none for other files and for its lib.rs.
fn server_module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("server/src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (module != "lib").then_some(module)
}

fn may_use(module: &str, used: &str) -> bool {
    let known = |name: &str| MODULES.iter().any(|(module, _)| *module == name);
    // `crate::` before something that is no module, such as a type that lib.rs exports.
    if used == module || !known(used) {
        return true;
    }
    MODULES.iter().find(|(name, _)| *name == module).is_some_and(|(_, allowed)| allowed.contains(&used))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_down() {
        assert!(may_use("api", "propose"));
        assert!(may_use("raft", "wal"));
        assert!(!may_use("mvcc", "apply"));
        assert!(!may_use("wal", "raft"));
        assert!(!may_use("a_new_module", "raft"));
    }

    #[test]
    fn a_file_belongs_to_its_top_module() {
        assert_eq!(server_module("server/src/mvcc/watch/hub.rs"), Some("mvcc"));
        assert_eq!(server_module("server/src/read.rs"), Some("read"));
        assert_eq!(server_module("core/src/kv.rs"), None);
    }
}
