//! Golden tests: what etcdctl 3.7.1 printed for these answers.

#![allow(clippy::unwrap_used)]

use super::*;
use etcdkit_proto::mvccpb;
use pb::response_op::Response;

const LEASE: i64 = 4111120146214475052;

fn header(revision: i64) -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader {
        cluster_id: 15118495548433857066,
        member_id: 13668033151171901709,
        revision,
        raft_term: 2,
    })
}

fn pair(key: &[u8], value: &[u8]) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: key.to_vec().into(),
        value: value.to_vec().into(),
        create_revision: 2,
        mod_revision: 9,
        version: 4,
        lease: 0,
    }
}

fn show(format: Format, hex: bool, answer: &Answer<'_>) -> String {
    String::from_utf8(Printer { format, hex, values_only: false, look: Look::PLAIN }.render(answer).unwrap())
        .unwrap()
}

fn plain(format: Format, answer: &Answer<'_>) -> String {
    show(format, false, answer)
}

const HEADER_FIELDS: &str = "\"ClusterID\" : 15118495548433857066\n\"MemberID\" : 13668033151171901709\n";
const HEADER_JSON: &str = "\"cluster_id\":15118495548433857066,\"member_id\":13668033151171901709";

#[test]
fn put_shows_the_pair_before() {
    let answer = pb::PutResponse { header: header(9), prev_kv: Some(pair(b"foo", b"bar")) };
    let answer = Answer::Put(&answer);
    assert_eq!(plain(Format::Simple, &answer), "OK\nfoo\nbar\n");
    assert_eq!(show(Format::Simple, true, &answer), "OK\n\\x66\\x6f\\x6f\n\\x62\\x61\\x72\n");
    assert_eq!(
        plain(Format::Json, &answer),
        format!(
            "{{\"header\":{{{HEADER_JSON},\"revision\":9,\"raft_term\":2}},\"prev_kv\":{{\"key\":\"Zm9v\",\
             \"create_revision\":2,\"mod_revision\":9,\"version\":4,\"value\":\"YmFy\"}}}}\n"
        )
    );
    assert_eq!(
        plain(Format::Fields, &answer),
        format!(
            "{HEADER_FIELDS}\"Revision\" : 9\n\"RaftTerm\" : 2\n\"PrevKey\" : \"foo\"\n\"PrevCreateRevision\" : 2\n\
             \"PrevModRevision\" : 9\n\"PrevVersion\" : 4\n\"PrevValue\" : \"bar\"\n\"PrevLease\" : 0\n"
        )
    );
}

#[test]
fn get_shows_any_bytes() {
    let answer =
        pb::RangeResponse { header: header(9), kvs: vec![pair(b"a\xff", b"")], more: true, count: 2 };
    let printer = Printer { format: Format::Simple, hex: false, values_only: false, look: Look::PLAIN };
    assert_eq!(printer.render(&Answer::Get(&answer)).unwrap(), b"a\xff\n\n");
    let values_only = Printer { values_only: true, ..printer };
    assert_eq!(values_only.render(&Answer::Get(&answer)).unwrap(), b"\n");
    assert_eq!(
        plain(Format::Json, &Answer::Get(&answer)),
        format!(
            "{{\"header\":{{{HEADER_JSON},\"revision\":9,\"raft_term\":2}},\"kvs\":[{{\"key\":\"Yf8=\",\
             \"create_revision\":2,\"mod_revision\":9,\"version\":4}}],\"more\":true,\"count\":2}}\n"
        )
    );
    assert!(plain(Format::Fields, &Answer::Get(&answer)).contains("\"Key\" : \"a\\xff\"\n"));
}

#[test]
fn an_empty_get_shows_nothing() {
    let answer = pb::RangeResponse { header: header(9), ..Default::default() };
    let answer = Answer::Get(&answer);
    assert_eq!(plain(Format::Simple, &answer), "");
    assert_eq!(
        plain(Format::Json, &answer),
        format!("{{\"header\":{{{HEADER_JSON},\"revision\":9,\"raft_term\":2}}}}\n")
    );
    assert!(plain(Format::Fields, &answer).ends_with("\"More\" : false\n\"Count\" : 0\n"));
}

