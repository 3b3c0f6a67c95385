//! `member list`.

use super::failure::Outcome;
use super::get::{CONSISTENCY, serializable};
use super::output::Answer;
use super::session::{Call, failed};
use super::tree::{Command, Group};
use super::wire;

pub(super) const COMMAND: Command = Command {
    name: "member",
    summary: "Shows the members of the cluster",
    group: Group::Maintenance,
    commands: &[LIST],
    ..Command::BLANK
};

const LIST: Command = Command {
    name: "list",
    summary: "Lists the members",
    details: "Lists the members, one a line: id, status, name, peer URLs, client URLs, whether it is a learner.",
    examples: &["$0 member list -w table"],
    flags: &[CONSISTENCY],
    run: Some(|call| Box::pin(list(call))),
    ..Command::BLANK
};

async fn list(call: Call) -> Outcome {
    let local = serializable(&call.values.text(&CONSISTENCY))?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = match local {
        false => client.member_list().await,
        true => client.cluster_client().member_list_serializable().await,
    };
    session.print(&Answer::MemberList(&wire::member_list(&answer.map_err(failed)?)))
}
