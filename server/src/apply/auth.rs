//! Users and roles as commands.

use super::applier::Run;
use crate::command::{Applied, AuthCommand};
use crate::mvcc::MvccError;

/// Applies a command about users and roles; the key space does not change.
pub(super) fn auth(run: &mut Run<'_, '_>, command: &AuthCommand, index: u64) -> Result<Applied, MvccError> {
    let Some(operation) = &command.operation else { return Ok(Applied::Nothing) };
    Ok(run.auth.apply(run.writer.backend(), operation, index)?)
}
