//! What once was wrong with etcd, as etcd's own robustness test does it again: number of members, traffic, fault and
//! settings of each. Facts of its `Regression` scenarios; here they are runs like any other.

use std::time::Duration;

use super::Plan;
use super::faults::Fault;
use super::traffic::{Load, Traffic};
use crate::members::Make;

/// Between two calls of a client, where etcd has high and where it has little traffic.
const HIGH: Duration = Duration::from_millis(1);
const MEDIUM: Duration = Duration::from_millis(4);
const LITTLE: Duration = Duration::from_millis(20);
/// Between two compactions, usually and often.
const USUAL: Duration = Duration::from_millis(150);
const OFTEN: Duration = Duration::from_millis(40);

/// One of them.
#[derive(Debug)]
pub(super) struct Regression {
    /// The issue at etcd.
    pub(super) issue: &'static str,
    nodes: usize,
    traffic: Traffic,
    pause: Duration,
    compaction_pause: Duration,
    watched_from: (i64, i64),
    fault: Fault,
    flags: &'static [&'static str],
}

const AROUND: (i64, i64) = (-100, 100);

/// All of them.
pub(super) const ALL: &[Regression] = &[
    // Revisions differ between members after a crash under load.
    Regression {
        issue: "13766",
        nodes: 3,
        traffic: Traffic::EtcdPut,
        pause: HIGH,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Kill,
        flags: &["--snapshot-count=100"],
    },
    // A single member loses an acknowledged write in a crash.
    Regression {
        issue: "14370",
        nodes: 1,
        traffic: Traffic::EtcdPutDeleteLease,
        pause: MEDIUM,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Die("raftBeforeSave"),
        flags: &[],
    },
    // Revisions differ after a crash during a defragmentation.
    Regression {
        issue: "14685",
        nodes: 1,
        traffic: Traffic::EtcdPutDeleteLease,
        pause: MEDIUM,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Die("defragBeforeCopy"),
        flags: &[],
    },
    // A progress notification overtakes events.
    Regression {
        issue: "15220",
        nodes: 1,
        traffic: Traffic::EtcdPutDeleteLease,
        pause: MEDIUM,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Kill,
        flags: &["--watch-progress-notify-interval=100ms"],
    },
    // A watch goes back in time after its member got a snapshot.
    Regression {
        issue: "15271",
        nodes: 3,
        traffic: Traffic::EtcdPut,
        pause: HIGH,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::BlackholeUntilSnapshot,
        flags: &["--snapshot-count=100"],
    },
    // Events are lost where a stream starves.
    Regression {
        issue: "17529",
        nodes: 1,
        traffic: Traffic::Kubernetes,
        pause: HIGH,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Stall("beforeSendWatchResponse"),
        flags: &["--snapshot-count=100"],
    },
    // The revision decreases after a crash during a compaction.
    Regression {
        issue: "17780",
        nodes: 1,
        traffic: Traffic::Kubernetes,
        pause: MEDIUM,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Die("compactBeforeSetFinishedCompact"),
        flags: &["--snapshot-count=1000", "--compaction-batch-limit=300"],
    },
    // An event is dropped by a compaction at a deletion.
    Regression {
        issue: "18089",
        nodes: 1,
        traffic: Traffic::EtcdDelete,
        pause: MEDIUM,
        compaction_pause: OFTEN,
        watched_from: AROUND,
        fault: Fault::Stall("beforeSendWatchResponse"),
        flags: &[],
    },
    // A deletion is missing in a watch from the revision of a compaction.
    Regression {
        issue: "19179",
        nodes: 1,
        traffic: Traffic::CreateDelete,
        pause: LITTLE,
        compaction_pause: USUAL,
        watched_from: AROUND,
        fault: Fault::Die("compactBeforeSetFinishedCompact"),
        flags: &["--snapshot-count=1000", "--compaction-batch-limit=50"],
    },
    // A watch of the future tells what was before.
    Regression {
        issue: "20221",
        nodes: 3,
        traffic: Traffic::EtcdPut,
        pause: HIGH,
        compaction_pause: USUAL,
        watched_from: (50, 100),
        fault: Fault::BlackholeUntilSnapshot,
        flags: &["--snapshot-count=10", "--watch-progress-notify-interval=10ms"],
    },
];

impl Regression {
    /// A run of it.
    pub(super) fn plan(&self, make: Make, seed: u64) -> Plan {
        let Regression { nodes, traffic, pause, compaction_pause, watched_from, fault, .. } = *self;
        Plan {
            seed,
            make,
            nodes,
            traffic,
            load: Load { pause, compaction_pause: Some(compaction_pause), watched_from, ..Load::default() },
            fault,
            flags: self.flags.iter().map(|flag| (*flag).to_owned()).collect(),
            regression: Some(self.issue),
        }
    }
}
