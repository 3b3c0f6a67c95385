//! The settings of a server, with etcd's names, defaults and complaints.

mod duration;
mod flags;
mod urls;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use duration::parse_duration;
pub use urls::{MemberUrl, Scheme, parse_urls};

use crate::backend::EngineKind;
use crate::tls::{TlsError, TlsSettings, self_signed};
use urls::UrlsByName;
pub(crate) use urls::are_same;

/// etcd refuses longer election timeouts: a cluster without a leader for that long helps nobody.
const ELECTION_TIMEOUT_MAX: Duration = Duration::from_millis(50_000);

/// A leader must be able to miss several heartbeats before it is given up.
const HEARTBEATS_PER_ELECTION_MIN: u32 = 5;

/// Quota when none is set, bytes.
pub const QUOTA_BYTES_DEFAULT: i64 = 2 * 1024 * 1024 * 1024;

/// What the receive limit of a message is above the limit of a request, bytes: room for what wraps it.
pub const RECEIVE_OVERHEAD_BYTES: usize = 512 * 1024;

/// Work factor of password hashes, as etcd's.
pub const BCRYPT_COST_DEFAULT: u32 = 10;

/// How often members are compared when nothing is said. Hashing reads all data, at some hundred megabytes a second.
pub const CORRUPT_CHECK_INTERVAL_DEFAULT: Duration = Duration::from_secs(3600);

/// Watch progress is notified at least this far apart, and so often when nothing is said.
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(100);
const PROGRESS_INTERVAL_DEFAULT: Duration = Duration::from_secs(600);

/// A setting that cannot be used; the text says which and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Where state lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In a directory, durable.
    Directory(PathBuf),
    /// Nowhere: gone when the server stops.
    Memory,
}

/// When history is dropped without being asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Never.
    Off,
    /// Keep this much time.
    Periodic(Duration),
    /// Keep this many revisions.
    Revision(i64),
}

impl AutoCompaction {
    /// Reads the pair of flags `--auto-compaction-mode` and `--auto-compaction-retention`.
    pub fn parse(mode: &str, retention: &str) -> Result<Self, ConfigError> {
        if !matches!(mode, "periodic" | "revision") {
            return Err(ConfigError(format!("unknown auto-compaction-mode {mode:?}")));
        }
        let number = retention.parse::<i64>().ok().filter(|number| *number >= 0);
        match (number, mode) {
            (Some(0), _) => Ok(AutoCompaction::Off),
            (Some(revisions), "revision") => Ok(AutoCompaction::Revision(revisions)),
            (Some(hours), _) => {
                let seconds = u64::try_from(hours).ok().and_then(|hours| hours.checked_mul(3600));
                let seconds =
                    seconds.ok_or_else(|| ConfigError(format!("retention of {hours} hours is too long")))?;
                Ok(AutoCompaction::Periodic(Duration::from_secs(seconds)))
            }
            (None, "revision") => Err(ConfigError(format!(
                "error parsing CompactionRetention: {retention:?} is not a number of revisions"
            ))),
            (None, _) => {
                let period = parse_duration(retention)
                    .map_err(|error| ConfigError(format!("error parsing CompactionRetention: {error}")))?;
                Ok(if period.is_zero() { AutoCompaction::Off } else { AutoCompaction::Periodic(period) })
            }
        }
    }
}

/// Whether the member founds a cluster or joins one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// Founds one.
    New,
    /// Joins one.
    Existing,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsLevel {
    /// Counts.
    #[default]
    Basic,
    /// The time of every call as well.
    Extensive,
}

/// Whether a member listens for others while it is alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerPort {
    /// No: an embedded server that nobody is to join.
    Closed,
    /// If the address is free: it is the default of everybody.
    IfFree,
    /// Yes.
    Open,
}

