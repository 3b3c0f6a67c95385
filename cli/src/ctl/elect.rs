//! `elect`: takes part in an election, or watches one.

use etcdkit::{Client, KeepAlive, ResignOptions};
use etcdkit_proto::etcdserverpb::RangeResponse;

use super::failure::{Failure, Outcome};
use super::flags::{Flag, Word};
use super::output::Answer;
use super::session::{Call, Session, failed};
use super::stop::{Ended, Stop};
use super::tree::{Command, Group};
use super::wire;

const LISTEN: Flag = Flag::switch("listen", "show the leader and every change of it").short('l');

/// Seconds after which a leader that died is replaced; what etcd's client gives a session.
const TTL: i64 = 60;

pub(super) const COMMAND: Command = Command {
    name: "elect",
    arguments: "<election-name> [proposal]",
    summary: "Takes part in an election or watches one",
    details: "Waits until this program leads the election, shows its key and proposal, and leads until interrupted.\n\
              With --listen it only shows who leads.",
    examples: &["$0 elect scheduler node-1", "$0 elect -l scheduler"],
    group: Group::Concurrency,
    flags: &[LISTEN],
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let listen = call.values.switch(&LISTEN);
    match call.words.as_slice() {
        [_] if !listen => Err(Failure::bad_args("no proposal argument but -l not set")),
        [_, _] if listen => Err(Failure::bad_args("proposal given but -l is set")),
        [name] => {
            let name = name.clone();
            observe(&call.open()?, name).await
        }
        [name, proposal] => {
            let (name, proposal) = (name.clone(), proposal.clone());
            campaign(&call.open()?, name, proposal).await
        }
        _ => {
            Err(Failure::bad_args("elect takes one election name argument and an optional proposal argument"))
        }
    }
}

async fn observe(session: &Session, name: Word) -> Outcome {
    let client = session.client().await?;
    let mut stop = Stop::listen()?;
    let listening = async {
        let mut leaders = client.observe(name).await.map_err(failed)?;
        while let Some(leader) = leaders.message().await.map_err(failed)? {
            let pair = RangeResponse {
                header: leader.header().map(wire::header),
                kvs: leader.kv().map(wire::key_value).into_iter().collect(),
                ..Default::default()
            };
            session.print(&Answer::Get(&pair))?;
        }
        Err(Failure::error("elect: observer lost"))
    };
    match stop.or(listening).await {
        Ended::Stopped => Ok(()),
        Ended::Done(outcome) => outcome,
    }
}

async fn campaign(session: &Session, name: Word, proposal: Word) -> Outcome {
    let client = session.client().await?;
    let lease = client.lease_grant(TTL, None).await.map_err(failed)?;
    let alive = client.keep_alive(lease.id(), lease.ttl());
    let outcome = lead(session, &client, &alive, name, proposal).await;
    drop(alive);
    // Lets the next candidate in at once. When no server can be reached, the lease runs out by itself.
    let _ = client.lease_revoke(lease.id()).await;
    outcome
}

async fn lead(session: &Session, client: &Client, alive: &KeepAlive, name: Word, proposal: Word) -> Outcome {
    let mut stop = Stop::listen()?;
    let waiting = async {
        tokio::select! {
            answer = client.campaign(name, proposal, alive.id()) => answer.map_err(failed),
            _ = alive.lost() => Err(expired()),
        }
    };
    let Ended::Done(answer) = stop.or(waiting).await else {
        return Err(Failure::error("context canceled"));
    };
    let Some(leader) = answer?.take_leader() else {
        return Err(Failure::error("elect: the server names no leader key"));
    };
    let pair = wire::get(&client.get(leader.key(), None).await.map_err(failed)?);
    session.print(&Answer::Get(&pair))?;
    match stop.or(alive.lost()).await {
        Ended::Done(_) => Err(expired()),
        Ended::Stopped => {
            client.resign(Some(ResignOptions::new().with_leader(leader))).await.map(drop).map_err(failed)
        }
    }
}

fn expired() -> Failure {
    Failure::error("elect: session expired")
}
