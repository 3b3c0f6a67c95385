//! The flags every command takes, and the `ETCDCTL_…` variables that may stand for them.

use std::ffi::{OsStr, OsString};

use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::{Flag, Values};
use crate::console::log;

pub(super) const ENDPOINTS: Flag =
    Flag::list("endpoints", "servers to talk to, separated by commas; may be repeated").or("127.0.0.1:2379");
pub(super) const DEBUG: Flag = Flag::switch("debug", "print the settings in use to stderr");
pub(super) const WRITE_OUT: Flag =
    Flag::text("write-out", "output format: fields, json, protobuf, simple or table")
        .short('w')
        .once("output")
        .or("simple");
pub(super) const HEX: Flag = Flag::switch("hex", "show keys, values and ids in hexadecimal");
pub(super) const DIAL_TIMEOUT: Flag = Flag::duration("dial-timeout", "time to make a connection").or("2s");
pub(super) const COMMAND_TIMEOUT: Flag =
    Flag::duration("command-timeout", "time for one request, once connected").or("5s");
pub(super) const KEEPALIVE_TIME: Flag =
    Flag::duration("keepalive-time", "silence after which a connection is probed; at least 10s").or("2s");
pub(super) const KEEPALIVE_TIMEOUT: Flag =
    Flag::duration("keepalive-timeout", "time for a probed connection to answer").or("6s");
pub(super) const MAX_REQUEST_BYTES: Flag =
    Flag::int("max-request-bytes", "taken for compatibility; the limit of the server decides");
pub(super) const MAX_RECV_BYTES: Flag =
    Flag::int("max-recv-bytes", "taken for compatibility; answers of any size are accepted");
pub(super) const INSECURE_TRANSPORT: Flag =
    Flag::switch("insecure-transport", "talk without TLS to endpoints that name no scheme").or("true");
pub(super) const INSECURE_DISCOVERY: Flag =
    Flag::switch("insecure-discovery", "accept discovered endpoints without TLS").or("true");
pub(super) const INSECURE_SKIP_TLS_VERIFY: Flag =
    Flag::switch("insecure-skip-tls-verify", "do not check the server's certificate; for tests only");
/// Of this program; etcdctl has no colours.
pub(super) const NO_COLOR: Flag = Flag::switch("no-color", "no colours at a terminal; NO_COLOR says so too");
pub(super) const CERT: Flag = Flag::text("cert", "file with this client's TLS certificate");
pub(super) const KEY: Flag = Flag::text("key", "file with the key of that certificate");
pub(super) const CACERT: Flag = Flag::text("cacert", "file with the certificates to trust");
pub(super) const AUTH_JWT_TOKEN: Flag =
    Flag::text("auth-jwt-token", "JWT to authenticate with, instead of --user and --password");
pub(super) const USER: Flag = Flag::text("user", "user to log in as: name or name:password");
pub(super) const PASSWORD: Flag = Flag::text("password", "password of a --user that names none");
pub(super) const DISCOVERY_SRV: Flag =
    Flag::text("discovery-srv", "domain whose SRV records name the endpoints").short('d');
pub(super) const DISCOVERY_SRV_NAME: Flag =
    Flag::text("discovery-srv-name", "service name in those SRV records");

/// In the order of `etcdctl options`, that of the alphabet.
pub(super) const ALL: &[Flag] = &[
    AUTH_JWT_TOKEN,
    CACERT,
    CERT,
    COMMAND_TIMEOUT,
    DEBUG,
    DIAL_TIMEOUT,
    DISCOVERY_SRV,
    DISCOVERY_SRV_NAME,
    ENDPOINTS,
    HEX,
    INSECURE_DISCOVERY,
    INSECURE_SKIP_TLS_VERIFY,
    INSECURE_TRANSPORT,
    KEEPALIVE_TIME,
    KEEPALIVE_TIMEOUT,
    KEY,
    MAX_RECV_BYTES,
    MAX_REQUEST_BYTES,
    NO_COLOR,
    PASSWORD,
    USER,
    WRITE_OUT,
];

const PREFIX: &str = "ETCDCTL_";

/// Variables that name what to watch; see the `watch` command.
const WATCH_VARIABLES: [&str; 2] = ["ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"];

/// The variable that stands for a flag.
pub(super) fn variable(flag: &Flag) -> String {
    format!("{PREFIX}{}", flag.name.to_uppercase().replace('-', "_"))
}

/// Fills in from the environment what the command line left open.
///
/// As in etcdctl a variable beside its flag is a failure, a value that does not fit is ignored, and a variable
/// nobody knows is warned about, so that `ETCDCTL_API=3` of older scripts does no harm.
pub(super) fn apply_environment(
    flags: &[Flag],
    values: &mut Values,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Outcome {
    let given: Vec<String> = flags.iter().filter(|flag| values.is_set(flag)).map(variable).collect();
    for (name, value) in environment {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if given.iter().any(|given| given == name) {
            log::line(
                "fatal",
                "conflicting environment variable is shadowed by corresponding command-line flag \
                 (either unset environment variable or disable flag))",
                &[("environment-variable", name)],
            );
            return Err(Failure::silent(Exit::Error));
        }
        match flags.iter().find(|flag| variable(flag) == name).filter(|_| !value.is_empty()) {
            // A flag can refuse the value; then its default holds.
            Some(flag) => drop(values.set(flag, value.as_encoded_bytes())),
            None if WATCH_VARIABLES.contains(&name) => {}
            None => warn_unrecognized(name, &value),
        }
    }
    Ok(())
}

fn warn_unrecognized(name: &str, value: &OsStr) {
    let setting = format!("{name}={}", value.to_string_lossy());
    log::line("warn", "unrecognized environment variable", &[("environment-variable", &setting)]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::time::Duration;

    fn environment(pairs: &[(&str, &str)]) -> std::vec::IntoIter<(OsString, OsString)> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
        pairs.into_iter()
    }

    #[test]
    fn variables_stand_for_flags() {
        let mut values = Values::default();
        let set =
            environment(&[("ETCDCTL_ENDPOINTS", "a,b"), ("ETCDCTL_DIAL_TIMEOUT", "7s"), ("OTHER", "x")]);
        apply_environment(ALL, &mut values, set).unwrap();
        assert_eq!(values.list(&ENDPOINTS), ["a", "b"]);
        assert_eq!(values.duration(&DIAL_TIMEOUT), Duration::from_secs(7));
    }

    #[test]
    fn a_variable_beside_its_flag_is_a_failure() {
        let mut values = Values::default();
        values.set(&ENDPOINTS, b"a").unwrap();
        let failure =
            apply_environment(ALL, &mut values, environment(&[("ETCDCTL_ENDPOINTS", "b")])).unwrap_err();
        assert_eq!((failure.exit, failure.message), (Exit::Error, None));
    }

    #[test]
    fn values_that_do_not_fit_and_unknown_variables_are_passed_over() {
        let mut values = Values::default();
        let set = environment(&[("ETCDCTL_HEX", "maybe"), ("ETCDCTL_API", "3"), ("ETCDCTL_WRITE_OUT", "")]);
        apply_environment(ALL, &mut values, set).unwrap();
        assert!(!values.switch(&HEX));
        assert_eq!(values.text(&WRITE_OUT), "simple");
    }
}
