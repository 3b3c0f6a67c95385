//! The etcdkit binary.

fn main() {}
