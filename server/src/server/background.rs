//! What a server does without being asked.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ending::ForPeers;
use super::member::MemberParts;
use crate::accept::Bound;
use crate::auth::AuthStore;
use crate::clock::Clock;
use crate::command::MemberAttributes;
use crate::compactor::{self, AutoCompactor, Pace};
use crate::config::{ClusterState, Config};
use crate::corruption::{Corruption, Intervals};
use crate::expiry::Expiry;
use crate::invited::Invited;
use crate::lease_keeper::LeaseKeeper;
use crate::membership::Membership;
use crate::peer::{PeerService, PeerSite};
use crate::propose::Proposer;
use crate::tls::{Incoming, Outgoing};

/// How often the stored size is measured for the quota. Between two measurements the cost of what is admitted is
/// added up, so this only bounds how long a full server stays closed after it was emptied.
const MEASURE_INTERVAL: Duration = Duration::from_millis(500);

/// How often tokens are looked through. One whose time is up is refused when it is used; this gives its memory back.
const TOKEN_SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Answers the other members, until they are parted from.
pub(super) fn spawn_for_peers(
    for_peers: &ForPeers,
    listeners: Vec<Bound>,
    tls: Option<&Arc<Incoming>>,
    member: &MemberParts,
    proposer: &Proposer,
    keeper: &LeaseKeeper,
) {
    let ForPeers { tasks, calls, parted } = for_peers;
    let service = Arc::new(PeerService {
        identity: member.identity,
        raft: member.raft.clone(),
        proposer: proposer.clone(),
        keeper: keeper.clone(),
        cluster: Arc::clone(&member.cluster),
        store: member.store.clone(),
        under_way: calls.clone(),
    });
    for listener in listeners {
        tracing::info!(address = listener.url.to_string(), "serving peer traffic");
        let site = PeerSite(Arc::clone(&service));
        tasks.spawn(listener.serve(site, tls.cloned(), parted.clone()));
    }
}

/// Looks after one that joins until it is called.
pub(super) fn spawn_invited(
    tasks: &TaskTracker,
    config: &Config,
    to_peers: Option<Arc<Outgoing>>,
    member: &MemberParts,
    stopping: &CancellationToken,
) {
    if config.initial_cluster_state == ClusterState::Existing {
        let invited = Invited {
            config: config.clone(),
            tls: to_peers,
            member_id: member.identity.member_id,
            raft: member.raft.clone(),
            peers: Arc::clone(&member.peers),
        };
        tasks.spawn(invited.run(stopping.clone()));
    }
}

pub(super) fn spawn_membership(
    tasks: &TaskTracker,
    member: &MemberParts,
    attributes: MemberAttributes,
    proposer: &Proposer,
    published: watch::Sender<bool>,
    stopping: &CancellationToken,
) {
    let membership = Arc::new(Membership {
        member_id: member.identity.member_id,
        raft: member.raft.clone(),
        cluster: Arc::clone(&member.cluster),
        peers: Arc::clone(&member.peers),
        attributes,
        proposer: proposer.clone(),
        published,
    });
    tasks.spawn(membership.run(stopping.clone()));
    tasks.spawn(Arc::clone(&member.contact).run(stopping.clone()));
}

pub(super) fn spawn_background(
    tasks: &TaskTracker,
    config: &Config,
    member: &MemberParts,
    proposer: &Proposer,
    stopping: &CancellationToken,
) {
    let expiry = Expiry {
        raft: member.raft.clone(),
        lessor: Arc::clone(&member.lessor),
        proposer: proposer.clone(),
        clock: member.clock,
        election_timeout: config.election_timeout,
    };
    tasks.spawn(expiry.run(stopping.clone()));
    let pace = Pace { records: config.compaction_batch_limit, pause: config.compaction_sleep_interval };
    tasks.spawn(compactor::remove_dropped(member.store.clone(), pace, stopping.clone()));
    let auto = AutoCompactor {
        mode: config.auto_compaction,
        store: member.store.clone(),
        raft: member.raft.clone(),
        proposer: proposer.clone(),
    };
    tasks.spawn(auto.run(stopping.clone()));
    let (timeline, store, until) = (Arc::clone(&member.timeline), member.store.clone(), stopping.clone());
    tasks.spawn(async move { timeline.run(store, until).await });
    let intervals =
        Intervals { all: config.corrupt_check_interval, compacted: config.compact_hash_check_interval };
    tasks.spawn(corruption(member, proposer).run(intervals, stopping.clone()));
    tasks.spawn(sweep_tokens(Arc::clone(&member.auth), member.clock, stopping.clone()));
    tasks.spawn(measure(proposer.clone(), stopping.clone()));
}

/// Compares this member with the others.
pub(super) fn corruption(member: &MemberParts, proposer: &Proposer) -> Corruption {
    Corruption {
        member_id: member.identity.member_id,
        raft: member.raft.clone(),
        store: member.store.clone(),
        peers: Arc::clone(&member.peers),
        alarms: Arc::clone(&member.alarms),
        proposer: proposer.clone(),
    }
}

/// Forgets tokens whose time is up.
async fn sweep_tokens(auth: Arc<AuthStore>, clock: Clock, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(TOKEN_SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = tick.tick() => auth.tokens().sweep(clock.now_ms()),
        }
    }
}

/// Keeps the proposer's idea of the stored size fresh.
async fn measure(proposer: Proposer, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(MEASURE_INTERVAL);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = tick.tick() => {}
        }
        let proposer = proposer.clone();
        if tokio::task::spawn_blocking(move || proposer.measure()).await.is_err() {
            return;
        }
    }
}
