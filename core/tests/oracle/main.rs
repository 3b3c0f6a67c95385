//! The client against a real etcd: TLS, logins, and the shapes of answers that only the real thing can vouch for.
//!
//! The program is looked for in `target/oracle` (`cargo xtask oracle` builds it) or in `$ETCDKIT_ORACLE`; without it
//! the tests pass with a note.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod auth;
mod concurrency;
mod etcd;
mod namespace;
mod recipes;
mod tls;
