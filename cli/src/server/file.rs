//! The configuration file: YAML or JSON with the names of the flags, read instead of flags and environment.
//!
//! etcd's rules, which surprise: durations are numbers of nanoseconds, lists of names are lists, and the settings of TLS
//! stand in two sections of their own, so that a `cert-file` outside of them counts for nothing. What etcd passes over in
//! silence is passed over here with a warning.

use std::path::Path;

use serde_json::{Map, Value};

use super::flags::{self, Flag, Kind};
use super::parse::{Given, ParseError};

/// Names in a section that differ from those of the flags.
type Renamed = &'static [(&'static str, &'static str)];

/// Sections, and what their keys become as flags: a prefix, and names that differ.
const SECTIONS: &[(&str, &str, Renamed)] = &[
    ("client-transport-security", "", &[("allowed-hostname", "client-cert-allowed-hostname")]),
    (
        "peer-transport-security",
        "peer-",
        &[
            ("client-cert-auth", "peer-client-cert-auth"),
            ("allowed-cn", "peer-cert-allowed-cn"),
            ("allowed-hostname", "peer-cert-allowed-hostname"),
        ],
    ),
    ("discovery-config", "discovery-", &[]),
    (
        "socket-options",
        "socket-",
        &[("reuse-port", "socket-reuse-port"), ("reuse-address", "socket-reuse-address")],
    ),
];

/// Settings that etcd reads from a section only.
const IN_SECTIONS_ONLY: &[&str] = &[
    "cert-file",
    "key-file",
    "client-cert-file",
    "client-key-file",
    "client-cert-auth",
    "trusted-ca-file",
    "auto-tls",
    "client-cert-allowed-hostname",
    "peer-cert-file",
    "peer-key-file",
    "peer-client-cert-file",
    "peer-client-key-file",
    "peer-client-cert-auth",
    "peer-trusted-ca-file",
    "peer-auto-tls",
    "peer-cert-allowed-cn",
    "peer-cert-allowed-hostname",
];

/// Reads the settings in a file.
pub(super) fn read(path: &Path) -> Result<Given, ParseError> {
    let invalid = |why: String| ParseError::Invalid(format!("cannot use {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    parse(&text).map_err(invalid)
}

fn parse(text: &str) -> Result<Given, String> {
    let mut given = Given::default();
    // An empty file is a file without settings.
    let settings: Option<Map<String, Value>> =
        serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    for (key, value) in settings.unwrap_or_default() {
        match SECTIONS.iter().find(|(section, _, _)| *section == key) {
            Some((section, prefix, names)) => read_section(&mut given, section, prefix, names, &value)?,
            None if IN_SECTIONS_ONLY.contains(&key.as_str()) => {
                let place = "a setting of TLS has no effect outside its section of the file";
                given.warnings.push((place, key));
            }
            None => set(&mut given, &key, &key, &value)?,
        }
    }
    Ok(given)
}

fn read_section(
    given: &mut Given,
    section: &str,
    prefix: &str,
    names: &[(&str, &str)],
    settings: &Value,
) -> Result<(), String> {
    let settings = match settings {
        Value::Null => return Ok(()),
        Value::Object(settings) => settings,
        _ => return Err(format!("invalid {section}")),
    };
    for (key, value) in settings {
        let renamed = names.iter().find(|(name, _)| name == key).map(|(_, flag)| (*flag).to_owned());
        let name = renamed.unwrap_or_else(|| format!("{prefix}{key}"));
        set(given, &name, &format!("{section}.{key}"), value)?;
    }
    Ok(())
}

fn set(given: &mut Given, name: &str, shown: &str, value: &Value) -> Result<(), String> {
    let Some(flag) = flags::find(name) else {
        given.warnings.push(("unknown setting in the configuration file", shown.to_owned()));
        return Ok(());
    };
    let Some(text) =
        as_text(flag, value).map_err(|wanted| format!("{shown} must be {wanted}, not {value}"))?
    else {
        return Ok(());
    };
    given.set(flag, text);
    Ok(())
}

/// A value as the flag would spell it; none for an absent one. The error says what it must be.
fn as_text(flag: &Flag, value: &Value) -> Result<Option<String>, &'static str> {
    let text = match (flag.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Text, Value::String(text)) => text.clone(),
        (Kind::Text, Value::Array(items)) => {
            let items: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            items.ok_or("a list of texts")?.join(",")
        }
        (Kind::Text, _) => return Err("a text"),
        (Kind::Bool, Value::Bool(value)) => value.to_string(),
        (Kind::Bool, _) => return Err("true or false"),
        (Kind::Int, Value::Number(number)) if number.is_i64() => number.to_string(),
        (Kind::Int, _) => return Err("a number"),
        (Kind::Uint, Value::Number(number)) if number.is_u64() => number.to_string(),
        (Kind::Uint, _) => return Err("a number that is not negative"),
        (Kind::Duration, Value::Number(number)) if number.is_u64() => format!("{number}ns"),
        (Kind::Duration, _) => return Err("a number of nanoseconds (600000000000 for 10m)"),
    };
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_names_of_flags_are_read_with_etcds_kinds() {
        let given = parse(
            "name: s1\nlisten-client-urls: http://127.0.0.1:1\nheartbeat-interval: 50\n\
             watch-progress-notify-interval: 600000000000\npre-vote: false\nlog-outputs: [stderr, /tmp/x]\n\
             client-transport-security:\n  cert-file: /a\n  client-cert-auth: true\n  allowed-hostname: [a, b]\n\
             peer-transport-security:\n  key-file: /b\nsocket-options:\n  reuse-port: true\ncors: ''\n",
        )
        .unwrap();
        let table = [
            ("name", "s1"),
            ("heartbeat-interval", "50"),
            ("watch-progress-notify-interval", "600000000000ns"),
            ("pre-vote", "false"),
            ("log-outputs", "stderr,/tmp/x"),
            ("cert-file", "/a"),
            ("client-cert-auth", "true"),
            ("client-cert-allowed-hostname", "a,b"),
            ("peer-key-file", "/b"),
            ("socket-reuse-port", "true"),
        ];
        for (name, value) in table {
            assert_eq!(given.get(name), Some(value), "{name}");
        }
        assert!(given.warnings.is_empty(), "{:?}", given.warnings);
    }

    #[test]
    fn json_is_yaml_too() {
        assert_eq!(parse(r#"{"name": "a", "max-txn-ops": 7}"#).unwrap().get("max-txn-ops"), Some("7"));
        assert_eq!(parse("").unwrap().get("name"), None);
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused() {
        for (text, complaint) in [
            ("max-txn-ops: many", "max-txn-ops must be a number that is not negative, not \"many\""),
            (
                "corrupt-check-time: 10m",
                "corrupt-check-time must be a number of nanoseconds (600000000000 for 10m), not \"10m\"",
            ),
            ("name: 7", "name must be a text, not 7"),
            ("client-transport-security: 7", "invalid client-transport-security"),
        ] {
            assert_eq!(parse(text).unwrap_err(), complaint);
        }
    }

    #[test]
    fn what_counts_for_nothing_is_told() {
        let given = parse("cert-file: /a\nnope: 1\n").unwrap();
        assert_eq!(given.get("cert-file"), None);
        assert_eq!(given.warnings.len(), 2);
    }
}
