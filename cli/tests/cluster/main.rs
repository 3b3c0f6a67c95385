//! Clusters of real processes: what they keep when members are killed, paused and exchanged.

#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod authority;
mod disasters;
mod discovery;
#[cfg(target_os = "linux")]
mod domain;
mod faults;
mod five;
mod nodes;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use etcdkit::PutOptions;
use etcdkit_proto::etcdserverpb::watch_client::WatchClient;
use etcdkit_proto::etcdserverpb::watch_request::RequestUnion;
use etcdkit_proto::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};
use futures::StreamExt;
use nodes::{Nodes, soon};

/// The default election timeout; a new leader is there after little more than it.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn three_members_serve_as_one_and_outlive_the_leader() {
    let mut nodes = Nodes::found(3);
    nodes.wait_for_leader().await;
    for name in 0..3 {
        nodes.client(name).await.put(format!("from-{name}"), "1", None).await.unwrap();
    }
    for name in 0..3 {
        for key in 0..3 {
            let found = nodes.client(name).await.get(format!("from-{key}"), None).await.unwrap();
            assert_eq!(found.kvs().len(), 1, "written at {key}, read at {name}");
        }
    }
    let members = nodes.client(0).await.member_list().await.unwrap();
    assert_eq!(members.members().len(), 3);

    let leader = nodes.wait_for_leader().await;
    nodes.kill(leader);
    let other = (leader + 1) % 3;
    let client = nodes.client(other).await;
    soon("a write is taken without the old leader", async || client.put("after", "kill", None).await.is_ok())
        .await;
    for number in 0..20 {
        client.put(format!("more-{number}"), "1", None).await.unwrap();
    }
    nodes.start(leader);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let found = nodes.client(leader).await.get("more-19", None).await.unwrap();
    assert_eq!(found.kvs().len(), 1);
}

#[tokio::test]
async fn a_leader_that_is_told_to_stop_hands_over() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let client = nodes.client((leader + 1) % 3).await;
    client.put("before", "1", None).await.unwrap();
    nodes.terminate(leader);
    let begun = std::time::Instant::now();
    soon("a write is taken", async || client.put("after", "1", None).await.is_ok()).await;
    assert!(begun.elapsed() < ELECTION_TIMEOUT, "{:?}: somebody waited for a timeout", begun.elapsed());
    nodes.wait_for_exit(leader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_have_put_into_the_log_of_a_leader_that_stops_is_answered() {
    const WRITERS: usize = 64;
    let mut nodes = Nodes::found(3);
    for _ in 0..4 {
        let leader = nodes.wait_for_leader().await;
        let ended = Arc::new(AtomicBool::new(false));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (client, ended) = (nodes.client((leader + 1 + writer % 2) % 3).await, ended.clone());
            writers.spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    client.put(format!("key-{writer}"), "1", None).await.expect("no call fails");
                }
            });
        }
        nodes.terminate(leader);
        nodes.wait_for_exit(leader).await;
        ended.store(true, Ordering::SeqCst);
        writers.join_all().await;
        nodes.start(leader);
        nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    }
}

#[tokio::test]
async fn the_first_election_needs_no_second_one() {
    let nodes = Nodes::found(3);
    let begun = std::time::Instant::now();
    let leader = nodes.wait_for_leader().await;
    let term = nodes.client(leader).await.status().await.unwrap().raft_term();
    println!("a leader after {:?}, of term {term}", begun.elapsed());
    // A machine that is very busy may take longer than a founder's turn.
    assert!(term <= 2, "the founders stood against each other until term {term}");
}

#[tokio::test]
async fn who_asks_for_a_leader_is_not_kept_waiting_without_one() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let (left, gone) = ((leader + 1) % 3, (leader + 2) % 3);
    let client = nodes.client(left).await;
    client.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let mut watch = watch_that_needs_a_leader(nodes.client_url(left)).await;
    let mut patient = client.watch("key", None).await.unwrap();
    nodes.kill(leader);
    nodes.kill(gone);
    let ended = async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the watch ended without a reason"),
                Err(status) => return status,
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), ended).await.expect("the watch is ended");
    assert_eq!(told.message(), "etcdserver: no leader");
    nodes.start(gone);
    soon("two serve again", async || client.put("key", "2", None).await.is_ok()).await;
    let events = async { while patient.message().await.unwrap().unwrap().events().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(30), events).await.expect("the other watch goes on");
}

/// A watch of `key` as a client opens it that would rather go elsewhere than wait.
async fn watch_that_needs_a_leader(url: &str) -> tonic::Streaming<WatchResponse> {
    let channel = tonic::transport::Endpoint::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
    let create = WatchCreateRequest { key: "key".into(), ..Default::default() };
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = futures::stream::once(std::future::ready(create)).chain(futures::stream::pending());
    let mut request = tonic::Request::new(requests);
    request.metadata_mut().insert("hasleader", tonic::metadata::MetadataValue::from_static("true"));
    WatchClient::new(channel).watch(request).await.unwrap().into_inner()
}

/// What it had sent and not yet on disk may be committed: it must not give that place in the log to something else.
#[tokio::test]
async fn a_leader_that_was_killed_does_not_lead_again_in_its_term() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let client = nodes.client(leader).await;
    client.put("key", "1", None).await.unwrap();
    let term = client.status().await.unwrap().raft_term();
    nodes.kill(leader);
    nodes.start(leader);
    let leader = nodes.wait_for_leader().await;
    assert!(
        nodes.client(leader).await.status().await.unwrap().raft_term() > term,
        "the term of before goes on"
    );
}

