//! `endpoint`: asks each endpoint by itself.

use std::time::Instant;

use etcdkit::{AlarmAction, AlarmMember, AlarmType, ErrorKind};
use futures::stream::{FuturesUnordered, StreamExt as _};

use super::output::{Answer, HashKv, Health, Status};
use super::session::{Call, Session, describe};
use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::flags::Flag;
use crate::console::tell;
use crate::console::tree::{Command, Group};

pub(super) const CLUSTER: Flag = Flag::switch("cluster", "ask every member of the cluster");
const REV: Flag = Flag::int("rev", "hash up to this revision; 0 is the newest");

pub(super) const COMMAND: Command = Command {
    name: "endpoint",
    summary: "Shows health, status and hash of each endpoint",
    group: Group::Maintenance,
    shared_flags: &[CLUSTER],
    commands: &[HEALTH, STATUS, HASH_KV],
    ..Command::BLANK
};

const HEALTH: Command = Command {
    name: "health",
    summary: "Tells whether each endpoint serves requests",
    details: "Makes each endpoint answer a read that needs the quorum, and looks for alarms. Fails when one is unhealthy.",
    examples: &["$0 endpoint health", "$0 endpoint health --cluster -w table"],
    run: Some(|call| Box::pin(health(call))),
    ..Command::BLANK
};

const STATUS: Command = Command {
    name: "status",
    summary: "Shows version, size, leader and progress of each endpoint",
    details: "Shows for each endpoint: endpoint, ID, version, storage version, db size, in use, percentage not in use,\n\
              quota, is leader, is learner, raft term, raft index, raft applied index, errors, downgrade target\n\
              version, downgrade enabled.",
    examples: &["$0 endpoint status -w table"],
    run: Some(|call| Box::pin(status(call))),
    ..Command::BLANK
};

const HASH_KV: Command = Command {
    name: "hashkv",
    summary: "Shows the hash of the key space at each endpoint",
    details: "Shows the hash of the key space at each endpoint. Members that are at the same revision must agree.",
    examples: &["$0 endpoint hashkv --cluster"],
    flags: &[REV],
    run: Some(|call| Box::pin(hash_kv(call))),
    ..Command::BLANK
};

/// The endpoints to ask: those given, or with `--cluster` the client URLs of all members.
pub(super) async fn endpoints(session: &Session) -> Outcome<Vec<String>> {
    if !session.values.switch(&CLUSTER) {
        return Ok(session.endpoints());
    }
    let client = session.anonymous_client().await?;
    let answer = client.member_list().await.map_err(|error| {
        Failure::error(format!(
            "failed to fetch endpoints from etcd cluster member list: {}",
            describe(&error)
        ))
    })?;
    Ok(answer.members().iter().flat_map(|member| member.client_urls().to_vec()).collect())
}

async fn health(call: Call) -> Outcome {
    let session = call.open()?;
    let endpoints = endpoints(&session).await?;
    let asked: FuturesUnordered<_> =
        endpoints.into_iter().map(|endpoint| check(&session, endpoint)).collect();
    let list: Vec<Health> = asked.collect().await;
    session.print(&Answer::Health(&list))?;
    match list.iter().all(|health| health.error.is_empty()) {
        true => Ok(()),
        false => Err(Failure::error("unhealthy cluster")),
    }
}

async fn check(session: &Session, endpoint: String) -> Health {
    let started = Instant::now();
    let client = match session.client_at(&endpoint).await {
        Ok(client) => client,
        Err(failure) => {
            return Health { endpoint, took: started.elapsed(), error: failure.message.unwrap_or_default() };
        }
    };
    let read = client.get("health", None).await;
    let took = started.elapsed();
    let error = match read {
        // A refusal has been through the quorum too.
        Err(error) if error.kind() != ErrorKind::PermissionDenied => describe(&error),
        _ => match client.alarm(AlarmAction::Get, AlarmType::None, None).await {
            Ok(answer) => active_alarms(answer.alarms()),
            Err(_) => "Unable to fetch the alarm list".to_owned(),
        },
    };
    Health { endpoint, took, error }
}

fn active_alarms(alarms: &[AlarmMember]) -> String {
    if alarms.is_empty() {
        return String::new();
    }
    let names: String = alarms
        .iter()
        .map(|alarm| match alarm.alarm() {
            AlarmType::Nospace => "NOSPACE ",
            AlarmType::Corrupt => "CORRUPT ",
            AlarmType::None => "UNKNOWN ",
        })
        .collect();
    format!("Active Alarm(s): {names}")
}

async fn status(call: Call) -> Outcome {
    let session = call.open()?;
    let mut list = Vec::new();
    let mut failed = false;
    for endpoint in endpoints(&session).await? {
        let client = session.client_at(&endpoint).await?;
        match client.status().await {
            Ok(answer) => list.push(Status { endpoint, status: wire::status(&answer) }),
            Err(error) => {
                tell(format_args!("Failed to get the status of endpoint {endpoint} ({})", describe(&error)));
                failed = true;
            }
        }
    }
    session.print(&Answer::Status(&list))?;
    if failed { Err(Failure::silent(Exit::Error)) } else { Ok(()) }
}

async fn hash_kv(call: Call) -> Outcome {
    let session = call.open()?;
    let revision = session.values.int(&REV);
    let mut list = Vec::new();
    let mut last_error = None;
    for endpoint in endpoints(&session).await? {
        let client = session.client_at(&endpoint).await?;
        match client.hash_kv(revision).await {
            Ok(answer) => list.push(HashKv { endpoint, hash: wire::hash_kv(&answer) }),
            Err(error) => {
                let error = describe(&error);
                tell(format_args!("Failed to get the hash of endpoint {endpoint} ({error})"));
                last_error = Some(error);
            }
        }
    }
    session.print(&Answer::HashKv(&list))?;
    last_error.map_or(Ok(()), |error| Err(Failure::error(error)))
}
