//! The wire contract of etcd v3.
//!
//! Message and service names, field names and numbers are etcd's; the files in `wire/` declare them.
//! `bytes` fields are [`bytes::Bytes`], so a value is shared and not copied on its way through.

mod error;
pub mod key_range;
mod raw;

pub use error::{ERRORS, ErrorEntry, EtcdError, Retry};
pub use raw::RawCodec;

/// The whole contract as an encoded `FileDescriptorSet`.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($module:ident, $name:literal, $doc:literal) => {
        #[doc = $doc]
        #[allow(missing_docs, unreachable_pub, clippy::all)]
        pub mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
        }
    };
}

package!(mvccpb, "mvccpb", "Keys, their versions and events.");
package!(authpb, "authpb", "Users, roles and permissions.");
package!(etcdserverpb, "etcdserverpb", "The services of the client port.");
package!(v3lockpb, "v3lockpb", "The lock service.");
package!(v3electionpb, "v3electionpb", "The election service.");
package!(bridge, "bridge/etcdkit.bridge.v1", "What crosses a language boundary besides etcd's messages.");
package!(health, "grpc.health.v1", "The gRPC health service.");
