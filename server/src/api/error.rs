//! Errors of the layers below as gRPC statuses.

use tonic::Status;

use crate::mvcc::MvccError;
use crate::propose::ProposalError;
use crate::read::GateError;

impl From<MvccError> for Status {
    fn from(error: MvccError) -> Self {
        match error {
            MvccError::Api(error) => error.into(),
            error => Status::internal(format!("etcdserver: {error}")),
        }
    }
}

impl From<ProposalError> for Status {
    fn from(error: ProposalError) -> Self {
        match error {
            ProposalError::Api(error) => error.into(),
            error @ ProposalError::Storage(_) => Status::unavailable(error.to_string()),
        }
    }
}

impl From<GateError> for Status {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Api(error) => error.into(),
            error @ GateError::Storage(_) => Status::unavailable(error.to_string()),
        }
    }
}

/// The state machine answered another question than it was asked; a defect of the server.
pub(crate) fn mismatched() -> Status {
    Status::internal("etcdserver: the state machine gave an answer of another kind")
}