/// The settings of one server. Start from [`Config::default`], which is what `etcd` without flags has.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the member; unique in its cluster.
    pub name: String,
    /// Where state lives; none means a directory `<name>.etcd` in the working directory.
    pub storage: Option<Storage>,
    /// The storage engine; what a data directory was made with it keeps.
    pub engine: EngineKind,
    /// Addresses for clients to connect to. Port 0 takes a free one.
    pub listen_client_urls: Vec<MemberUrl>,
    /// Addresses for HTTP alone; with any, those for clients answer gRPC alone.
    pub listen_client_http_urls: Vec<MemberUrl>,
    /// Addresses for `/metrics` and the checks of health alone.
    pub listen_metrics_urls: Vec<MemberUrl>,
    /// What clients are told; none means what the listeners got.
    pub advertise_client_urls: Option<Vec<MemberUrl>>,
    /// Addresses for other members to connect to.
    pub listen_peer_urls: Vec<MemberUrl>,
    /// Whether to listen there. A member of a cluster of several always does.
    pub peer_port: PeerPort,
    /// What other members are told.
    pub initial_advertise_peer_urls: Vec<MemberUrl>,
    /// `name=url` pairs of all members; none means this member alone.
    pub initial_cluster: Option<String>,
    /// Keeps clusters apart that have the same addresses.
    pub initial_cluster_token: String,
    /// Whether to found or to join.
    pub initial_cluster_state: ClusterState,
    /// Goes on alone with the data of a member of a cluster that is lost.
    pub force_new_cluster: bool,
    /// Compares data with the other members before service begins, and does not begin it where they differ.
    pub initial_corrupt_check: bool,
    /// How often the leader compares the data of all members.
    pub corrupt_check_interval: Duration,
    /// How often the leader looks whether there was a compaction, and compares what it has left.
    pub compact_hash_check_interval: Duration,
    /// Whether changes of members are refused that would take away a majority.
    pub strict_reconfig_check: bool,
    /// Learners at the same time.
    pub max_learners: u32,
    /// Time between two heartbeats of the leader.
    pub heartbeat_interval: Duration,
    /// Time without a heartbeat after which a follower stands for election.
    pub election_timeout: Duration,
    /// Applied entries after which the log is shortened.
    pub snapshot_count: u64,
    /// Bytes of stored data at which writes are refused; 0 is 2 GiB, negative is no limit.
    pub quota_backend_bytes: i64,
    /// Most operations or compares of a transaction.
    pub max_txn_ops: usize,
    /// Most bytes of a request.
    pub max_request_bytes: usize,
    /// Most calls in progress on one connection.
    pub max_concurrent_streams: u32,
    /// A client that pings more often than this is disconnected.
    pub grpc_keepalive_min_time: Duration,
    /// Silence on a connection after which the server asks whether the client is there.
    pub grpc_keepalive_interval: Duration,
    /// Time the client has to answer.
    pub grpc_keepalive_timeout: Duration,
    /// When history is dropped.
    pub auto_compaction: AutoCompaction,
    /// Revisions removed in one step of a compaction.
    pub compaction_batch_limit: usize,
    /// Pause between two steps of a compaction.
    pub compaction_sleep_interval: Duration,
    /// How often an idle watcher that asked for it hears of progress. None at all is the default, less than 100 ms are
    /// taken for 100 ms, as by etcd.
    pub watch_progress_notify_interval: Duration,
    /// Certificates of the client port.
    pub client_tls: TlsSettings,
    /// Makes a certificate for the client port where none is given.
    pub client_auto_tls: bool,
    /// Certificates of the peer port, and of connections to other members.
    pub peer_tls: TlsSettings,
    /// Makes a certificate for the peer port where none is given.
    pub peer_auto_tls: bool,
    /// Years that a certificate made here is valid for.
    pub self_signed_cert_validity_years: u32,
    /// Origins that browsers may ask from, separated by commas; `*` is any.
    pub cors: String,
    /// Hosts that requests without TLS may be addressed to, separated by commas; `*` is any.
    pub host_whitelist: String,
    /// Whether the client port has the JSON gateway.
    pub enable_grpc_gateway: bool,
    /// Work factor of password hashes, 4 to 31; each step doubles the time.
    pub bcrypt_cost: u32,
    /// Kind of tokens, with its options: `simple`, or `jwt,…`.
    pub auth_token: String,
    /// How long a simple token lives after its last use.
    pub auth_token_ttl: Duration,
    /// How much is measured.
    pub metrics: MetricsLevel,
    /// A command or read that takes longer to carry out is told of in the log.
    pub warning_apply_duration: Duration,
    /// A call of one answer that takes longer is told of in the log.
    pub warning_unary_request_duration: Duration,
}

