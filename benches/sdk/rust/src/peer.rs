//! The crate etcd-client.

// One of the crates takes `&mut self` where the other does not.
#![allow(unused_mut)]

use etcd_client as client;

include!("program.rs");
