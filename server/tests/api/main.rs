//! A whole server in this process, asked over gRPC by generated clients: what the wire must show.

#![allow(clippy::unwrap_used)]

mod edge;
mod election;
mod fixture;
mod in_process;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod restart;
mod txn;
mod watch;
