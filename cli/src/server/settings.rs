//! From flags to the settings of a server.

use std::str::FromStr;
use std::time::Duration;

use etcdkit_server::backend::EngineKind;
use etcdkit_server::config::{
    AutoCompaction, BCRYPT_COST_DEFAULT, CORRUPT_CHECK_INTERVAL_DEFAULT, ClusterState, Config, MetricsLevel,
    PeerPort, Storage, parse_duration, parse_urls,
};

use etcdkit_server::tls::TlsSettings;

use super::flags::{self, Support};
use super::parse::{Given, ParseError};

/// Refuses flags that must not be ignored, and tells which have no effect.
pub(super) fn check_support(given: &Given) -> Result<Vec<(&'static str, &'static str)>, ParseError> {
    let mut without_effect = Vec::new();
    for flag in given.changed() {
        match flag.support {
            Support::Refused(why) => {
                return Err(ParseError::Invalid(format!("--{} is not supported: {why}", flag.name)));
            }
            Support::NoEffect(why) => without_effect.push((flag.name, why)),
            Support::Used | Support::Silent => {}
        }
    }
    Ok(without_effect)
}

/// Builds the settings; values have been checked against the kinds of their flags.
pub(super) fn config(given: &Given) -> Result<Config, ParseError> {
    let defaults = Config::default();
    let mut config = Config {
        name: text(given, "name").to_owned(),
        engine: value(given, "storage-engine")?,
        listen_client_urls: urls(given, "listen-client-urls")?,
        listen_client_http_urls: urls_if_any(given, "listen-client-http-urls")?,
        listen_metrics_urls: urls_if_any(given, "listen-metrics-urls")?,
        listen_peer_urls: urls(given, "listen-peer-urls")?,
        initial_advertise_peer_urls: urls(given, "initial-advertise-peer-urls")?,
        initial_cluster: given
            .get("initial-cluster")
            .filter(|cluster| !cluster.is_empty())
            .map(str::to_owned),
        initial_cluster_state: cluster_state(given)?,
        peer_port: peer_port(given),
        strict_reconfig_check: flag(given, "strict-reconfig-check"),
        max_learners: value(given, "max-learners")?,
        force_new_cluster: flag(given, "force-new-cluster"),
        initial_corrupt_check: flag(given, "initial-corrupt-check") || gate(given, "InitialCorruptCheck"),
        corrupt_check_interval: corrupt_check_interval(given)?,
        compact_hash_check_interval: duration(given, "compact-hash-check-time")?,
        client_auto_tls: flag(given, "auto-tls"),
        grpc_keepalive_min_time: duration(given, "grpc-keepalive-min-time")?,
        self_signed_cert_validity_years: value(given, "self-signed-cert-validity")?,
        client_tls: client_tls(given),
        peer_tls: peer_tls(given),
        peer_auto_tls: flag(given, "peer-auto-tls"),
        cors: text(given, "cors").to_owned(),
        host_whitelist: text(given, "host-whitelist").to_owned(),
        enable_grpc_gateway: flag(given, "enable-grpc-gateway"),
        warning_apply_duration: duration(given, "warning-apply-duration")?,
        warning_unary_request_duration: duration(given, "warning-unary-request-duration")?,
        metrics: metrics(given),
        ..defaults
    };
    config.set_each(|name| text(given, name)).map_err(|(name, why)| bad(given, name, why))?;
    config.bcrypt_cost = known_cost(config.bcrypt_cost);
    let mode = text(given, "auto-compaction-mode");
    let retention = text(given, "auto-compaction-retention");
    config.auto_compaction =
        AutoCompaction::parse(mode, retention).map_err(|error| ParseError::Invalid(error.0))?;
    config.storage = storage(given, config.engine);
    config.advertise_client_urls = match (given.get("advertise-client-urls"), given.get("listen-client-urls"))
    {
        (Some(_), _) => Some(urls(given, "advertise-client-urls")?),
        (None, Some(_)) => {
            return Err(ParseError::Invalid(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly".to_owned(),
            ));
        }
        (None, None) => None,
    };
    config.validate().map_err(|error| ParseError::Invalid(error.0))?;
    Ok(config)
}

