//! `auth`: switches authentication on and off.

use etcdkit::{Client, EtcdError};

use super::output::Answer;
use super::session::{Call, failed};
use super::wire::whole;
use crate::console::failure::Outcome;
use crate::console::print;
use crate::console::tree::{Command, Group};

/// The user and the role that may do everything.
pub(super) const ROOT: &str = "root";

pub(super) const COMMAND: Command = Command {
    name: "auth",
    summary: "Switches authentication on and off",
    group: Group::Authentication,
    commands: &[ENABLE, DISABLE, STATUS],
    ..Command::BLANK
};

const ENABLE: Command = Command {
    name: "enable",
    summary: "Switches authentication on",
    details: "Switches authentication on. From then on every request needs a user. The user root must exist; it is given\n\
              the role root when it has it not.",
    examples: &["$0 user add root", "$0 auth enable", "$0 --user=root put foo bar"],
    run: Some(|call| Box::pin(enable(call))),
    ..Command::BLANK
};

const DISABLE: Command = Command {
    name: "disable",
    summary: "Switches authentication off",
    examples: &["$0 --user=root auth disable"],
    run: Some(|call| Box::pin(disable(call))),
    ..Command::BLANK
};

const STATUS: Command = Command {
    name: "status",
    summary: "Tells whether authentication is on",
    examples: &["$0 auth status"],
    run: Some(|call| Box::pin(status(call))),
    ..Command::BLANK
};

async fn enable(call: Call) -> Outcome {
    call.no_words("auth enable command does not accept any arguments")?;
    let session = call.open()?;
    let client = session.client().await?;
    let mut enabled = client.auth_enable().await.map(drop);
    let lacks_role = |error: &etcdkit::Error| error.etcd() == Some(EtcdError::RootRoleNotExist);
    if enabled.as_ref().is_err_and(lacks_role) {
        give_root_its_role(&client).await.map_err(failed)?;
        enabled = client.auth_enable().await.map(drop);
    }
    enabled.map_err(failed)?;
    print("Authentication Enabled\n")
}

async fn give_root_its_role(client: &Client) -> etcdkit::Result<()> {
    match client.role_add(ROOT).await {
        Err(error) if error.etcd() != Some(EtcdError::RoleExist) => return Err(error),
        _ => {}
    }
    client.user_grant_role(ROOT, ROOT).await.map(drop)
}

async fn disable(call: Call) -> Outcome {
    call.no_words("auth disable command does not accept any arguments")?;
    let session = call.open()?;
    session.client().await?.auth_disable().await.map_err(failed)?;
    print("Authentication Disabled\n")
}

async fn status(call: Call) -> Outcome {
    call.no_words("auth status command does not accept any arguments")?;
    let session = call.open()?;
    let answer = session.client().await?.auth_status().await.map_err(failed)?;
    session.print(&Answer::AuthStatus(&whole!(answer)))
}
