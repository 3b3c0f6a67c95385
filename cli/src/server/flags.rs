//! Every flag that etcd has, and what becomes of it here.

/// What kind of value a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    Uint,
    Duration,
}

/// What this server does with a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It has its effect.
    Used,
    /// It has nothing to act on here; a warning says so when it is set.
    NoEffect,
    /// etcd takes it and ignores it, and so does this server.
    Silent,
    /// Ignoring it would change who can read or write, or which cluster the member belongs to.
    Refused(&'static str),
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As etcd's help has it; setting a flag to its default has no effect to warn of.
    pub(super) default: &'static str,
    pub(super) support: Support,
    /// For the help of the flags that are used.
    pub(super) help: &'static str,
}

const NO_TLS: &str = "this version has no TLS; put a TLS proxy in front, or listen on a trusted network";
const NO_CLUSTER: &str = "this version runs single-member clusters only";
const NO_DISCOVERY: &str = "this version runs single-member clusters only and needs no discovery";

const fn used(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind, default, support: Support::Used, help }
}

const fn no_effect(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag { name, kind, default, support: Support::NoEffect, help: "" }
}

const fn silent(name: &'static str) -> Flag {
    Flag { name, kind: Kind::Text, default: "", support: Support::Silent, help: "" }
}

const fn silent_switch(name: &'static str) -> Flag {
    Flag { name, kind: Kind::Bool, default: "", support: Support::Silent, help: "" }
}

