//! Compaction as a command: history before a revision becomes unreadable.

use etcdkit_proto::etcdserverpb::{CompactionRequest, CompactionResponse};

use super::applier::Run;
use super::kv::header;
use crate::fail_point;
use crate::mvcc::MvccError;

/// Moves the compact revision. Waiting for the records to go, which a client may ask for, is not part of
/// the replicated state: the edge does it.
pub(super) fn compact(
    run: &mut Run<'_, '_>,
    request: &CompactionRequest,
) -> Result<CompactionResponse, MvccError> {
    fail_point::pass("compactBeforeCommitScheduledCompact");
    run.writer.compact(request.revision)?;
    Ok(CompactionResponse { header: header(run.writer.revision()) })
}
