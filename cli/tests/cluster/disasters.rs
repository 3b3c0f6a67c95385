//! What is left when more is lost than a cluster is made for, and how it is found out.

use std::ops::{Bound, ControlFlow};
use std::path::Path;
use std::sync::Arc;

use etcdkit_server::backend::{Backend, BackendOptions, EngineKind, Table};
use etcdkit_server::io::disk::DiskIo;

use crate::nodes::{Nodes, soon};

/// Changes a value in the stored state of a member that does not run, as a disk might.
fn damage(data_dir: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let dir = data_dir.join("member").join("backend");
    let backend = Backend::open(Arc::new(DiskIo), &dir, EngineKind::Redb, BackendOptions::default()).unwrap();
    let mut found = None;
    let visited = backend.visit(Table::Key, Bound::Unbounded, Bound::Unbounded, |key, value| {
        match value.windows(from.len()).position(|part| part == from.as_bytes()) {
            None => ControlFlow::Continue(()),
            Some(at) => {
                let mut changed = value.to_vec();
                changed[at..at + to.len()].copy_from_slice(to.as_bytes());
                found = Some((key.to_vec(), changed));
                ControlFlow::Break(())
            }
        }
    });
    visited.unwrap();
    let (key, value) = found.expect("the value is stored");
    let mut run = backend.write();
    run.put(Table::Key, key, value);
    run.commit().unwrap();
    backend.flush().unwrap();
}

#[tokio::test]
async fn a_member_whose_data_differs_is_named_in_an_alarm() {
    let mut nodes = Nodes::found_with_flags(3, &["--corrupt-check-time=1s".to_owned()]);
    let leader = nodes.wait_for_leader().await;
    let client = nodes.client(leader).await;
    client.put("key", "as it was written", None).await.unwrap();
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    let damaged = (leader + 1) % 3;
    let id = nodes.member_id(damaged).await;
    nodes.terminate(damaged);
    nodes.wait_for_exit(damaged).await;
    damage(&nodes.data_dir(damaged), "as it was written", "as it was damaged");

    // One that is told to look before it serves does not serve.
    nodes.start_with(damaged, &["--initial-corrupt-check"]);
    nodes.wait_for_exit(damaged).await;
    assert!(nodes.log_says(damaged, &format!("{id:x} found data inconsistency with peers")));

    nodes.start(damaged);
    let expected = format!("memberID:{id} alarm:CORRUPT");
    soon("the alarm is raised", async || nodes.etcdctl(leader, &["alarm", "list"]).trim() == expected).await;
    let refused = client.put("key", "2", None).await.expect_err("a corrupt cluster took a write");
    assert!(refused.to_string().contains("etcdserver: corrupt cluster"), "{refused}");
}

#[tokio::test]
async fn one_member_goes_on_alone_with_what_it_has() {
    let mut nodes = Nodes::found(3);
    nodes.wait_for_leader().await;
    let client = nodes.client(0).await;
    for number in 0..20 {
        client.put(format!("key-{number}"), "1", None).await.unwrap();
    }
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    (0..3).for_each(|node| nodes.kill(node));

    nodes.start_with(0, &["--force-new-cluster"]);
    let client = nodes.client(0).await;
    soon("a write is taken", async || client.put("alone", "1", None).await.is_ok()).await;
    assert_eq!(client.get("key-19", None).await.unwrap().kvs().len(), 1);
    assert_eq!(client.member_list().await.unwrap().members().len(), 1);
    // A lost member that comes back is turned away, and stops.
    nodes.start(2);
    nodes.wait_for_exit(2).await;
    // It is a cluster like any other from then on.
    nodes.terminate(0);
    nodes.wait_for_exit(0).await;
    nodes.start(0);
    nodes.forget(1);
    nodes.forget(2);
    let added = nodes.add().await;
    nodes.wait_for_equal_hashes(&[0, added]).await;
}

#[tokio::test]
async fn a_cluster_is_restored_from_a_snapshot() {
    let mut nodes = Nodes::found(3);
    nodes.wait_for_leader().await;
    let client = nodes.client(0).await;
    for number in 0..20 {
        client.put(format!("key-{number}"), "1", None).await.unwrap();
    }
    let snapshot = nodes.file("snapshot.db");
    nodes.etcdctl(0, &["snapshot", "save", &snapshot.to_string_lossy()]);
    client.put("after-the-snapshot", "1", None).await.unwrap();
    (0..3).for_each(|node| nodes.kill(node));

    nodes.restore_all(&snapshot);
    (0..3).for_each(|node| nodes.start(node));
    nodes.wait_for_leader().await;
    let client = nodes.client(1).await;
    client.put("restored", "1", None).await.unwrap();
    assert_eq!(client.get("key-19", None).await.unwrap().kvs().len(), 1);
    assert_eq!(client.get("after-the-snapshot", None).await.unwrap().kvs().len(), 0);
    assert_eq!(client.member_list().await.unwrap().members().len(), 3);
    nodes.wait_for_equal_hashes(&[0, 1, 2]).await;
    // Who joins gets what the log alone does not make.
    let added = nodes.add().await;
    nodes.wait_for_equal_hashes(&[0, added]).await;
    let found = nodes.client(added).await.get("key-19", None).await.unwrap();
    assert_eq!(found.kvs().len(), 1);
}
