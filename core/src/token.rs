//! The authentication token: fetched once for everybody who needs it, renewed when the server refuses it.
//!
//! A login per stream or per failed call has overrun servers' token tables (etcd-io/etcd#15764), so whoever finds the
//! token refused waits for the one login in flight and takes its result.

use parking_lot::RwLock;
use tonic::metadata::{Ascii, MetadataValue};

/// A token and which login it came from.
#[derive(Clone, Default)]
pub(crate) struct Token {
    pub(crate) value: Option<MetadataValue<Ascii>>,
    pub(crate) login: u64,
}

/// Credentials and the present token.
pub(crate) struct TokenStore {
    user: RwLock<Option<(String, String)>>,
    token: RwLock<Token>,
    /// Held during a login.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl TokenStore {
    pub(crate) fn new(user: Option<(String, String)>) -> Self {
        Self { user: RwLock::new(user), token: RwLock::default(), turn: tokio::sync::Mutex::new(()) }
    }

    pub(crate) fn user(&self) -> Option<(String, String)> {
        self.user.read().clone()
    }

    pub(crate) fn set_user(&self, user: Option<(String, String)>) {
        *self.user.write() = user;
    }

    pub(crate) fn current(&self) -> Token {
        self.token.read().clone()
    }

    /// Replaces the token; `None` where authentication is off.
    pub(crate) fn replace(&self, value: Option<MetadataValue<Ascii>>) {
        let mut token = self.token.write();
        token.value = value;
        token.login += 1;
    }
}
