//! Command lines and environments as Go's flag package reads them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use etcdkit_server::config::parse_duration;

use super::flags::{self, Flag, Kind};

/// Environment variables of flags begin so.
const ENV_PREFIX: &str = "ETCD_";

/// Names the configuration file.
const CONFIG_FILE_VARIABLE: &str = "ETCD_CONFIG_FILE";

/// Variables that packages and images of etcd set and that are no flags.
const ENV_IGNORED: &[&str] = &["ETCD_VERSION", "ETCD_UNSUPPORTED_ARCH"];

/// What was asked for.
#[derive(Debug)]
pub(super) enum CommandLine {
    Help,
    Version,
    Run(Given),
    /// Everything is in this file.
    File(PathBuf),
}

/// The flags that were set, with their values as text.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<&'static str, String>,
    /// Things to tell once there is a log: the text and the flag or variable it is about.
    pub(super) warnings: Vec<(&'static str, String)>,
}

impl Given {
    /// The value of a flag that was set.
    pub(super) fn get(&self, name: &'static str) -> Option<&str> {
        debug_assert!(flags::find(name).is_some(), "{name} is not in the table");
        self.values.get(name).map(String::as_str)
    }

    /// Sets a flag to a value in its usual spelling.
    pub(super) fn set(&mut self, flag: &'static Flag, value: String) {
        self.values.insert(flag.name, value);
    }

    /// Every flag that was set to something else than its default.
    pub(super) fn changed(&self) -> impl Iterator<Item = &'static Flag> + '_ {
        self.values
            .iter()
            .filter_map(|(name, value)| flags::find(name).map(|flag| (flag, value)))
            .filter(|(flag, value)| *value != flag.default)
            .map(|(flag, _)| flag)
    }
}

/// A command line that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParseError {
    /// Not understood: the usage is shown.
    Usage(String),
    /// Understood, and wrong.
    Invalid(String),
    /// A variable and a flag say the same thing; which of them was meant?
    Conflict(String),
}

/// Reads arguments, then the environment.
pub(super) fn parse(
    arguments: Vec<OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<CommandLine, ParseError> {
    let mut given = Given::default();
    let mut arguments = arguments.into_iter().map(|argument| {
        argument
            .into_string()
            .map_err(|bad| ParseError::Usage(format!("argument is not UTF-8: {}", bad.to_string_lossy())))
    });
    while let Some(argument) = arguments.next() {
        let argument = argument?;
        let Some(name) = argument.strip_prefix('-').map(|rest| rest.strip_prefix('-').unwrap_or(rest)) else {
            return Err(ParseError::Invalid(format!("{argument:?} is not a valid flag")));
        };
        if name.is_empty() && argument == "--" {
            return match arguments.next() {
                None => break,
                Some(extra) => Err(ParseError::Invalid(format!("{:?} is not a valid flag", extra?))),
            };
        }
        if name.is_empty() {
            return Err(ParseError::Invalid(format!("{argument:?} is not a valid flag")));
        }
        if name.starts_with(['-', '=']) {
            return Err(ParseError::Usage(format!("bad flag syntax: {argument}")));
        }
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        match (name, value.as_deref()) {
            ("h" | "help", None | Some("true")) => return Ok(CommandLine::Help),
            ("version", None | Some("true")) => return Ok(CommandLine::Version),
            _ => {}
        }
        let flag = known(name)?;
        if name != flag.name {
            given.warnings.push(("deprecated spelling of a flag", format!("--{name}")));
        }
        let value = match value {
            Some(value) => value,
            None if flag.kind == Kind::Bool => "true".to_owned(),
            None => arguments
                .next()
                .ok_or_else(|| ParseError::Usage(format!("flag needs an argument: -{name}")))??,
        };
        given.values.insert(flag.name, normal(flag, name, value).map_err(ParseError::Usage)?);
    }
    let environment: Vec<_> = environment.collect();
    let in_environment = || {
        let file = environment.iter().find(|(name, value)| name == CONFIG_FILE_VARIABLE && !value.is_empty());
        file.map(|(_, value)| PathBuf::from(value))
    };
    let in_flag = given.get("config-file").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = in_flag.or_else(in_environment) {
        return Ok(CommandLine::File(path));
    }
    read_environment(&mut given, environment.into_iter())?;
    Ok(CommandLine::Run(given))
}

fn known(name: &str) -> Result<&'static Flag, ParseError> {
    flags::find(name).ok_or_else(|| {
        let mut message = format!("flag provided but not defined: -{name}");
        if let Some(nearest) = flags::nearest(name) {
            message.push_str(&format!("\nDid you mean --{nearest}?"));
        }
        ParseError::Usage(message)
    })
}

fn read_environment(
    given: &mut Given,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), ParseError> {
    let mut variables: Vec<(String, String)> = environment
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, value)| name.starts_with(ENV_PREFIX) && !value.is_empty())
        .filter(|(name, _)| !ENV_IGNORED.contains(&name.as_str()))
        .collect();
    variables.sort();
    for (variable, value) in variables {
        let name = variable[ENV_PREFIX.len()..].to_lowercase().replace('_', "-");
        let Some(flag) = flags::find(&name) else {
            given.warnings.push(("unrecognized environment variable", format!("{variable}={value}")));
            continue;
        };
        if given.values.contains_key(flag.name) {
            return Err(ParseError::Conflict(variable));
        }
        let value = normal(flag, &name, value.clone()).map_err(|_| {
            ParseError::Invalid(format!("invalid value {value:?} for {variable}: parse error"))
        })?;
        given.values.insert(flag.name, value);
    }
    Ok(())
}