#[test]
fn txn_shows_each_answer() {
    let part = |response| pb::ResponseOp { response: Some(response) };
    let inner = Some(pb::ResponseHeader { revision: 35, ..Default::default() });
    let answer = pb::TxnResponse {
        header: header(35),
        succeeded: true,
        responses: vec![
            part(Response::ResponsePut(pb::PutResponse { header: inner, prev_kv: None })),
            part(Response::ResponseRange(pb::RangeResponse {
                header: inner,
                kvs: vec![pair(b"foo", b"bar2")],
                more: false,
                count: 1,
            })),
            part(Response::ResponseDeleteRange(pb::DeleteRangeResponse {
                header: inner,
                ..Default::default()
            })),
        ],
    };
    let answer = Answer::Txn(&answer);
    assert_eq!(plain(Format::Simple, &answer), "SUCCESS\n\nOK\n\nfoo\nbar2\n\n0\n");
    assert_eq!(
        plain(Format::Json, &answer),
        format!(
            "{{\"header\":{{{HEADER_JSON},\"revision\":35,\"raft_term\":2}},\"succeeded\":true,\"responses\":[\
             {{\"Response\":{{\"response_put\":{{\"header\":{{\"revision\":35}}}}}}}},\
             {{\"Response\":{{\"response_range\":{{\"header\":{{\"revision\":35}},\"kvs\":[{{\"key\":\"Zm9v\",\
             \"create_revision\":2,\"mod_revision\":9,\"version\":4,\"value\":\"YmFyMg==\"}}],\"count\":1}}}}}},\
             {{\"Response\":{{\"response_delete_range\":{{\"header\":{{\"revision\":35}}}}}}}}]}}\n"
        )
    );
}

#[test]
fn watch_json_has_capital_names() {
    let event = mvccpb::Event {
        r#type: mvccpb::event::EventType::Delete.into(),
        kv: Some(mvccpb::KeyValue { key: "w1".into(), mod_revision: 34, ..Default::default() }),
        prev_kv: None,
    };
    let answer = pb::WatchResponse { header: header(34), events: vec![event], ..Default::default() };
    let answer = Answer::Watch(&answer);
    assert_eq!(plain(Format::Simple, &answer), "DELETE\nw1\n\n");
    assert_eq!(
        plain(Format::Json, &answer),
        format!(
            "{{\"Header\":{{{HEADER_JSON},\"revision\":34,\"raft_term\":2}},\"Events\":[{{\"type\":1,\"kv\":\
             {{\"key\":\"dzE=\",\"mod_revision\":34}}}}],\"CompactRevision\":0,\"Canceled\":false,\"Created\":false,\
             \"CancelReason\":\"\"}}\n"
        )
    );
}

#[test]
fn a_compacted_watch_has_null_events() {
    let answer = pb::WatchResponse {
        header: header(0),
        compact_revision: 3,
        canceled: true,
        cancel_reason: "kept for the error".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        plain(Format::Json, &Answer::Watch(&answer)),
        format!(
            "{{\"Header\":{{{HEADER_JSON},\"raft_term\":2}},\"Events\":null,\"CompactRevision\":3,\"Canceled\":true,\
             \"Created\":false,\"CancelReason\":\"\"}}\n"
        )
    );
}

