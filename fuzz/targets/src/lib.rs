//! What reads the bytes of strangers, each as a function of bytes: it returns for every input, or panics and has found
//! something.
//!
//! The functions are driven in two ways: by libFuzzer, with the coverage that the compiler of nightly Rust measures
//! (`make fuzz`), and on any machine by mutated seeds, see `tests/mutated.rs`.

mod bolt;
mod gateway;
mod mutate;
mod ranges;
mod requests;
mod service;
mod snapshot;
mod wal;

pub use mutate::Mutator;

/// One reader.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name, as `make fuzz` shows it.
    pub name: &'static str,
    /// Reads an input. Panics when something is wrong.
    pub run: fn(&[u8]),
    /// Inputs that are well formed.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// What such inputs are made of, to be put into others.
    pub words: &'static [&'static [u8]],
}

/// The log of a member that was stopped.
pub const WAL: Target = Target { name: "wal", run: wal::run, seeds: wal::seeds, words: &[] };

/// A snapshot, ours or etcd's, that is to be restored.
pub const SNAPSHOT: Target =
    Target { name: "snapshot", run: snapshot::run, seeds: snapshot::seeds, words: snapshot::WORDS };

/// Bodies of the JSON gateway, while authentication is on.
pub const GATEWAY: Target =
    Target { name: "gateway", run: gateway::run, seeds: gateway::seeds, words: gateway::WORDS };

/// Messages of gRPC, while authentication is on.
pub const REQUESTS: Target =
    Target { name: "requests", run: requests::run, seeds: requests::seeds, words: requests::WORDS };

/// Ranges of keys, and the rights on them.
pub const RANGES: Target = Target { name: "ranges", run: ranges::run, seeds: ranges::seeds, words: &[] };

/// All of them.
pub const TARGETS: &[Target] = &[WAL, SNAPSHOT, GATEWAY, REQUESTS, RANGES];