/// What etcd allows on one connection is 2^32-1; far fewer already keep one client busy, and each costs memory
/// before any limit of ours is asked.
pub const CONCURRENT_STREAMS_DEFAULT: u32 = 10_000;

impl Default for Config {
    fn default() -> Self {
        Config {
            name: "default".to_owned(),
            storage: None,
            engine: EngineKind::Redb,
            listen_client_urls: vec![MemberUrl::http("localhost", 2379)],
            listen_client_http_urls: Vec::new(),
            listen_metrics_urls: Vec::new(),
            advertise_client_urls: None,
            listen_peer_urls: vec![MemberUrl::http("localhost", 2380)],
            peer_port: PeerPort::Closed,
            initial_advertise_peer_urls: vec![MemberUrl::http("localhost", 2380)],
            initial_cluster: None,
            initial_cluster_token: "etcd-cluster".to_owned(),
            initial_cluster_state: ClusterState::New,
            force_new_cluster: false,
            initial_corrupt_check: false,
            corrupt_check_interval: CORRUPT_CHECK_INTERVAL_DEFAULT,
            compact_hash_check_interval: Duration::from_secs(60),
            strict_reconfig_check: true,
            max_learners: 1,
            heartbeat_interval: Duration::from_millis(100),
            election_timeout: Duration::from_millis(1000),
            snapshot_count: 10_000,
            quota_backend_bytes: 0,
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            max_concurrent_streams: CONCURRENT_STREAMS_DEFAULT,
            grpc_keepalive_min_time: Duration::from_secs(5),
            grpc_keepalive_interval: Duration::from_secs(2 * 3600),
            grpc_keepalive_timeout: Duration::from_secs(20),
            auto_compaction: AutoCompaction::Off,
            compaction_batch_limit: 1000,
            compaction_sleep_interval: Duration::from_millis(10),
            watch_progress_notify_interval: PROGRESS_INTERVAL_DEFAULT,
            client_tls: TlsSettings { version_min: "TLS1.2".to_owned(), ..TlsSettings::default() },
            client_auto_tls: false,
            peer_tls: TlsSettings {
                version_min: "TLS1.2".to_owned(),
                check_client_address: true,
                ..TlsSettings::default()
            },
            peer_auto_tls: false,
            self_signed_cert_validity_years: 1,
            cors: "*".to_owned(),
            host_whitelist: "*".to_owned(),
            enable_grpc_gateway: true,
            bcrypt_cost: BCRYPT_COST_DEFAULT,
            auth_token: "simple".to_owned(),
            auth_token_ttl: Duration::from_secs(300),
            metrics: MetricsLevel::Basic,
            warning_apply_duration: Duration::from_millis(100),
            warning_unary_request_duration: Duration::from_millis(300),
        }
    }
}

