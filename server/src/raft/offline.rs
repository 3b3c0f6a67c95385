//! Reads the log of a member that does not run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use openraft::vote::RaftLeaderId;
use openraft::{BasicNode, EntryPayload};

use super::encoding::{Logged, decode_progress, encode_progress, encode_vote, log_id, position};
use super::standing_alone::wait;
use super::{LeaderId, Membership, StoredMembership, Vote, node_of};
use crate::apply::Progress;
use crate::command::Command;
use crate::io::Io;
use crate::wal::{Position, Wal, WalError, WalOptions};

/// Entries read at once: some megabytes at most, with commands of usual size.
const ENTRIES_AT_ONCE: u64 = 1024;

/// Why a log cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum OfflineLogError {
    /// The log is damaged, or the disk fails.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// An entry does not read back.
    #[error("entry {index} of the log cannot be read ({reason}): restore the data directory from a snapshot")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Where the state stands cannot be read.
    #[error("{0}")]
    Progress(String),
}

/// What a log holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogSummary {
    /// Last entry that was given up, because the state holds it.
    pub(crate) purged: Option<Position>,
    /// Last entry, or the last purged one when there are none.
    pub(crate) last: Option<Position>,
    /// Entries that were read.
    pub(crate) entries: u64,
}

/// Reads the whole log, checking every record of it, and shows its entries in order with their commands.
pub(crate) fn read_log(
    io: Arc<dyn Io>,
    dir: PathBuf,
    each: &mut dyn FnMut(Position, Option<Command>),
) -> Result<LogSummary, OfflineLogError> {
    let log: Wal<Logged> = Wal::open(WalOptions::new(io, dir))?;
    let (purged, last) = (log.purged(), log.last());
    let mut next = purged.map_or(0, |purged| purged.index + 1);
    let mut entries = 0;
    loop {
        let read = log.read(next..next.saturating_add(ENTRIES_AT_ONCE))?;
        let Some(end) = read.last() else { break };
        next = position(&end.0.log_id).index + 1;
        for Logged(entry) in &read {
            entries += 1;
            let at = position(&entry.log_id);
            let command = match &entry.payload {
                EntryPayload::Normal(proposal) => Some(proposal.take_command().map_err(|error| {
                    OfflineLogError::Entry { index: at.index, reason: error.to_string() }
                })?),
                EntryPayload::Blank | EntryPayload::Membership(_) => None,
            };
            each(at, command);
        }
    }
    log.close();
    Ok(LogSummary { purged, last, entries })
}

/// Begins the log of a member whose state came from elsewhere, and tells where that state stands. The log has no
/// beginning: whoever joins such a cluster needs its state and cannot make it from the log.
pub(crate) fn begin_log(
    io: Arc<dyn Io>,
    dir: PathBuf,
    own: u64,
    members: &BTreeMap<u64, Vec<String>>,
) -> Result<Progress, OfflineLogError> {
    const FIRST: Position = Position { term: 1, index: 1 };
    let nodes: BTreeMap<u64, BasicNode> = members.iter().map(|(id, urls)| (*id, node_of(urls))).collect();
    let membership = Membership::new(vec![members.keys().copied().collect()], nodes)
        .map_err(|error| OfflineLogError::Progress(error.to_string()))?;
    let log: Wal<Logged> = Wal::open(WalOptions::new(io, dir))?;
    let vote = Vote { leader_id: LeaderId::new(FIRST.term, own), committed: false };
    wait(|done| log.save_vote(encode_vote(&vote), done))?;
    wait(|done| log.purge(FIRST, done))?;
    log.close();
    let at = log_id(FIRST);
    Ok(encode_progress(&at, &StoredMembership::new(Some(at), membership)))
}

/// Where in the log a state stands.
pub(crate) fn applied_position(progress: &Progress) -> Result<Position, OfflineLogError> {
    let (applied, _membership) = decode_progress(progress).map_err(OfflineLogError::Progress)?;
    Ok(position(&applied))
}
