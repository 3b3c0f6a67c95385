//! Fail points as faults: what has to be done so that a member passes one, and what becomes of it there.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};

use super::{ASK_TIMEOUT, until_snapshot};
use crate::members::{Members, until};

/// How long a stall stays armed.
const STALLING: Duration = Duration::from_secs(1);
/// How long a fail point may take to be passed.
const POINT_PATIENCE: Duration = Duration::from_secs(8);

/// Points, whether they may stall, and what has to be done so that they are passed. As `server/src/fail_point.rs` has
/// them.
pub(super) const POINTS: &[(&str, bool, Cause)] = &[
    ("afterCommit", true, Cause::Traffic),
    ("afterStartDBTxn", true, Cause::Traffic),
    ("afterWritebackBuf", true, Cause::Traffic),
    ("applyBeforeOpenSnapshot", true, Cause::Snapshot),
    ("beforeApplyOneConfChange", true, Cause::Members),
    ("beforeCommit", true, Cause::Traffic),
    ("beforeProgressIfSync", true, Cause::Traffic),
    ("beforeSendWatchResponse", true, Cause::Traffic),
    ("beforeStartDBTxn", true, Cause::Traffic),
    ("beforeSyncWatchers", true, Cause::Traffic),
    ("beforeWritebackBuf", true, Cause::Traffic),
    ("commitAfterPreCommitHook", true, Cause::Traffic),
    ("commitBeforePreCommitHook", true, Cause::Traffic),
    ("compactAfterCommitBatch", true, Cause::Traffic),
    ("compactAfterCommitScheduledCompact", true, Cause::Traffic),
    ("compactAfterSetFinishedCompact", true, Cause::Traffic),
    ("compactBeforeCommitBatch", true, Cause::Traffic),
    ("compactBeforeCommitScheduledCompact", true, Cause::Traffic),
    ("compactBeforeSetFinishedCompact", true, Cause::Traffic),
    ("defragBeforeCopy", true, Cause::Defragmentation),
    ("defragBeforeRename", true, Cause::Defragmentation),
    ("raftAfterApplySnap", false, Cause::Snapshot),
    ("raftAfterSave", true, Cause::Traffic),
    ("raftAfterSaveSnap", false, Cause::Snapshot),
    ("raftAfterWALRelease", true, Cause::Release),
    ("raftBeforeApplySnap", false, Cause::Snapshot),
    ("raftBeforeFollowerSend", false, Cause::Follower),
    ("raftBeforeLeaderSend", false, Cause::Leader),
    ("raftBeforeSave", true, Cause::Traffic),
    ("raftBeforeSaveSnap", false, Cause::Snapshot),
    ("snapshotPieceReceived", false, Cause::Pieces),
    ("snapshotPieceSent", true, Cause::Pieces),
];

/// What leads a member past a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The traffic of the run.
    Traffic,
    /// The traffic, on the leader of several.
    Leader,
    /// The traffic, on one that follows.
    Follower,
    /// To be behind for so long that the log is gone.
    Snapshot,
    /// The same, with a state of several pieces; see [`super::pieces`].
    Pieces,
    /// A change of the members.
    Members,
    Defragmentation,
    /// So much traffic that a part of the log is given back.
    Release,
}

/// Leads a member past a point; it must be passed.
pub(super) async fn at_point(members: &mut Members, point: &str, action: &str, any: usize) -> Result<()> {
    let Some((_, _, cause)) = POINTS.iter().find(|(known, ..)| *known == point) else {
        bail!("there is no fail point {point}");
    };
    let target = match cause {
        Cause::Leader => members.wait_for_leader().await?,
        Cause::Follower => (members.wait_for_leader().await? + 1) % members.count(),
        _ => any,
    };
    let (said, arming) = (format!("fail point {point} is passed"), format!("{point} {action}"));
    let target = match cause {
        Cause::Snapshot => until_snapshot(members, Some(&arming)).await?,
        _ => {
            members.say(target, &arming)?;
            target
        }
    };
    match cause {
        // It may die of it, so the answer is of no interest.
        Cause::Defragmentation => drop(members.defragment(target, ASK_TIMEOUT).await),
        Cause::Members => members.come_and_go((target + 1) % members.count(), ASK_TIMEOUT).await,
        _ => {}
    }
    let passed = async || {
        let void = || anyhow!("VOID: m{target} did not pass {point} within {POINT_PATIENCE:?}");
        (members.log_says(target, &said) > 0).then_some(()).ok_or_else(void)
    };
    until(POINT_PATIENCE, passed).await?;
    if action == "die" {
        let dead =
            async || members.reap(target).with_context(|| format!("m{target} passed {point} and lives"));
        until(POINT_PATIENCE, dead).await?;
    } else {
        tokio::time::sleep(STALLING).await;
    }
    members.disarm(target)
}
