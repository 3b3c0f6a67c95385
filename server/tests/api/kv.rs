use etcdkit_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest, RangeResponse,
};
use tonic::Code;

use crate::fixture::{Fixture, assert_status, put, soon, text};

#[tokio::test]
async fn revisions_begin_at_one_and_count_writes() {
    let server = Fixture::memory().await;
    let empty = server.get("a").await;
    let header = empty.header.unwrap();
    assert_eq!((header.revision, empty.count, empty.more), (1, 0, false));
    assert_eq!(
        format!("{:x} {:x}", header.cluster_id, header.member_id),
        "cdf818194e3a8c32 8e9e05c52164694d"
    );
    assert!(header.raft_term > 0);

    assert_eq!(server.put("a", "1").await.header.unwrap().revision, 2);
    let again = PutRequest { prev_kv: true, ..put("a", "2") };
    let previous = server.put_with(again).await.prev_kv.unwrap();
    assert_eq!((previous.value, previous.version, previous.mod_revision), (text("1"), 1, 2));
    let kv = server.get("a").await.kvs.remove(0);
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (2, 3, 2));
}

#[tokio::test]
async fn a_range_counts_all_and_gives_what_is_asked() {
    let server = Fixture::memory().await;
    for key in ["k1", "k2", "k3"] {
        server.put(key, key).await;
    }
    let all = RangeRequest { key: text("k"), range_end: text("l"), ..Default::default() };
    let limited = server.range(RangeRequest { limit: 2, ..all.clone() }).await;
    assert_eq!((limited.kvs.len(), limited.count, limited.more), (2, 3, true));
    let counted = server.range(RangeRequest { count_only: true, ..all.clone() }).await;
    assert_eq!((counted.kvs.len(), counted.count, counted.more), (0, 3, false));
    let newest_first = RangeRequest {
        sort_order: SortOrder::Descend as i32,
        sort_target: SortTarget::Mod as i32,
        keys_only: true,
        ..all.clone()
    };
    let keys: Vec<_> =
        server.range(newest_first).await.kvs.into_iter().map(|kv| (kv.key, kv.value)).collect();
    assert_eq!(keys, [(text("k3"), text("")), (text("k2"), text("")), (text("k1"), text(""))]);
    let past = server.range(RangeRequest { revision: 2, serializable: true, ..all }).await;
    assert_eq!((past.kvs.len(), past.header.unwrap().revision), (1, 4));
}

#[tokio::test]
async fn a_stream_merges_to_the_range() {
    let server = Fixture::memory().await;
    for number in 0..100 {
        server.put(&format!("k{number:03}"), &"v".repeat(1000)).await;
    }
    let all = RangeRequest { key: text("k"), range_end: text("l"), ..Default::default() };
    let mut stream = server.kv().range_stream(all.clone()).await.unwrap().into_inner();
    let mut merged = RangeResponse::default();
    let mut chunks = 0;
    while let Some(chunk) = stream.message().await.unwrap() {
        let chunk = chunk.range_response.unwrap();
        assert!(merged.header.is_none(), "the header comes with the last chunk");
        merged.kvs.extend(chunk.kvs);
        (merged.header, merged.more, merged.count) = (chunk.header, chunk.more, chunk.count);
        chunks += 1;
    }
    assert!(chunks > 1);
    assert_eq!(merged, server.range(all.clone()).await);
    let sorted = RangeRequest { sort_order: SortOrder::Descend as i32, ..all };
    let refused = server.kv().range_stream(sorted).await;
    assert_status(refused, Code::Unimplemented, "RangeStream does not support custom sort orders");
}

#[tokio::test]
async fn deleting_nothing_leaves_the_revision() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    let delete = |key: &str| DeleteRangeRequest { key: text(key), prev_kv: true, ..Default::default() };
    let nothing = server.kv().delete_range(delete("b")).await.unwrap().into_inner();
    assert_eq!((nothing.deleted, nothing.header.unwrap().revision), (0, 2));
    let one = server.kv().delete_range(delete("a")).await.unwrap().into_inner();
    assert_eq!((one.deleted, one.header.unwrap().revision, one.prev_kvs[0].value.clone()), (1, 3, text("1")));
}

#[tokio::test]
async fn errors_have_etcds_codes_and_words() {
    let server = Fixture::memory().await;
    server.put("a", "1").await;
    let mut kv = server.kv();
    let invalid = Code::InvalidArgument;
    assert_status(kv.range(RangeRequest::default()).await, invalid, "etcdserver: key is not provided");
    let sort = RangeRequest { key: text("a"), sort_order: 7, ..Default::default() };
    assert_status(kv.range(sort).await, invalid, "etcdserver: invalid sort option");
    let future = RangeRequest { key: text("a"), revision: 99, ..Default::default() };
    let message = "etcdserver: mvcc: required revision is a future revision";
    assert_status(kv.range(future).await, Code::OutOfRange, message);
    assert_status(kv.put(put("", "")).await, invalid, "etcdserver: key is not provided");
    let keep_value = PutRequest { ignore_value: true, ..put("a", "1") };
    assert_status(kv.put(keep_value).await, invalid, "etcdserver: value is provided");
    let keep_lease = PutRequest { ignore_lease: true, lease: 1, ..put("a", "1") };
    assert_status(kv.put(keep_lease).await, invalid, "etcdserver: lease is provided");
    let missing = PutRequest { ignore_value: true, ..put("b", "") };
    assert_status(kv.put(missing).await, invalid, "etcdserver: key not found");
    let leased = PutRequest { lease: 5, ..put("a", "1") };
    assert_status(kv.put(leased).await, Code::NotFound, "etcdserver: requested lease not found");
    let delete = kv.delete_range(DeleteRangeRequest::default()).await;
    assert_status(delete, invalid, "etcdserver: key is not provided");
}

#[tokio::test]
async fn history_before_a_compaction_is_gone() {
    let server = Fixture::memory().await;
    for value in ["1", "2", "3"] {
        server.put("a", value).await;
    }
    let mut kv = server.kv();
    let compact = |revision, physical| CompactionRequest { revision, physical };
    assert_eq!(soon(kv.compact(compact(3, true))).await.unwrap().into_inner().header.unwrap().revision, 4);
    let at = |revision| RangeRequest { key: text("a"), revision, ..Default::default() };
    assert_eq!(server.range(at(3)).await.kvs[0].value, text("2"));
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_status(kv.range(at(2)).await, Code::OutOfRange, compacted);
    assert_status(kv.compact(compact(3, false)).await, Code::OutOfRange, compacted);
    let future = "etcdserver: mvcc: required revision is a future revision";
    assert_status(kv.compact(compact(99, false)).await, Code::OutOfRange, future);
}
