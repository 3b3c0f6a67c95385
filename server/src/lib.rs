//! An etcd-compatible server: a library first; the `etcdkit` binary and the embedded servers of the
//! language bindings are thin users of it.
//!
//! A write passes `api` -> `propose` -> `raft` -> (`wal`, `apply`); `apply` changes `mvcc` and `lease`,
//! which keep their records in `backend`. A read passes `api` -> `read` -> `mvcc`. Dependencies point
//! down only.

pub mod command;
