//! `role`: permissions on keys, by name.

use etcdkit::{Permission, PermissionType, RoleRevokePermissionOptions};
use etcdkit_proto::key_range::prefix_end;

use super::output::{Answer, Done};
use super::session::{Call, failed};
use super::wire::whole;
use crate::console::call::text;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Values, Word};
use crate::console::tree::{Command, Group};

const PREFIX: Flag = Flag::switch("prefix", "all keys that begin with the given one");
const FROM_KEY: Flag = Flag::switch("from-key", "all keys from the given one on");

/// Stands for the first key of all, and as the end of a range for no end.
const ZERO: &[u8] = b"\0";

pub(super) const COMMAND: Command = Command {
    name: "role",
    summary: "Adds, shows and changes roles",
    group: Group::Authentication,
    commands: &[ADD, DELETE, GET, LIST, GRANT_PERMISSION, REVOKE_PERMISSION],
    ..Command::BLANK
};

const ADD: Command = Command {
    name: "add",
    arguments: "<role>",
    summary: "Adds a role",
    examples: &["$0 role add reader"],
    run: Some(|call| Box::pin(add(call))),
    ..Command::BLANK
};

const DELETE: Command = Command {
    name: "delete",
    arguments: "<role>",
    summary: "Deletes a role",
    examples: &["$0 role delete reader"],
    run: Some(|call| Box::pin(delete(call))),
    ..Command::BLANK
};

const GET: Command = Command {
    name: "get",
    arguments: "<role>",
    summary: "Shows the permissions of a role",
    examples: &["$0 role get reader"],
    run: Some(|call| Box::pin(get(call))),
    ..Command::BLANK
};

const LIST: Command = Command {
    name: "list",
    summary: "Lists the roles",
    examples: &["$0 role list"],
    run: Some(|call| Box::pin(list(call))),
    ..Command::BLANK
};

const GRANT_PERMISSION: Command = Command {
    name: "grant-permission",
    arguments: "<role> read|write|readwrite <key> [endkey]",
    summary: "Gives a permission to a role",
    details: "Gives a role the permission to read, write or do both: with one key, with the keys from <key> to before\n\
              [endkey], or with those a flag selects.",
    examples: &[
        "$0 role grant-permission reader read /config/ --prefix",
        "$0 role grant-permission writer readwrite /jobs/a /jobs/k",
    ],
    flags: &[PREFIX, FROM_KEY],
    run: Some(|call| Box::pin(grant(call))),
    ..Command::BLANK
};

const REVOKE_PERMISSION: Command = Command {
    name: "revoke-permission",
    arguments: "<role> <key> [endkey]",
    summary: "Takes a permission from a role",
    details: "Takes a permission from a role. Key and end must be those of the grant.",
    examples: &["$0 role revoke-permission reader /config/ --prefix"],
    flags: &[PREFIX, FROM_KEY],
    run: Some(|call| Box::pin(revoke(call))),
    ..Command::BLANK
};

async fn add(call: Call) -> Outcome {
    let role = call.only_word("role add command requires role name as its argument")?;
    let session = call.open()?;
    let answer = session.client().await?.role_add(role.as_str()).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new(format!("Role {role} created"), answer.header())))
}

async fn delete(call: Call) -> Outcome {
    let role = call.only_word("role delete command requires role name as its argument")?;
    let session = call.open()?;
    let answer = session.client().await?.role_delete(role.as_str()).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new(format!("Role {role} deleted"), answer.header())))
}

async fn get(call: Call) -> Outcome {
    let role = call.only_word("role get command requires role name as its argument")?;
    let session = call.open()?;
    let answer = session.client().await?.role_get(role.as_str()).await.map_err(failed)?;
    session.print(&Answer::Role(&role, &whole!(answer)))
}

async fn list(call: Call) -> Outcome {
    call.no_words("role list command requires no arguments")?;
    let session = call.open()?;
    let answer = session.client().await?.role_list().await.map_err(failed)?;
    session.print(&Answer::Roles(&whole!(answer)))
}

async fn grant(call: Call) -> Outcome {
    let [role, kind, range @ ..] = call.words.as_slice() else { return Err(needs_for_grant()) };
    if range.is_empty() {
        return Err(needs_for_grant());
    }
    let (role, kind) = (text(role), permission_type(&text(kind))?);
    let (key, end) = range_of(&call.values, range)?;
    let session = call.open()?;
    let permission = Permission::new(kind, key).with_range_end(end);
    let client = session.client().await?;
    let answer = client.role_grant_permission(role.as_str(), permission).await.map_err(failed)?;
    session.print(&Answer::Done(&Done::new(format!("Role {role} updated"), answer.header())))
}