#[tokio::test]
async fn two_of_three_serve_and_one_does_not() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let (left, gone) = ((leader + 1) % 3, (leader + 2) % 3);
    nodes.client(leader).await.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    nodes.kill(gone);
    nodes.client(left).await.put("key", "2", None).await.unwrap();
    nodes.kill(leader);
    let client = nodes.client(left).await;
    let refused = client.with_timeout(Duration::from_secs(2)).put("key", "3", None).await;
    assert!(refused.is_err(), "one of three took a write");
    nodes.start(gone);
    soon("two serve again", async || client.put("key", "4", None).await.is_ok()).await;
}

#[tokio::test]
async fn a_leader_that_is_removed_hands_over_first() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let client = nodes.client((leader + 1) % 3).await;
    client.put("before", "1", None).await.unwrap();
    let id = nodes.member_id(leader).await;
    soon("it can be removed", async || client.member_remove(id).await.is_ok()).await;
    let begun = std::time::Instant::now();
    client.put("after", "1", None).await.unwrap();
    assert!(begun.elapsed() < ELECTION_TIMEOUT, "{:?}: somebody waited for a timeout", begun.elapsed());
    nodes.wait_for_exit(leader).await;
    assert_eq!(client.member_list().await.unwrap().members().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_do_not_notice_that_members_are_restarted_one_by_one() {
    let mut nodes = Nodes::found(3);
    nodes.wait_for_leader().await;
    let client = nodes.client_of_all().await;
    let mut watch = nodes.client_of_all().await.watch("key", None).await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (client, ended) = (client.clone(), ended.clone());
        async move {
            let mut written = 0_u64;
            while !ended.load(Ordering::SeqCst) {
                client.put("key", written.to_string(), None).await.expect("no call fails");
                written += 1;
            }
            written
        }
    });
    for node in 0..3 {
        nodes.terminate(node);
        nodes.wait_for_exit(node).await;
        nodes.start(node);
        nodes.wait_for_equal_revision(node, (node + 1) % 3).await;
    }
    ended.store(true, Ordering::SeqCst);
    let written = writing.await.unwrap();
    let mut expected = 0;
    let events = async {
        while expected < written {
            for event in watch.message().await.unwrap().unwrap().events() {
                let value = event.kv().unwrap().value_str().unwrap();
                assert_eq!(value, expected.to_string(), "an event is lost or repeated");
                expected += 1;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), events).await.expect("all events come");
}

#[tokio::test]
async fn a_member_that_lacks_too_much_of_the_log_gets_a_snapshot() {
    gets_a_snapshot(Nodes::found(3)).await;
}

#[tokio::test]
async fn a_member_on_sled_gets_a_snapshot_too() {
    gets_a_snapshot(Nodes::found_with_flags(3, &["--storage-engine=sled".to_owned()])).await;
}

async fn gets_a_snapshot(mut nodes: Nodes) {
    let leader = nodes.wait_for_leader().await;
    let behind = (leader + 1) % 3;
    let client = nodes.client(leader).await;
    client.put("before", "1", None).await.unwrap();
    let mut watch = nodes.client(behind).await.watch("watched", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    nodes.kill(behind);
    let lease = client.lease_grant(600, None).await.unwrap().id();
    // Several times what the members of these tests keep of the log.
    for number in 0..1500 {
        client.put(format!("key-{}", number % 50), number.to_string(), None).await.unwrap();
    }
    client.put("leased", "1", Some(PutOptions::new().with_lease(lease))).await.unwrap();
    client.put("watched", "1", None).await.unwrap();
    nodes.start(behind);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    assert!(nodes.log_says(behind, "taking over the state of another member"), "the log was enough");
    let own = nodes.client(behind).await;
    assert_eq!(own.leases().await.unwrap().leases().len(), 1);
    assert_eq!(own.get("key-49", None).await.unwrap().kvs().len(), 1);
    // The first answer of a watch says that it is there.
    let events = async { while watch.message().await.unwrap().unwrap().events().is_empty() {} };
    tokio::time::timeout(Duration::from_secs(30), events).await.expect("the watch goes on");
    client.put("after", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    // What was taken over is there after a restart too.
    nodes.kill(behind);
    nodes.start(behind);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
}

#[tokio::test]
async fn a_member_is_added_catches_up_and_is_removed() {
    let mut nodes = Nodes::found(1);
    nodes.wait_for_leader().await;
    let client = nodes.client(0).await;
    for number in 0..100 {
        client.put(format!("key-{number}"), "1", None).await.unwrap();
    }
    let added = nodes.add().await;
    nodes.wait_for_equal_hashes(&[0, added]).await;
    let new = nodes.client(added).await;
    new.put("from-the-new-one", "1", None).await.unwrap();
    let id = nodes.member_id(added).await;
    soon("it votes", async || client.member_list().await.is_ok_and(|list| list.members().len() == 2)).await;
    soon("it can be removed", async || client.member_remove(id).await.is_ok()).await;
    nodes.wait_for_exit(added).await;
    client.put("alone", "1", None).await.unwrap();
}

#[tokio::test]
async fn a_member_that_was_removed_before_anybody_called_it_ends() {
    let mut nodes = Nodes::found(1);
    nodes.wait_for_leader().await;
    let client = nodes.client(0).await;
    let added = nodes.announce(0).await;
    // It listens elsewhere than it says, so the leader does not reach it.
    let elsewhere = format!("--listen-peer-urls={}", etcdkit_addresses::free_url().unwrap());
    nodes.start_with(added, &[&elsewhere]);
    let list = client.member_list().await.unwrap();
    let id = list.members().iter().find(|member| member.name().is_empty()).unwrap().id();
    soon("it has its id", async || nodes.log_says(added, "serving peer traffic")).await;
    soon("it can be removed", async || client.member_remove(id).await.is_ok()).await;
    nodes.wait_for_exit(added).await;
    assert!(nodes.log_says(added, "permanently removed"));
}
