//! What applying a command gave, as bytes: for a member that passed the command on and answers the client itself.

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    AlarmMember, CompactionResponse, DeleteRangeResponse, LeaseGrantResponse, LeaseRevokeResponse,
    PutResponse, TxnResponse,
};
use prost::Message;

use crate::command::{Applied, Outcome};

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    /// The exact text of an error of the API.
    #[prost(string, tag = "1")]
    Error(String),
    #[prost(message, tag = "2")]
    Put(PutResponse),
    #[prost(message, tag = "3")]
    DeleteRange(DeleteRangeResponse),
    #[prost(message, tag = "4")]
    Txn(TxnResponse),
    #[prost(message, tag = "5")]
    Compact(CompactionResponse),
    #[prost(message, tag = "6")]
    LeaseGrant(LeaseGrantResponse),
    #[prost(message, tag = "7")]
    LeaseRevoke(LeaseRevokeResponse),
    #[prost(message, tag = "8")]
    Alarm(Alarms),
    #[prost(message, tag = "9")]
    Cluster(Nothing),
    #[prost(message, tag = "10")]
    Auth(Nothing),
    #[prost(message, tag = "11")]
    Authenticated(Authenticated),
    #[prost(message, tag = "12")]
    Nothing(Nothing),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Alarms {
    #[prost(message, repeated, tag = "1")]
    alarms: Vec<AlarmMember>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Nothing {}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Authenticated {
    #[prost(string, tag = "1")]
    token: String,
    #[prost(uint64, tag = "2")]
    revision: u64,
}

/// An outcome as bytes.
pub(crate) fn encode(outcome: Outcome) -> Bytes {
    let kind = match outcome {
        Err(error) => Kind::Error(error.message().to_owned()),
        Ok(Applied::Nothing) => Kind::Nothing(Nothing {}),
        Ok(Applied::Put(response)) => Kind::Put(response),
        Ok(Applied::DeleteRange(response)) => Kind::DeleteRange(response),
        Ok(Applied::Txn(response)) => Kind::Txn(response),
        Ok(Applied::Compact(response)) => Kind::Compact(response),
        Ok(Applied::LeaseGrant(response)) => Kind::LeaseGrant(response),
        Ok(Applied::LeaseRevoke(response)) => Kind::LeaseRevoke(response),
        Ok(Applied::Alarm(alarms)) => Kind::Alarm(Alarms { alarms }),
        Ok(Applied::Cluster) => Kind::Cluster(Nothing {}),
        Ok(Applied::Auth) => Kind::Auth(Nothing {}),
        Ok(Applied::Authenticated { token, revision }) => {
            Kind::Authenticated(Authenticated { token, revision })
        }
    };
    Answer { kind: Some(kind) }.encode_to_vec().into()
}

/// The outcome in the bytes; none when they do not read, or tell an error that this version does not know.
pub(crate) fn decode(bytes: Bytes) -> Option<Outcome> {
    Some(match Answer::decode(bytes).ok()?.kind? {
        Kind::Error(message) => Err(EtcdError::from_message(&message)?),
        Kind::Nothing(_) => Ok(Applied::Nothing),
        Kind::Put(response) => Ok(Applied::Put(response)),
        Kind::DeleteRange(response) => Ok(Applied::DeleteRange(response)),
        Kind::Txn(response) => Ok(Applied::Txn(response)),
        Kind::Compact(response) => Ok(Applied::Compact(response)),
        Kind::LeaseGrant(response) => Ok(Applied::LeaseGrant(response)),
        Kind::LeaseRevoke(response) => Ok(Applied::LeaseRevoke(response)),
        Kind::Alarm(alarms) => Ok(Applied::Alarm(alarms.alarms)),
        Kind::Cluster(_) => Ok(Applied::Cluster),
        Kind::Auth(_) => Ok(Applied::Auth),
        Kind::Authenticated(Authenticated { token, revision }) => {
            Ok(Applied::Authenticated { token, revision })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_as_they_were() {
        let put = PutResponse { header: Some(Default::default()), prev_kv: None };
        let outcomes = [
            Ok(Applied::Put(put)),
            Ok(Applied::Nothing),
            Ok(Applied::Cluster),
            Ok(Applied::Authenticated { token: "a.7".to_owned(), revision: 3 }),
            Ok(Applied::Alarm(vec![AlarmMember { member_id: 7, alarm: 1 }])),
            Err(EtcdError::LeaseExist),
        ];
        for outcome in outcomes {
            assert_eq!(decode(encode(outcome.clone())), Some(outcome));
        }
    }
}
