//! Settings by the names of their flags. A server inside a program is started from any of six languages, and none of
//! them should have to repeat every setting there is: they hand flags through as text, and this is where they mean
//! something.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use super::{AutoCompaction, Config, ConfigError, parse_duration, refuse};

type Set = fn(&mut Config, &str) -> Result<(), String>;

const MODE: &str = "auto-compaction-mode";
const RETENTION: &str = "auto-compaction-retention";

/// The flags that set one setting each, inside a program and on the command line.
const SETTINGS: &[(&str, Set)] = &[
    ("auth-token", |config, value| to(&mut config.auth_token, text(value))),
    ("auth-token-ttl", |config, value| {
        to(&mut config.auth_token_ttl, number(value).map(Duration::from_secs))
    }),
    ("bcrypt-cost", |config, value| to(&mut config.bcrypt_cost, number(value))),
    ("compaction-batch-limit", |config, value| to(&mut config.compaction_batch_limit, number(value))),
    ("compaction-sleep-interval", |config, value| to(&mut config.compaction_sleep_interval, duration(value))),
    ("election-timeout", |config, value| to(&mut config.election_timeout, milliseconds(value))),
    ("grpc-keepalive-interval", |config, value| to(&mut config.grpc_keepalive_interval, duration(value))),
    ("grpc-keepalive-timeout", |config, value| to(&mut config.grpc_keepalive_timeout, duration(value))),
    ("heartbeat-interval", |config, value| to(&mut config.heartbeat_interval, milliseconds(value))),
    ("initial-cluster-token", |config, value| to(&mut config.initial_cluster_token, text(value))),
    ("max-concurrent-streams", |config, value| to(&mut config.max_concurrent_streams, number(value))),
    ("max-request-bytes", |config, value| to(&mut config.max_request_bytes, number(value))),
    ("max-txn-ops", |config, value| to(&mut config.max_txn_ops, number(value))),
    ("quota-backend-bytes", |config, value| to(&mut config.quota_backend_bytes, number(value))),
    ("snapshot-count", |config, value| to(&mut config.snapshot_count, number(value))),
    ("watch-progress-notify-interval", |config, value| {
        to(&mut config.watch_progress_notify_interval, duration(value))
    }),
];

/// Flags of what a program says in its own way when it starts a server.
const OPTIONS: &[&str] =
    &["name", "data-dir", "storage-engine", "listen-client-urls", "advertise-client-urls"];

impl Config {
    /// Sets what flags of the command line set, each as `--name=value` or as `--name` followed by `value`.
    ///
    /// ```
    /// # use etcdkit_server::config::Config;
    /// let mut config = Config::default();
    /// config.set_flags(["--max-txn-ops=10", "--auto-compaction-retention", "1h"]).unwrap();
    /// assert_eq!(config.max_txn_ops, 10);
    /// ```
    ///
    /// Fails on a flag that means nothing to a server inside a program, telling which do, and on a bad value.
    pub fn set_flags<S: AsRef<str>>(
        &mut self,
        flags: impl IntoIterator<Item = S>,
    ) -> Result<(), ConfigError> {
        let mut flags = flags.into_iter();
        let (mut mode, mut retention) = (None, None);
        while let Some(flag) = flags.next() {
            let (name, value) = match split(flag.as_ref())? {
                (name, Some(value)) => (name, value.to_owned()),
                (name, None) => match flags.next() {
                    Some(value) => (name, value.as_ref().to_owned()),
                    None => return refuse(format!("flag needs an argument: --{name}")),
                },
            };
            match name {
                MODE => mode = Some(value),
                RETENTION => retention = Some(value),
                name => self.set_flag(name, &value)?,
            }
        }
        if mode.is_some() || retention.is_some() {
            let mode = mode.as_deref().unwrap_or("periodic");
            self.auto_compaction = AutoCompaction::parse(mode, retention.as_deref().unwrap_or("0"))?;
        }
        Ok(())
    }

