//! What the client does when servers and connections fail, against a small server of its own.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod calls;
mod leases;
mod locks;
mod mock;
mod proxy;
mod store;
mod watches;
