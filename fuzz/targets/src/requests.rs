//! Messages of gRPC: any bytes for any call, from anybody. The server answers, tells nobody what is not theirs, does
//! nothing for those it does not know, and goes on.
//!
//! ```text
//! call u8, caller u8, message
//! ```

use std::sync::LazyLock;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp,
    TxnRequest, WatchCreateRequest, WatchRequest, compare, request_op, watch_request,
};
use etcdkit_proto::{DESCRIPTORS, RawCodec};
use http::uri::PathAndQuery;
use prost::Message;
use prost_types::FileDescriptorSet;
use tokio_stream::StreamExt as _;
use tonic::client::Grpc;
use tonic::{Code, Status};

use crate::service::{Caller, GLANCE, PATIENCE, SECRET, SERVICE, with};

/// Answers of a stream that are looked at.
const ANSWERS_MAX: usize = 3;

/// A call of the contract.
pub(crate) struct Call {
    pub(crate) path: String,
    streams_requests: bool,
    streams_answers: bool,
}

impl Call {
    /// Whether it may wait for something to happen.
    pub(crate) fn waits(&self) -> bool {
        self.streams_requests
            || self.streams_answers
            || self.path.ends_with("/Lock")
            || self.path.ends_with("/Campaign")
    }

    /// What root may do to end the experiment: switch off what is tested, or stop the server.
    pub(crate) fn ends_the_experiment(&self, caller: Caller) -> bool {
        let harmless = ["/AuthStatus", "/Authenticate", "/UserGet", "/UserList", "/RoleGet", "/RoleList"];
        caller == Caller::Root
            && (self.path.contains(".Auth/") && !harmless.iter().any(|end| self.path.ends_with(end))
                || self.path.contains(".Cluster/Member") && !self.path.ends_with("/MemberList")
                || ["/MoveLeader", "/Downgrade", "/Alarm"].iter().any(|end| self.path.ends_with(end)))
    }

    /// Whether anybody may.
    pub(crate) fn is_open(&self) -> bool {
        self.path.ends_with("/Authenticate")
            || self.path.ends_with("/AuthStatus")
            || self.path.contains(".Health/")
    }
}

pub(crate) static CALLS: LazyLock<Vec<Call>> = LazyLock::new(|| {
    let contract = FileDescriptorSet::decode(DESCRIPTORS).expect("the contract reads back");
    let services =
        contract.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
    services
        .flat_map(|(file, service)| {
            service.method.iter().map(move |method| Call {
                path: format!("/{}.{}/{}", file.package(), service.name(), method.name()),
                streams_requests: method.client_streaming(),
                streams_answers: method.server_streaming(),
            })
        })
        .collect()
});

pub(crate) fn run(input: &[u8]) {
    let [call, caller, message @ ..] = input else { return };
    let call = &CALLS[usize::from(*call) % CALLS.len()];
    let caller = Caller::of(*caller);
    if call.ends_the_experiment(caller) {
        return;
    }
    SERVICE.runtime.block_on(async {
        let message = Bytes::copy_from_slice(message);
        let limit = if call.waits() { GLANCE } else { PATIENCE };
        match tokio::time::timeout(limit, answers(call, caller, message)).await {
            Ok(answers) => judge(call, caller, &answers),
            Err(_elapsed) => assert!(call.waits(), "{} does not answer", call.path),
        }
        SERVICE.is_well().await;
    });
}

async fn answers(call: &Call, caller: Caller, message: Bytes) -> Vec<Result<Bytes, Status>> {
    let mut client = Grpc::new(SERVICE.channel.clone());
    client.ready().await.expect("the server listens");
    let path = PathAndQuery::try_from(call.path.as_str()).expect("a path");
    // The end of the requests ends a stream.
    let requests = tokio_stream::iter([message]);
    let requests = match SERVICE.token(caller) {
        Some(token) => with(token, requests),
        None => tonic::Request::new(requests),
    };
    match client.streaming(requests, path, RawCodec).await {
        Ok(answers) => answers.into_inner().take(ANSWERS_MAX).collect().await,
        Err(status) => vec![Err(status)],
    }
}

