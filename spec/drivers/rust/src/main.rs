//! Speaks the driver protocol for the Rust SDK.

fn main() {}
