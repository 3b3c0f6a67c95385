//! What the commands print, in the five formats of `--write-out`.
//!
//! Programs read this output, so every byte of it follows etcdctl 3.7: `simple` is promised by etcd to stay, and the
//! other formats are relied upon all the same.

mod fields;

mod json;
mod protobuf;
mod rows;
mod simple;
mod table;

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use etcdkit_proto::etcdserverpb as pb;

use super::wire;
use crate::console::failure::{Exit, Failure, Outcome};
use crate::console::paint::Paint;

/// Everything there is to print.
pub(super) enum Answer<'a> {
    Put(&'a pb::PutResponse),
    Get(&'a pb::RangeResponse),
    Delete(&'a pb::DeleteRangeResponse),
    Txn(&'a pb::TxnResponse),
    Watch(&'a pb::WatchResponse),
    Grant(&'a pb::LeaseGrantResponse),
    Revoke(i64, &'a pb::LeaseRevokeResponse),
    KeepAlive(&'a pb::LeaseKeepAliveResponse),
    /// With the attached keys, or without.
    TimeToLive(&'a pb::LeaseTimeToLiveResponse, bool),
    Leases(&'a pb::LeaseLeasesResponse),
    MemberList(&'a pb::MemberListResponse),
    Health(&'a [Health]),
    Status(&'a [Status]),
    HashKv(&'a [HashKv]),
    Membership(&'a Membership),
    Moved(&'a Done),
    /// With the verb of the command.
    Downgrade(&'a str, &'a pb::DowngradeResponse),
    Alarms(&'a pb::AlarmResponse),
    Done(&'a Done),
    /// With the name of the role.
    Role(&'a str, &'a pb::AuthRoleGetResponse),
    Roles(&'a pb::AuthRoleListResponse),
    /// With the name of the user.
    User(&'a str, &'a pb::AuthUserGetResponse),
    Users(&'a pb::AuthUserListResponse),
    AuthStatus(&'a pb::AuthStatusResponse),
}

/// Something was done, and the server has nothing more to tell about it.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// What a person is told.
    pub(super) said: Vec<u8>,
    pub(super) header: Option<pb::ResponseHeader>,
}

impl Done {
    pub(super) fn new(said: impl Into<Vec<u8>>, header: Option<&etcdkit::ResponseHeader>) -> Self {
        Done { said: said.into(), header: header.map(wire::header) }
    }
}

/// A change of the members.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    /// What a person is told.
    pub(super) said: String,
    pub(super) header: Option<pb::ResponseHeader>,
    /// The new member, when one was added.
    pub(super) member: Option<pb::Member>,
    pub(super) members: Vec<pb::Member>,
}

impl Membership {
    pub(super) fn added(answer: pb::MemberAddResponse) -> Self {
        let (header, member) = (answer.header.unwrap_or_default(), answer.member.clone().unwrap_or_default());
        let role = if member.is_learner { " as learner " } else { " " };
        let said = format!("Member {:16x} added{role}to cluster {:16x}", member.id, header.cluster_id);
        Membership { said, header: answer.header, member: answer.member, members: answer.members }
    }

    /// What happened to a member that was there, such as `removed from`.
    pub(super) fn changed(
        id: u64,
        what: &str,
        header: Option<&etcdkit::ResponseHeader>,
        members: Vec<pb::Member>,
    ) -> Self {
        let header = header.map(wire::header);
        let said = format!("Member {id:16x} {what} cluster {:16x}", header.unwrap_or_default().cluster_id);
        Membership { said, header, member: None, members }
    }
}

/// Whether an endpoint serves.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub(super) endpoint: String,
    pub(super) took: Duration,
    /// What is wrong; empty when healthy.
    pub(super) error: String,
}

/// What an endpoint tells of itself.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) endpoint: String,
    pub(super) status: pb::StatusResponse,
}

/// The hash of the key space at an endpoint.
#[derive(Clone, Debug)]
pub(super) struct HashKv {
    pub(super) endpoint: String,
    pub(super) hash: pb::HashKvResponse,
}

/// The formats of `--write-out`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Simple,
    Fields,
    Json,
    Protobuf,
    Table,
}

impl Format {
    /// Finds a format by its name.
    pub(super) fn named(name: &str) -> Outcome<Self> {
        match name {
            "simple" => Ok(Format::Simple),
            "fields" => Ok(Format::Fields),
            "json" => Ok(Format::Json),
            "protobuf" => Ok(Format::Protobuf),
            "table" => Ok(Format::Table),
            _ => Err(Failure::new(Exit::BadFeature, "unsupported output format")),
        }
    }
}

/// What a terminal is shown beyond what a pipe gets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) paint: Paint,
    /// Rows stand below each other, under a header.
    pub(super) aligned: bool,
}

impl Look {
    /// What a pipe gets: etcdctl's bytes.
    pub(super) const PLAIN: Look = Look { paint: Paint::OFF, aligned: false };

    /// A format that was asked for is given to the byte; a terminal gets more only where nobody asked.
    fn new(is_terminal: bool, paint: Paint, format_given: bool) -> Self {
        if format_given || !is_terminal { Look::PLAIN } else { Look { paint, aligned: true } }
    }

    pub(super) fn of_stdout(no_colours: bool, format_given: bool) -> Self {
        Look::new(io::stdout().is_terminal(), Paint::for_stdout(no_colours), format_given)
    }
}

/// Prints answers to stdout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer {
    pub(super) format: Format,
    /// Show keys and values, and ids where etcdctl does, in hexadecimal.
    pub(super) hex: bool,
    /// Leave the keys out; `simple` only.
    pub(super) values_only: bool,
    pub(super) look: Look,
}

impl Printer {
    /// Prints an answer and flushes, so that a reader of a watch sees each event when it comes.
    pub(super) fn print(&self, answer: &Answer<'_>) -> Outcome {
        let text = self.render(answer)?;
        let mut stdout = io::stdout().lock();
        if let (Format::Simple, Answer::Health(list)) = (self.format, answer) {
            for line in simple::unhealthy(list).lines() {
                crate::console::tell(line);
            }
        }
        stdout.write_all(&text)?;
        stdout.flush()?;
        Ok(())
    }

    fn render(&self, answer: &Answer<'_>) -> Outcome<Vec<u8>> {
        match self.format {
            Format::Simple => Ok(simple::render(answer, *self)),
            Format::Fields => fields::render(answer, self.hex),
            Format::Json => Ok(json::render(answer, self.hex)),
            Format::Protobuf => protobuf::render(answer),
            Format::Table => table::render(answer),
        }
    }
}

/// The failure for an answer that a format cannot show.
fn unsupported(format: &str) -> Failure {
    Failure::new(Exit::BadFeature, format!("{format} not supported as output format"))
}

#[cfg(test)]
mod tests;
