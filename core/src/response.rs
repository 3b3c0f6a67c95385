//! What several responses have in common: the header, key-value pairs, and the macro that wraps a message.

use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::mvccpb;

use crate::error::Result;

/// The head of a response: who answered, and at which revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHeader(pub(crate) pb::ResponseHeader);

impl ResponseHeader {
    /// Identity of the cluster.
    pub fn cluster_id(&self) -> u64 {
        self.0.cluster_id
    }

    /// Identity of the member that answered.
    pub fn member_id(&self) -> u64 {
        self.0.member_id
    }

    /// Revision of the key space at the time of the answer; for a write, its own.
    pub fn revision(&self) -> i64 {
        self.0.revision
    }

    /// Raft term of the member.
    pub fn raft_term(&self) -> u64 {
        self.0.raft_term
    }
}

/// A key with its value and versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue(pub(crate) mvccpb::KeyValue);

impl KeyValue {
    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// The key as text. Fails when it is not UTF-8.
    pub fn key_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.0.key)?)
    }

    /// The key as text; empty when it is not UTF-8.
    pub fn key_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.0.key).unwrap_or_default()
    }

    /// The key, shared with the response.
    pub fn key_bytes(&self) -> bytes::Bytes {
        self.0.key.clone()
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        &self.0.value
    }

    /// The value as text. Fails when it is not UTF-8.
    pub fn value_str(&self) -> Result<&str> {
        Ok(std::str::from_utf8(&self.0.value)?)
    }

    /// The value as text; empty when it is not UTF-8.
    pub fn value_str_unchecked(&self) -> &str {
        std::str::from_utf8(&self.0.value).unwrap_or_default()
    }

    /// The value, shared with the response.
    pub fn value_bytes(&self) -> bytes::Bytes {
        self.0.value.clone()
    }

    /// Key and value, without the rest.
    pub fn into_key_value(self) -> (Vec<u8>, Vec<u8>) {
        (self.0.key.into(), self.0.value.into())
    }

    /// Revision of the put that began this life of the key.
    pub fn create_revision(&self) -> i64 {
        self.0.create_revision
    }

    /// Revision of this version.
    pub fn mod_revision(&self) -> i64 {
        self.0.mod_revision
    }

    /// Puts since the key was created, from 1.
    pub fn version(&self) -> i64 {
        self.0.version
    }

    /// The lease the key hangs on, or 0.
    pub fn lease(&self) -> i64 {
        self.0.lease
    }
}

/// Wraps pairs without copying them.
pub(crate) fn key_values(kvs: Vec<mvccpb::KeyValue>) -> Vec<KeyValue> {
    kvs.into_iter().map(KeyValue).collect()
}

/// Declares a response that wraps its message, with the accessors every response has.
macro_rules! response {
    ($(#[$doc:meta])* $name:ident($message:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            header: Option<$crate::response::ResponseHeader>,
            message: $message,
        }

        impl $name {
            /// The head of the response.
            pub fn header(&self) -> Option<&$crate::response::ResponseHeader> {
                self.header.as_ref()
            }

            /// Takes the head out of the response.
            pub fn take_header(&mut self) -> Option<$crate::response::ResponseHeader> {
                self.header.take()
            }

            /// The message as it came over the wire, without its header.
            pub fn wire(&self) -> &$message {
                &self.message
            }
        }

        impl From<$message> for $name {
            fn from(mut message: $message) -> Self {
                let header = message.header.take().map($crate::response::ResponseHeader);
                Self { header, message }
            }
        }
    };
}
pub(crate) use response;
