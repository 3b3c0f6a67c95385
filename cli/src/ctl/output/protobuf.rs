//! `-w protobuf`: the answer as it came over the wire, without a length or a newline.

use etcdkit_proto::etcdserverpb as pb;
use prost::Message as _;

use super::{Answer, Membership, unsupported};
use crate::console::failure::{Exit, Failure, Outcome};

/// Lease answers are their header alone and a watch answer has no id and no reason: programs that read this
/// format know it that way.
pub(super) fn render(answer: &Answer<'_>) -> Outcome<Vec<u8>> {
    let bytes = match answer {
        Answer::Put(answer) => answer.encode_to_vec(),
        Answer::Get(answer) => answer.encode_to_vec(),
        Answer::Delete(answer) => answer.encode_to_vec(),
        Answer::Txn(answer) => answer.encode_to_vec(),
        Answer::MemberList(answer) => answer.encode_to_vec(),
        Answer::Watch(answer) => watch(answer).encode_to_vec(),
        Answer::Grant(lease) => header(lease.header),
        Answer::KeepAlive(lease) => header(lease.header),
        Answer::TimeToLive(lease, _) => header(lease.header),
        Answer::Leases(answer) => header(answer.header),
        Answer::Revoke(..) => {
            return Err(Failure::new(Exit::BadFeature, "marshal unsupported for type LeaseRevokeResponse"));
        }
        Answer::Membership(change) => membership(change),
        Answer::Moved(done) | Answer::Done(done) => head_only(done.header),
        Answer::Downgrade(_, answer) => answer.encode_to_vec(),
        Answer::Alarms(answer) => answer.encode_to_vec(),
        Answer::Role(_, answer) => answer.encode_to_vec(),
        Answer::Roles(answer) => answer.encode_to_vec(),
        Answer::User(_, answer) => answer.encode_to_vec(),
        Answer::Users(answer) => answer.encode_to_vec(),
        Answer::AuthStatus(answer) => answer.encode_to_vec(),
        Answer::Health(_) | Answer::Status(_) | Answer::HashKv(_) => return Err(unsupported("protobuf")),
    };
    Ok(bytes)
}

fn header(header: Option<pb::ResponseHeader>) -> Vec<u8> {
    header.unwrap_or_default().encode_to_vec()
}

/// All messages that are nothing but a head have it in the same field.
fn head_only(header: Option<pb::ResponseHeader>) -> Vec<u8> {
    pb::AuthEnableResponse { header }.encode_to_vec()
}

fn membership(change: &Membership) -> Vec<u8> {
    let (header, members) = (change.header, change.members.clone());
    match change.member.clone() {
        Some(member) => pb::MemberAddResponse { header, member: Some(member), members }.encode_to_vec(),
        None => pb::MemberRemoveResponse { header, members }.encode_to_vec(),
    }
}

fn watch(answer: &pb::WatchResponse) -> pb::WatchResponse {
    pb::WatchResponse {
        header: answer.header,
        events: answer.events.clone(),
        compact_revision: answer.compact_revision,
        canceled: answer.canceled,
        created: answer.created,
        ..Default::default()
    }
}
