//! `elect`: takes part in an election, or watches one.

use etcdkit::concurrency::{Election, Session as Tenure};
use etcdkit::{Client, Error};
use etcdkit_proto::etcdserverpb::RangeResponse;

use super::output::Answer;
use super::session::{Call, Session, failed};
use super::wire;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Word};
use crate::console::stop::{Ended, Stop};
use crate::console::tree::{Command, Group};

const LISTEN: Flag = Flag::switch("listen", "show the leader and every change of it").short('l');

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
        let mut leaders = Election::new(&client, name).observe();
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
    let tenure = Tenure::new(&client, None).await.map_err(failed)?;
    let outcome = lead(session, &client, &tenure, name, proposal).await;
    // Lets the next candidate in at once. When no server can be reached, the lease runs out by itself.
    let _ = tenure.close().await;
    outcome
}

async fn lead(session: &Session, client: &Client, tenure: &Tenure, name: Word, proposal: Word) -> Outcome {
    let mut stop = Stop::listen()?;
    let election = Election::new(client, name);
    let Ended::Done(won) = stop.or(election.campaign(tenure, proposal)).await else {
        return Err(Failure::error("context canceled"));
    };
    let leadership = won.map_err(worded)?;
    let pair = wire::get(&client.get(leadership.key(), None).await.map_err(failed)?);
    session.print(&Answer::Get(&pair))?;
    match stop.or(tenure.lost()).await {
        Ended::Done(_) => Err(expired()),
        Ended::Stopped => leadership.resign().await.map_err(worded),
    }
}

fn worded(error: Error) -> Failure {
    match error {
        Error::SessionExpired(_) => expired(),
        other => failed(other),
    }
}

fn expired() -> Failure {
    Failure::error("elect: session expired")
}
