//! The state machine, for openraft: committed entries go to `apply` in runs.
//!
//! A run is one atomic batch of the backend, so its cost is shared by all entries that are ready; it is
//! bounded so that the first of them does not wait for too many others.
//!
//! Applying does not sync. What survives a crash is the progress of the backend's last durable flush,
//! and that is also what a "snapshot" is on a single node: openraft purges the log up to a snapshot, so
//! a snapshot stands for state that needs no log any more.

use std::io;
use std::sync::Arc;

use futures::{FutureExt, Stream, StreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::applied::AppliedIndex;
use super::encoding::{decode_progress, encode_progress};
use super::members::members_of;
use super::{LogId, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::apply::{ApplyError, Progress, Received, RunEntry, Snapshots, StateMachine};
use crate::cluster::RaftMembers;
use crate::command::Command;
use crate::fail_point;

type Responder = openraft::storage::ApplyResponder<TypeConfig>;

/// Entries in one run. At a few microseconds each, a run takes a few milliseconds.
const RUN_ENTRIES_MAX: usize = 1024;

/// Encoded commands in one run, in bytes: bounds the batch of the backend when commands are large.
const RUN_BYTES_MAX: usize = 4 << 20;

/// The contents of a snapshot. One of this member is not made before it is sent, and then of what there is then, which
/// is at least what was promised; so it costs nothing to have one.
pub(crate) enum SnapshotContents {
    /// Of this member.
    Own(Arc<dyn Snapshots>),
    /// Of another.
    Received(Received),
}

/// Feeds a [`StateMachine`].
pub(super) struct Applying {
    /// Only ever used through `&mut`; the lock is for openraft, which wants it shareable.
    machine: Mutex<Box<dyn StateMachine>>,
    applied: Option<LogId>,
    membership: StoredMembership,
    snapshot: Option<SnapshotMeta>,
    /// Whether the run at hand changes the members.
    members_changed: bool,
    /// Tells others how far the state is.
    index: Arc<AppliedIndex>,
    /// Tells others who the members are.
    members: watch::Sender<Arc<RaftMembers>>,
}

/// One entry of a run.
struct Ready {
    log_id: LogId,
    command: Option<Command>,
    responder: Option<Responder>,
}

impl Applying {
    /// Takes up where the state stands.
    pub(super) fn new(machine: Box<dyn StateMachine>) -> Result<Applying, ApplyError> {
        let mut applying = Applying {
            applied: None,
            membership: StoredMembership::default(),
            snapshot: None,
            members_changed: false,
            machine: Mutex::new(machine),
            index: Arc::default(),
            members: watch::Sender::default(),
        };
        applying.load_progress()?;
        Ok(applying)
    }

    /// How far the state is; for those who wait for a position.
    pub(super) fn index(&self) -> Arc<AppliedIndex> {
        self.index.clone()
    }

    /// Follows the members as applied.
    pub(super) fn members(&self) -> watch::Receiver<Arc<RaftMembers>> {
        self.members.subscribe()
    }

    fn tell_members(&self) {
        self.members.send_replace(Arc::new(members_of(&self.membership)));
    }

    fn load_progress(&mut self) -> Result<(), ApplyError> {
        let machine = self.machine.get_mut();
        let Some(progress) = machine.progress()? else {
            return Ok(());
        };
        let (applied, membership) = decode_progress(&progress).map_err(ApplyError)?;
        self.applied = Some(applied);
        self.membership = membership;
        self.index.advance(applied.index);
        self.tell_members();
        let machine = self.machine.get_mut();
        self.snapshot = machine.durable_progress().map(|durable| snapshot_meta(&durable)).transpose()?;
        Ok(())
    }

    fn apply_run(&mut self, run: Vec<Ready>) -> Result<(), ApplyError> {
        let Some(last) = run.last() else {
            return Ok(());
        };
        let applied = last.log_id;
        let progress = encode_progress(&applied, &self.membership);
        let entries: Vec<RunEntry<'_>> = run
            .iter()
            .map(|ready| RunEntry {
                term: ready.log_id.leader_id.term,
                index: ready.log_id.index,
                command: ready.command.as_ref(),
            })
            .collect();
        let outcomes = self.machine.get_mut().apply_run(&entries, &progress)?;
        if outcomes.len() != run.len() {
            let what = format!("{} outcomes for {} entries", outcomes.len(), run.len());
            return Err(ApplyError(what));
        }
        self.applied = Some(applied);
        if self.members_changed {
            self.members_changed = false;
            self.tell_members();
        }
        self.index.advance(applied.index);
        for (ready, outcome) in run.into_iter().zip(outcomes) {
            if let Some(responder) = ready.responder {
                responder.send(outcome);
            }
        }
        Ok(())
    }

    /// Notes what a snapshot would contain now: all that is durable.
    fn refresh_snapshot(&mut self) -> Result<(), ApplyError> {
        if let Some(durable) = self.machine.get_mut().durable_progress() {
            self.snapshot = Some(snapshot_meta(&durable)?);
        }
        Ok(())
    }
}

pub(super) fn snapshot_meta(progress: &Progress) -> Result<SnapshotMeta, ApplyError> {
    let (applied, membership) = decode_progress(progress).map_err(ApplyError)?;
    Ok(SnapshotMeta { last_log_id: Some(applied), last_membership: membership })
}

impl RaftStateMachine<TypeConfig> for Applying {
    type SnapshotData = SnapshotContents;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), io::Error> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> Result<(), io::Error>
    where
        Strm: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut run = Vec::new();
        let mut run_bytes = 0;
        while let Some(item) = entries.next().await {
            let (entry, responder) = item?;
            let command = match entry.payload {
                EntryPayload::Blank => None,
                EntryPayload::Normal(proposal) => {
                    run_bytes += proposal.encoded().len();
                    Some(proposal.take_command().map_err(io::Error::other)?)
                }
                EntryPayload::Membership(membership) => {
                    fail_point::pass("beforeApplyOneConfChange");
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    self.members_changed = true;
                    None
                }
            };
            run.push(Ready { log_id: entry.log_id, command, responder });
            if run.len() >= RUN_ENTRIES_MAX || run_bytes >= RUN_BYTES_MAX {
                self.apply_run(std::mem::take(&mut run)).map_err(io::Error::other)?;
                run_bytes = 0;
                // Others on this thread want to run too.
                tokio::task::yield_now().await;
            }
        }
        self.apply_run(run).map_err(io::Error::other)
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let before = self.snapshot.clone();
        let mut refreshed = self.refresh_snapshot();
        if force && refreshed.is_ok() {
            refreshed = self.machine.get_mut().flush().and_then(|()| self.refresh_snapshot());
        }
        let meta = match refreshed {
            Ok(()) if !force && self.snapshot == before => return None,
            Ok(()) => Ok(self.snapshot.clone().unwrap_or_default()),
            Err(error) => Err(error),
        };
        Some(Builder { meta, snapshots: self.machine.get_mut().snapshots() })
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        match self.try_create_snapshot_builder(true).now_or_never().flatten() {
            Some(builder) => builder,
            None => Builder {
                meta: Err(ApplyError("no snapshot can be built".into())),
                snapshots: self.machine.get_mut().snapshots(),
            },
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        contents: SnapshotContents,
    ) -> Result<(), io::Error> {
        let Some(applied) = &meta.last_log_id else {
            return Err(io::Error::other("a snapshot of an empty log cannot be installed"));
        };
        let received = match contents {
            SnapshotContents::Received(received) => received,
            SnapshotContents::Own(_) => {
                let progress = encode_progress(applied, &meta.last_membership);
                Received { progress, records: None }
            }
        };
        tracing::info!(index = applied.index, "taking over the state of another member");
        fail_point::pass("raftBeforeApplySnap");
        self.machine.get_mut().install(received).map_err(io::Error::other)?;
        fail_point::pass("raftAfterApplySnap");
        self.load_progress().map_err(io::Error::other)
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, io::Error> {
        let snapshots = self.machine.get_mut().snapshots();
        Ok(self.snapshot.clone().map(|meta| Snapshot { meta, snapshot: SnapshotContents::Own(snapshots) }))
    }
}

/// Builds a snapshot: all the work was done when it was created.
pub(super) struct Builder {
    meta: Result<SnapshotMeta, ApplyError>,
    snapshots: Arc<dyn Snapshots>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = SnapshotContents;

    async fn build_snapshot(&mut self) -> Result<Snapshot, io::Error> {
        let meta = self.meta.clone().map_err(io::Error::other)?;
        Ok(Snapshot { meta, snapshot: SnapshotContents::Own(self.snapshots.clone()) })
    }
}