fn storage(given: &Given, engine: EngineKind) -> Option<Storage> {
    match (engine, text(given, "data-dir")) {
        (EngineKind::Memory, _) => Some(Storage::Memory),
        (_, "") => None,
        (_, dir) => Some(Storage::Directory(dir.into())),
    }
}

/// The default address may be somebody else's; one that was asked for must be had.
fn peer_port(given: &Given) -> PeerPort {
    if given.get("listen-peer-urls").is_some() { PeerPort::Open } else { PeerPort::IfFree }
}

pub(super) fn text<'a>(given: &'a Given, name: &'static str) -> &'a str {
    let default = flags::find(name).map_or("", |flag| flag.default);
    given.get(name).unwrap_or(default)
}

fn bad(given: &Given, name: &'static str, why: impl std::fmt::Display) -> ParseError {
    ParseError::Usage(format!("invalid value {:?} for flag -{name}: {why}", text(given, name)))
}

pub(super) fn value<T: FromStr>(given: &Given, name: &'static str) -> Result<T, ParseError>
where
    T::Err: std::fmt::Display,
{
    text(given, name).parse().map_err(|error: T::Err| bad(given, name, error))
}

pub(super) fn duration(given: &Given, name: &'static str) -> Result<Duration, ParseError> {
    parse_duration(text(given, name)).map_err(|error| bad(given, name, error))
}

fn urls(given: &Given, name: &'static str) -> Result<Vec<etcdkit_server::config::MemberUrl>, ParseError> {
    parse_urls(text(given, name)).map_err(|error| bad(given, name, error))
}

fn urls_if_any(
    given: &Given,
    name: &'static str,
) -> Result<Vec<etcdkit_server::config::MemberUrl>, ParseError> {
    if text(given, name).is_empty() { Ok(Vec::new()) } else { urls(given, name) }
}

/// Anything but `extensive` is basic, as in etcd.
fn metrics(given: &Given) -> MetricsLevel {
    match text(given, "metrics") {
        "extensive" => MetricsLevel::Extensive,
        _ => MetricsLevel::Basic,
    }
}

/// Whether a switch is on.
pub(super) fn flag(given: &Given, name: &'static str) -> bool {
    text(given, name) == "true"
}

fn client_tls(given: &Given) -> TlsSettings {
    TlsSettings {
        cert_file: text(given, "cert-file").into(),
        key_file: text(given, "key-file").into(),
        trusted_ca_file: text(given, "trusted-ca-file").into(),
        client_cert_auth: flag(given, "client-cert-auth"),
        crl_file: text(given, "client-crl-file").into(),
        allowed_hostnames: list(given, "client-cert-allowed-hostname"),
        ..any_tls(given)
    }
}

fn peer_tls(given: &Given) -> TlsSettings {
    TlsSettings {
        cert_file: text(given, "peer-cert-file").into(),
        key_file: text(given, "peer-key-file").into(),
        client_cert_file: text(given, "peer-client-cert-file").into(),
        client_key_file: text(given, "peer-client-key-file").into(),
        trusted_ca_file: text(given, "peer-trusted-ca-file").into(),
        client_cert_auth: flag(given, "peer-client-cert-auth"),
        crl_file: text(given, "peer-crl-file").into(),
        allowed_hostnames: list(given, "peer-cert-allowed-hostname"),
        allowed_common_names: list(given, "peer-cert-allowed-cn"),
        check_client_address: !flag(given, "peer-skip-client-san-verification"),
        ..any_tls(given)
    }
}

/// What holds for clients and members alike.
fn any_tls(given: &Given) -> TlsSettings {
    TlsSettings {
        cipher_suites: list(given, "cipher-suites"),
        version_min: text(given, "tls-min-version").to_owned(),
        version_max: text(given, "tls-max-version").to_owned(),
        ..TlsSettings::default()
    }
}

pub(super) fn list(given: &Given, name: &'static str) -> Vec<String> {
    text(given, name).split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// Whether a feature of `--feature-gates` is switched on.
fn gate(given: &Given, name: &str) -> bool {
    let gates = text(given, "feature-gates").split(',');
    gates.filter_map(|gate| gate.split_once('=')).any(|(gate, on)| gate.trim() == name && on.trim() == "true")
}

/// etcd's default is never; a cluster that is not looked at does not show what went wrong.
fn corrupt_check_interval(given: &Given) -> Result<Duration, ParseError> {
    let interval = duration(given, "corrupt-check-time")?;
    Ok(if interval.is_zero() { CORRUPT_CHECK_INTERVAL_DEFAULT } else { interval })
}

/// A cost that bcrypt does not have is replaced by the default, as in etcd.
fn known_cost(cost: u32) -> u32 {
    const KNOWN: std::ops::RangeInclusive<u32> = 4..=31;
    if KNOWN.contains(&cost) { cost } else { BCRYPT_COST_DEFAULT }
}

fn cluster_state(given: &Given) -> Result<ClusterState, ParseError> {
    match text(given, "initial-cluster-state") {
        "new" => Ok(ClusterState::New),
        "existing" => Ok(ClusterState::Existing),
        _ => Err(bad(given, "initial-cluster-state", "invalid value")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::parse::{CommandLine, parse};
    use super::*;

    fn given(line: &str) -> Given {
        let arguments = line.split_whitespace().map(Into::into).collect();
        match parse(arguments, std::iter::empty()).unwrap() {
            CommandLine::Run(given) => given,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_flags_the_settings_are_the_defaults() {
        let config = config(&given("")).unwrap();
        let expected = Config { peer_port: PeerPort::IfFree, ..Config::default() };
        assert_eq!(format!("{config:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_name_alone_founds_a_cluster_of_that_name() {
        config(&given("--name s1")).unwrap();
        let error = config(&given("--name s1 --initial-cluster s2=http://localhost:2380")).unwrap_err();
        let message = "couldn't find local name \"s1\" in the initial cluster configuration";
        assert_eq!(error, ParseError::Invalid(message.to_owned()));
    }

    #[test]
    fn what_must_not_be_ignored_is_refused() {
        let refused = check_support(&given("--discovery-proxy x"));
        assert!(matches!(refused, Err(ParseError::Invalid(_))), "{refused:?}");
        let quiet = given("--auth-token simple --auto-tls=false --strict-reconfig-check");
        assert_eq!(check_support(&quiet), Ok(vec![]));
        assert_eq!(check_support(&given("--max-wals 7 --max-snapshots 3")).map(|flags| flags.len()), Ok(2));
    }

    #[test]
    fn values_are_refused_in_etcds_words() {
        let table = [
            ("--listen-client-urls foo --advertise-client-urls http://x:1",
             ParseError::Usage("invalid value \"foo\" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: foo".into())),
            ("--initial-cluster-state foo",
             ParseError::Usage("invalid value \"foo\" for flag -initial-cluster-state: invalid value".into())),
            ("--listen-client-urls http://127.0.0.1:1",
             ParseError::Invalid("--advertise-client-urls is required when --listen-client-urls is set explicitly".into())),
            ("--auto-compaction-mode foo", ParseError::Invalid("unknown auto-compaction-mode \"foo\"".into())),
        ];
        for (line, expected) in table {
            assert_eq!(config(&given(line)).unwrap_err(), expected, "{line}");
        }
        assert!(config(&given("--storage-engine bolt")).is_err());
        assert_eq!(config(&given("--storage-engine memory")).unwrap().storage, Some(Storage::Memory));
    }
}
