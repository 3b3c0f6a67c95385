//! One node from the outside: propose, read, restart, crash, disk errors.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::*;
use crate::io::simulated::{Failure, Survival};
use crate::raft::{ProposeError, ReadError};

#[tokio::test]
async fn a_new_node_leads_at_once_and_applies_what_is_proposed() {
    let (io, machine) = (SimulatedIo::new(), Recorder::default());
    let started = Instant::now();
    let node = start(&io, &machine).await;
    assert!(matches!(node.propose(put("a")).await.unwrap(), Ok(Applied::Put(_))));
    assert!(started.elapsed() < Duration::from_millis(900), "it waited for an election timeout");
    node.read_index().await.unwrap();
    let status = node.status();
    assert!(status.leadership.is_leader);
    assert_eq!(status.leadership.leader, Some(7));
    assert_eq!((status.applied_index, status.voters), (status.committed_index, 1));
    assert_eq!(machine.keys(), ["a"]);
    let mut changes = node.changes();
    changes.wait_for(|leadership| leadership.is_leader).await.unwrap();
    node.shutdown().await;
}

#[tokio::test]
async fn after_a_crash_all_acknowledged_writes_are_visible_as_soon_as_it_runs_again() {
    let (mut io, mut machine) = (SimulatedIo::new(), Recorder::default());
    let mut expected = Vec::new();
    for round in 0..5 {
        let node = start(&io, &machine).await;
        assert_eq!(machine.keys(), expected, "round {round}");
        for number in 0..50 {
            let key = format!("{round}/{number}");
            node.propose(put(&key)).await.unwrap().unwrap();
            expected.push(Bytes::from(key));
            if number == 20 {
                machine.flush_now();
            }
        }
        let crashed = (io.crash(|_, _| Survival::Lost), machine.crashed());
        node.shutdown().await;
        (io, machine) = crashed;
    }
}

#[tokio::test]
async fn many_proposals_share_runs() {
    let (io, machine) = (SimulatedIo::new(), Recorder::default());
    let node = start(&io, &machine).await;
    let proposals: Vec<_> = (0..5000)
        .map(|number| {
            let node = node.clone();
            tokio::spawn(async move { node.propose(put(&number.to_string())).await })
        })
        .collect();
    for proposal in proposals {
        proposal.await.unwrap().unwrap().unwrap();
    }
    let held = machine.now.lock().clone();
    assert_eq!(held.keys.len(), 5000);
    assert!(held.runs < 2500, "{} runs", held.runs);
    node.shutdown().await;
}

#[tokio::test]
async fn the_log_is_purged_only_as_far_as_the_state_is_durable() {
    let (io, machine) = (SimulatedIo::new(), Recorder::default());
    let options = RaftOptions { snapshot_count: 100, ..options(&io) };
    let node = RaftNode::start(options.clone(), Box::new(machine.clone())).await.unwrap();
    for number in 0..500 {
        node.propose(put(&number.to_string())).await.unwrap().unwrap();
    }
    assert_eq!(node.wal_purged(), None, "nothing was flushed");
    machine.flush_now();
    let flushed = node.status().applied_index;
    for number in 500..1000 {
        node.propose(put(&number.to_string())).await.unwrap().unwrap();
    }
    let purged = node.wal_purged().expect("the flushed part is not needed any more");
    assert!(purged <= flushed, "purged {purged}, flushed {flushed}");
    let (crashed, machine) = (io.crash(|_, _| Survival::Lost), machine.crashed());
    node.shutdown().await;
    let options = RaftOptions { io: Arc::new(crashed), ..options };
    let node = RaftNode::start(options, Box::new(machine.clone())).await.unwrap();
    assert_eq!(machine.keys().len(), 1000);
    node.propose(put("more")).await.unwrap().unwrap();
    node.shutdown().await;
}

#[tokio::test]
async fn after_a_disk_error_writes_are_refused_with_the_reason() {
    let (io, machine) = (SimulatedIo::new(), Recorder::default());
    let node = start(&io, &machine).await;
    node.propose(put("kept")).await.unwrap().unwrap();
    io.fail(Failure { after: 0, kind: ErrorKind::StorageFull, for_good: true });
    let mut failure = node.storage_failure();
    let error = node.propose(put("lost")).await.unwrap_err();
    let ProposeError::Storage(reason) = &error else { panic!("{error:?}") };
    assert!(reason.contains("cannot write /data/member/wal/"), "{reason}");
    failure.wait_for(Option::is_some).await.unwrap();
    assert!(matches!(node.propose(put("also")).await.unwrap_err(), ProposeError::Storage(_)));
    assert!(matches!(node.read_index().await.unwrap_err(), ReadError::Storage(_)));
    node.shutdown().await;

    io.heal();
    let machine = machine.crashed();
    let node = start(&io, &machine).await;
    assert_eq!(machine.keys(), ["kept"]);
    node.shutdown().await;
}

#[tokio::test]
async fn a_stopped_node_says_so() {
    let (io, machine) = (SimulatedIo::new(), Recorder::default());
    let node = start(&io, &machine).await;
    node.clone().shutdown().await;
    assert_eq!(node.propose(put("a")).await.unwrap_err(), ProposeError::Stopped);
    assert_eq!(node.read_index().await.unwrap_err(), ReadError::Stopped);
}