/// Checks a value against the kind of its flag and gives its usual spelling.
fn normal(flag: &Flag, name: &str, value: String) -> Result<String, String> {
    let bad = || format!("invalid value {value:?} for flag -{name}: parse error");
    match flag.kind {
        Kind::Text => Ok(value),
        Kind::Bool => match value.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".to_owned()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".to_owned()),
            _ => Err(format!("invalid boolean value {value:?} for -{name}: parse error")),
        },
        Kind::Int => integer(&value).map(|number| number.to_string()).ok_or_else(bad),
        Kind::Uint => {
            let number = integer(&value).and_then(|number| u64::try_from(number).ok());
            number.map(|number| number.to_string()).ok_or_else(bad)
        }
        Kind::Duration => match parse_duration(&value) {
            Ok(_) => Ok(value),
            Err(_) => Err(bad()),
        },
    }
}

/// A number in any of the bases that Go takes from the prefix.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let lower = digits.to_lowercase();
    let number = if let Some(hex) = lower.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        i64::from_str_radix(binary, 2)
    } else {
        lower.parse()
    };
    number.ok().map(|number| if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Given, ParseError> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        match parse(arguments.iter().map(Into::into).collect(), environment)? {
            CommandLine::Run(given) => Ok(given),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_documented_docker_line_is_understood() {
        let line = "--name s1 --data-dir /etcd-data --listen-client-urls http://0.0.0.0:2379 \
                    --advertise-client-urls http://0.0.0.0:2379 --listen-peer-urls http://0.0.0.0:2380 \
                    --initial-advertise-peer-urls http://0.0.0.0:2380 --initial-cluster s1=http://0.0.0.0:2380 \
                    --initial-cluster-token tkn --initial-cluster-state new --log-level info --logger zap \
                    --log-outputs stderr";
        let given = run(&line.split_whitespace().collect::<Vec<_>>(), &[]).unwrap();
        assert_eq!(given.get("name"), Some("s1"));
        assert_eq!(given.get("log-outputs"), Some("stderr"));
        assert!(given.warnings.is_empty());
    }

    #[test]
    fn flags_take_one_or_two_dashes_and_booleans_an_equals_sign() {
        let given = run(&["-name=a", "--pre-vote=F", "--auto-tls", "--max-txn-ops", "0x10"], &[]).unwrap();
        assert_eq!(given.get("name"), Some("a"));
        assert_eq!(given.get("pre-vote"), Some("false"));
        assert_eq!(given.get("auto-tls"), Some("true"));
        assert_eq!(given.get("max-txn-ops"), Some("16"));
    }

    #[test]
    fn bad_lines_are_refused_in_gos_words() {
        let table: &[(&[&str], &str)] = &[
            (&["--zzzz"], "flag provided but not defined: -zzzz"),
            (&["--data-dri", "x"], "flag provided but not defined: -data-dri\nDid you mean --data-dir?"),
            (&["--pre-vote=maybe"], "invalid boolean value \"maybe\" for -pre-vote: parse error"),
            (&["--name"], "flag needs an argument: -name"),
            (&["--max-txn-ops=-1"], "invalid value \"-1\" for flag -max-txn-ops: parse error"),
            (
                &["--quota-backend-bytes", "abc"],
                "invalid value \"abc\" for flag -quota-backend-bytes: parse error",
            ),
            (&["--corrupt-check-time=5"], "invalid value \"5\" for flag -corrupt-check-time: parse error"),
            (&["---name"], "bad flag syntax: ---name"),
        ];
        for (arguments, message) in table {
            assert_eq!(run(arguments, &[]).unwrap_err(), ParseError::Usage((*message).to_owned()));
        }
        let extra = run(&["extra"], &[]).unwrap_err();
        assert_eq!(extra, ParseError::Invalid("\"extra\" is not a valid flag".to_owned()));
    }

    #[test]
    fn the_environment_fills_in_what_the_line_leaves_open() {
        let given =
            run(&["--name", "a"], &[("ETCD_DATA_DIR", "/d"), ("ETCD_FOO", "1"), ("ETCD_VERSION", "3")])
                .unwrap();
        assert_eq!(given.get("data-dir"), Some("/d"));
        assert_eq!(given.warnings, [("unrecognized environment variable", "ETCD_FOO=1".to_owned())]);
        let conflict = run(&["--name", "a"], &[("ETCD_NAME", "b")]).unwrap_err();
        assert_eq!(conflict, ParseError::Conflict("ETCD_NAME".to_owned()));
    }

    #[test]
    fn only_a_changed_flag_counts() {
        let given = run(&["--auth-token", "simple", "--cert-file", "x"], &[]).unwrap();
        assert_eq!(given.changed().map(|flag| flag.name).collect::<Vec<_>>(), ["cert-file"]);
    }
}
