//! The whole client and the embedded server through one function, for languages that speak to the core in messages.
//!
//! Go, C#, Java and C would each need hundreds of functions, and their glue would rot one by one. They have one
//! instead: [`start`] takes the handle of an object, the number of a method (`proto/methods.toml`) and an encoded
//! request, and completes exactly once with an encoded response, the handle of a new object, or an error. What a
//! method does is in the core; what is here only decodes, calls and encodes.
//!
//! Objects form a tree: a client has streams and sessions, a session has locks and leaderships. [`close`] closes an
//! object and all below it.

mod client;
mod concurrency;
mod methods;
mod object;
mod queue;
mod recipes;
mod server;
mod start;
mod stream;

pub use methods::Method;
pub use object::{close, close_all};
pub use queue::{Finished, QUEUE_RESULTS_MAX, Queue};
pub use start::{Answer, Outcome, start};