#[test]
fn lease_answers_are_flattened() {
    let grant = pb::LeaseGrantResponse { header: header(11), id: LEASE, ttl: 100, error: String::new() };
    let grant = Answer::Grant(&grant);
    assert_eq!(plain(Format::Simple, &grant), "lease 390da1fdc810d52c granted with TTL(100s)\n");
    assert_eq!(
        plain(Format::Json, &grant),
        format!(
            "{{{HEADER_JSON},\"revision\":11,\"raft_term\":2,\"ID\":{LEASE},\"TTL\":100,\"Error\":\"\"}}\n"
        )
    );
    assert!(show(Format::Fields, true, &grant).contains("\"MemberID\" : bdae9bbc11dd390d\n"));
    assert!(show(Format::Fields, true, &grant).ends_with("\"ID\" : 390da1fdc810d52c\n\"TTL\" : 100\n"));

    let none = pb::LeaseLeasesResponse { header: header(13), leases: Vec::new() };
    assert_eq!(plain(Format::Simple, &Answer::Leases(&none)), "found 0 leases\n");
    assert_eq!(
        plain(Format::Json, &Answer::Leases(&none)),
        format!("{{{HEADER_JSON},\"revision\":13,\"raft_term\":2,\"leases\":[]}}\n")
    );
}

#[test]
fn time_to_live_tells_a_dead_lease_from_one_without_keys() {
    let alive = pb::LeaseTimeToLiveResponse {
        header: header(12),
        id: LEASE,
        ttl: 99,
        granted_ttl: 100,
        keys: vec!["lk".into(), "k2".into()],
    };
    assert_eq!(
        plain(Format::Simple, &Answer::TimeToLive(&alive, true)),
        "lease 390da1fdc810d52c granted with TTL(100s), remaining(99s), attached keys([lk k2])\n"
    );
    let dead = pb::LeaseTimeToLiveResponse { header: header(13), id: LEASE, ttl: -1, ..Default::default() };
    assert_eq!(
        plain(Format::Simple, &Answer::TimeToLive(&dead, true)),
        "lease 390da1fdc810d52c already expired\n"
    );
    assert_eq!(
        plain(Format::Json, &Answer::TimeToLive(&dead, true)),
        format!(
            "{{{HEADER_JSON},\"revision\":13,\"raft_term\":2,\"id\":{LEASE},\"ttl\":-1,\"granted-ttl\":0,\"keys\":null}}\n"
        )
    );
}

fn members() -> pb::MemberListResponse {
    let member = pb::Member {
        id: 13668033151171901709,
        name: "default".to_owned(),
        peer_ur_ls: vec!["http://127.0.0.1:23801".to_owned()],
        client_ur_ls: vec!["http://127.0.0.1:23791".to_owned()],
        is_learner: false,
    };
    pb::MemberListResponse { header: header(0), members: vec![member] }
}

#[test]
fn member_list_in_all_formats() {
    let members = members();
    let answer = Answer::MemberList(&members);
    assert_eq!(
        plain(Format::Simple, &answer),
        "bdae9bbc11dd390d, started, default, http://127.0.0.1:23801, http://127.0.0.1:23791, false\n"
    );
    assert_eq!(
        plain(Format::Json, &answer),
        format!(
            "{{\"header\":{{{HEADER_JSON},\"raft_term\":2}},\"members\":[{{\"ID\":13668033151171901709,\
             \"name\":\"default\",\"peerURLs\":[\"http://127.0.0.1:23801\"],\"clientURLs\":[\"http://127.0.0.1:23791\"]}}]}}\n"
        )
    );
    assert_eq!(
        show(Format::Json, true, &answer),
        "{\"header\":{\"cluster_id\":\"d1cfaf999eb97a2a\",\"member_id\":\"bdae9bbc11dd390d\",\"raft_term\":2},\
         \"members\":[{\"ID\":\"bdae9bbc11dd390d\",\"name\":\"default\",\"peerURLs\":[\"http://127.0.0.1:23801\"],\
         \"clientURLs\":[\"http://127.0.0.1:23791\"]}]}\n"
    );
    assert_eq!(
        plain(Format::Fields, &answer),
        format!(
            "{HEADER_FIELDS}\"RaftTerm\" : 2\n\"ID\" : 13668033151171901709\n\"Name\" : \"default\"\n\
             \"PeerURL\" : \"http://127.0.0.1:23801\"\n\"ClientURL\" : \"http://127.0.0.1:23791\"\n\
             \"IsLearner\" : false\n\n"
        )
    );
    assert_eq!(
        plain(Format::Table, &answer),
        "\
┌──────────────────┬─────────┬─────────┬────────────────────────┬────────────────────────┬────────────┐
│        ID        │ STATUS  │  NAME   │       PEER ADDRS       │      CLIENT ADDRS      │ IS LEARNER │
├──────────────────┼─────────┼─────────┼────────────────────────┼────────────────────────┼────────────┤
│ bdae9bbc11dd390d │ started │ default │ http://127.0.0.1:23801 │ http://127.0.0.1:23791 │      false │
└──────────────────┴─────────┴─────────┴────────────────────────┴────────────────────────┴────────────┘
"
    );
}

