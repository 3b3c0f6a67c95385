//! What goes wrong in a run. One thing a run, so that a failure names its cause.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::members::proxy::Link;
use crate::members::{Members, remove};

/// How long a member is away, about.
const AWAY: std::ops::Range<u64> = 200..1500;
/// How long a network is bad.
const BAD_NETWORK: Duration = Duration::from_secs(1);
/// Delay of a slow network and its jitter, as etcd's test has it.
const DELAY: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(100));
/// Chunks in a hundred at which a bad network breaks a connection.
const LOSS_PERCENT: u32 = 20;
/// Pauses of leaders in a run, and how long each is.
const PAUSES: u64 = 10;
const PAUSE_MS: std::ops::Range<u64> = 20..2000;
const BETWEEN_PAUSES: Duration = Duration::from_millis(200);
/// Leaders in a run that are killed and started again at once.
const BLINKS: usize = 4;
/// How long a stalled place holds, each time.
const STALL_MS: u64 = 40;
/// How long a stall stays armed.
const STALLING: Duration = Duration::from_secs(1);
/// How long a fail point may take to be passed.
const POINT_PATIENCE: Duration = Duration::from_secs(8);
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// Longest time for one question to a member.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a member is cut off so that the log goes on without it. The run keeps little of the log.
const UNTIL_SNAPSHOT: Duration = Duration::from_millis(2500);

/// Points, whether they may stall, and what has to be done so that they are passed. As `server/src/fail_point.rs` has
/// them.
const POINTS: &[(&str, bool, Cause)] = &[
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
];

/// What leads a member past a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The traffic of the run.
    Traffic,
    /// The traffic, on the leader of several.
    Leader,
    /// The traffic, on one that follows.
    Follower,
    /// To be behind for so long that the log is gone.
    Snapshot,
    /// A change of the members.
    Members,
    Defragmentation,
    /// So much traffic that a part of the log is given back.
    Release,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    KillLeader,
    KillAll,
    Terminate,
    TerminateLeader,
    Pause,
    PauseLeader,
    /// Pauses of whoever leads, one after another, from less than a heartbeat to more than an election.
    PausesOfLeaders,
    /// The leader is killed and comes back before anybody notices.
    BlinkLeader,
    Blackhole,
    BlackholeOneWay,
    BlackholeUntilSnapshot,
    Delay,
    Loss,
    MemberReplace,
    Defragment,
    Die(&'static str),
    Stall(&'static str),
}

impl Fault {
    /// Every fault that a cluster of this size can have, each fail point once, as a coin says.
    pub(crate) fn deck(nodes: usize, random: &mut SmallRng) -> Vec<Fault> {
        let mut deck = vec![Fault::Kill, Fault::Terminate, Fault::Pause, Fault::Defragment];
        if nodes > 1 {
            deck.extend([
                Fault::KillLeader,
                Fault::KillAll,
                Fault::TerminateLeader,
                Fault::PauseLeader,
                Fault::PausesOfLeaders,
                Fault::BlinkLeader,
                Fault::Blackhole,
                Fault::BlackholeOneWay,
                Fault::BlackholeUntilSnapshot,
                Fault::Delay,
                Fault::Loss,
                Fault::MemberReplace,
            ]);
        }
        for (point, may_stall, cause) in POINTS {
            let alone = matches!(cause, Cause::Traffic | Cause::Defragmentation);
            if *cause == Cause::Release || (nodes == 1 && !alone) {
                continue;
            }
            let stalls = *may_stall && random.random_bool(0.4);
            deck.push(if stalls { Fault::Stall(point) } else { Fault::Die(point) });
        }
        deck
    }

    pub(crate) fn name(self) -> String {
        match self {
            Fault::Die(point) => format!("{point} die"),
            Fault::Stall(point) => format!("{point} stall"),
            other => format!("{other:?}"),
        }
    }

    /// The fail point, if it is one.
    pub(crate) fn point(self) -> Option<&'static str> {
        match self {
            Fault::Die(point) | Fault::Stall(point) => Some(point),
            _ => None,
        }
    }

    /// Whether a member has to fall so far behind that the log it needs is gone.
    pub(crate) fn needs_short_log(self) -> bool {
        let snapshot =
            |point| POINTS.iter().any(|(known, _, cause)| *known == point && *cause == Cause::Snapshot);
        self == Fault::BlackholeUntilSnapshot || self.point().is_some_and(snapshot)
    }

    /// Whether a compaction has to take several steps: what lies between two is not passed otherwise.
    pub(crate) fn needs_small_steps(self) -> bool {
        self.point().is_some_and(|point| point.starts_with("compact"))
    }

    /// The fault with this name.
    pub(crate) fn named(name: &str) -> Option<Fault> {
        let points = POINTS.iter().flat_map(|(point, ..)| [Fault::Die(point), Fault::Stall(point)]);
        let mut random = rand::SeedableRng::seed_from_u64(0);
        Fault::deck(3, &mut random).into_iter().chain(points).find(|fault| fault.name() == name)
    }

    /// Does it, and waits until it is over; members that ended are left so.
    pub(crate) async fn happen(self, members: &mut Members, random: &mut SmallRng) -> Result<()> {
        let away = Duration::from_millis(random.random_range(AWAY));
        let any = random.random_range(0..members.count());
        let others = || 0..members.count();
        match self {
            Fault::Kill => members.kill(any).await?,
            Fault::KillLeader => {
                let leader = members.wait_for_leader().await?;
                members.kill(leader).await?;
            }
            Fault::KillAll => {
                for number in others() {
                    members.kill(number).await?;
                }
            }
            Fault::Terminate => members.stop(any).await?,
            Fault::TerminateLeader => {
                let leader = members.wait_for_leader().await?;
                members.stop(leader).await?;
            }
            Fault::Pause => members.pause(any)?,
            Fault::PauseLeader => {
                let leader = members.wait_for_leader().await?;
                members.pause(leader)?;
            }
            Fault::PausesOfLeaders => {
                for _ in 0..PAUSES {
                    let leader = members.wait_for_leader().await?;
                    members.pause(leader)?;
                    tokio::time::sleep(Duration::from_millis(random.random_range(PAUSE_MS))).await;
                    members.resume(leader)?;
                    tokio::time::sleep(BETWEEN_PAUSES).await;
                }
                return Ok(());
            }
            Fault::BlinkLeader => {
                for _ in 0..BLINKS {
                    let leader = members.wait_for_leader().await?;
                    members.kill(leader).await?;
                    members.start(leader)?;
                    members.wait_until_serving(leader).await?;
                }
                return Ok(());
            }
            Fault::Blackhole => {
                let net = members.net().context("no network")?.clone();
                net.set_around(any, others(), Link::Held);
                tokio::time::sleep(away + BAD_NETWORK).await;
                net.heal();
                return Ok(());
            }
            Fault::BlackholeOneWay => {
                let net = members.net().context("no network")?.clone();
                let outward = random.random_bool(0.5);
                for other in others().filter(|other| *other != any) {
                    let (from, to) = if outward { (any, other) } else { (other, any) };
                    net.set(from, to, Link::Held);
                }
                tokio::time::sleep(away + BAD_NETWORK).await;
                net.heal();
                return Ok(());
            }
            Fault::BlackholeUntilSnapshot => return until_snapshot(members, None).await.map(drop),
            Fault::Delay | Fault::Loss => {
                let link = match self {
                    Fault::Delay => Link::Slow(DELAY.0, DELAY.1),
                    _ => Link::Lossy(LOSS_PERCENT),
                };
                let net = members.net().context("no network")?.clone();
                net.set_around(any, others(), link);
                tokio::time::sleep(BAD_NETWORK).await;
                net.heal();
                return Ok(());
            }
            Fault::MemberReplace => return replace(members, any).await,
            Fault::Defragment => return members.defragment(any, ASK_TIMEOUT).await,
            Fault::Die(point) => return at_point(members, point, "die", any).await,
            Fault::Stall(point) => return at_point(members, point, &format!("stall {STALL_MS}"), any).await,
        }
        tokio::time::sleep(away).await;
        Ok(())
    }
}

