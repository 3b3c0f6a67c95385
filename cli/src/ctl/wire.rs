//! From the client's types back to the messages of the wire, which is what the output formats show.

use etcdkit::{EventType, TxnOpResponse};
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;
use pb::response_op::Response;

/// The message of an answer, with its head put back where it was.
macro_rules! whole {
    ($answer:expr) => {{
        let mut message = ToOwned::to_owned($answer.wire());
        message.header = $answer.header().map($crate::ctl::wire::header);
        message
    }};
}
pub(super) use whole;

/// The head of a message.
pub(super) fn header(header: &etcdkit::ResponseHeader) -> pb::ResponseHeader {
    pb::ResponseHeader {
        cluster_id: header.cluster_id(),
        member_id: header.member_id(),
        revision: header.revision(),
        raft_term: header.raft_term(),
    }
}

/// A pair.
pub(super) fn key_value(pair: &etcdkit::KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: pair.key_bytes(),
        value: pair.value_bytes(),
        create_revision: pair.create_revision(),
        mod_revision: pair.mod_revision(),
        version: pair.version(),
        lease: pair.lease(),
    }
}

/// The answer to a transaction, nested ones included.
pub(super) fn txn(answer: &etcdkit::TxnResponse) -> pb::TxnResponse {
    pb::TxnResponse {
        header: answer.header().map(header),
        succeeded: answer.succeeded(),
        responses: answer.op_responses().iter().map(txn_part).collect(),
    }
}

fn txn_part(part: &TxnOpResponse) -> pb::ResponseOp {
    let response = match part {
        TxnOpResponse::Put(answer) => Response::ResponsePut(put(answer)),
        TxnOpResponse::Get(answer) => Response::ResponseRange(get(answer)),
        TxnOpResponse::Delete(answer) => Response::ResponseDeleteRange(delete(answer)),
        TxnOpResponse::Txn(answer) => Response::ResponseTxn(txn(answer)),
    };
    pb::ResponseOp { response: Some(response) }
}

/// The answer to a put.
pub(super) fn put(answer: &etcdkit::PutResponse) -> pb::PutResponse {
    pb::PutResponse { header: answer.header().map(header), prev_kv: answer.prev_key().map(key_value) }
}

/// The answer to a read.
pub(super) fn get(answer: &etcdkit::GetResponse) -> pb::RangeResponse {
    pb::RangeResponse {
        header: answer.header().map(header),
        kvs: answer.kvs().iter().map(key_value).collect(),
        more: answer.more(),
        count: answer.count(),
    }
}

/// The answer to a deletion.
pub(super) fn delete(answer: &etcdkit::DeleteResponse) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: answer.header().map(header),
        deleted: answer.deleted(),
        prev_kvs: answer.prev_kvs().iter().map(key_value).collect(),
    }
}

/// The answer to `lease grant`.
pub(super) fn grant(answer: &etcdkit::LeaseGrantResponse) -> pb::LeaseGrantResponse {
    pb::LeaseGrantResponse {
        header: answer.header().map(header),
        id: answer.id(),
        ttl: answer.ttl(),
        error: answer.error().to_owned(),
    }
}

/// The answer to `lease revoke`.
pub(super) fn revoke(answer: &etcdkit::LeaseRevokeResponse) -> pb::LeaseRevokeResponse {
    pb::LeaseRevokeResponse { header: answer.header().map(header) }
}

/// A renewal of a lease.
pub(super) fn keep_alive(answer: &etcdkit::LeaseKeepAliveResponse) -> pb::LeaseKeepAliveResponse {
    pb::LeaseKeepAliveResponse { header: answer.header().map(header), id: answer.id(), ttl: answer.ttl() }
}

/// The answer to `lease timetolive`.
pub(super) fn time_to_live(answer: &etcdkit::LeaseTimeToLiveResponse) -> pb::LeaseTimeToLiveResponse {
    pb::LeaseTimeToLiveResponse {
        header: answer.header().map(header),
        id: answer.id(),
        ttl: answer.ttl(),
        granted_ttl: answer.granted_ttl(),
        keys: answer.keys().iter().map(|key| key.clone().into()).collect(),
    }
}

/// The answer to `lease list`.
pub(super) fn leases(answer: &etcdkit::LeaseLeasesResponse) -> pb::LeaseLeasesResponse {
    pb::LeaseLeasesResponse {
        header: answer.header().map(header),
        leases: answer.leases().iter().map(|lease| pb::LeaseStatus { id: lease.id() }).collect(),
    }
}

/// Members.
pub(super) fn members(members: &[etcdkit::Member]) -> Vec<pb::Member> {
    members.iter().map(member).collect()
}

fn member(member: &etcdkit::Member) -> pb::Member {
    pb::Member {
        id: member.id(),
        name: member.name().to_owned(),
        peer_ur_ls: member.peer_urls().to_vec(),
        client_ur_ls: member.client_urls().to_vec(),
        is_learner: member.is_learner(),
    }
}

/// The answer to `member list`.
pub(super) fn member_list(answer: &etcdkit::MemberListResponse) -> pb::MemberListResponse {
    pb::MemberListResponse { header: answer.header().map(header), members: members(answer.members()) }
}

/// The answer to `member add`.
pub(super) fn member_add(answer: &etcdkit::MemberAddResponse) -> pb::MemberAddResponse {
    pb::MemberAddResponse {
        header: answer.header().map(header),
        member: answer.member().map(member),
        members: members(answer.member_list()),
    }
}

/// The answer to `alarm`.
pub(super) fn alarms(answer: &etcdkit::AlarmResponse) -> pb::AlarmResponse {
    let alarm = |alarm: &etcdkit::AlarmMember| pb::AlarmMember {
        member_id: alarm.member_id(),
        alarm: alarm.alarm() as i32,
    };
    pb::AlarmResponse {
        header: answer.header().map(header),
        alarms: answer.alarms().iter().map(alarm).collect(),
    }
}

/// The answer to `endpoint status`.
pub(super) fn status(answer: &etcdkit::StatusResponse) -> pb::StatusResponse {
    pb::StatusResponse { header: answer.header().map(header), ..answer.wire().clone() }
}

/// The answer to `endpoint hashkv`.
pub(super) fn hash_kv(answer: &etcdkit::HashKvResponse) -> pb::HashKvResponse {
    pb::HashKvResponse { header: answer.header().map(header), ..*answer.wire() }
}

/// One message of a watch.
pub(super) fn watch(answer: &etcdkit::WatchResponse) -> pb::WatchResponse {
    let event = |event: &etcdkit::Event| mvccpb::Event {
        r#type: EventType::into(event.event_type()),
        kv: event.kv().map(key_value),
        prev_kv: event.prev_kv().map(key_value),
    };
    pb::WatchResponse {
        header: answer.header().map(header),
        watch_id: answer.watch_id(),
        created: answer.created(),
        canceled: answer.canceled(),
        compact_revision: answer.compact_revision(),
        cancel_reason: answer.cancel_reason().to_owned(),
        fragment: false,
        events: answer.events().iter().map(event).collect(),
    }
}
