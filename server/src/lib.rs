//! An etcd-compatible server: a library first; the `etcdkit` binary and the embedded servers of the
//! language bindings are thin users of it.
//!
//! A write passes `api` -> `propose` -> `raft` -> (`wal`, `apply`); `apply` changes `mvcc` and `lease`,
//! which keep their records in `backend`. A read passes `api` -> `read` -> `mvcc`. Dependencies point
//! down only.

pub mod alarm;
pub mod api;
pub mod apply;
pub mod auth;
pub mod backend;
mod clock;
pub mod cluster;
pub mod command;
mod compactor;
pub mod config;
pub mod data_dir;
mod expiry;
mod gateway;
mod in_process;
pub mod io;
mod jwt;
pub mod lease;
mod listener;
pub mod metrics;
pub mod mvcc;
pub mod offline;
pub mod platform;
pub mod propose;
pub mod raft;
pub mod read;
pub mod server;
mod streams;
mod sync;
pub mod tls;
pub mod wal;

pub use in_process::InProcess;
pub use server::{BlockingServer, Server, ServerBuilder, StartError};
