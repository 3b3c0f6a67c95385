//! Who may do what: users, roles, and the rights that roles give on ranges of keys.
//!
//! The problem: a right may be taken away while a request that used it is on its way through the log. So every
//! change of users, roles or rights counts up one number, the auth revision; a caller is known by a name and the
//! revision at which it was recognised; and what was allowed at the edge is asked again when the command is
//! applied, where both have one order. A caller of an older revision is told so and comes again.
//!
//! * [`store`]: the replicated state, changed by commands alone.
//! * [`rights`]: what a user may read and write, merged from all its roles.
//! * [`check`]: the questions, request by request.
//! * [`tokens`]: simple tokens, given by commands, ended by the local clock of whoever asks.

pub mod check;
pub mod rights;
pub mod store;
pub mod tokens;

pub use check::Checker;
pub use store::{AuthStore, OpenError};
pub(crate) use store::{ENABLED as ENABLED_KEY, REVISION as REVISION_KEY, role_key, user_key};
pub use tokens::SimpleTokens;

/// The user without whom there is no authentication, and the role that may do everything.
pub const ROOT: &str = "root";

#[cfg(test)]
mod tests;
