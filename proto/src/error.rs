//! The error table: gRPC code, exact message and retry class of every error of the API.

include!(concat!(env!("OUT_DIR"), "/errors.rs"));

/// One row of the error table.
#[derive(Clone, Copy, Debug)]
pub struct ErrorEntry {
    /// The error itself.
    pub error: EtcdError,
    /// Its name, the same in every language.
    pub name: &'static str,
    /// The gRPC code that describes it.
    pub code: tonic::Code,
    /// The gRPC code a server sends, which for a few errors is `Unknown`.
    pub wire_code: tonic::Code,
    /// The exact text on the wire.
    pub message: &'static str,
    /// Whether Go's client gives it a typed error.
    pub typed: bool,
    /// Whether a client may repeat the request.
    pub retry: Retry,
}

/// What a client may do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Report it.
    Never,
    /// Repeat the request if it only reads.
    Read,
    /// Authenticate again, then repeat the request: it has not been executed.
    Auth,
}

impl EtcdError {
    /// The row of this error.
    pub fn entry(self) -> &'static ErrorEntry {
        &ERRORS[self as usize]
    }

    /// The exact text on the wire.
    pub fn message(self) -> &'static str {
        self.entry().message
    }

    /// Finds the error with this exact text.
    pub fn from_message(message: &str) -> Option<Self> {
        ERRORS.iter().find(|entry| entry.message == message).map(|entry| entry.error)
    }
}

impl std::fmt::Display for EtcdError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for EtcdError {}

impl From<EtcdError> for tonic::Status {
    fn from(error: EtcdError) -> Self {
        let entry = error.entry();
        tonic::Status::new(entry.wire_code, entry.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_stands_at_the_index_of_its_error() {
        for (index, entry) in ERRORS.iter().enumerate() {
            assert_eq!(entry.error as usize, index, "{}", entry.name);
        }
    }

    #[test]
    fn messages_are_unique_and_name_the_server() {
        for entry in ERRORS {
            assert!(entry.message.starts_with("etcdserver: "), "{}", entry.name);
            assert_eq!(EtcdError::from_message(entry.message), Some(entry.error));
        }
    }

    #[test]
    fn a_status_carries_the_code_of_the_wire() {
        let status = tonic::Status::from(EtcdError::TooManyRequests);
        assert_eq!(status.code(), tonic::Code::Unknown);
        assert_eq!(EtcdError::TooManyRequests.entry().code, tonic::Code::ResourceExhausted);
    }
}
