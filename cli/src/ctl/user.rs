//! `user`: who may log in, and with which roles.

use etcdkit::UserAddOptions;

use super::output::{Answer, Done};
use super::session::{Call, failed};
use super::wire::whole;
use crate::console::call::text;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values, Word};
use crate::console::tree::{Command, Group};
use crate::console::{password, print};

const INTERACTIVE: Flag =
    Flag::switch("interactive", "ask for the password; when false it is the next word of stdin").or("true");
const NEW_USER_PASSWORD: Flag = Flag::text("new-user-password", "the password of the new user");
const NO_PASSWORD: Flag =
    Flag::switch("no-password", "a user without password, who logs in by the name in a certificate");
const DETAIL: Flag = Flag::switch("detail", "show the permissions of the user's roles");

pub(super) const COMMAND: Command = Command {
    name: "user",
    summary: "Adds, shows and changes users",
    group: Group::Authentication,
    commands: &[ADD, DELETE, GET, LIST, PASSWD, GRANT_ROLE, REVOKE_ROLE],
    ..Command::BLANK
};

const ADD: Command = Command {
    name: "add",
    arguments: "<user> | <user:password>",
    summary: "Adds a user",
    details: "Adds a user. The password is asked for unless it is given.",
    examples: &[
        "$0 user add root",
        "$0 user add alice --new-user-password=secret",
        "$0 user add alice --interactive=false < password.txt",
        "$0 user add www.example.com --no-password",
    ],
    flags: &[INTERACTIVE, NEW_USER_PASSWORD, NO_PASSWORD],
    run: Some(|call| Box::pin(add(call))),
    ..Command::BLANK
};

const DELETE: Command = Command {
    name: "delete",
    arguments: "<user>",
    summary: "Deletes a user",
    examples: &["$0 user delete alice"],
    run: Some(|call| Box::pin(delete(call))),
    ..Command::BLANK
};

const GET: Command = Command {
    name: "get",
    arguments: "<user>",
    summary: "Shows the roles of a user",
    examples: &["$0 user get alice --detail"],
    flags: &[DETAIL],
    run: Some(|call| Box::pin(get(call))),
    ..Command::BLANK
};

const LIST: Command = Command {
    name: "list",
    summary: "Lists the users",
    examples: &["$0 user list"],
    run: Some(|call| Box::pin(list(call))),
    ..Command::BLANK
};

const PASSWD: Command = Command {
    name: "passwd",
    arguments: "<user>",
    summary: "Changes the password of a user",
    examples: &["$0 user passwd alice", "echo 'new password' | $0 user passwd alice --interactive=false"],
    flags: &[INTERACTIVE],
    run: Some(|call| Box::pin(passwd(call))),
    ..Command::BLANK
};

const GRANT_ROLE: Command = Command {
    name: "grant-role",
    arguments: "<user> <role>",
    summary: "Gives a role to a user",
    examples: &["$0 user grant-role alice reader"],
    run: Some(|call| Box::pin(grant_role(call))),
    ..Command::BLANK
};

const REVOKE_ROLE: Command = Command {
    name: "revoke-role",
    arguments: "<user> <role>",
    summary: "Takes a role from a user",
    examples: &["$0 user revoke-role alice reader"],
    run: Some(|call| Box::pin(revoke_role(call))),
    ..Command::BLANK
};

async fn add(call: Call) -> Outcome {
    let named = call.only_word("user add command requires user name as its argument")?;
    let (user, password) = new_user(&call.values, named)?;
    let options = call.values.switch(&NO_PASSWORD).then(|| UserAddOptions::new().with_no_pwd());
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.user_add(user.as_str(), password, options).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new(format!("User {user} created"), answer.header())))
}

/// The name and the password of a new user, from wherever the password comes.
fn new_user(values: &Values, named: String) -> Outcome<(String, String)> {
    if values.switch(&NO_PASSWORD) {
        return Ok((named, String::new()));
    }
    let given = values.text(&NEW_USER_PASSWORD);
    if !given.is_empty() {
        return Ok((named, given));
    }
    match named.split_once(':') {
        Some(("", _)) => Err(Failure::bad_args("empty user name is not allowed")),
        Some((user, password)) => Ok((user.to_owned(), password.to_owned())),
        None => {
            let password = ask(values, &named)?;
            Ok((named, password))
        }
    }
}

fn ask(values: &Values, user: &str) -> Outcome<String> {
    if values.switch(&INTERACTIVE) { password::ask_twice(user) } else { password::word_of_stdin() }
}

async fn delete(call: Call) -> Outcome {
    let user = call.only_word("user delete command requires user name as its argument")?;
    let session = call.open()?;
    let answer = session.client().await?.user_delete(user.as_str()).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new(format!("User {user} deleted"), answer.header())))
}

async fn get(call: Call) -> Outcome {
    let user = call.only_word("user get command requires user name as its argument")?;
    let detail = call.values.switch(&DETAIL);
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.user_get(user.as_str()).await.map_err(failed)?;
    if !detail {
        return session.print(&Answer::User(&user, &whole!(answer)));
    }
    print(&format!("User: {user}\n"))?;
    for role in answer.roles() {
        print("\n")?;
        let permissions = client.role_get(role.as_str()).await.map_err(failed)?;
        session.print(&Answer::Role(role, &whole!(permissions)))?;
    }
    Ok(())
}

async fn list(call: Call) -> Outcome {
    call.no_words("user list command requires no arguments")?;
    let session = call.open()?;
    let answer = session.client().await?.user_list().await.map_err(failed)?;
    session.print(&Answer::Users(&whole!(answer)))
}

async fn passwd(call: Call) -> Outcome {
    let user = call.only_word("user passwd command requires user name as its argument")?;
    let password = ask(&call.values, &user)?;
    let session = call.open()?;
    let answer = session.client().await?.user_change_password(user, password).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new("Password updated", answer.header())))
}

fn user_and_role(words: &[Word], complaint: &str) -> Outcome<(String, String)> {
    match words {
        [user, role] => Ok((text(user), text(role))),
        _ => Err(Failure::bad_args(complaint)),
    }
}

async fn grant_role(call: Call) -> Outcome {
    let complaint = "user grant command requires user name and role name as its argument";
    let (user, role) = user_and_role(&call.words, complaint)?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.user_grant_role(user.as_str(), role.as_str()).await.map_err(failed)?;
    let said = format!("Role {role} is granted to user {user}");
    session.print(&Answer::Done(&Done::new(said, answer.header())))
}

async fn revoke_role(call: Call) -> Outcome {
    let complaint = "user revoke-role requires user name and role name as its argument";
    let (user, role) = user_and_role(&call.words, complaint)?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.user_revoke_role(user.as_str(), role.as_str()).await.map_err(failed)?;
    let said = format!("Role {role} is revoked from user {user}");
    session.print(&Answer::Done(&Done::new(said, answer.header())))
}
