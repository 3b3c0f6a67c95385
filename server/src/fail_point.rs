//! Named places at which a test lets a member die or stall, where chance would seldom hit.
//!
//! Most of them have the name of the place in etcd that they stand for, so that a run can be compared with etcd's own.
//! Nothing in this crate arms one: the program does it, for tests, see `cli/src/server/fail_points.rs`. An embedded server
//! cannot be reached by it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Every point, with whether it may stall: one that is passed by a task shares its thread with others, which must not wait.
pub const POINTS: &[(&str, bool)] = &[
    ("afterCommit", true),
    ("afterStartDBTxn", true),
    ("afterWritebackBuf", true),
    ("applyBeforeOpenSnapshot", true),
    ("beforeApplyOneConfChange", true),
    ("beforeCommit", true),
    ("beforeProgressIfSync", true),
    ("beforeSendWatchResponse", true),
    ("beforeStartDBTxn", true),
    ("beforeSyncWatchers", true),
    ("beforeWritebackBuf", true),
    ("commitAfterPreCommitHook", true),
    ("commitBeforePreCommitHook", true),
    ("compactAfterCommitBatch", true),
    ("compactAfterCommitScheduledCompact", true),
    ("compactAfterSetFinishedCompact", true),
    ("compactBeforeCommitBatch", true),
    ("compactBeforeCommitScheduledCompact", true),
    ("compactBeforeSetFinishedCompact", true),
    ("defragBeforeCopy", true),
    ("defragBeforeRename", true),
    ("raftAfterApplySnap", false),
    ("raftAfterSave", true),
    ("raftAfterSaveSnap", false),
    ("raftAfterWALRelease", true),
    ("raftBeforeApplySnap", false),
    ("raftBeforeFollowerSend", false),
    ("raftBeforeLeaderSend", false),
    ("raftBeforeSave", true),
    ("raftBeforeSaveSnap", false),
    ("snapshotPieceReceived", false),
    ("snapshotPieceSent", true),
];

/// What happens at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The process dies at once, as from a signal: nothing is written, nobody is told.
    Die,
    /// The same, when the point is passed for the so many-th time, counted from 1.
    DieAt(u32),
    /// The thread waits this long, each time.
    Stall(Duration),
}

/// Whether any point is armed: all that is looked at while none is.
static ARMED: AtomicBool = AtomicBool::new(false);

/// By point: what happens, and how often it was passed.
static ACTIONS: Mutex<BTreeMap<&'static str, (Action, u32)>> = Mutex::new(BTreeMap::new());

/// Arms these points, and no others.
///
/// # Errors
/// What is wrong with one; then nothing changes.
pub fn arm(actions: &[(String, Action)]) -> Result<(), String> {
    let mut armed = BTreeMap::new();
    for (name, action) in actions {
        let Some((known, may_stall)) = POINTS.iter().find(|(known, _)| known == name) else {
            return Err(format!("there is no fail point {name}"));
        };
        if matches!(action, Action::Stall(_)) && !may_stall {
            return Err(format!("the fail point {name} cannot stall"));
        }
        armed.insert(*known, (*action, 0));
    }
    let any = !armed.is_empty();
    *ACTIONS.lock() = armed;
    ARMED.store(any, Ordering::Relaxed);
    Ok(())
}

/// Passes a point. Costs one relaxed load while no point is armed.
#[inline]
pub(crate) fn pass(name: &'static str) {
    if ARMED.load(Ordering::Relaxed) {
        act(name);
    }
}

#[cold]
fn act(name: &'static str) {
    debug_assert!(POINTS.iter().any(|(known, _)| *known == name), "{name} is not in the table");
    let (action, times) = {
        let mut actions = ACTIONS.lock();
        let Some((action, passed)) = actions.get_mut(name) else { return };
        *passed = passed.saturating_add(1);
        (*action, *passed)
    };
    let acts_first = match action {
        Action::DieAt(wanted) => times == wanted,
        Action::Die | Action::Stall(_) => times == 1,
    };
    if acts_first {
        // Past the log, which may be written by another thread: whoever dies here has said so. What cannot be said is
        // no reason to live.
        let _ = writeln!(std::io::stderr(), "fail point {name} is passed");
    }
    match action {
        Action::Die => std::process::abort(),
        Action::DieAt(wanted) if times < wanted => {}
        Action::DieAt(_) => std::process::abort(),
        Action::Stall(time) => std::thread::sleep(time),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_known_points_are_armed_and_only_some_may_stall() {
        let stall = Action::Stall(Duration::from_millis(1));
        assert!(arm(&[("nowhere".to_owned(), Action::Die)]).is_err());
        assert!(arm(&[("raftBeforeLeaderSend".to_owned(), stall)]).is_err());
        arm(&[("raftAfterSave".to_owned(), stall)]).unwrap();
        pass("raftAfterSave");
        pass("raftBeforeSave");
        arm(&[]).unwrap();
        assert!(!ARMED.load(Ordering::Relaxed));
    }
}
