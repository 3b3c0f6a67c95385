//! What goes wrong in a run. One thing a run, so that a failure names its cause.

mod churn;
mod pieces;
mod points;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::members::proxy::Link;
use crate::members::{Members, remove, until};
use points::{Cause, POINTS, at_point};

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
/// Longest time for one question to a member.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses of leaders that are longer than leases live, in a run, and how long each is.
const LONG_PAUSES: u64 = 4;
const LONG_PAUSE_MS: std::ops::Range<u64> = 2200..3500;
/// Between two of them: leases are kept alive by the new leader.
const BETWEEN_LONG_PAUSES: Duration = Duration::from_millis(700);
/// How long a disk is bad.
const BAD_DISK: Duration = Duration::from_millis(1500);
/// How much longer a sync takes on a slow disk, and on one that is stuck for longer than leases live.
const SLOW_SYNC_MS: std::ops::Range<u64> = 50..400;
const STUCK_SYNC_MS: u64 = 3000;
/// How far a clock jumps, how often in a run, and the time between.
const CLOCK_JUMP_MS: i64 = 3_600_000;
const CLOCK_JUMPS: u64 = 12;
const BETWEEN_CLOCK_JUMPS: Duration = Duration::from_millis(300);
/// How long it may take until a cluster that was disturbed removes a member.
const REMOVAL_PATIENCE: Duration = Duration::from_secs(30);
/// How long a member is cut off so that the log goes on without it, and how many entries it lacks then. A leader keeps a
/// hundred for those who are behind, purges by the hundred after a snapshot for each hundred, and only what its backend
/// holds: on a busy machine five hundred were still there.
const UNTIL_SNAPSHOT: Duration = Duration::from_millis(1500);
const UNTIL_SNAPSHOT_MAX: Duration = Duration::from_secs(20);
const LOG_GONE: u64 = 1500;

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
    /// The number of members goes up and down, and some of them lose their disk.
    Churn,
    /// Members die at one piece of a snapshot after another.
    PiecesOfSnapshot,
    /// Leaders are paused for longer than leases live.
    LongPausesOfLeaders,
    /// The leader's disk does not answer for longer than leases live.
    StuckDiskOfLeader,
    DiskFails,
    DiskFull,
    DiskSlow,
    /// The clocks on the walls of all members jump by an hour, to and fro.
    ClockJumps,
    Defragment,
    Die(&'static str),
    Stall(&'static str),
}

impl Fault {
    /// Those that take so long that they are done when asked for by name only.
    pub(crate) const LONG: [Fault; 2] = [Fault::Churn, Fault::PiecesOfSnapshot];

    /// Every fault that a cluster of this size can have, each fail point once, as a coin says.
    pub(crate) fn deck(nodes: usize, random: &mut SmallRng) -> Vec<Fault> {
        let mut deck = vec![
            Fault::Kill,
            Fault::Terminate,
            Fault::Pause,
            Fault::Defragment,
            Fault::DiskFails,
            Fault::DiskFull,
            Fault::DiskSlow,
            Fault::ClockJumps,
        ];
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
                Fault::LongPausesOfLeaders,
                Fault::StuckDiskOfLeader,
            ]);
        }
        for (point, may_stall, cause) in POINTS {
            let alone = matches!(cause, Cause::Traffic | Cause::Defragmentation);
            // The pieces of snapshots are a fault of their own, and a part of the log is given back seldom.
            if matches!(cause, Cause::Pieces | Cause::Release) || (nodes == 1 && !alone) {
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

    /// Whether a run needs the programs that can be told to fail: the real etcd cannot.
    pub(crate) fn is_told(self) -> bool {
        let told = [
            Fault::PiecesOfSnapshot,
            Fault::StuckDiskOfLeader,
            Fault::DiskFails,
            Fault::DiskFull,
            Fault::DiskSlow,
            Fault::ClockJumps,
        ];
        self.point().is_some() || told.contains(&self)
    }

    /// Whether much has to be written: a state of several pieces, or a log that gives parts of itself back.
    pub(crate) fn needs_large_values(self) -> bool {
        let release =
            |point| POINTS.iter().any(|(known, _, cause)| *known == point && *cause == Cause::Release);
        self == Fault::PiecesOfSnapshot || self.point().is_some_and(release)
    }

    /// Whether leases have to be kept alive meanwhile.
    pub(crate) fn needs_keep_alive(self) -> bool {
        matches!(self, Fault::LongPausesOfLeaders | Fault::StuckDiskOfLeader)
    }

    /// Whether members come and go so fast that the members must not ask whether all of them are well.
    pub(crate) fn needs_lenient_changes(self) -> bool {
        self == Fault::Churn
    }

    /// Whether a member has to fall so far behind that the log it needs is gone.
    pub(crate) fn needs_short_log(self) -> bool {
        let snapshot =
            |point| POINTS.iter().any(|(known, _, cause)| *known == point && *cause == Cause::Snapshot);
        let other = [Fault::BlackholeUntilSnapshot, Fault::PiecesOfSnapshot, Fault::Churn];
        other.contains(&self) || self.needs_large_values() || self.point().is_some_and(snapshot)
    }

    /// Whether a compaction has to take several steps: what lies between two is not passed otherwise.
    pub(crate) fn needs_small_steps(self) -> bool {
        self.point().is_some_and(|point| point.starts_with("compact"))
    }

    /// The fault with this name.
    pub(crate) fn named(name: &str) -> Option<Fault> {
        let points = POINTS.iter().flat_map(|(point, ..)| [Fault::Die(point), Fault::Stall(point)]);
        let mut random = rand::SeedableRng::seed_from_u64(0);
        let deck = Fault::deck(3, &mut random).into_iter().chain(Fault::LONG);
        deck.chain(points).find(|fault| fault.name() == name)
    }

    /// Does it, and waits until it is over; members that ended are left so.
    pub(crate) async fn happen(self, members: &mut Members, random: &mut SmallRng) -> Result<()> {
        let away = Duration::from_millis(random.random_range(AWAY));
        let any = random.random_range(0..members.count());
        match self {
            Fault::Kill => members.kill(any).await?,
            Fault::KillLeader => {
                let leader = members.wait_for_leader().await?;
                members.kill(leader).await?;
            }
            Fault::KillAll => {
                for number in 0..members.count() {
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
                return pauses(members, random, PAUSES, PAUSE_MS, BETWEEN_PAUSES).await;
            }
            Fault::LongPausesOfLeaders => {
                return pauses(members, random, LONG_PAUSES, LONG_PAUSE_MS, BETWEEN_LONG_PAUSES).await;
            }
            Fault::StuckDiskOfLeader => {
                let leader = members.wait_for_leader().await?;
                let time = Duration::from_millis(STUCK_SYNC_MS) + BAD_DISK;
                return bad_disk(members, leader, &format!("syncs-stall {STUCK_SYNC_MS}"), time).await;
            }
            Fault::DiskSlow => {
                let time = random.random_range(SLOW_SYNC_MS);
                return bad_disk(members, any, &format!("syncs-stall {time}"), BAD_DISK).await;
            }
            Fault::DiskFull => return lost_disk(members, any, "full").await,
            Fault::DiskFails => {
                let what = if random.random_bool(0.5) { "syncs-fail" } else { "writes-fail" };
                return lost_disk(members, any, what).await;
            }
            Fault::ClockJumps => return clock_jumps(members, random).await,
            Fault::Churn => return churn::churn(members, random).await,
            Fault::PiecesOfSnapshot => return pieces::die_at_each(members, random).await,
            Fault::BlinkLeader => {
                for _ in 0..BLINKS {
                    let leader = members.wait_for_leader().await?;
                    members.kill(leader).await?;
                    members.start(leader)?;
                    members.wait_until_serving(leader).await?;
                }
                return Ok(());
            }
            Fault::Blackhole => return bad_network(members, any, Link::Held, away + BAD_NETWORK).await,
            Fault::BlackholeOneWay => return deaf_or_mute(members, any, away + BAD_NETWORK, random).await,
            Fault::BlackholeUntilSnapshot => return until_snapshot(members, None).await.map(drop),
            Fault::Delay => {
                return bad_network(members, any, Link::Slow(DELAY.0, DELAY.1), BAD_NETWORK).await;
            }
            Fault::Loss => return bad_network(members, any, Link::Lossy(LOSS_PERCENT), BAD_NETWORK).await,
            Fault::MemberReplace => return replace(members, any).await,
            Fault::Defragment => return members.defragment(any, ASK_TIMEOUT).await,
            Fault::Die(point) => return at_point(members, point, "die", any).await,
            Fault::Stall(point) => return at_point(members, point, &format!("stall {STALL_MS}"), any).await,
        }
        tokio::time::sleep(away).await;
        Ok(())
    }
}

/// The disk of a member is bad for a while.
async fn bad_disk(members: &Members, number: usize, how: &str, time: Duration) -> Result<()> {
    members.say(number, &format!("disk {how}"))?;
    tokio::time::sleep(time).await;
    members.disarm(number)
}

/// What a disk has refused once is lost to the process, which says so until it is started again.
async fn lost_disk(members: &mut Members, number: usize, how: &str) -> Result<()> {
    bad_disk(members, number, how, BAD_DISK).await?;
    if members.reap(number).is_none() {
        members.kill(number).await?;
    }
    Ok(())
}

/// Everything between a member and the others goes over such links for a while.
async fn bad_network(members: &Members, number: usize, link: Link, time: Duration) -> Result<()> {
    let net = members.net().context("no network")?;
    net.set_around(number, 0..members.count(), link);
    tokio::time::sleep(time).await;
    net.heal();
    Ok(())
}

/// A member hears the others and is not heard, or the other way round.
async fn deaf_or_mute(members: &Members, number: usize, time: Duration, random: &mut SmallRng) -> Result<()> {
    let net = members.net().context("no network")?;
    let outward = random.random_bool(0.5);
    for other in (0..members.count()).filter(|other| *other != number) {
        let (from, to) = if outward { (number, other) } else { (other, number) };
        net.set(from, to, Link::Held);
    }
    tokio::time::sleep(time).await;
    net.heal();
    Ok(())
}

/// Pauses whoever leads, again and again.
async fn pauses(
    members: &mut Members,
    random: &mut SmallRng,
    times: u64,
    long_ms: std::ops::Range<u64>,
    between: Duration,
) -> Result<()> {
    for _ in 0..times {
        let leader = members.wait_for_leader().await?;
        members.pause(leader)?;
        tokio::time::sleep(Duration::from_millis(random.random_range(long_ms.clone()))).await;
        members.resume(leader)?;
        tokio::time::sleep(between).await;
    }
    Ok(())
}

async fn clock_jumps(members: &mut Members, random: &mut SmallRng) -> Result<()> {
    for _ in 0..CLOCK_JUMPS {
        let jumping = random.random_range(0..members.count());
        let to = random.random_range(-CLOCK_JUMP_MS..=CLOCK_JUMP_MS);
        members.say(jumping, &format!("clock {to}"))?;
        tokio::time::sleep(BETWEEN_CLOCK_JUMPS).await;
    }
    (0..members.count()).try_for_each(|number| members.disarm(number))
}

/// Cuts a follower off until the log that it lacks is gone; the follower. What is to go wrong there is said before it
/// comes back.
async fn until_snapshot(members: &mut Members, then: Option<&str>) -> Result<usize> {
    let behind = fall_behind(members).await?;
    if let Some(then) = then {
        members.say(behind, then)?;
    }
    members.net().context("no network")?.heal();
    Ok(behind)
}

/// Cuts a follower off until the log that it lacks is gone; the follower, which is still cut off.
async fn fall_behind(members: &mut Members) -> Result<usize> {
    let leader = members.wait_for_leader().await?;
    let behind = (leader + 1) % members.count();
    let net = members.net().context("no network")?.clone();
    net.set_around(behind, 0..members.count(), Link::Held);
    let from = members.ask(behind).await?.applied;
    let begun = Instant::now();
    // On a machine that is busy it takes longer until so much is written.
    let gone = async || {
        let written = members.ask(leader).await?.applied.saturating_sub(from);
        ensure!(written >= LOG_GONE && begun.elapsed() >= UNTIL_SNAPSHOT, "{written} entries");
        Ok(behind)
    };
    let void = || format!("VOID: less than {LOG_GONE} entries within {UNTIL_SNAPSHOT_MAX:?}");
    until(UNTIL_SNAPSHOT_MAX, gone).await.with_context(void)
}

/// A member whose disk is lost: removed, and a new one added.
async fn replace(members: &mut Members, number: usize) -> Result<()> {
    let id = members.id(number).await?;
    members.kill(number).await?;
    let through: Vec<usize> = (0..members.count()).filter(|other| *other != number).collect();
    remove_patiently(members, id, &through).await?;
    members.put_in_place(number, &through).await
}

/// Removes a member by one of these after the other, until it is gone.
async fn remove_patiently(members: &Members, id: u64, through: &[usize]) -> Result<()> {
    let mut through = through.iter().copied().cycle();
    let removed = async || {
        let number = through.next().context("nobody is left to remove a member")?;
        match remove(&members.endpoint(number), id, ASK_TIMEOUT).await {
            // The answer to an earlier try was lost.
            Err(error) if format!("{error:#}").contains("member not found") => Ok(()),
            removed => removed,
        }
    };
    until(REMOVAL_PATIENCE, removed).await.context("remove a member")
}
