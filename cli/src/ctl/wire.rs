//! From the client's types back to the messages of the wire, which is what the output formats show.

use etcdkit::{EventType, TxnOpResponse};
use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;
use pb::response_op::Response;

/// The message a response wraps, with its header.
macro_rules! whole {
    ($answer:expr) => {{
        let answer = &$answer;
        let mut message = answer.wire().clone();
        message.header = answer.header().map($crate::ctl::wire::header);
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
        TxnOpResponse::Put(answer) => Response::ResponsePut(whole!(answer)),
        TxnOpResponse::Get(answer) => Response::ResponseRange(whole!(answer)),
        TxnOpResponse::Delete(answer) => Response::ResponseDeleteRange(whole!(answer)),
        TxnOpResponse::Txn(answer) => Response::ResponseTxn(txn(answer)),
    };
    pb::ResponseOp { response: Some(response) }
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
