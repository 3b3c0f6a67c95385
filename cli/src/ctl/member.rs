//! `member`: who belongs to the cluster.

use etcdkit::MemberAddOptions;
use etcdkit_server::config::parse_urls;

use super::get::{CONSISTENCY, serializable};
use super::output::{Answer, Format, Membership};
use super::session::{Call, failed};
use super::wire;
use crate::console::call::text;
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::{Flag, Word, parse_member_id};
use crate::console::print;
use crate::console::quote::quote;
use crate::console::tree::{Command, Group};

const PEER_URLS: Flag = Flag::text("peer-urls", "where its peers reach the member, separated by commas");
const LEARNER: Flag = Flag::switch("learner", "the member follows the log without a vote");

pub(super) const COMMAND: Command = Command {
    name: "member",
    summary: "Shows and changes the members of the cluster",
    group: Group::Maintenance,
    commands: &[ADD, REMOVE, UPDATE, LIST, PROMOTE],
    ..Command::BLANK
};

const ADD: Command = Command {
    name: "add",
    arguments: "<name>",
    summary: "Adds a member",
    details: "Adds a member, and shows the settings to start it with.",
    examples: &[
        "$0 member add n4 --peer-urls=http://10.0.0.4:2380",
        "$0 member add n4 --peer-urls=http://10.0.0.4:2380 --learner",
    ],
    flags: &[PEER_URLS, LEARNER],
    run: Some(|call| Box::pin(add(call))),
    ..Command::BLANK
};

const REMOVE: Command = Command {
    name: "remove",
    arguments: "<memberID>",
    summary: "Removes a member",
    examples: &["$0 member remove 8211f1d0f64f3269"],
    run: Some(|call| Box::pin(remove(call))),
    ..Command::BLANK
};

const UPDATE: Command = Command {
    name: "update",
    arguments: "<memberID>",
    summary: "Changes the peer URLs of a member",
    examples: &["$0 member update 8211f1d0f64f3269 --peer-urls=http://10.0.0.14:2380"],
    flags: &[PEER_URLS],
    run: Some(|call| Box::pin(update(call))),
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

const PROMOTE: Command = Command {
    name: "promote",
    arguments: "<memberID>",
    summary: "Makes a learner a voting member",
    examples: &["$0 member promote 8211f1d0f64f3269"],
    run: Some(|call| Box::pin(promote(call))),
    ..Command::BLANK
};

const NO_URLS: &str = "member peer urls not provided";

fn member_id(call: &Call) -> Outcome<u64> {
    let word = call.only_word("member ID is not provided")?;
    parse_member_id(&word)
        .map_err(|why| Failure::bad_args(format!("bad member ID arg ({why}), expecting ID in Hex")))
}

/// URLs as they were typed, once they are found to be some.
fn split(urls: &str) -> Outcome<Vec<String>> {
    parse_urls(urls).map_err(Failure::error)?;
    Ok(urls.split(',').map(str::to_owned).collect())
}

async fn add(call: Call) -> Outcome {
    let name = new_name(&call.words)?;
    let urls = call.values.text(&PEER_URLS);
    if urls.is_empty() {
        return Err(Failure::bad_args(NO_URLS));
    }
    let options = call.values.switch(&LEARNER).then(|| MemberAddOptions::new().with_is_learner());
    let peers = split(&urls)?;
    let session = call.open()?;
    let client = session.client().await?;
    let answer = client.cluster_client().member_add(peers, options).await.map_err(failed)?;
    let added = Membership::added(wire::member_add(&answer));
    session.print(&Answer::Membership(&added))?;
    if session.printer.format != Format::Simple {
        return Ok(());
    }
    print(&settings(&name, &urls, &added))
}

/// The only name; a URL in its place is told what it was meant to be.
fn new_name(words: &[Word]) -> Outcome<String> {
    match words {
        [] => Err(Failure::bad_args("member name not provided")),
        [name] => Ok(text(name)),
        words => {
            let urls =
                words.iter().map(|word| text(word)).filter(|word| word.to_lowercase().starts_with("http"));
            let hints: String = urls.map(|url| format!(", did you mean --peer-urls={url}")).collect();
            Err(Failure::bad_args(format!("too many arguments{hints}")))
        }
    }
}

/// The variables that the new member is to be started with.
fn settings(name: &str, urls: &str, added: &Membership) -> String {
    let new_id = added.member.as_ref().map_or(0, |member| member.id);
    let cluster: Vec<String> = added
        .members
        .iter()
        .flat_map(|member| {
            let name = if member.id == new_id { name } else { &member.name };
            member.peer_ur_ls.iter().map(move |url| format!("{name}={url}"))
        })
        .collect();
    format!(
        "\nETCD_NAME={}\nETCD_INITIAL_CLUSTER={}\nETCD_INITIAL_ADVERTISE_PEER_URLS={}\nETCD_INITIAL_CLUSTER_STATE=\"existing\"\n",
        quote(name.as_bytes()),
        quote(cluster.join(",").as_bytes()),
        quote(urls.as_bytes()),
    )
}

async fn remove(call: Call) -> Outcome {
    let id = member_id(&call)?;
    let session = call.open()?;
    let answer = session.client().await?.member_remove(id).await.map_err(failed)?;
    let (header, members) = (answer.header(), wire::members(answer.members()));
    session.print(&Answer::Membership(&Membership::changed(id, "removed from", header, members)))
}

async fn update(call: Call) -> Outcome {
    let id = member_id(&call)?;
    let urls = call.values.text(&PEER_URLS);
    if urls.is_empty() {
        return Err(Failure::bad_args(NO_URLS));
    }
    let peers = split(&urls)?;
    let session = call.open()?;
    let answer = session.client().await?.member_update(id, peers).await.map_err(failed)?;
    let (header, members) = (answer.header(), wire::members(answer.members()));
    session.print(&Answer::Membership(&Membership::changed(id, "updated in", header, members)))
}

async fn promote(call: Call) -> Outcome {
    let id = member_id(&call)?;
    let session = call.open()?;
    let answer = session.client().await?.member_promote(id).await.map_err(failed)?;
    let (header, members) = (answer.header(), wire::members(answer.members()));
    session.print(&Answer::Membership(&Membership::changed(id, "promoted in", header, members)))
}

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
