//! The way to other members: connections, and the messages of the protocol between members.
//!
//! Members speak gRPC over HTTP/2 with each other on the peer port. Every call says in its metadata which cluster and
//! member it comes from and which member it is meant for, so that a stranger, or a member that took over somebody's
//! old address, is refused before it is listened to. What consensus says is built and read in `raft`; here it is plain
//! messages.

mod channel;
mod dial;
pub(crate) mod wire;

pub(crate) use channel::{Call, CallError, Peers, ask_stranger};

/// Package and service of the protocol; a later, incompatible one gets another number.
pub(crate) const SERVICE: &str = "/etcdkit.peer.v1.Peer/";

/// Metadata of a call: cluster and member that it comes from and the member that it is meant for, in hexadecimal.
pub(crate) const CLUSTER_KEY: &str = "etcdkit-cluster-id";
pub(crate) const FROM_KEY: &str = "etcdkit-from";
pub(crate) const TO_KEY: &str = "etcdkit-to";

/// Largest message between members, bytes: the entries of an append, of which there is always at least one, however
/// large.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 30;

/// What a removed member is told, in the words of etcd's log.
pub(crate) const REMOVED: &str = "the member has been permanently removed from the cluster";
