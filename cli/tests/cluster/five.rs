//! Five members: two may be lost, three may not.

use std::time::{Duration, Instant};

use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::{PutRequest, RangeRequest};
use tonic::Status;
use tonic::transport::Channel;

use crate::nodes::{Nodes, soon};

/// More than a member waits for a leader.
const PATIENCE: Duration = Duration::from_secs(30);

async fn kv(nodes: &Nodes, node: usize) -> KvClient<Channel> {
    let url = nodes.client_url(node).to_owned();
    let endpoint = tonic::transport::Endpoint::from_shared(url).unwrap().timeout(PATIENCE);
    KvClient::new(endpoint.connect().await.unwrap())
}

async fn put(kv: &mut KvClient<Channel>, value: &str) -> Result<(), Status> {
    let request = PutRequest { key: "key".into(), value: value.to_owned().into(), ..Default::default() };
    kv.put(request).await.map(drop)
}

async fn get(kv: &mut KvClient<Channel>, serializable: bool) -> Result<String, Status> {
    let request = RangeRequest { key: "key".into(), serializable, ..Default::default() };
    let found = kv.range(request).await?.into_inner();
    Ok(String::from_utf8(found.kvs[0].value.to_vec()).unwrap())
}

#[tokio::test]
async fn five_members_outlive_two_and_refuse_without_three() {
    let mut nodes = Nodes::found(5);
    let leader = nodes.wait_for_leader().await;
    let number = |by: usize| (leader + by) % 5;
    let mut left = kv(&nodes, number(1)).await;
    put(&mut left, "of five").await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2, 3, 4]).await;

    nodes.kill(leader);
    nodes.kill(number(4));
    let begun = Instant::now();
    while put(&mut left, "of three").await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "three of five do not serve");
    }
    assert_eq!(get(&mut left, false).await.unwrap(), "of three");

    nodes.kill(number(3));
    let refused = put(&mut left, "of two").await.expect_err("two of five took a write");
    assert!(refused.message().starts_with("etcdserver: request timed out"), "{refused}");
    let refused = get(&mut left, false).await.expect_err("two of five answered a linearizable read");
    assert_eq!(refused.message(), "etcdserver: request timed out");
    assert_eq!(get(&mut left, true).await.unwrap(), "of three");

    for by in [0, 3, 4] {
        nodes.start(number(by));
    }
    soon("all serve again", async || nodes.client(leader).await.put("key", "of all", None).await.is_ok())
        .await;
    nodes.wait_for_equal_hashes(&[0, 1, 2, 3, 4]).await;
    assert_eq!(get(&mut left, false).await.unwrap(), "of all");
}

#[tokio::test]
async fn a_wiped_disk_rejoins_only_as_a_new_member() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let wiped = (leader + 1) % 3;
    let client = nodes.client(leader).await;
    client.put("key", "1", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let id = nodes.member_id(wiped).await;
    nodes.kill(wiped);
    nodes.lose_disk(wiped);
    // It has voted and acknowledged what it does not know any more.
    for state in ["new", "existing"] {
        nodes.start_with(wiped, &[format!("--initial-cluster-state={state}").as_str()]);
        nodes.wait_for_exit(wiped).await;
        nodes.lose_disk_if_there(wiped);
        client.put("key", state, None).await.unwrap();
    }
    assert!(nodes.log_says(wiped, "has already been bootstrapped"));
    soon("it can be removed", async || client.member_remove(id).await.is_ok()).await;
    nodes.forget(wiped);
    let added = nodes.add_by(leader).await;
    nodes.wait_for_equal_hashes(&[leader, added]).await;
    assert_ne!(nodes.member_id(added).await, id, "the id of a member that is gone was given again");
}

#[tokio::test]
async fn a_member_moves_to_another_address() {
    let mut nodes = Nodes::found(3);
    let leader = nodes.wait_for_leader().await;
    let moved = (leader + 1) % 3;
    let client = nodes.client(leader).await;
    client.put("key", "1", None).await.unwrap();
    let id = nodes.member_id(moved).await;
    let url = nodes.move_peer(moved);
    client.member_update(id, [url.clone()]).await.unwrap();
    nodes.terminate(moved);
    nodes.wait_for_exit(moved).await;
    nodes.start(moved);
    client.put("key", "2", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    for node in 0..3 {
        let listed = nodes.client(node).await.member_list().await.unwrap();
        let urls = listed.members().iter().find(|member| member.id() == id).map(|member| member.peer_urls());
        assert_eq!(urls, Some(&[url.clone()][..]), "as m{node} knows it");
    }
    // It counts: with the third one away nothing would be committed without it.
    let third = (leader + 2) % 3;
    nodes.kill(third);
    soon("a write is taken by the two", async || client.put("key", "3", None).await.is_ok()).await;
    nodes.wait_for_equal_hashes(&[leader, moved]).await;
    // The others find it there after a restart too.
    nodes.kill(leader);
    nodes.start(leader);
    nodes.start(third);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
}
