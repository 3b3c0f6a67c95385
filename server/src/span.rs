//! Where the time of a call goes, for whoever follows calls through many programs.
//!
//! The server names no tracing system: a program that embeds it has its own or none, and an exporter is a good part of
//! a library's size. It tells [`Spans`] what begins and ends; what becomes of that is the program's affair.

use std::fmt::Debug;
use std::sync::Arc;

use http::HeaderMap;
pub use tonic::Code;

/// Follows calls.
pub trait Spans: Debug + Send + Sync {
    /// A call begins. `name` is service and method, as in `etcdserverpb.KV/Put`; `headers` carry what the caller's own
    /// tracing says. None for a call that is not followed.
    fn call(&self, name: &str, headers: &HeaderMap) -> Option<Arc<dyn Span>>;
}

/// A call that is followed. One that is dropped before its end was canceled.
pub trait Span: Send + Sync {
    /// The work on a request begins.
    fn part(&self, name: &'static str, facts: Vec<Fact>) -> Box<dyn Part>;

    /// The call ends. Again to no effect.
    fn end(&self, code: Code, message: &str);
}

/// A part of a call. It ends when it is dropped.
pub trait Part: Send {}

/// A name and what is to be known under it.
pub type Fact = (&'static str, Value);

/// What is to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text; bytes that are none have replacement characters.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
}
