//! An etcd-compatible server: a library first; the `etcdkit` binary and the embedded servers of the
//! language bindings are thin users of it.
//!
//! A write passes `api` -> `propose` -> `raft` -> (`wal`, `apply`); `apply` changes `mvcc` and `lease`,
//! which keep their records in `backend`. A read passes `api` -> `read` -> `mvcc`. What a follower cannot
//! decide passes through `forward` to the leader's `peer`. Dependencies point down only.

mod accept;
pub mod alarm;
mod answer;
pub mod api;
pub mod apply;
pub mod auth;
pub mod backend;
mod bootstrap;
#[doc(hidden)]
pub mod clock;
pub mod cluster;
pub mod command;
mod compactor;
pub mod config;
mod contact;
mod corruption;
pub mod data_dir;
mod expiry;
#[doc(hidden)]
pub mod fail_point;
mod forward;
mod gateway;
mod in_process;
mod invited;
pub mod io;
mod jwt;
pub mod lease;
mod lease_keeper;
mod listener;
mod membership;
pub mod metrics;
pub mod mvcc;
pub mod offline;
mod peer;
pub mod platform;
pub mod profile;
pub mod propose;
pub mod raft;
pub mod read;
pub mod server;
pub mod span;
mod streams;
mod sync;
mod timeline;
pub mod tls;
mod transport;
pub mod wal;

pub use in_process::InProcess;
pub use server::{BlockingServer, Server, ServerBuilder, StartError};
