//! The state machine itself: runs of commands in, outcomes and published changes out.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use prost::Message;

use super::{
    ApplyError, Progress, Received, ReceivedRecords, RunEntry, Snapshots, StateMachine, auth, compact, kv,
    lease, txn,
};
use crate::alarm::Alarms;
use crate::auth::AuthStore;
use crate::backend::{Backend, BackendError, Table};
use crate::cluster::ClusterState;
use crate::command::{Applied, Command, Operation, Outcome};
use crate::fail_point;
use crate::lease::Lessor;
use crate::metrics::Stopwatch;
use crate::mvcc::watch::Hub;
use crate::mvcc::{Contents, MvccError, Restoring, Store, StoreWriter};

/// Where the progress of the log is kept.
const PROGRESS: &[u8] = b"applied_progress";

/// How progress is stored.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredProgress {
    #[prost(bytes = "bytes", tag = "1")]
    applied: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    membership: Bytes,
}

/// A run at work: what the commands of it change.
pub(super) struct Run<'r, 's> {
    pub(super) writer: StoreWriter<'s>,
    pub(super) lessor: &'r Lessor,
    pub(super) auth: &'r AuthStore,
    alarms: &'r Alarms,
    cluster: &'r ClusterState,
}

/// What the log changes.
pub struct Parts {
    /// Where all of it is kept.
    pub backend: Backend,
    /// The key space.
    pub store: Store,
    /// The leases.
    pub lessor: Arc<Lessor>,
    /// Users and roles.
    pub auth: Arc<AuthStore>,
    /// The alarms.
    pub alarms: Arc<Alarms>,
    /// What the cluster knows about itself.
    pub cluster: Arc<ClusterState>,
    /// The watchers.
    pub hub: Hub,
    /// A command that takes longer is told of in the log.
    pub slow: Duration,
}

/// Applies the log to the key space and the leases, and tells the watchers.
pub struct Applier {
    backend: Backend,
    store: Store,
    lessor: Arc<Lessor>,
    auth: Arc<AuthStore>,
    alarms: Arc<Alarms>,
    cluster: Arc<ClusterState>,
    hub: Hub,
    slow: Duration,
    /// Why nothing is applied any more. A run that failed half-way is in memory and not in storage, so
    /// no later run may build on it.
    failed: Option<ApplyError>,
}

impl Applier {
    /// Puts the parts together; they must share the one backend.
    pub fn new(parts: Parts) -> Self {
        let Parts { backend, store, lessor, auth, alarms, cluster, hub, slow } = parts;
        Applier { backend, store, lessor, auth, alarms, cluster, hub, slow, failed: None }
    }

    fn apply_all(&self, run: &[RunEntry<'_>], progress: &Progress) -> Result<Vec<Outcome>, MvccError> {
        let mut outcomes = Vec::with_capacity(run.len());
        let mut at_work = Run {
            writer: StoreWriter::new(&self.store),
            lessor: &self.lessor,
            auth: &self.auth,
            alarms: &self.alarms,
            cluster: &self.cluster,
        };
        let mut stopwatch = Stopwatch::start();
        for entry in run {
            let outcome = at_work.apply(entry)?;
            self.note(entry, &outcome, stopwatch.lap());
            outcomes.push(outcome);
        }
        let mut writer = at_work.writer;
        let stored =
            StoredProgress { applied: progress.applied.clone(), membership: progress.membership.clone() };
        let stored = Bytes::from(stored.encode_to_vec());
        writer.backend().put(Table::Meta, PROGRESS, stored.clone());
        fail_point::pass("commitBeforePreCommitHook");
        let committed = writer.commit(stored)?;
        fail_point::pass("commitAfterPreCommitHook");
        self.hub.publish(committed);
        Ok(outcomes)
    }
}

impl Applier {
    /// Counts what was applied, and tells what took long.
    fn note(&self, entry: &RunEntry<'_>, outcome: &Outcome, took: Duration) {
        let Some(operation) = entry.command.and_then(|command| command.operation.as_ref()) else { return };
        let requests = &self.backend.metrics().requests;
        // As in etcd, to be asked for what is gone is no failure of the member.
        let success = matches!(outcome, Ok(_) | Err(EtcdError::Compacted));
        requests.apply.observe(operation.name(), success, took);
        if took > self.slow {
            requests.slow_applies.inc();
            tracing::warn!(
                took = ?took,
                expected_duration = ?self.slow,
                request = operation.name(),
                request_bytes = operation.encoded_len(),
                index = entry.index,
                "apply request took too long"
            );
        }
    }
}

impl Run<'_, '_> {
    /// Applies one entry. The outer error is of the storage, the inner one the answer to the client.
    fn apply(&mut self, entry: &RunEntry<'_>) -> Result<Outcome, MvccError> {
        let Some((command, operation)) =
            entry.command.and_then(|command| Some((command, command.operation.as_ref()?)))
        else {
            return Ok(Ok(Applied::Nothing));
        };
        if let Err(refused) = self.permit(command, operation) {
            return Ok(Err(refused));
        }
        let applied = match operation {
            Operation::Put(request) => kv::put(self, request).map(Applied::Put),
            Operation::DeleteRange(request) => kv::delete_range(self, request).map(Applied::DeleteRange),
            Operation::Txn(request) => txn::txn(self, request).map(Applied::Txn),
            Operation::Compact(request) => compact::compact(self, request).map(Applied::Compact),
            Operation::LeaseGrant(grant) => lease::grant(self, *grant).map(Applied::LeaseGrant),
            Operation::LeaseRevoke(revoke) => lease::revoke(self, *revoke, entry.term),
            Operation::Auth(command) => auth::auth(self, command, entry.index),
            Operation::Alarm(request) => {
                Ok(Applied::Alarm(self.alarms.apply(self.writer.backend(), request)))
            }
            Operation::Cluster(command) => self
                .cluster
                .apply(self.writer.backend(), command)
                .map(|()| Applied::Cluster)
                .map_err(MvccError::from),
        };
        self.writer.finish_command();
        match applied {
            Ok(applied) => Ok(Ok(applied)),
            Err(MvccError::Api(error)) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }

    /// What was permitted at the edge is asked again: an alarm may have been raised, or rights taken away, since.
    fn permit(&self, command: &Command, operation: &Operation) -> Result<(), EtcdError> {
        self.alarms.admit(operation)?;
        if !self.auth.is_enabled() {
            return Ok(());
        }
        self.auth.checker(command.caller.as_ref(), self.lessor).command(operation)
    }
}

impl StateMachine for Applier {
    fn progress(&self) -> Result<Option<Progress>, ApplyError> {
        applied_progress(&self.backend)
    }

