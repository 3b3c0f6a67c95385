//! The etcdkit binary: called as `etcdkit`, `etcd` or `etcdctl` it behaves as that program.

mod ctl;
mod server;

fn main() {}
