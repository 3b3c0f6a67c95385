//! `alarm`: what the members complain about.

use etcdkit::{AlarmAction, AlarmType};
use etcdkit_proto::etcdserverpb as pb;

use super::output::Answer;
use super::session::{Call, failed};
use super::wire;
use crate::console::failure::Outcome;
use crate::console::tree::{Command, Group};

pub(super) const COMMAND: Command = Command {
    name: "alarm",
    summary: "Shows and clears alarms",
    group: Group::Maintenance,
    commands: &[DISARM, LIST],
    ..Command::BLANK
};

const DISARM: Command = Command {
    name: "disarm",
    summary: "Clears all alarms",
    details: "Clears all alarms, and shows those it cleared. Remove the cause first: compact and defragment, or raise\n\
              the quota, when the alarm is NOSPACE.",
    examples: &["$0 alarm disarm"],
    run: Some(|call| Box::pin(disarm(call))),
    ..Command::BLANK
};

const LIST: Command = Command {
    name: "list",
    summary: "Lists the alarms",
    examples: &["$0 alarm list"],
    run: Some(|call| Box::pin(list(call))),
    ..Command::BLANK
};

async fn disarm(call: Call) -> Outcome {
    call.no_words("alarm disarm command accepts no arguments")?;
    let session = call.open()?;
    let client = session.client().await?;
    let raised = client.alarm(AlarmAction::Get, AlarmType::None, None).await.map_err(failed)?;
    // The answer stands for several, so it has no head, as with etcdctl.
    let mut answer = pb::AlarmResponse::default();
    for alarm in raised.alarms() {
        let mut of_member = etcdkit::AlarmOptions::new();
        of_member.with_member(alarm.member_id());
        let cleared =
            client.alarm(AlarmAction::Deactivate, alarm.alarm(), Some(of_member)).await.map_err(failed)?;
        answer.alarms.extend(wire::alarms(&cleared).alarms);
    }
    session.print(&Answer::Alarms(&answer))
}

async fn list(call: Call) -> Outcome {
    call.no_words("alarm list command accepts no arguments")?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.alarm(AlarmAction::Get, AlarmType::None, None).await.map_err(failed)?;
    session.print(&Answer::Alarms(&wire::alarms(&answer)))
}