#[test]
fn endpoint_status_in_all_formats() {
    let status = pb::StatusResponse {
        header: header(13),
        version: "3.7.1".to_owned(),
        db_size: 20480,
        leader: 13668033151171901709,
        raft_index: 27,
        raft_term: 2,
        raft_applied_index: 27,
        db_size_in_use: 16384,
        storage_version: "3.7.0".to_owned(),
        db_size_quota: 2147483648,
        downgrade_info: Some(pb::DowngradeInfo::default()),
        ..Default::default()
    };
    let list = [Status { endpoint: "127.0.0.1:23791".to_owned(), status }];
    let answer = Answer::Status(&list);
    assert_eq!(
        plain(Format::Simple, &answer),
        "127.0.0.1:23791, bdae9bbc11dd390d, 3.7.1, 3.7.0, 20 kB, 16 kB, 20%, 2.1 GB, true, false, 2, 27, 27, , , false\n"
    );
    assert_eq!(
        plain(Format::Json, &answer),
        format!(
            "[{{\"Endpoint\":\"127.0.0.1:23791\",\"Status\":{{\"header\":{{{HEADER_JSON},\"revision\":13,\"raft_term\":2}},\
             \"version\":\"3.7.1\",\"dbSize\":20480,\"leader\":13668033151171901709,\"raftIndex\":27,\"raftTerm\":2,\
             \"raftAppliedIndex\":27,\"dbSizeInUse\":16384,\"storageVersion\":\"3.7.0\",\"dbSizeQuota\":2147483648,\
             \"downgradeInfo\":{{}}}}}}]\n"
        )
    );
    let fields = show(Format::Fields, true, &answer);
    assert!(fields.contains("\"Leader\" : 13668033151171901709\n"), "{fields}");
    assert!(
        fields.ends_with("\"DowngradeTargetVersion\" : \"\"\n\"DowngradeEnabled\" : false\n\n"),
        "{fields}"
    );
}

#[test]
fn unhealthy_endpoints_are_told_on_stderr_in_simple_only() {
    let list = [
        Health {
            endpoint: "127.0.0.1:23791".to_owned(),
            took: Duration::from_micros(2434),
            error: String::new(),
        },
        Health {
            endpoint: "127.0.0.1:1".to_owned(),
            took: Duration::from_nanos(5_001_321_386),
            error: "context deadline exceeded".to_owned(),
        },
    ];
    let answer = Answer::Health(&list);
    assert_eq!(
        plain(Format::Simple, &answer),
        "127.0.0.1:23791 is healthy: successfully committed proposal: took = 2.434ms\n"
    );
    assert_eq!(
        simple::unhealthy(&list),
        "127.0.0.1:1 is unhealthy: failed to commit proposal: context deadline exceeded\n"
    );
    assert_eq!(
        plain(Format::Json, &answer),
        "[{\"endpoint\":\"127.0.0.1:23791\",\"health\":true,\"took\":\"2.434ms\"},\
         {\"endpoint\":\"127.0.0.1:1\",\"health\":false,\"took\":\"5.001321386s\",\"error\":\"context deadline exceeded\"}]\n"
    );
    assert_eq!(
        plain(Format::Table, &answer),
        "\
┌─────────────────┬────────┬──────────────┬───────────────────────────┐
│    ENDPOINT     │ HEALTH │     TOOK     │           ERROR           │
├─────────────────┼────────┼──────────────┼───────────────────────────┤
│ 127.0.0.1:23791 │   true │      2.434ms │                           │
│     127.0.0.1:1 │  false │ 5.001321386s │ context deadline exceeded │
└─────────────────┴────────┴──────────────┴───────────────────────────┘
"
    );
}

