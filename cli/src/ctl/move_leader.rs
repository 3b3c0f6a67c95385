//! `move-leader`.

use etcdkit::Client;

use super::output::{Answer, Done};
use super::session::{Call, Session, failed};
use crate::console::failure::{Failure, Outcome};
use crate::console::flags::parse_member_id;
use crate::console::tree::{Command, Group};

pub(super) const COMMAND: Command = Command {
    name: "move-leader",
    arguments: "<memberID>",
    summary: "Hands leadership to another member",
    details: "Hands leadership to another member. The leader must be among the endpoints.",
    examples: &["$0 --endpoints=10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379 move-leader 8211f1d0f64f3269"],
    group: Group::Maintenance,
    run: Some(|call| Box::pin(run(call))),
    ..Command::BLANK
};

async fn run(call: Call) -> Outcome {
    let target = call.only_word("move-leader command needs 1 argument")?;
    let target = parse_member_id(&target).map_err(Failure::bad_args)?;
    let session = call.open()?;
    let (leader, client) = leader(&session).await?;
    let answer = client.move_leader(target).await.map_err(failed)?;
    let said = format!("Leadership transferred from {leader:x} to {target:x}");
    session.print(&Answer::Moved(&Done::new(said, answer.header())))
}

/// The id of the leader and a client of it alone.
async fn leader(session: &Session) -> Outcome<(u64, Client)> {
    for endpoint in session.endpoints() {
        let client = session.client_at(&endpoint).await?;
        let status = client.status().await.map_err(failed)?;
        if status.header().is_some_and(|header| header.member_id() == status.leader()) {
            return Ok((status.leader(), client));
        }
    }
    let asked = session.endpoints().join(" ");
    Err(Failure::bad_args(format!("no leader endpoint given at [{asked}]")))
}
