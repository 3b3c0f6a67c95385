//! A registry in the keys of another cluster.

use std::time::Duration;

use etcdkit::{Client, ConnectOptions, GetOptions, TlsPem};

use super::super::parse::{Given, ParseError};
use super::super::settings;
use super::join::{PREFIX, Registered, Trouble};

/// How that cluster is reached.
#[derive(Debug)]
pub(crate) struct Access {
    endpoints: Vec<String>,
    pub(super) token: String,
    request_timeout: Duration,
    dial_timeout: Duration,
    keepalive: (Duration, Duration),
    user: String,
    password: String,
    cert_file: String,
    key_file: String,
    ca_file: String,
    encrypted: bool,
    skip_verify: bool,
}

impl Access {
    /// As the flags say.
    pub(super) fn of(given: &Given, endpoints: Vec<String>, token: String) -> Result<Self, ParseError> {
        let text = |name| settings::text(given, name).to_owned();
        let (user, password) = match text("discovery-user").split_once(':') {
            Some((user, password)) => (user.to_owned(), password.to_owned()),
            None => (text("discovery-user"), text("discovery-password")),
        };
        Ok(Access {
            endpoints,
            token,
            request_timeout: settings::duration(given, "discovery-request-timeout")?,
            dial_timeout: settings::duration(given, "discovery-dial-timeout")?,
            keepalive: (
                settings::duration(given, "discovery-keepalive-time")?,
                settings::duration(given, "discovery-keepalive-timeout")?,
            ),
            user,
            password,
            cert_file: text("discovery-cert"),
            key_file: text("discovery-key"),
            ca_file: text("discovery-cacert"),
            encrypted: !settings::flag(given, "discovery-insecure-transport"),
            skip_verify: settings::flag(given, "discovery-insecure-skip-tls-verify"),
        })
    }

    pub(super) async fn connect(self) -> Result<Keys, String> {
        let read = |path: &str| match path {
            "" => Ok(Vec::new()),
            path => std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}")),
        };
        let mut options = ConnectOptions::new()
            .with_connect_timeout(self.dial_timeout)
            .with_keep_alive(self.keepalive.0, self.keepalive.1);
        if !self.user.is_empty() {
            options = options.with_user(self.user.clone(), self.password.clone());
        }
        if self.encrypted || !self.ca_file.is_empty() || !self.cert_file.is_empty() || self.skip_verify {
            let pem = TlsPem {
                ca: read(&self.ca_file)?,
                cert: read(&self.cert_file)?,
                key: read(&self.key_file)?,
                skip_verify: self.skip_verify,
                ..TlsPem::default()
            };
            options = options.with_tls_pem(&pem).map_err(|error| error.to_string())?;
        }
        let client = Client::connect(&self.endpoints, Some(options)).await;
        let client = client.map_err(|error| format!("discovery: {error}"))?;
        Ok(Keys { client: client.with_timeout(self.request_timeout), token: self.token })
    }
}

/// The keys of one token.
pub(super) struct Keys {
    client: Client,
    token: String,
}

fn silent(error: etcdkit::Error) -> Trouble {
    Trouble::Silent(error.to_string())
}

impl Keys {
    pub(super) async fn size(&self) -> Result<Option<String>, Trouble> {
        let key = format!("{PREFIX}/{}/_config/size", self.token);
        let found = self.client.get(key, None).await.map_err(silent)?;
        Ok(found.kvs().first().map(|pair| String::from_utf8_lossy(pair.value()).into_owned()))
    }

    pub(super) async fn members(&self) -> Result<Vec<Registered>, Trouble> {
        let prefix = format!("{PREFIX}/{}/members", self.token);
        let options = GetOptions::new().with_prefix();
        let found = self.client.get(prefix, Some(options)).await.map_err(silent)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let registered = found.kvs().iter().map(|pair| Registered {
            id: text(pair.key()).rsplit('/').next().unwrap_or_default().to_owned(),
            pairs: text(pair.value()),
            created: pair.create_revision(),
        });
        Ok(registered.collect())
    }

    pub(super) async fn register(&self, id: &str, pairs: &str) -> Result<(), Trouble> {
        let key = format!("{PREFIX}/{}/members/{id}", self.token);
        self.client.put(key, pairs, None).await.map(drop).map_err(silent)
    }
}
