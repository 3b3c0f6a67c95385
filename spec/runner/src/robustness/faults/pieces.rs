//! A snapshot that is cut short at every piece: who sends it and who receives it die in turn, each a piece later than the
//! time before.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::fall_behind;
use crate::members::{Members, until};

/// Deaths in a run.
const DEATHS: u32 = 6;
/// The last piece at which somebody dies; the traffic makes a state of more than that.
const PIECE_MAX: u32 = 3;

/// How long the next one may take to die: a leader may have to be elected, and to notice that a connection is no more.
const PATIENCE: Duration = Duration::from_secs(25);

/// Lets members die at the pieces of a snapshot. Each is told before the one that died last is started, so that no
/// snapshot comes to its end meanwhile.
pub(super) async fn die_at_each(members: &mut Members, random: &mut SmallRng) -> Result<()> {
    let behind = fall_behind(members).await?;
    let first = random.random_range(0..PIECE_MAX);
    let mut dead = None;
    for death in 0..DEATHS {
        let piece = (first + death / 2) % PIECE_MAX + 1;
        let (dying, point) = match death % 2 {
            0 => (behind, "snapshotPieceReceived"),
            _ => (members.wait_for_leader().await?, "snapshotPieceSent"),
        };
        members.say(dying, &format!("{point} die-at {piece}"))?;
        match dead.take() {
            None => members.net().context("no network")?.heal(),
            Some(dead) => members.start(dead)?,
        }
        let void = || format!("VOID: m{dying} did not pass {point} {piece} times within {PATIENCE:?}");
        until(PATIENCE, async || members.reap(dying).with_context(void)).await?;
        dead = Some(dying);
    }
    Ok(())
}
