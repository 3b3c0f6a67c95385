//! `downgrade`: prepares a cluster to run an older version.

use etcdkit::DowngradeAction;

use super::output::Answer;
use super::session::{Call, failed};
use super::wire::whole;
use crate::console::call::text;
use crate::console::failure::{Failure, Outcome};
use crate::console::tree::{Command, Group};

pub(super) const COMMAND: Command = Command {
    name: "downgrade",
    summary: "Prepares the cluster to run an older version",
    group: Group::Maintenance,
    commands: &[VALIDATE, ENABLE, CANCEL],
    ..Command::BLANK
};

const VALIDATE: Command = Command {
    name: "validate",
    arguments: "<version>",
    summary: "Tells whether a downgrade could be started",
    examples: &["$0 downgrade validate 3.6"],
    run: Some(|call| Box::pin(downgrade(call, DowngradeAction::Validate))),
    ..Command::BLANK
};

const ENABLE: Command = Command {
    name: "enable",
    arguments: "<version>",
    summary: "Starts a downgrade",
    examples: &["$0 downgrade enable 3.6"],
    run: Some(|call| Box::pin(downgrade(call, DowngradeAction::Enable))),
    ..Command::BLANK
};

const CANCEL: Command = Command {
    name: "cancel",
    summary: "Ends a downgrade that was started",
    examples: &["$0 downgrade cancel"],
    run: Some(|call| Box::pin(downgrade(call, DowngradeAction::Cancel))),
    ..Command::BLANK
};

async fn downgrade(call: Call, action: DowngradeAction) -> Outcome {
    let (verb, version) = match action {
        DowngradeAction::Validate => ("validate", target(&call)?),
        DowngradeAction::Enable => ("enable", target(&call)?),
        DowngradeAction::Cancel => ("cancel", String::new()),
    };
    let session = call.open()?;
    let answer = session.client().await?.maintenance_client().downgrade(action, version).await;
    let answer = answer.map_err(failed)?;
    session.print(&Answer::Downgrade(verb, &whole!(answer)))
}

fn target(call: &Call) -> Outcome<String> {
    match call.words.as_slice() {
        [] => Err(Failure::bad_args("TARGET_VERSION not provided")),
        [version] if version.is_empty() => Err(Failure::bad_args("target version not provided")),
        [version] => Ok(text(version)),
        _ => Err(Failure::bad_args("too many arguments")),
    }
}
