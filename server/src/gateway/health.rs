//! Whether this member is well, for load balancers and orchestrators.
//!
//! `/health` is the old question with one answer for everything. `/livez` asks whether to restart the process,
//! `/readyz` whether to send it requests; each is a list of checks that can be asked one by one.

use etcdkit_proto::etcdserverpb::{AlarmType, RangeRequest};
use http::{Response, StatusCode};

use super::answer::{plain, simple_text};
use super::not_found;
use crate::api::{Api, ApiBody};

/// A key to look for. Whether it is there does not matter.
const PROBE: &[u8] = b"health";

/// The values of a name in a query.
fn values(query: &str, name: &str) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

/// `/health`: alarms, then a leader, then a read.
pub(super) async fn health(api: &Api, query: &str) -> Response<ApiBody> {
    let reason = unhealthy(api, query).await;
    let requests = &api.metrics.requests;
    match &reason {
        None => requests.health_success.inc(),
        Some(_) => requests.health_failures.inc(),
    }
    match reason {
        None => simple_text(StatusCode::OK, r#"{"health":"true","reason":""}"#),
        Some(reason) => {
            tracing::warn!(%reason, "/health error");
            let text = serde_json::json!({ "health": "false", "reason": reason });
            plain(StatusCode::SERVICE_UNAVAILABLE, format!("{text}\n"))
        }
    }
}

async fn unhealthy(api: &Api, query: &str) -> Option<String> {
    let excluded = values(query, "exclude");
    for alarm in api.maintenance.alarms.list(AlarmType::None) {
        let name = alarm.alarm().as_str_name();
        if !excluded.iter().any(|excluded| excluded == name) {
            return Some(format!("ALARM {name}"));
        }
    }
    let is_serializable = values(query, "serializable").first().is_some_and(|value| value == "true");
    if !is_serializable && api.raft.status().leadership.leader.is_none() {
        return Some("RAFT NO LEADER".to_owned());
    }
    let read = if is_serializable { serializable_read(api) } else { linearizable_read(api).await };
    read.err().map(|error| format!("RANGE ERROR:{error}"))
}

fn serializable_read(api: &Api) -> Result<(), String> {
    let request = RangeRequest { key: PROBE.into(), limit: 1, serializable: true, ..Default::default() };
    api.kv.store.range(&request).map(drop).map_err(|error| error.to_string())
}

async fn linearizable_read(api: &Api) -> Result<(), String> {
    api.kv.gate.pass().await.map_err(|error| error.to_string())?;
    serializable_read(api)
}

/// The checks, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    DataCorruption,
    SerializableRead,
    LinearizableRead,
    NonLearner,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Check::DataCorruption => "data_corruption",
            Check::SerializableRead => "serializable_read",
            Check::LinearizableRead => "linearizable_read",
            Check::NonLearner => "non_learner",
        }
    }

    async fn run(self, api: &Api) -> Result<(), String> {
        match self {
            Check::DataCorruption if api.maintenance.alarms.is_raised(AlarmType::Corrupt) => {
                Err(format!("alarm activated: {}", AlarmType::Corrupt.as_str_name()))
            }
            Check::SerializableRead => serializable_read(api),
            Check::LinearizableRead => linearizable_read(api).await,
            // A single node votes.
            Check::DataCorruption | Check::NonLearner => Ok(()),
        }
    }
}

const LIVEZ: [Check; 1] = [Check::SerializableRead];
const READYZ: [Check; 4] =
    [Check::DataCorruption, Check::SerializableRead, Check::LinearizableRead, Check::NonLearner];

/// Whether a path is that of one check.
pub(super) fn is_check(path: &str) -> bool {
    let has = |checks: &[Check], name: &str| checks.iter().any(|check| check.name() == name);
    match (path.strip_prefix("/livez/"), path.strip_prefix("/readyz/")) {
        (Some(name), _) => has(&LIVEZ, name),
        (_, Some(name)) => has(&READYZ, name),
        _ => false,
    }
}

/// `/livez` and `/livez/<check>`.
pub(super) async fn livez(api: &Api, only: Option<&str>, query: &str) -> Response<ApiBody> {
    run(api, "livez", &LIVEZ, only, query).await
}

/// `/readyz` and `/readyz/<check>`. A full store is ready: it still reads and deletes.
pub(super) async fn readyz(api: &Api, only: Option<&str>, query: &str) -> Response<ApiBody> {
    run(api, "readyz", &READYZ, only, query).await
}

async fn run(
    api: &Api,
    endpoint: &str,
    checks: &[Check],
    only: Option<&str>,
    query: &str,
) -> Response<ApiBody> {
    let wanted: Vec<Check> = match only {
        Some(name) => checks.iter().copied().filter(|check| check.name() == name).collect(),
        None => {
            let excluded = values(query, "exclude");
            let is_excluded = |check: &Check| excluded.iter().any(|name| name == check.name());
            checks.iter().copied().filter(|check| !is_excluded(check)).collect()
        }
    };
    if only.is_some() && wanted.is_empty() {
        return not_found();
    }
    let (mut report, mut failed) = (String::new(), false);
    for check in wanted {
        let outcome = check.run(api).await;
        api.metrics.requests.checked(endpoint, check.name(), outcome.is_ok());
        match outcome {
            Ok(()) => report.push_str(&format!("[+]{} ok\n", check.name())),
            Err(reason) => {
                tracing::warn!(check = check.name(), %reason, "a health check failed");
                failed = true;
                report.push_str(&format!("[-]{} failed: {reason}\n", check.name()));
            }
        }
    }
    match (failed, !values(query, "verbose").is_empty()) {
        (true, _) => plain(StatusCode::SERVICE_UNAVAILABLE, format!("{report}\n")),
        (false, true) => plain(StatusCode::OK, format!("{report}ok\n")),
        (false, false) => plain(StatusCode::OK, "ok\n"),
    }
}
