//! A whole server in this process, asked over gRPC by generated clients: what the wire must show.

#![allow(clippy::unwrap_used)]

mod auth;
mod edge;
mod election;
mod fixture;
mod http;
mod in_process;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod restart;
mod security;
mod tls;
mod txn;
mod watch;
