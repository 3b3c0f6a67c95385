//! How a server stops: from the outside in.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::member::MemberParts;
use crate::propose::Proposer;
use crate::raft::RaftNode;

/// How long calls in progress may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long connections of other members may take to close. Each is cut before.
const PART_TIMEOUT: Duration = Duration::from_secs(1);

/// What is done for the other members.
#[derive(Debug, Default)]
pub(super) struct ForPeers {
    /// The peer port.
    pub(super) tasks: TaskTracker,
    /// Their calls that are being answered.
    pub(super) calls: TaskTracker,
    /// Ends the peer port.
    pub(super) parted: CancellationToken,
}

/// What is to be ended.
pub(super) struct Ending {
    pub(super) tasks: TaskTracker,
    pub(super) for_peers: ForPeers,
    /// The longest that another leader is waited for.
    pub(super) patience: Duration,
}

/// Waits for the end and brings it about from the outside in: no more calls, no more log, no more files. A leader hands
/// over first, so that the others need not find out by a timeout that it is gone.
pub(super) async fn stop_in_order(
    member: MemberParts,
    proposer: Proposer,
    ending: Ending,
    stopping: CancellationToken,
    stopped: watch::Sender<bool>,
) {
    stopping.cancelled().await;
    hand_over(&member.raft, member.identity.member_id, ending.patience).await;
    let ForPeers { tasks: peer_tasks, calls: peer_calls, parted } = ending.for_peers;
    ending.tasks.close();
    peer_calls.close();
    // What others have put into the log here ends too, which takes that the next leader still reaches this member.
    let ended = async { tokio::join!(ending.tasks.wait(), peer_calls.wait()) };
    if tokio::time::timeout(DRAIN_TIMEOUT, ended).await.is_err() {
        tracing::warn!("some calls did not end in time and are cut off");
    }
    proposer.stop();
    parted.cancel();
    peer_tasks.close();
    if tokio::time::timeout(PART_TIMEOUT, peer_tasks.wait()).await.is_err() {
        tracing::warn!("some calls of other members did not end in time and are cut off");
    }
    // Named one by one: what is left in `member` would live until after the end is told, and with it the files.
    let MemberParts {
        identity: _,
        clock: _,
        backend,
        store,
        lessor,
        auth,
        alarms,
        cluster,
        hub,
        raft,
        peers,
        forwarder,
        contact,
        data_dir,
        timeline: _,
    } = member;
    drop((store, lessor, auth, alarms, cluster, hub, peers, forwarder, contact, proposer));
    raft.shutdown().await;
    let flushed = tokio::task::spawn_blocking(move || {
        if let Err(error) = backend.flush() {
            tracing::error!(%error, "failed to flush the backend");
        }
    });
    if let Err(error) = flushed.await {
        tracing::error!(%error, "failed to close the backend");
    }
    drop(data_dir);
    stopped.send_replace(true);
}

/// Gives the leadership, if this member has it, to the member that has followed farthest, and waits until another one
/// leads.
async fn hand_over(raft: &RaftNode, own: u64, patience: Duration) {
    let status = raft.status();
    if !status.leadership.is_leader || status.voters < 2 {
        return;
    }
    let Some(to) = raft.successor(own) else { return };
    if raft.transfer_leadership(to).await.is_err() {
        return;
    }
    let mut changes = raft.changes();
    let handed = changes.wait_for(|leadership| leadership.leader.is_some_and(|leader| leader != own));
    if tokio::time::timeout(patience, handed).await.is_err() {
        tracing::warn!(to = format!("{to:x}"), "no other member took the leadership in time");
    }
}
