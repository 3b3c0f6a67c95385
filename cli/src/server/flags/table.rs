//! The flags, in the order of the help.

use super::{Flag, Group, Kind, Support};

const NO_PROXY: &str = "a discovery service is reached without a proxy";

const fn used(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag { name, kind, default, support: Support::Used, help }
}

const fn no_effect(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Flag {
    Flag { name, kind, default, support: Support::NoEffect(why), help: "" }
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
pub(crate) static GROUPS: &[Group] = &[
    Group {
        name: "Member",
        flags: &[
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
            used("grpc-keepalive-min-time", Duration, "5s", "clients that ping more often are disconnected"),
            no_effect("wal-dir", Text, "", "the log lives in the data directory"),
            no_effect("initial-election-tick-advance", Bool, "true", "a member alone is elected at once"),
            used(
                "listen-client-http-urls",
                Text,
                "",
                "addresses for HTTP alone, which --listen-client-urls then does without",
            ),
            no_effect("max-snapshots", Uint, "5", "snapshots are no files here"),
            no_effect("max-wals", Uint, "5", "the log is purged behind what the backend holds"),
            no_effect("memory-mlock", Bool, "false", "the page cache of the backend is small and bounded"),
            no_effect("backend-bbolt-freelist-type", Text, "map", "the backend is not bbolt"),
            no_effect("backend-batch-interval", Duration, "0s", "the backend is flushed every 100 ms"),
            no_effect("backend-batch-limit", Int, "0", "the backend is flushed by size and time"),
            no_effect("socket-reuse-port", Bool, "false", "a port is taken by one server"),
            no_effect("socket-reuse-address", Bool, "false", "an address that is free can be taken at once"),
            used("enable-grpc-gateway", Bool, "true", "answer JSON under /v3/"),
            no_effect(
                "raft-read-timeout",
                Duration,
                "5s",
                "connections between members have timeouts of their own",
            ),
            no_effect(
                "raft-write-timeout",
                Duration,
                "5s",
                "connections between members have timeouts of their own",
            ),
            no_effect(
                "feature-gates",
                Text,
                "",
                "the features are always on, or not there; /metrics tells which",
            ),
            no_effect(
                "snapshot-catchup-entries",
                Uint,
                "5000",
                "5000 entries are kept, or as many as --snapshot-count",
            ),
        ],
    },
    Group {
        name: "Clustering",
        flags: &[
            used(
                "initial-advertise-peer-urls",
                Text,
                "http://localhost:2380",
                "peer addresses told to other members",
            ),
            used("initial-cluster", Text, "default=http://localhost:2380", "name=url of every member"),
            used("initial-cluster-state", Text, "new", "new or existing: found the cluster, or join it"),
            used("initial-cluster-token", Text, "etcd-cluster", "keeps clusters with equal addresses apart"),
            used("advertise-client-urls", Text, "http://localhost:2379", "addresses told to clients"),
            used(
                "auto-compaction-retention",
                Text,
                "0",
                "history to keep: hours or a duration, or revisions; 0 keeps all",
            ),
            used("auto-compaction-mode", Text, "periodic", "periodic or revision"),
            used(
                "strict-reconfig-check",
                Bool,
                "true",
                "refuse changes of members that would cost the majority",
            ),
            no_effect("pre-vote", Bool, "true", "it is always on"),
            used("max-learners", Int, "1", "learners at the same time"),
            no_effect("v2-deprecation", Text, "write-only", "there is no v2 store"),
            used(
                "force-new-cluster",
                Bool,
                "false",
                "go on alone with the data of a member whose cluster has lost its majority for good",
            ),
            used(
                "discovery",
                Text,
                "",
                "URL of a token, behind which the members of a new cluster find each other",
            ),
            refused("discovery-proxy", Text, "", NO_PROXY),
            used("discovery-token", Text, "", "token in the cluster of --discovery-endpoints"),
            used(
                "discovery-endpoints",
                Text,
                "",
                "a cluster in whose keys the members of a new one find each other",
            ),
            used("discovery-srv", Text, "", "domain whose SRV records name the members of a new cluster"),
            used(
                "discovery-srv-name",
                Text,
                "",
                "appended to the service of those records, as etcd-server-NAME",
            ),
            used("discovery-dial-timeout", Duration, "2s", "time to connect to --discovery-endpoints"),
            used("discovery-request-timeout", Duration, "5s", "time of a request to --discovery-endpoints"),
            used(
                "discovery-keepalive-time",
                Duration,
                "2s",
                "silence after which --discovery-endpoints are asked",
            ),
            used("discovery-keepalive-timeout", Duration, "6s", "time they have to answer"),
            used("discovery-insecure-transport", Bool, "true", "--discovery-endpoints speak no TLS"),
            used(
                "discovery-insecure-skip-tls-verify",
                Bool,
                "false",
                "any certificate of --discovery-endpoints is believed",
            ),
            used("discovery-cert", Text, "", "certificate shown to --discovery-endpoints, PEM"),
            used("discovery-key", Text, "", "its private key, PEM"),
            used(
                "discovery-cacert",
                Text,
                "",
                "certificates by which those of --discovery-endpoints are known, PEM",
            ),
            used("discovery-user", Text, "", "name[:password] of a user of --discovery-endpoints"),
            used("discovery-password", Text, "", "the password of that user"),
            used("discovery-fallback", Text, "exit", "exit: what becomes of a member that comes too late"),
        ],
    },
    Group {
        name: "Security",
        flags: &[
            used("cert-file", Text, "", "certificate shown to clients, PEM"),
            used("key-file", Text, "", "its private key, PEM"),
            used(
                "client-cert-auth",
                Bool,
                "false",
                "clients must show a certificate, whose common name is a user",
            ),
            no_effect("client-cert-file", Text, "", "the JSON gateway reaches the server within the process"),
            no_effect("client-key-file", Text, "", "the JSON gateway reaches the server within the process"),
            used("client-crl-file", Text, "", "certificates of clients that were revoked"),
            used(
                "client-cert-allowed-hostname",
                Text,
                "",
                "names of which a client's certificate must carry one",
            ),
            used("trusted-ca-file", Text, "", "certificates by which those of clients are known, PEM"),
            used("auto-tls", Bool, "false", "make a certificate where none is given"),
            used("peer-cert-file", Text, "", "certificate shown to other members, PEM"),
            used("peer-key-file", Text, "", "its private key, PEM"),
            used("peer-client-cert-auth", Bool, "false", "members must show a certificate"),
            used(
                "peer-client-cert-file",
                Text,
                "",
                "certificate shown to the members that this one connects to, where it is another",
            ),
            used("peer-client-key-file", Text, "", "its private key, PEM"),
            used("peer-trusted-ca-file", Text, "", "certificates by which those of members are known, PEM"),
            used(
                "peer-cert-allowed-cn",
                Text,
                "",
                "common names of which a member's certificate must have one",
            ),
            used(
                "peer-cert-allowed-hostname",
                Text,
                "",
                "names of which a member's certificate must carry one",
            ),
            used("peer-auto-tls", Bool, "false", "make a certificate for members where none is given"),
            used("peer-crl-file", Text, "", "certificates of members that were revoked"),
            used(
                "peer-skip-client-san-verification",
                Bool,
                "false",
                "members may come from other addresses than their certificates name",
            ),
            used(
                "self-signed-cert-validity",
                Uint,
                "1",
                "years that the certificates of --auto-tls and --peer-auto-tls are valid for",
            ),
            used("cipher-suites", Text, "", "cipher suites of TLS 1.2, separated by commas"),
            used("tls-min-version", Text, "TLS1.2", "TLS1.2 or TLS1.3"),
            used("tls-max-version", Text, "", "TLS1.2 or TLS1.3"),
            used("cors", Text, "*", "origins that browsers may ask from"),
            used("host-whitelist", Text, "*", "hosts that requests without TLS may be addressed to"),
            used("auth-token", Text, "simple", "kind of tokens and its options"),
            used("bcrypt-cost", Uint, "10", "work factor of password hashes, 4 to 31"),
            used("auth-token-ttl", Uint, "300", "seconds a simple token lives after its last use"),
        ],
    },
    Group {
        name: "Logging",
        flags: &[
            used("logger", Text, "zap", "zap"),
            used("log-outputs", Text, "default", "stderr, stdout, or files, separated by commas"),
            used("log-level", Text, "info", "debug, info, warn, error, panic, or fatal"),
            used("log-format", Text, "json", "json or console"),
            used("enable-log-rotation", Bool, "false", "begin a new log file when one is full"),
            used(
                "log-rotation-config-json",
                Text,
                r#"{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}"#,
                "when a log file is full, and how many are kept",
            ),
            used("warning-unary-request-duration", Duration, "300ms", "requests that take longer are logged"),
            used(
                "warning-apply-duration",
                Duration,
                "100ms",
                "commands and reads that take longer are logged",
            ),
        ],
    },
    Group {
        name: "Profiling and monitoring",
        flags: &[
            used(
                "enable-pprof",
                Bool,
                "false",
                "where the processor's time goes, at /debug/pprof on the client addresses",
            ),
            used("metrics", Text, "basic", "basic, or extensive for the time of every call"),
            used("listen-metrics-urls", Text, "", "addresses for /metrics and the checks of health"),
            used(
                "enable-distributed-tracing",
                Bool,
                "false",
                "send spans of calls to an OpenTelemetry collector",
            ),
            used(
                "distributed-tracing-address",
                Text,
                "localhost:4317",
                "where the collector takes OTLP over gRPC",
            ),
            used("distributed-tracing-service-name", Text, "etcd", "the service that the spans are of"),
            used("distributed-tracing-instance-id", Text, "", "which instance of it; each has its own"),
            used(
                "distributed-tracing-sampling-rate",
                Int,
                "0",
                "spans wanted of a million; traces that are sampled where they begin are sampled here",
            ),
        ],
    },
    Group {
        name: "Maintenance",
        flags: &[
            used(
                "watch-progress-notify-interval",
                Duration,
                "10m",
                "how often an idle watcher hears of progress",
            ),
            used("compaction-batch-limit", Int, "1000", "revisions removed in one step of a compaction"),
            used("compaction-sleep-interval", Duration, "10ms", "pause between two steps of a compaction"),
            used("corrupt-check-time", Duration, "0s", "how often the data of members is compared; 0s is 1h"),
            used(
                "compact-hash-check-time",
                Duration,
                "1m",
                "how often is looked whether there is a compaction after which to compare",
            ),
            no_effect("downgrade-check-time", Duration, "5s", "a member alone has nobody to wait for"),
            no_effect(
                "bootstrap-defrag-threshold-megabytes",
                Uint,
                "0",
                "defragmentation goes on beside the service, and is asked for",
            ),
            no_effect(
                "unsafe-no-fsync",
                Bool,
                "false",
                "an acknowledged write is always on the disk; --storage-engine memory is faster still",
            ),
        ],
    },
    Group {
        name: "Removed from etcd, still in users' manifests as experimental-*",
        flags: &[
            used(
                "initial-corrupt-check",
                Bool,
                "false",
                "compare the data of members before service begins, and do not begin it where it differs",
            ),
            no_effect(
                "compact-hash-check-enabled",
                Bool,
                "false",
                "what compactions leave is always compared",
            ),
            no_effect(
                "enable-lease-checkpoint",
                Bool,
                "false",
                "leases get their full time when the leader changes",
            ),
            no_effect(
                "enable-lease-checkpoint-persist",
                Bool,
                "false",
                "leases get their full time when the leader changes",
            ),
            no_effect(
                "stop-grpc-service-on-defrag",
                Bool,
                "false",
                "defragmentation goes on beside the service",
            ),
            no_effect("txn-mode-write-with-shared-buffer", Bool, "true", "it is how bbolt is written to"),
            used(
                "config-file",
                Text,
                "",
                "read the settings from this YAML or JSON file, and from nowhere else",
            ),
        ],
    },
    Group {
        name: "Ignored",
        flags: &[
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
        ],
    },
];
