//! The deterministic state machine: commands in log order become changes of the key space and of the
//! leases, the same on every member.

mod applier;
mod auth;
mod compact;
mod kv;
mod lease;
mod replicated;
pub mod txn;

#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;

pub use applier::{Applier, Parts};
pub(crate) use applier::{applied_progress, progress_record};
pub use replicated::{OpenError, Replicated};

use crate::backend::Incoming;
use crate::command::{Command, Outcome};
use crate::mvcc::Restoring;

/// One log entry as the state machine sees it.
#[derive(Clone, Copy, Debug)]
pub struct RunEntry<'a> {
    /// Term of the leader that proposed the entry.
    pub term: u64,
    /// Position in the log.
    pub index: u64,
    /// Absent for entries that only concern consensus.
    pub command: Option<&'a Command>,
}

/// How far the log has been applied; the bytes mean something to `raft` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Position of the last applied entry.
    pub applied: Bytes,
    /// Membership in effect at that position.
    pub membership: Bytes,
}

/// The state machine can go no further: its storage failed. Nothing more is applied or acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot apply: {0}")]
pub struct ApplyError(pub String);

/// What consensus needs of the state machine. One caller at a time.
pub trait StateMachine: Send {
    /// Progress of the state held now; none when nothing has been applied yet.
    fn progress(&self) -> Result<Option<Progress>, ApplyError>;

    /// Applies a run of entries as one atomic batch that also carries `progress`, the position after
    /// the run. Outcomes stand in the order of the entries. Not durable until flushed.
    fn apply_run(&mut self, run: &[RunEntry<'_>], progress: &Progress) -> Result<Vec<Outcome>, ApplyError>;

    /// Progress that survives a crash; the log must be kept beyond it.
    fn durable_progress(&self) -> Option<Progress>;

    /// Makes everything applied so far durable.
    fn flush(&mut self) -> Result<(), ApplyError>;

    /// What gives the state to other members, and takes theirs, while runs are applied.
    fn snapshots(&self) -> Arc<dyn Snapshots>;

    /// Takes over the state of another member, durably.
    fn install(&mut self, received: Received) -> Result<(), ApplyError>;
}

/// The state as a stream of bytes, for other members. May be used from any thread that may block.
pub trait Snapshots: Send + Sync {
    /// Writes the state of one moment; at least all that [`StateMachine::durable_progress`] told before the call.
    fn export(&self, out: &mut dyn Write) -> Result<(), ApplyError>;

    /// Reads what another member exported, and keeps it, durably, until it is installed. One at a time.
    fn receive(&self, source: &mut dyn Read) -> Result<Received, ApplyError>;
}

/// The state of another member, complete and not yet one's own.
#[derive(Debug)]
pub struct Received {
    /// Where it stands in the log.
    pub progress: Progress,
    /// Its records; none in a state machine that has no backend.
    pub records: Option<ReceivedRecords>,
}

/// The records of another member.
#[derive(Debug)]
pub struct ReceivedRecords {
    /// On this member's disk.
    pub(crate) incoming: Incoming,
    /// What those of the key space tell.
    pub(crate) key_space: Restoring,
}
