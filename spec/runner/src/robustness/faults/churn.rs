//! Members that come and go: the cluster grows to five and shrinks to three, and members that lost their disk are replaced
//! by new ones, while others are killed, paused or cut off.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::{ASK_TIMEOUT, remove_patiently, replace};
use crate::members::proxy::Link;
use crate::members::{Members, signal_process, until};

/// Changes of the members in a run, at least.
const CHANGES: u32 = 10;
const LEAST: usize = 3;
const MOST: usize = 5;
/// How long a member is cut off or paused beside a change.
const DISTURBANCE_MS: std::ops::Range<u64> = 100..900;
/// How long all members may take until each of them votes.
const SETTLING: Duration = Duration::from_secs(30);

/// The ids that were given so far, and who has which.
#[derive(Default)]
struct Ids {
    given: HashSet<u64>,
    now: HashMap<usize, u64>,
}

/// What happens beside a change.
#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    /// A member is killed, and comes back when the change is done.
    Kill,
    /// A member is cut off for a while.
    Cut,
    /// A member is paused for a while.
    Pause,
}

/// Changes the members again and again; three are left, the clients' own.
pub(super) async fn churn(members: &mut Members, random: &mut SmallRng) -> Result<()> {
    let mut ids = Ids::default();
    let mut changes = 0;
    while changes < CHANGES {
        settle(members, &mut ids).await?;
        changes += change(members, &mut ids, random).await?;
    }
    while members.count() > LEAST {
        settle(members, &mut ids).await?;
        retire(members, &mut ids).await?;
    }
    settle(members, &mut ids).await
}

/// One change, with something beside it; how many changes of the membership it took.
async fn change(members: &mut Members, ids: &mut Ids, random: &mut SmallRng) -> Result<u32> {
    let count = members.count();
    let grows = count < MOST && random.random_bool(0.5);
    let shrinks = !grows && count > LEAST && random.random_bool(0.6);
    // The last one goes when it shrinks; who loses its disk is any.
    let target = if shrinks { count - 1 } else { random.random_range(0..count) };
    let other = (target + random.random_range(1..count)) % count;
    // With one of three or four gone all others are needed.
    let may_kill = grows || shrinks || count == MOST;
    let beside = match random.random_range(0..4) {
        0 if may_kill => Beside::Kill,
        1 => Beside::Cut,
        2 => Beside::Pause,
        _ => Beside::Nothing,
    };
    let disturbed = begin(beside, members, other, random).await?;
    let took = if grows {
        members.grow(&(0..count).filter(|number| *number != other).collect::<Vec<_>>()).await?;
        1
    } else if shrinks {
        retire(members, ids).await?;
        1
    } else {
        ids.now.remove(&target);
        replace(members, target).await?;
        2
    };
    if let Some(disturbed) = disturbed {
        disturbed.await.context("a disturbance")??;
    }
    if matches!(beside, Beside::Kill) {
        members.start(other)?;
    }
    Ok(took)
}

type Disturbed = tokio::task::JoinHandle<Result<()>>;

async fn begin(
    beside: Beside,
    members: &mut Members,
    other: usize,
    random: &mut SmallRng,
) -> Result<Option<Disturbed>> {
    let time = Duration::from_millis(random.random_range(DISTURBANCE_MS));
    match beside {
        Beside::Nothing => Ok(None),
        Beside::Kill => members.kill(other).await.map(|()| None),
        Beside::Cut => {
            let net = members.net().context("no network")?.clone();
            net.set_around(other, 0..MOST, Link::Held);
            Ok(Some(tokio::spawn(async move {
                tokio::time::sleep(time).await;
                net.heal();
                Ok(())
            })))
        }
        Beside::Pause => {
            let pid = members.pid(other).context("a member that does not run")?;
            signal_process(pid, "-STOP")?;
            Ok(Some(tokio::spawn(async move {
                tokio::time::sleep(time).await;
                signal_process(pid, "-CONT")
            })))
        }
    }
}

/// The last member goes for good.
async fn retire(members: &mut Members, ids: &mut Ids) -> Result<()> {
    let last = members.count() - 1;
    let id = members.id(last).await?;
    ids.now.remove(&last);
    remove_patiently(members, id, &(0..last).collect::<Vec<_>>()).await?;
    members.drop_last().await
}

/// Waits until every member runs and votes. The id of a new one may not have been that of another one before.
async fn settle(members: &mut Members, ids: &mut Ids) -> Result<()> {
    for number in 0..members.count() {
        members.wait_until_serving(number).await?;
    }
    let all_vote = async || {
        let known = members.voters(ASK_TIMEOUT).await?;
        ensure!(known.len() == members.count(), "only {known:?} vote");
        Ok(())
    };
    until(SETTLING, all_vote).await.with_context(|| format!("after {SETTLING:?}"))?;
    members.wait_until_level(&(0..members.count()).collect::<Vec<_>>()).await?;
    for number in 0..members.count() {
        // Who is to vote is listed as a voter while it still learns, and knows better itself.
        let votes = async || {
            ensure!(!members.ask(number).await?.learns, "m{number} has no vote yet");
            Ok(())
        };
        until(SETTLING, votes).await.with_context(|| format!("after {SETTLING:?}"))?;
        let id = members.id(number).await?;
        if ids.now.insert(number, id) != Some(id) && !ids.given.insert(id) {
            bail!("the id {id:x} was given twice");
        }
    }
    Ok(())
}