impl Config {
    /// Checks what can be checked without touching anything.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let listeners = [
            &self.listen_peer_urls,
            &self.listen_client_urls,
            &self.listen_client_http_urls,
            &self.listen_metrics_urls,
        ];
        listeners.into_iter().flatten().try_for_each(MemberUrl::check_listen)?;
        self.check_encryption()?;
        self.check_timing()?;
        self.check_limits()?;
        self.members()?;
        Ok(())
    }

    /// Clients that were told `https` would meet a listener that cannot speak it.
    fn check_encryption(&self) -> Result<(), ConfigError> {
        let encrypted = self.listen_peer_urls.iter().find(|url| url.scheme == Scheme::Https);
        if let Some(url) = encrypted.filter(|_| !self.peer_tls.is_set() && !self.peer_auto_tls) {
            return refuse(format!("cannot listen on TLS for {url}: KeyFile and CertFile are not presented"));
        }
        let mut clients = self
            .listen_client_urls
            .iter()
            .chain(&self.listen_client_http_urls)
            .chain(&self.listen_metrics_urls);
        let encrypted = clients.find(|url| url.scheme == Scheme::Https);
        match encrypted {
            Some(url) if !self.client_tls.is_set() && !self.client_auto_tls => refuse(format!(
                "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with HTTPS scheme"
            )),
            _ => Ok(()),
        }
    }

    /// How often an idle watcher hears of progress, within its bounds.
    pub(crate) fn progress_interval(&self) -> Duration {
        let given = self.watch_progress_notify_interval;
        if given.is_zero() {
            return PROGRESS_INTERVAL_DEFAULT;
        }
        if given < PROGRESS_INTERVAL_MIN {
            tracing::warn!(
                min_watch_progress_notify_interval = ?PROGRESS_INTERVAL_MIN,
                "adjusting watch progress notify interval to minimum period"
            );
        }
        given.max(PROGRESS_INTERVAL_MIN)
    }

    /// The TLS of the client port: as given, or with a certificate made here. Blocks.
    pub(crate) fn client_tls(&self) -> Result<Option<TlsSettings>, TlsError> {
        if self.client_tls.is_set() {
            if self.client_auto_tls {
                tracing::warn!("--auto-tls makes no certificate, because one is given");
            }
            return Ok(Some(self.client_tls.clone()));
        }
        if !self.client_auto_tls {
            return Ok(None);
        }
        let pair = self.self_signed("client", &self.listen_client_urls)?;
        Ok(Some(TlsSettings {
            cert_file: pair.cert_file,
            key_file: pair.key_file,
            ..self.client_tls.clone()
        }))
    }

    /// The TLS of the peer port and of connections to members: as given, or with a certificate made here, which nobody
    /// has signed and members do not ask about. Blocks.
    pub(crate) fn peer_tls(&self) -> Result<TlsSettings, TlsError> {
        if !self.peer_auto_tls {
            return Ok(self.peer_tls.clone());
        }
        if self.peer_tls.is_set() {
            tracing::warn!("--peer-auto-tls makes no certificate, because one is given");
            return Ok(self.peer_tls.clone());
        }
        let pair = self.self_signed("peer", &self.listen_peer_urls)?;
        Ok(TlsSettings {
            cert_file: pair.cert_file,
            key_file: pair.key_file,
            trust_any_server: true,
            ..self.peer_tls.clone()
        })
    }

    fn self_signed(&self, whose: &str, urls: &[MemberUrl]) -> Result<self_signed::Pair, TlsError> {
        let Storage::Directory(dir) = self.storage() else {
            return Err(TlsError::Settings(
                "--auto-tls and --peer-auto-tls need a data directory to keep the certificate in".to_owned(),
            ));
        };
        let hosts = urls.iter().filter_map(|url| url.host_and_port());
        let hosts: Vec<String> = hosts.map(|(host, _)| host.to_owned()).collect();
        self_signed::pair(&dir.join("fixtures").join(whose), &hosts, self.self_signed_cert_validity_years)
    }

    /// Whether members may have to be reached by TLS.
    pub(crate) fn needs_tls_to_peers(&self) -> bool {
        let told = self.peer_tls.is_set()
            || self.peer_auto_tls
            || !self.peer_tls.trusted_ca_file.as_os_str().is_empty();
        let encrypted = |urls: &Vec<MemberUrl>| urls.iter().any(|url| url.scheme == Scheme::Https);
        told || self.initial_members().is_ok_and(|members| members.values().any(encrypted))
    }

    fn check_timing(&self) -> Result<(), ConfigError> {
        let heartbeat_ms = self.heartbeat_interval.as_millis();
        let election_ms = self.election_timeout.as_millis();
        if heartbeat_ms == 0 {
            return refuse(format!("--heartbeat-interval must be >0 (set to {heartbeat_ms}ms)"));
        }
        if election_ms == 0 {
            return refuse(format!("--election-timeout must be >0 (set to {election_ms}ms)"));
        }
        if self.heartbeat_interval * HEARTBEATS_PER_ELECTION_MIN > self.election_timeout {
            return refuse(format!(
                "--election-timeout[{election_ms}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat_ms}ms]"
            ));
        }
        if self.election_timeout > ELECTION_TIMEOUT_MAX {
            return refuse(format!(
                "--election-timeout[{election_ms}ms] is too long, and should be set less than {}ms",
                ELECTION_TIMEOUT_MAX.as_millis()
            ));
        }
        if self.compact_hash_check_interval.is_zero() || self.corrupt_check_interval.is_zero() {
            return refuse("--compact-hash-check-time must be >0 (set to 0s)".to_owned());
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConfigError> {
        let positive = [
            ("--max-txn-ops", self.max_txn_ops),
            ("--max-request-bytes", self.max_request_bytes),
            ("--max-concurrent-streams", self.max_concurrent_streams as usize),
            ("--compaction-batch-limit", self.compaction_batch_limit),
        ];
        for (flag, value) in positive {
            if value == 0 {
                return refuse(format!("{flag} must be >0 (set to 0)"));
            }
        }
        if self.max_request_bytes > i32::MAX as usize - RECEIVE_OVERHEAD_BYTES {
            return refuse(format!(
                "--max-request-bytes {} is more than a message can have",
                self.max_request_bytes
            ));
        }
        if self.name.is_empty() {
            return refuse("--name must not be empty".to_owned());
        }
        Ok(())
    }

    /// Where state lives, with the default filled in.
    pub fn storage(&self) -> Storage {
        self.storage
            .clone()
            .unwrap_or_else(|| Storage::Directory(PathBuf::from(format!("{}.etcd", self.name))))
    }

    /// Bytes at which writes are refused; none without a limit.
    pub fn quota_bytes(&self) -> Option<u64> {
        match self.quota_backend_bytes {
            0 => Some(QUOTA_BYTES_DEFAULT as u64),
            quota => u64::try_from(quota).ok(),
        }
    }

    /// The longest a request waits for consensus: time for a disk that is slow, and for two elections.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + self.election_timeout * 2
    }

    /// The peer URLs of this member as the cluster's configuration has them.
    pub(crate) fn members(&self) -> Result<Vec<MemberUrl>, ConfigError> {
        let advertised = &self.initial_advertise_peer_urls;
        let Some(cluster) = &self.initial_cluster else {
            return Ok(advertised.clone());
        };
        let members = UrlsByName::parse(cluster)?;
        let Some(own) = members.get(&self.name) else {
            return refuse(format!(
                "couldn't find local name {:?} in the initial cluster configuration",
                self.name
            ));
        };
        Ok(own.clone())
    }

    /// The peer URLs of every member, by name, as the settings have them.
    pub(crate) fn initial_members(&self) -> Result<BTreeMap<String, Vec<MemberUrl>>, ConfigError> {
        match &self.initial_cluster {
            None => Ok(BTreeMap::from([(self.name.clone(), self.initial_advertise_peer_urls.clone())])),
            Some(cluster) => Ok(UrlsByName::parse(cluster)?.into_inner()),
        }
    }

    /// Checks that this member can found or join its cluster. Asked on a new data directory alone: a member that has one
    /// knows its cluster, and etcd ignores the initial settings then too.
    pub(crate) fn check_founding(&self) -> Result<(), ConfigError> {
        let Some(cluster) = &self.initial_cluster else { return Ok(()) };
        let members = UrlsByName::parse(cluster)?;
        if members.has_duplicate_url() {
            return refuse(format!("initial cluster {cluster} has duplicate url"));
        }
        members.check_advertised(&self.name, &self.initial_advertise_peer_urls)
    }

    /// Whether the settings speak of more members than this one.
    pub(crate) fn has_others(&self) -> bool {
        let several = self.initial_members().is_ok_and(|members| members.len() > 1);
        several || self.initial_cluster_state == ClusterState::Existing
    }
}

