//! `-w protobuf`: the answer as it came over the wire, without a length or a newline.

use etcdkit_proto::etcdserverpb as pb;
use prost::Message as _;

use super::{Answer, unsupported};
use crate::ctl::failure::{Exit, Failure, Outcome};

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
        Answer::Health(_) | Answer::Status(_) | Answer::HashKv(_) => return Err(unsupported("protobuf")),
    };
    Ok(bytes)
}

fn header(header: Option<pb::ResponseHeader>) -> Vec<u8> {
    header.unwrap_or_default().encode_to_vec()
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