fn needs_for_grant() -> Failure {
    Failure::bad_args(
        "role grant command requires role name, permission type, and key [endkey] as its argument",
    )
}

fn permission_type(name: &str) -> Outcome<PermissionType> {
    match name.to_uppercase().as_str() {
        "READ" => Ok(PermissionType::Read),
        "WRITE" => Ok(PermissionType::Write),
        "READWRITE" => Ok(PermissionType::Readwrite),
        _ => Err(Failure::bad_args(format!("invalid permission type: {name}"))),
    }
}

async fn revoke(call: Call) -> Outcome {
    let [role, range @ ..] = call.words.as_slice() else { return Err(needs_for_revoke()) };
    let [named, ..] = range else { return Err(needs_for_revoke()) };
    let (role, named) = (text(role), named.clone());
    let (key, end) = range_of(&call.values, range)?;
    let session = call.open()?;
    let options = RoleRevokePermissionOptions::new().with_range_end(end.clone());
    let client = session.client().await?;
    let answer = client.role_revoke_permission(role.as_str(), key, Some(options)).await.map_err(failed)?;
    let said = revoked(&named, &end, &role);
    session.print(&Answer::Done(&Done::new(said, answer.header())))
}

fn needs_for_revoke() -> Failure {
    Failure::bad_args("role revoke-permission command requires role name and key [endkey] as its argument")
}

/// The range without an end has no closing bracket, as with etcdctl.
fn revoked(key: &[u8], end: &[u8], role: &str) -> Vec<u8> {
    let parts: &[&[u8]] = match end {
        b"" => &[b"Permission of key ", key],
        ZERO => &[b"Permission of range [", key, b", <open ended>"],
        _ => &[b"Permission of range [", key, b", ", end, b")"],
    };
    [&parts.concat(), b" is revoked from role ".as_slice(), role.as_bytes()].concat()
}

/// The key and the end of the range that arguments and flags name; no end is one key.
fn range_of(values: &Values, words: &[Word]) -> Outcome<(Word, Word)> {
    let (prefix, from_key) = (values.switch(&PREFIX), values.switch(&FROM_KEY));
    let both = || Failure::bad_args("--from-key and --prefix flags are mutually exclusive");
    let key = words.first().cloned().unwrap_or_default();
    if key.is_empty() {
        // The server does not take an empty key; the range of all keys begins with the smallest one.
        return match (prefix, from_key) {
            (true, true) => Err(both()),
            (false, false) => Ok((ZERO.to_vec(), Vec::new())),
            _ => Ok((ZERO.to_vec(), ZERO.to_vec())),
        };
    }
    let unexpected = |flag| Failure::bad_args(format!("unexpected endkey argument with --{flag} flag"));
    match (words.get(1), prefix, from_key) {
        (None, true, true) => Err(both()),
        (None, true, false) => {
            let end = prefix_end(&key);
            Ok((key, end))
        }
        (None, false, true) => Ok((key, ZERO.to_vec())),
        (None, false, false) => Ok((key, Vec::new())),
        (Some(_), true, _) => Err(unexpected("prefix")),
        (Some(_), false, true) => Err(unexpected("from-key")),
        (Some(end), false, false) => Ok((key, end.clone())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn range(flags: &[Flag], words: &[&str]) -> Result<(String, String), String> {
        let mut values = Values::default();
        for flag in flags {
            values.set(flag, b"true").unwrap();
        }
        let words: Vec<Word> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let range = range_of(&values, &words).map_err(|failure| failure.message.unwrap_or_default())?;
        Ok((text(&range.0), text(&range.1)))
    }

    #[test]
    fn ranges_are_those_of_etcdctl() {
        let pair = |key: &str, end: &str| Ok((key.to_owned(), end.to_owned()));
        assert_eq!(range(&[], &["a"]), pair("a", ""));
        assert_eq!(range(&[], &["a", "c"]), pair("a", "c"));
        assert_eq!(range(&[PREFIX], &["a"]), pair("a", "b"));
        assert_eq!(range(&[FROM_KEY], &["a"]), pair("a", "\0"));
        assert_eq!(range(&[], &[""]), pair("\0", ""));
        assert_eq!(range(&[PREFIX], &[""]), pair("\0", "\0"));
    }

    #[test]
    fn contradictions_are_refused() {
        let both = "--from-key and --prefix flags are mutually exclusive";
        assert_eq!(range(&[PREFIX, FROM_KEY], &["a"]).unwrap_err(), both);
        assert_eq!(range(&[PREFIX, FROM_KEY], &[""]).unwrap_err(), both);
        assert_eq!(
            range(&[PREFIX], &["a", "b"]).unwrap_err(),
            "unexpected endkey argument with --prefix flag"
        );
    }
}