fn refuse<T>(message: String) -> Result<T, ConfigError> {
    Err(ConfigError(message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn complaint(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().0
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().unwrap();
        assert_eq!(Config::default().storage(), Storage::Directory("default.etcd".into()));
        assert_eq!(Config::default().request_timeout(), Duration::from_secs(7));
    }

    #[test]
    fn impossible_timing_is_refused_in_etcds_words() {
        let ms = Duration::from_millis;
        assert_eq!(
            complaint(|c| c.heartbeat_interval = ms(0)),
            "--heartbeat-interval must be >0 (set to 0ms)"
        );
        assert_eq!(
            complaint(|c| c.election_timeout = ms(200)),
            "--election-timeout[200ms] should be at least as 5 times as --heartbeat-interval[100ms]"
        );
        assert_eq!(
            complaint(|c| c.election_timeout = ms(60_000)),
            "--election-timeout[60000ms] is too long, and should be set less than 50000ms"
        );
    }

    #[test]
    fn a_progress_interval_out_of_bounds_is_adjusted() {
        for (given, taken) in [(0, 600_000), (10, 100), (100, 100), (5_000, 5_000)] {
            let watch_progress_notify_interval = Duration::from_millis(given);
            let config = Config { watch_progress_notify_interval, ..Config::default() };
            config.validate().unwrap();
            assert_eq!(config.progress_interval(), Duration::from_millis(taken));
        }
    }

    #[test]
    fn a_name_must_be_in_the_cluster_it_founds() {
        assert_eq!(
            complaint(|c| c.initial_cluster = Some("a=http://localhost:2380".into())),
            "couldn't find local name \"default\" in the initial cluster configuration"
        );
        let config =
            Config { initial_cluster: Some("default=http://127.0.0.1:1".into()), ..Config::default() };
        assert_eq!(config.validate(), Ok(()), "a member that has moved starts with the flags it had");
        let missing = config.check_founding().unwrap_err().0;
        assert!(
            missing.starts_with("--initial-cluster has default=http://127.0.0.1:1 but missing from"),
            "{missing}"
        );
    }

    #[test]
    fn retention_is_hours_a_duration_or_revisions() {
        let hours = |count: u64| AutoCompaction::Periodic(Duration::from_secs(3600 * count));
        assert_eq!(AutoCompaction::parse("periodic", "0"), Ok(AutoCompaction::Off));
        assert_eq!(AutoCompaction::parse("periodic", "2"), Ok(hours(2)));
        assert_eq!(
            AutoCompaction::parse("periodic", "1h30m"),
            Ok(AutoCompaction::Periodic(Duration::from_secs(5400)))
        );
        assert_eq!(AutoCompaction::parse("revision", "1000"), Ok(AutoCompaction::Revision(1000)));
        assert_eq!(AutoCompaction::parse("foo", "1").unwrap_err().0, "unknown auto-compaction-mode \"foo\"");
        assert_eq!(
            AutoCompaction::parse("periodic", "foo").unwrap_err().0,
            "error parsing CompactionRetention: time: invalid duration \"foo\""
        );
        assert!(AutoCompaction::parse("periodic", "-5").is_err());
        assert!(AutoCompaction::parse("periodic", "9223372036854775807").is_err());
    }
}