fn judge(call: &Call, caller: Caller, answers: &[Result<Bytes, Status>]) {
    for answer in answers {
        match answer {
            Ok(bytes) => {
                let leaks = bytes.windows(SECRET.len()).any(|window| window == SECRET);
                assert!(caller == Caller::Root || !leaks, "{} tells {caller:?} the secret", call.path);
                let known = matches!(caller, Caller::Alice | Caller::Root);
                // An empty transaction asks for nothing, and a refused watch is told in an answer.
                let asks_nothing = call.path.ends_with("/Txn") || call.path.ends_with("/Watch");
                assert!(
                    known || call.is_open() || asks_nothing,
                    "{} does something for {caller:?}: {bytes:?}",
                    call.path
                );
            }
            Err(status) => {
                let text = status.message();
                let broken = matches!(status.code(), Code::Internal) && !is_of_decoding(text);
                assert!(!broken && !text.contains("panic"), "{}: {status:?}", call.path);
            }
        }
    }
}

/// What gRPC says of messages that are none.
fn is_of_decoding(text: &str) -> bool {
    text.contains("decode") || text.contains("grpc: error unmarshalling request")
}

pub(crate) const WORDS: &[&[u8]] =
    &[b"hidden", b"\0", b"a", b"c", b"\x0a\x00", b"\x12\x01\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"];

/// Requests of most calls, from alice and from root.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let number = |end: &str| {
        CALLS.iter().position(|call| call.path.ends_with(end)).expect("a call of the contract") as u8
    };
    let range = RangeRequest { key: "a".into(), range_end: "c".into(), limit: 5, ..Default::default() };
    let put = PutRequest { key: "b1".into(), value: "v".into(), prev_kv: true, ..Default::default() };
    let delete = DeleteRangeRequest { key: "b".into(), range_end: "bb".into(), prev_kv: true };
    let op = |request| RequestOp { request: Some(request) };
    let inner = TxnRequest {
        compare: vec![],
        success: vec![op(request_op::Request::RequestDeleteRange(delete.clone()))],
        failure: vec![op(request_op::Request::RequestRange(range.clone()))],
    };
    let compare = Compare {
        result: compare::CompareResult::Greater as i32,
        target: compare::CompareTarget::Version as i32,
        key: "a".into(),
        range_end: Bytes::new(),
        target_union: Some(compare::TargetUnion::Version(0)),
    };
    let txn = TxnRequest {
        compare: vec![compare],
        success: vec![
            op(request_op::Request::RequestPut(put.clone())),
            op(request_op::Request::RequestTxn(inner)),
        ],
        failure: vec![op(request_op::Request::RequestRange(range.clone()))],
    };
    let create = WatchCreateRequest {
        key: "a".into(),
        range_end: "c".into(),
        start_revision: 1,
        prev_kv: true,
        ..Default::default()
    };
    let watch = WatchRequest { request_union: Some(watch_request::RequestUnion::CreateRequest(create)) };
    let messages = [
        (number("KV/Range"), range.encode_to_vec()),
        (number("KV/RangeStream"), range.encode_to_vec()),
        (number("KV/Put"), put.encode_to_vec()),
        (number("KV/DeleteRange"), delete.encode_to_vec()),
        (number("KV/Txn"), txn.encode_to_vec()),
        (number("KV/Compact"), CompactionRequest { revision: 1, physical: false }.encode_to_vec()),
        (number("Lease/LeaseGrant"), LeaseGrantRequest { ttl: 60, id: 7 }.encode_to_vec()),
        (number("Watch/Watch"), watch.encode_to_vec()),
    ];
    let lone = (0..CALLS.len() as u8).map(|call| (call, b"\x0a\x01a".to_vec()));
    let all = messages.into_iter().chain(lone);
    all.flat_map(|(call, message)| [0, 3].map(|caller| [&[call, caller][..], &message].concat())).collect()
}
