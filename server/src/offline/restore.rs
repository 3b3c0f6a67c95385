//! Makes a new data directory from a snapshot.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::{OfflineError, Snapshot};
use crate::apply::progress_record;
use crate::backend::{Backend, BackendOptions, EngineKind, Table};
use crate::bootstrap;
use crate::config::{Config, ConfigError};
use crate::data_dir::{DataDir, Identity};
use crate::io::{Io, disk::DiskIo};
use crate::mvcc::{FINISHED_COMPACT, NEVER_COMPACTED, RecordKey, SCHEDULED_COMPACT};
use crate::raft;

/// Tells that the state did not begin empty, so that the log alone does not make it.
pub(super) const RESTORED: &[u8] = b"restored_from_snapshot";

/// What to make of a snapshot.
#[derive(Clone, Debug)]
pub struct RestoreOptions {
    /// The new data directory; it must be empty or absent.
    pub data_dir: PathBuf,
    /// The storage engine of it.
    pub engine: EngineKind,
    /// Who the new member is: its name, the cluster and its token, as they are given to a server that is started on an
    /// empty directory.
    pub config: Config,
    /// Raises the newest revision by so much and declares all before it compacted, so that clients whose watches and
    /// caches are ahead of the snapshot notice.
    pub bump_revision: Option<u64>,
}

/// Restores a snapshot: keys with their whole history, leases, users, roles and alarms are those of the snapshot; the
/// members are new, and their log begins with it. Each member of a new cluster restores the same snapshot. The directory is complete when this returns, and to be removed when it fails.
///
/// # Errors
/// A directory that holds something, a snapshot that is damaged, and what the disk says.
pub fn restore<F: Read + Seek>(
    snapshot: &mut Snapshot<F>,
    options: &RestoreOptions,
) -> Result<(), OfflineError> {
    let io: Arc<dyn Io> = Arc::new(DiskIo);
    refuse_used(io.as_ref(), &options.data_dir)?;
    let identity = identity(&options.config)?;
    let data_dir = DataDir::open(&io, &options.data_dir, || Ok(identity))?;
    let members = bootstrap::founders(&options.config, identity.member_id)?.unwrap_or_default();
    let progress = raft::begin_log(Arc::clone(&io), data_dir.log(), identity.member_id, &members)?;
    let fill = |filling: &mut crate::backend::Filling| {
        let mut latest = NEVER_COMPACTED;
        snapshot.each_record(&mut |table, key, value| {
            if !is_kept(table, &key) {
                return Ok(());
            }
            latest = latest.max(revision_in(table, &key, &value));
            Ok(filling.put(table, key, value)?)
        })?;
        filling.put(Table::Meta, Bytes::from_static(RESTORED), Bytes::from_static(b"1"))?;
        let (key, stands) = progress_record(&progress);
        filling.put(Table::Meta, key, stands.clone())?;
        filling.mark(stands);
        if let Some(by) = options.bump_revision {
            let raised = i64::try_from(by).ok().and_then(|by| latest.max(1).checked_add(by));
            let raised = raised.ok_or(OfflineError::Bump { latest, by })?;
            let mark = Bytes::copy_from_slice(&raised.to_be_bytes());
            filling.put(Table::Meta, Bytes::from_static(SCHEDULED_COMPACT), mark)?;
        }
        Ok(())
    };
    let backend: Result<Backend, OfflineError> =
        Backend::fill(io, &data_dir.backend(), options.engine, BackendOptions::default(), fill);
    backend.map(drop)
}

/// The ids of the new member, derived as a server derives them when it founds a cluster.
fn identity(config: &Config) -> Result<Identity, ConfigError> {
    config.check_founding()?;
    config.members()?;
    Identity::of_founder(&config.initial_members()?, &config.name, &config.initial_cluster_token)
}

fn refuse_used(io: &dyn Io, dir: &Path) -> Result<(), OfflineError> {
    if !io.exists(dir)? {
        return Ok(());
    }
    match io.list(dir) {
        Ok(names) if names.is_empty() => Ok(()),
        _ => Err(OfflineError::NotEmpty(dir.to_owned())),
    }
}

/// The members of the old cluster, its log and its downgrades mean nothing to the new one.
fn is_kept(table: Table, key: &[u8]) -> bool {
    match table {
        Table::Key | Table::Lease | Table::Alarm | Table::Auth => true,
        Table::Meta => key == SCHEDULED_COMPACT || key == FINISHED_COMPACT,
        Table::Member => false,
    }
}

/// The revision that a record proves to have been reached.
fn revision_in(table: Table, key: &[u8], value: &[u8]) -> i64 {
    match table {
        Table::Key => RecordKey::parse(key).map_or(NEVER_COMPACTED, |(revision, _)| revision.main),
        Table::Meta => value.first_chunk().map_or(NEVER_COMPACTED, |main| i64::from_be_bytes(*main)),
        _ => NEVER_COMPACTED,
    }
}
