//! The key space with its history.

pub mod watch;
