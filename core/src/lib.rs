//! The etcd v3 client: one implementation of retry, failover, watches, leases, locks and elections.
//!
//! Programs written for the `etcd-client` crate run with the dependency renamed:
//! `etcd_client = { package = "etcdkit", … }`. Beyond it, calls have time limits, reads fail over between endpoints,
//! a write is never repeated unless it is safe, watches and keep-alives survive lost connections, and
//! [`concurrency`] has locks and elections that exclude those of every other etcd client.

mod answers;
mod auth;
mod balancer;
mod beat;
pub mod channel;
mod client;
mod cluster;
pub mod concurrency;
mod connector;
mod core;
mod dial;
mod election;
mod encoded;
mod endpoint;
mod error;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod members;
mod method;
mod namespace;
pub mod naming;
mod options;
mod range;
pub mod recipes;
mod response;
mod retry;
mod tls;
mod token;
mod txn;
mod watch;

pub use auth::*;
pub use channel::{BalancedChannelBuilder, Channel, CustomChannel, EndpointUpdater};
pub use client::Client;
pub use cluster::*;
pub use connector::Connector;
pub use election::*;
pub use error::{Error, ErrorKind, EtcdError, Result};
/// The messages of the wire contract, for bindings and for what the typed surface does not cover.
pub use etcdkit_proto as proto;
pub use kv::*;
pub use lease::{
    KeepAlive, KeepAliveEvent, KeepAliveEvents, LeaseClient, LeaseGrantOptions, LeaseGrantResponse,
    LeaseKeepAliveResponse, LeaseKeepAliveStream, LeaseKeeper, LeaseLeasesResponse, LeaseLost,
    LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveOptions, LeaseTimeToLiveResponse,
};
pub use lock::*;
pub use maintenance::*;
pub use members::OLDEST_SUPPORTED;
pub use namespace::{KvClientPrefix, LeaseClientPrefix};
pub use options::{
    CONNECT_TIMEOUT, ConnectOptions, KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, REQUEST_TIMEOUT,
};
pub use range::KeyRange;
pub use response::{KeyValue, ResponseHeader};
pub use tls::{Certificate, Identity, TlsOptions, TlsPem};
pub use tonic::{Code, Status};
pub use txn::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse, TxnResponse};
pub use watch::{
    Event, EventType, WatchClient, WatchFilterType, WatchOptions, WatchRequestSender, WatchResponse,
    WatchResponseStream, WatchStream,
};