    /// Sets each setting that one flag sets to the text that there is for the flag. Fails with the name of the flag and
    /// what is wrong with its text.
    pub fn set_each<'t>(
        &mut self,
        text_of: impl Fn(&'static str) -> &'t str,
    ) -> Result<(), (&'static str, String)> {
        for (name, set) in SETTINGS {
            set(self, text_of(name)).map_err(|why| (*name, why))?;
        }
        Ok(())
    }

    fn set_flag(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        if let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == name) {
            return set(self, value)
                .map_err(|why| ConfigError(format!("invalid value {value:?} for flag --{name}: {why}")));
        }
        if OPTIONS.contains(&name) {
            return refuse(format!(
                "--{name} is no flag of a server inside a program: use the option that it has for this"
            ));
        }
        let mut known: Vec<&str> = SETTINGS.iter().map(|(name, _)| *name).chain([MODE, RETENTION]).collect();
        known.sort_unstable();
        refuse(format!(
            "--{name} is no flag of a server inside a program, which takes --{}; the program `etcdkit server` takes \
             every flag of etcd",
            known.join(", --")
        ))
    }
}

/// The name without its dashes, and the value where it stands beside.
fn split(flag: &str) -> Result<(&str, Option<&str>), ConfigError> {
    let name = flag.strip_prefix("--").or_else(|| flag.strip_prefix('-')).unwrap_or_default();
    match name.split_once('=') {
        _ if name.is_empty() || name.starts_with(['-', '=']) => {
            refuse(format!("{flag:?} is not a flag: write --name=value"))
        }
        Some((name, value)) => Ok((name, Some(value))),
        None => Ok((name, None)),
    }
}

fn to<T>(field: &mut T, value: Result<T, String>) -> Result<(), String> {
    *field = value?;
    Ok(())
}

fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

fn number<T: FromStr<Err: Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| error.to_string())
}

fn duration(value: &str) -> Result<Duration, String> {
    parse_duration(value).map_err(|error| error.0)
}

fn milliseconds(value: &str) -> Result<Duration, String> {
    number(value).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn set(flags: &[&str]) -> Result<Config, String> {
        let mut config = Config::default();
        config.set_flags(flags).map(|()| config).map_err(|error| error.0)
    }

    #[test]
    fn flags_set_what_they_set_on_the_command_line() {
        let config = set(&[
            "--quota-backend-bytes=-1",
            "-max-txn-ops",
            "7",
            "--heartbeat-interval=50",
            "--auto-compaction-mode=revision",
            "--auto-compaction-retention",
            "1000",
            "--compaction-sleep-interval=1m30s",
        ])
        .unwrap();
        assert_eq!((config.quota_backend_bytes, config.max_txn_ops), (-1, 7));
        assert_eq!(config.heartbeat_interval, Duration::from_millis(50));
        assert_eq!(config.auto_compaction, AutoCompaction::Revision(1000));
        assert_eq!(config.compaction_sleep_interval, Duration::from_secs(90));
        assert_eq!(format!("{:?}", set(&[]).unwrap()), format!("{:?}", Config::default()));
    }

    #[test]
    fn a_flag_that_cannot_be_honoured_says_what_to_do() {
        let table = [
            (
                "--data-dir=x",
                "--data-dir is no flag of a server inside a program: use the option that it has for this",
            ),
            (
                "--max-txn-ops=many",
                "invalid value \"many\" for flag --max-txn-ops: invalid digit found in string",
            ),
            ("--max-txn-ops", "flag needs an argument: --max-txn-ops"),
            ("max-txn-ops=1", "\"max-txn-ops=1\" is not a flag: write --name=value"),
            ("--", "\"--\" is not a flag: write --name=value"),
        ];
        for (flag, message) in table {
            assert_eq!(set(&[flag]).unwrap_err(), message);
        }
        let unknown = set(&["--cert-file=x"]).unwrap_err();
        assert!(
            unknown
                .starts_with("--cert-file is no flag of a server inside a program, which takes --auth-token")
        );
        assert!(unknown.contains("--quota-backend-bytes") && unknown.contains("etcdkit server"), "{unknown}");
    }
}