    fn apply_run(&mut self, run: &[RunEntry<'_>], progress: &Progress) -> Result<Vec<Outcome>, ApplyError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.apply_all(run, progress).map_err(|error| {
            let error = ApplyError(error.to_string());
            self.failed = Some(error.clone());
            error
        })
    }

    fn durable_progress(&self) -> Option<Progress> {
        read_progress(self.backend.durable_mark()?).ok()
    }

    fn flush(&mut self) -> Result<(), ApplyError> {
        self.backend.flush().map_err(|error| ApplyError(error.to_string()))
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(BackendSnapshots { backend: self.backend.clone() })
    }

    fn install(&mut self, received: Received) -> Result<(), ApplyError> {
        let Some(records) = received.records else {
            return Err(ApplyError("a snapshot without records cannot be installed".to_owned()));
        };
        self.adopt(records).inspect_err(|error| self.failed = Some(error.clone()))
    }
}

impl Applier {
    /// Reads what is kept in memory from the records of another member, then lets these take the place of the own ones
    /// and everybody go on from there.
    fn adopt(&self, records: ReceivedRecords) -> Result<(), ApplyError> {
        fail_point::pass("applyBeforeOpenSnapshot");
        let failed = |error: &dyn std::fmt::Display| ApplyError(format!("a snapshot: {error}"));
        let ReceivedRecords { incoming, key_space } = records;
        let theirs = incoming.backend();
        let lessor = Lessor::open(theirs).map_err(|error| failed(&error))?;
        let contents = Contents::of(key_space, theirs, &mut |lease, key| lessor.attach(lease, key));
        let contents = contents.map_err(|error| failed(&error))?;
        // Tokens are kept, so how long new ones would live is of no concern.
        let auth = AuthStore::open(theirs, 0).map_err(|error| failed(&error))?;
        let alarms = Alarms::open(theirs).map_err(|error| failed(&error))?;
        let cluster = ClusterState::open(theirs).map_err(|error| failed(&error))?;
        let adopt = || self.store.adopt(contents, || self.backend.replace(incoming));
        self.hub.adopt(adopt).map_err(|error| failed(&error))?;
        self.lessor.adopt(lessor);
        self.auth.adopt(auth);
        self.alarms.adopt(alarms);
        self.cluster.adopt(cluster);
        Ok(())
    }
}

/// Copies of the backend.
struct BackendSnapshots {
    backend: Backend,
}

impl Snapshots for BackendSnapshots {
    fn export(&self, out: &mut dyn Write) -> Result<(), ApplyError> {
        self.backend.export(out).map_err(|error| ApplyError(error.to_string()))
    }

    fn receive(&self, source: &mut dyn Read) -> Result<Received, ApplyError> {
        let mut key_space = Restoring::default();
        let incoming = self.backend.receive(source, &mut |table, key, record| {
            // The whole of it is not read again when it is taken over.
            let added = if table == Table::Key { key_space.add(key, record) } else { Ok(()) };
            added.map_err(|error| BackendError::Copy(error.to_string()))
        });
        let incoming = incoming.map_err(|error| ApplyError(error.to_string()))?;
        let mark = incoming.backend().durable_mark();
        let mark =
            mark.ok_or_else(|| ApplyError("a snapshot does not say where it stands in the log".to_owned()))?;
        let records = Some(ReceivedRecords { incoming, key_space });
        Ok(Received { progress: read_progress(mark)?, records })
    }
}

/// The progress that a backend holds; none when nothing was applied to it.
pub(crate) fn applied_progress(backend: &Backend) -> Result<Option<Progress>, ApplyError> {
    let stored = backend.get(Table::Meta, PROGRESS).map_err(|error| ApplyError(error.to_string()))?;
    stored.map(read_progress).transpose()
}

/// The record that says where a state stands, for a backend that is filled: its key and its value, which is also the mark.
pub(crate) fn progress_record(progress: &Progress) -> (Bytes, Bytes) {
    let stored =
        StoredProgress { applied: progress.applied.clone(), membership: progress.membership.clone() };
    (Bytes::from_static(PROGRESS), stored.encode_to_vec().into())
}

fn read_progress(stored: Bytes) -> Result<Progress, ApplyError> {
    let stored = StoredProgress::decode(stored).map_err(|error| {
        ApplyError(format!("the stored progress of the log is damaged ({error}); restore the data directory"))
    })?;
    Ok(Progress { applied: stored.applied, membership: stored.membership })
}