#[test]
fn a_table_without_rows_has_no_middle_line() {
    assert_eq!(
        plain(Format::Table, &Answer::HashKv(&[])),
        "\
┌──────────┬──────┬───────────────┐
│ ENDPOINT │ HASH │ HASH REVISION │
└──────────┴──────┴───────────────┘
"
    );
    assert_eq!(plain(Format::Json, &Answer::HashKv(&[])), "null\n");
}

#[test]
fn json_escapes_as_go_does() {
    let list =
        [Health { endpoint: "<a&b>\u{2028}\"\n".to_owned(), took: Duration::ZERO, error: String::new() }];
    assert_eq!(
        plain(Format::Json, &Answer::Health(&list)),
        "[{\"endpoint\":\"\\u003ca\\u0026b\\u003e\\u2028\\\"\\n\",\"health\":true,\"took\":\"0s\"}]\n"
    );
}

#[test]
fn what_a_format_cannot_show_is_exit_code_4() {
    let put = pb::PutResponse::default();
    let refused = |format, answer: &Answer<'_>| {
        let failure =
            Printer { format, hex: false, values_only: false, look: Look::PLAIN }.render(answer).unwrap_err();
        (failure.exit, failure.message.unwrap())
    };
    assert_eq!(
        refused(Format::Table, &Answer::Put(&put)),
        (Exit::BadFeature, "table not supported as output format".to_owned())
    );
    assert_eq!(
        refused(Format::Protobuf, &Answer::Health(&[])),
        (Exit::BadFeature, "protobuf not supported as output format".to_owned())
    );
    assert_eq!(Format::named("yaml").unwrap_err().exit, Exit::BadFeature);
}

#[test]
fn protobuf_of_a_lease_answer_is_its_header() {
    use prost::Message as _;
    let grant = pb::LeaseGrantResponse { header: header(11), id: LEASE, ttl: 100, error: String::new() };
    let printer = Printer { format: Format::Protobuf, hex: false, values_only: false, look: Look::PLAIN };
    let bytes = printer.render(&Answer::Grant(&grant)).unwrap();
    assert_eq!(pb::ResponseHeader::decode(bytes.as_slice()).unwrap(), header(11).unwrap());
}

#[test]
fn a_terminal_sees_colours_and_columns() {
    let look = Look { paint: Paint::ON, aligned: true };
    let printer = Printer { format: Format::Simple, hex: false, values_only: false, look };
    let pair = mvccpb::KeyValue { key: "k".into(), value: "v".into(), ..Default::default() };
    let get = pb::RangeResponse { kvs: vec![pair], ..Default::default() };
    assert_eq!(printer.render(&Answer::Get(&get)).unwrap(), b"\x1b[1m\x1b[36mk\x1b[0m\nv\n");
    let member = pb::Member { id: 0x2e, name: "n1".to_owned(), ..Default::default() };
    let list = pb::MemberListResponse { members: vec![member], ..Default::default() };
    assert_eq!(
        String::from_utf8(printer.render(&Answer::MemberList(&list)).unwrap()).unwrap(),
        "\x1b[1mID  STATUS   NAME  PEER ADDRS  CLIENT ADDRS  IS LEARNER\x1b[0m\n2e  started  n1                              false\n"
    );
}

#[test]
fn a_pipe_and_a_format_that_was_asked_for_get_the_plain_bytes() {
    for (is_terminal, format_given, aligned) in
        [(true, false, true), (true, true, false), (false, false, false)]
    {
        let look = Look::new(is_terminal, Paint::ON, format_given);
        assert_eq!((look.aligned, look.paint == Paint::ON), (aligned, aligned));
    }
}
