//! How long reads take: for the metrics, and for the log when it is long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use tonic::Status;

use crate::metrics::Metrics;
use crate::mvcc::MvccError;

/// Times reads. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Timing {
    pub(crate) metrics: Arc<Metrics>,
    /// A read that takes longer is told of in the log.
    pub(crate) slow: Duration,
}

impl Timing {
    /// Notes the read itself, without the wait for its turn.
    pub(super) fn reading<T>(&self, read: impl FnOnce() -> Result<T, MvccError>) -> Result<T, MvccError> {
        let begun = Instant::now();
        let outcome = read();
        self.metrics.requests.range.observe("Range", outcome.is_ok(), begun.elapsed());
        outcome
    }

    /// Notes a whole read-only request.
    pub(super) fn note<Req: Message, Res: Message>(
        &self,
        kind: &'static str,
        took: Duration,
        request: &Req,
        outcome: &Result<Res, Status>,
    ) {
        self.metrics.requests.request.observe(kind, outcome.is_ok(), took);
        if took <= self.slow {
            return;
        }
        self.metrics.requests.slow_applies.inc();
        tracing::warn!(
            ?took,
            expected_duration = ?self.slow,
            prefix = "read-only",
            request = kind,
            request_bytes = request.encoded_len(),
            response_bytes = outcome.as_ref().map_or(0, Message::encoded_len),
            "apply request took too long"
        );
    }
}
