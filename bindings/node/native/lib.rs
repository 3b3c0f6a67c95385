//! The native module of the Node and Bun SDK.
//!
//! It converts, calls and converts back; what a call means is in the core, what it is called is in the TypeScript
//! package. No user code runs on a runtime thread, and no runtime thread touches JavaScript: results wait in plain
//! data until the event loop fetches them, many at a time.

// Node-API is a C interface; every use has its SAFETY comment.
#![allow(unsafe_code)]

mod boundary;
mod client;
mod decode;
mod election;
mod encode;
mod js;
mod keep_alive;
mod lock;
mod naming;
mod schema;
mod server;
mod snapshot;
mod watch;

use napi_derive::napi;

/// The version of the package this library was built for.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The wire contract as JSON: what the TypeScript declarations are generated from.
#[napi(catch_unwind)]
pub fn contract() -> napi::Result<String> {
    Ok(schema::schema()?.to_json())
}

/// The paths of the unary methods. A method is called by its position in this list.
#[napi(catch_unwind)]
pub fn methods() -> napi::Result<Vec<&'static str>> {
    Ok(schema::schema()?.methods.iter().map(|method| method.path.as_str()).collect())
}
