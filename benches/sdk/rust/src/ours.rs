//! The crate etcdkit.

// One of the crates takes `&mut self` where the other does not.
#![allow(unused_mut)]

use etcdkit as client;

include!("program.rs");
