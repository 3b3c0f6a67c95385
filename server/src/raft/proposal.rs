//! A command on its way through the log.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;

use crate::command::Command;

/// A command as openraft carries it: cheap to clone, encoded once, and not decoded on the node that
/// proposed it. The decoded form leaves when it is applied, so that the cache of the log does not hold
/// every command twice.
#[derive(Clone)]
pub(crate) struct Proposal(Arc<Inner>);

struct Inner {
    encoded: Bytes,
    decoded: Mutex<Option<Command>>,
}

impl Proposal {
    pub(super) fn new(command: Command) -> Proposal {
        let encoded = Bytes::from(command.encode_to_vec());
        Proposal(Arc::new(Inner { encoded, decoded: Mutex::new(Some(command)) }))
    }

    pub(super) fn from_encoded(encoded: Bytes) -> Proposal {
        Proposal(Arc::new(Inner { encoded, decoded: Mutex::new(None) }))
    }

    pub(super) fn encoded(&self) -> &Bytes {
        &self.0.encoded
    }

    /// The command; decoded, unless this node proposed it and takes it for the first time.
    pub(super) fn take_command(&self) -> Result<Command, prost::DecodeError> {
        if let Some(command) = self.0.decoded.lock().take() {
            return Ok(command);
        }
        Command::decode(self.0.encoded.clone())
    }
}

/// Values may be secrets: never in a log line.
impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "command of {} bytes", self.0.encoded.len())
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