const fn refused(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Flag {
    Flag { name, kind, default, support: Support::Refused(why), help: "" }
}

use Kind::{Bool, Duration, Int, Text, Uint};

/// All flags, in the order of the help.
pub(super) static FLAGS: &[Flag] = &[
    // Member
    used("name", Text, "default", "name of this member"),
    used("data-dir", Text, "", "where state lives; ${name}.etcd when empty"),
    used(
        "storage-engine",
        Text,
        "redb",
        "redb, sled, or memory (nothing is kept); fixed when the directory is made",
    ),
    used("listen-client-urls", Text, "http://localhost:2379", "addresses for clients"),
    used("listen-peer-urls", Text, "http://localhost:2380", "addresses for members"),
    used("snapshot-count", Uint, "10000", "applied entries after which the log is shortened"),
    used("heartbeat-interval", Uint, "100", "milliseconds between heartbeats"),
    used("election-timeout", Uint, "1000", "milliseconds without a heartbeat before an election"),
    used(
        "quota-backend-bytes",
        Int,
        "0",
        "stored bytes at which writes are refused; 0 is 2 GiB, negative no limit",
    ),
    used("max-txn-ops", Uint, "128", "most operations of a transaction"),
    used("max-request-bytes", Uint, "1572864", "most bytes of a request"),
    used("max-concurrent-streams", Uint, "10000", "most calls in progress on one connection"),
    used(
        "grpc-keepalive-interval",
        Duration,
        "2h",
        "silence after which a client is asked whether it is there",
    ),
    used("grpc-keepalive-timeout", Duration, "20s", "time a client has to answer"),
    no_effect("grpc-keepalive-min-time", Duration, "5s"),
    no_effect("wal-dir", Text, ""),
    no_effect("initial-election-tick-advance", Bool, "true"),
    no_effect("listen-client-http-urls", Text, ""),
    no_effect("max-snapshots", Uint, "5"),
    no_effect("max-wals", Uint, "5"),
    no_effect("memory-mlock", Bool, "false"),
    no_effect("backend-bbolt-freelist-type", Text, "map"),
    no_effect("backend-batch-interval", Duration, "0s"),
    no_effect("backend-batch-limit", Int, "0"),
    no_effect("socket-reuse-port", Bool, "false"),
    no_effect("socket-reuse-address", Bool, "false"),
    no_effect("enable-grpc-gateway", Bool, "true"),
    no_effect("raft-read-timeout", Duration, "5s"),
    no_effect("raft-write-timeout", Duration, "5s"),
    no_effect("feature-gates", Text, ""),
    no_effect("snapshot-catchup-entries", Uint, "5000"),
    // Clustering
    used(
        "initial-advertise-peer-urls",
        Text,
        "http://localhost:2380",
        "peer addresses told to other members",
    ),
    used("initial-cluster", Text, "default=http://localhost:2380", "name=url of every member"),
    used("initial-cluster-state", Text, "new", "new"),
    used("initial-cluster-token", Text, "etcd-cluster", "keeps clusters with equal addresses apart"),
    used("advertise-client-urls", Text, "http://localhost:2379", "addresses told to clients"),
    used(
        "auto-compaction-retention",
        Text,
        "0",
        "history to keep: hours or a duration, or revisions; 0 keeps all",
    ),
    used("auto-compaction-mode", Text, "periodic", "periodic or revision"),
    no_effect("strict-reconfig-check", Bool, "true"),
    no_effect("pre-vote", Bool, "true"),
    no_effect("max-learners", Int, "1"),
    no_effect("v2-deprecation", Text, "write-only"),
    refused("force-new-cluster", Bool, "false", NO_CLUSTER),
    refused("discovery", Text, "", NO_DISCOVERY),
    refused("discovery-proxy", Text, "", NO_DISCOVERY),
    refused("discovery-token", Text, "", NO_DISCOVERY),
    refused("discovery-endpoints", Text, "", NO_DISCOVERY),
    refused("discovery-srv", Text, "", NO_DISCOVERY),
    refused("discovery-srv-name", Text, "", NO_DISCOVERY),
    no_effect("discovery-dial-timeout", Duration, "2s"),
    no_effect("discovery-request-timeout", Duration, "5s"),
    no_effect("discovery-keepalive-time", Duration, "2s"),
    no_effect("discovery-keepalive-timeout", Duration, "6s"),
    no_effect("discovery-insecure-transport", Bool, "true"),
    no_effect("discovery-insecure-skip-tls-verify", Bool, "false"),
    no_effect("discovery-cert", Text, ""),
    no_effect("discovery-key", Text, ""),
    no_effect("discovery-cacert", Text, ""),
    no_effect("discovery-user", Text, ""),
    no_effect("discovery-password", Text, ""),
    no_effect("discovery-fallback", Text, "exit"),
    // Security
    refused("cert-file", Text, "", NO_TLS),
    refused("key-file", Text, "", NO_TLS),
    refused("client-cert-auth", Bool, "false", NO_TLS),
    refused("client-cert-file", Text, "", NO_TLS),
    refused("client-key-file", Text, "", NO_TLS),
    refused("client-crl-file", Text, "", NO_TLS),
    refused("client-cert-allowed-hostname", Text, "", NO_TLS),
    refused("trusted-ca-file", Text, "", NO_TLS),
    refused("auto-tls", Bool, "false", NO_TLS),
    refused("peer-cert-file", Text, "", NO_TLS),
    refused("peer-key-file", Text, "", NO_TLS),
    refused("peer-client-cert-auth", Bool, "false", NO_TLS),
    refused("peer-client-cert-file", Text, "", NO_TLS),
    refused("peer-client-key-file", Text, "", NO_TLS),
    refused("peer-trusted-ca-file", Text, "", NO_TLS),
    refused("peer-cert-allowed-cn", Text, "", NO_TLS),
    refused("peer-cert-allowed-hostname", Text, "", NO_TLS),
    refused("peer-auto-tls", Bool, "false", NO_TLS),
    refused("peer-crl-file", Text, "", NO_TLS),
    no_effect("peer-skip-client-san-verification", Bool, "false"),
    no_effect("self-signed-cert-validity", Uint, "1"),
    no_effect("cipher-suites", Text, ""),
    no_effect("tls-min-version", Text, "TLS1.2"),
    no_effect("tls-max-version", Text, ""),
    no_effect("cors", Text, "*"),
    no_effect("host-whitelist", Text, "*"),
    used("auth-token", Text, "simple", "kind of tokens and its options"),
    used("bcrypt-cost", Uint, "10", "work factor of password hashes, 4 to 31"),
    used("auth-token-ttl", Uint, "300", "seconds a simple token lives after its last use"),
    // Logging
    used("logger", Text, "zap", "zap"),
    used("log-outputs", Text, "default", "stderr, stdout, or files, separated by commas"),
    used("log-level", Text, "info", "debug, info, warn, error, panic, or fatal"),
    used("log-format", Text, "json", "json or console"),
    no_effect("enable-log-rotation", Bool, "false"),
    no_effect(
        "log-rotation-config-json",
        Text,
        r#"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}"#,
    ),
    no_effect("warning-unary-request-duration", Duration, "300ms"),
    no_effect("warning-apply-duration", Duration, "100ms"),
    // Profiling and monitoring
    no_effect("enable-pprof", Bool, "false"),
    no_effect("metrics", Text, "basic"),
    no_effect("listen-metrics-urls", Text, ""),
    no_effect("enable-distributed-tracing", Bool, "false"),
    no_effect("distributed-tracing-address", Text, "localhost:4317"),
    no_effect("distributed-tracing-service-name", Text, "etcd"),
    no_effect("distributed-tracing-instance-id", Text, ""),
    no_effect("distributed-tracing-sampling-rate", Int, "0"),
    // Maintenance
    used("watch-progress-notify-interval", Duration, "10m", "how often an idle watcher hears of progress"),
    used("compaction-batch-limit", Int, "1000", "revisions removed in one step of a compaction"),
    used("compaction-sleep-interval", Duration, "10ms", "pause between two steps of a compaction"),
    no_effect("corrupt-check-time", Duration, "0s"),
    no_effect("compact-hash-check-time", Duration, "1m"),
    no_effect("downgrade-check-time", Duration, "5s"),
    no_effect("bootstrap-defrag-threshold-megabytes", Uint, "0"),
    no_effect("unsafe-no-fsync", Bool, "false"),
    // Removed from etcd, still in users' manifests as experimental-*
    no_effect("initial-corrupt-check", Bool, "false"),
    no_effect("compact-hash-check-enabled", Bool, "false"),
    no_effect("enable-lease-checkpoint", Bool, "false"),
    no_effect("enable-lease-checkpoint-persist", Bool, "false"),
    no_effect("stop-grpc-service-on-defrag", Bool, "false"),
    no_effect("txn-mode-write-with-shared-buffer", Bool, "true"),
    refused(
        "config-file",
        Text,
        "",
        "this version reads no configuration file; use flags or ETCD_ variables",
    ),
    silent("cluster-active-size"),
    silent("cluster-remove-delay"),
    silent("cluster-sync-interval"),
    silent("config"),
    silent_switch("force"),
    silent("max-result-buffer"),
    silent("max-retry-attempts"),
    silent("peer-heartbeat-interval"),
    silent("peer-election-timeout"),
    silent("retry-interval"),
    silent_switch("snapshot"),
    silent_switch("v"),
    silent_switch("vv"),
    silent("test.coverprofile"),
    silent("test.outputdir"),
];

/// Finds a flag by name; the names of flags that once were experimental are known in both spellings.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    let exact = |name: &str| FLAGS.iter().find(|flag| flag.name == name);
    exact(name).or_else(|| exact(name.strip_prefix("experimental-")?))
}

/// A flag whose name is so much like this one that it may be meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    /// Below this likeness a suggestion is a guess.
    const LIKENESS_MIN: f64 = 0.8;
    FLAGS
        .iter()
        .filter(|flag| flag.support != Support::Silent)
        .map(|flag| (strsim::jaro_winkler(flag.name, name), flag.name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_there_once() {
        for (index, flag) in FLAGS.iter().enumerate() {
            assert!(!FLAGS[..index].iter().any(|other| other.name == flag.name), "{}", flag.name);
        }
    }

    #[test]
    fn experimental_spellings_are_known() {
        assert_eq!(
            find("experimental-watch-progress-notify-interval").map(|flag| flag.name),
            Some("watch-progress-notify-interval")
        );
        assert!(find("experimental-nope").is_none());
    }

    #[test]
    fn a_slip_finds_its_flag() {
        assert_eq!(nearest("data-dri"), Some("data-dir"));
        assert_eq!(nearest("listen-client-url"), Some("listen-client-urls"));
        assert_eq!(nearest("zzzz"), None);
    }
}
