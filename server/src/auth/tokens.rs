//! Simple tokens: names for a user that has shown its password, kept in memory and nowhere else.
//!
//! A token is made known by a command, so that every member knows it, and ended by the local clock of each member,
//! so that nothing needs to be replicated when it is used. Each use gives it its full time again. Commands know no
//! time: a token begins to age when it is first used or swept.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Tokens at once. Each took a password check of tens of milliseconds, so a member cannot have made more within
/// the usual five minutes; the bound is for long times to live.
pub const TOKENS_MAX: usize = 200_000;

/// The tokens of a member. Times are milliseconds of one clock that never goes back.
#[derive(Debug)]
pub struct SimpleTokens {
    ttl_ms: u64,
    tokens: Mutex<HashMap<String, Token>>,
}

#[derive(Debug)]
struct Token {
    user: String,
    /// None until it is used or swept for the first time.
    ends_ms: Option<u64>,
}

impl SimpleTokens {
    /// No tokens yet; each lives `ttl_ms` after its last use.
    pub fn new(ttl_ms: u64) -> Self {
        SimpleTokens { ttl_ms, tokens: Mutex::default() }
    }

    /// Whether there is room for another.
    pub fn has_room(&self) -> bool {
        self.tokens.lock().len() < TOKENS_MAX
    }

    /// Makes a token known.
    pub(super) fn assign(&self, token: String, user: String) {
        self.tokens.lock().insert(token, Token { user, ends_ms: None });
    }

    /// Whose token it is; none when it is unknown or its time is up. It has its full time again.
    pub fn user(&self, token: &str, now_ms: u64) -> Option<String> {
        let mut tokens = self.tokens.lock();
        let found = tokens.get_mut(token)?;
        if found.ends_ms.is_some_and(|ends_ms| ends_ms < now_ms) {
            tokens.remove(token);
            return None;
        }
        found.ends_ms = Some(now_ms.saturating_add(self.ttl_ms));
        Some(found.user.clone())
    }

    /// Forgets tokens whose time is up. To be called every few seconds.
    pub fn sweep(&self, now_ms: u64) {
        let ends_ms = now_ms.saturating_add(self.ttl_ms);
        self.tokens.lock().retain(|_, token| *token.ends_ms.get_or_insert(ends_ms) >= now_ms);
    }

    /// Ends the tokens of a user.
    pub(super) fn end_of_user(&self, user: &str) {
        self.tokens.lock().retain(|_, token| token.user != user);
    }

    /// Ends all tokens.
    pub(super) fn clear(&self) {
        self.tokens.lock().clear();
    }
}
