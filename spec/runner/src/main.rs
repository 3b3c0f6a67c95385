//! Runs the behaviour spec.

fn main() {}