/// Cuts a follower off until the log that it lacks is gone; the follower. With a point, that is armed before it comes
/// back.
async fn until_snapshot(members: &mut Members, arm: Option<(&str, &str)>) -> Result<usize> {
    let leader = members.wait_for_leader().await?;
    let behind = (leader + 1) % members.count();
    let net = members.net().context("no network")?.clone();
    net.set_around(behind, 0..members.count(), Link::Held);
    tokio::time::sleep(UNTIL_SNAPSHOT).await;
    if let Some((point, action)) = arm {
        members.arm(behind, point, action)?;
    }
    net.heal();
    Ok(behind)
}

/// A member whose disk is lost: removed, and a new one added.
async fn replace(members: &mut Members, number: usize) -> Result<()> {
    let id = members.ask(number).await?.id;
    members.kill(number).await?;
    let through = (number + 1) % members.count();
    members.wait_for_leader().await?;
    let begun = Instant::now();
    while let Err(error) = remove(&members.endpoint(through), id, ASK_TIMEOUT).await {
        if begun.elapsed() > POINT_PATIENCE * 3 {
            return Err(error.context("remove a member"));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    members.put_in_place(number, through).await
}

/// Leads a member past a point; it must be passed.
async fn at_point(members: &mut Members, point: &str, action: &str, any: usize) -> Result<()> {
    let Some((_, _, cause)) = POINTS.iter().find(|(known, ..)| *known == point) else {
        bail!("there is no fail point {point}");
    };
    let target = match cause {
        Cause::Leader => members.wait_for_leader().await?,
        Cause::Follower => (members.wait_for_leader().await? + 1) % members.count(),
        _ => any,
    };
    let said = format!("fail point {point} is passed");
    let target = match cause {
        Cause::Snapshot => until_snapshot(members, Some((point, action))).await?,
        _ => {
            members.arm(target, point, action)?;
            target
        }
    };
    match cause {
        // It may die of it, so the answer is of no interest.
        Cause::Defragmentation => drop(members.defragment(target, ASK_TIMEOUT).await),
        Cause::Members => members.come_and_go((target + 1) % members.count(), ASK_TIMEOUT).await,
        _ => {}
    }
    let begun = Instant::now();
    while members.log_says(target, &said) == 0 {
        if begun.elapsed() > POINT_PATIENCE {
            bail!("VOID: m{target} did not pass {point} within {POINT_PATIENCE:?}");
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    if action == "die" {
        while members.reap(target).is_none() {
            if begun.elapsed() > POINT_PATIENCE {
                bail!("m{target} passed {point} and lives");
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    } else {
        tokio::time::sleep(STALLING).await;
    }
    members.disarm(target)
}
