//! A call without a server, to test and to measure a binding's boundary.

use bytes::Bytes;

use crate::error::BridgeError;

/// Returns what it was given, after one turn through the scheduler as every real call takes.
pub async fn echo(payload: Bytes) -> Result<Bytes, BridgeError> {
    tokio::task::yield_now().await;
    Ok(payload)
}
