//! Service discovery in the layout of grpc-go's etcd resolver: `service/anything` holds
//! `{"Op":0,"Addr":"host:port","Metadata":…}` under a lease, so programs in every language find each other.
//!
//! ```no_run
//! # async fn example() -> etcdkit::Result<()> {
//! use etcdkit::naming::{Endpoint, Naming};
//! let client = etcdkit::Client::connect(["localhost:2379"], None).await?;
//! let services = Naming::new(&client, "services/search");
//! let registration = services.register(Endpoint::new("10.0.0.7:8080"), 15).await?;
//! for (key, endpoint) in services.list().await? {
//!     println!("{key}: {}", endpoint.addr);
//! }
//! registration.close().await?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::client::Client;
use crate::error::{Error, EtcdError, Result};
use crate::kv::{GetOptions, PutOptions};
use crate::response::KeyValue;
use crate::watch::{EventType, WatchOptions, WatchStream};

/// Pause between attempts to register again.
const PAUSE: Duration = Duration::from_millis(500);

/// Where an instance of a service is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Unused; 0. Go's resolver writes it.
    #[serde(rename = "Op", default)]
    op: u8,
    /// Address, as clients dial it.
    #[serde(rename = "Addr")]
    pub addr: String,
    /// Whatever the service wants its clients to know.
    #[serde(rename = "Metadata", default)]
    pub metadata: serde_json::Value,
}

impl Endpoint {
    /// An endpoint without metadata.
    pub fn new(addr: impl Into<String>) -> Self {
        Self { op: 0, addr: addr.into(), metadata: serde_json::Value::Null }
    }

    /// Adds metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<serde_json::Value>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// Adds metadata from JSON text. Fails when it is not JSON.
    pub fn with_metadata_json(self, text: &str) -> Result<Self> {
        let metadata: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Error::InvalidArgs(format!("not JSON: {error}")))?;
        Ok(self.with_metadata(metadata))
    }
}

/// The instances of one service.
#[derive(Clone, Debug)]
pub struct Naming {
    client: Client,
    prefix: String,
}

impl Naming {
    /// The service `service`; its instances are the keys under `service/`.
    pub fn new(client: &Client, service: impl AsRef<str>) -> Self {
        Self { client: client.clone(), prefix: format!("{}/", service.as_ref().trim_end_matches('/')) }
    }

    /// Registers an instance under its address, for as long as the returned object lives and `ttl` seconds beyond.
    ///
    /// An instance whose lease is lost, because no server was reachable for too long, registers again by itself.
    pub async fn register(&self, endpoint: Endpoint, ttl: i64) -> Result<Registration> {
        let key = format!("{}{}", self.prefix, endpoint.addr);
        let value = serde_json::to_vec(&endpoint).map_err(|error| Error::InvalidArgs(error.to_string()))?;
        let lease = write(&self.client, &key, &value, ttl).await?;
        let (tell, current) = watch::channel(lease);
        let (client, kept_key) = (self.client.clone(), key.clone());
        let task = tokio::spawn(async move { keep_registered(client, kept_key, value, ttl, tell).await });
        Ok(Registration { client: self.client.clone(), key, lease: current, task: task.abort_handle() })
    }

    /// The instances, by key.
    pub async fn list(&self) -> Result<BTreeMap<String, Endpoint>> {
        Ok(self.read().await?.0)
    }

    /// The instances, and then every change of them.
    pub async fn watch(&self) -> Result<NamingWatch> {
        let (instances, revision) = self.read().await?;
        let changes = self.changes_after(revision).await?;
        Ok(NamingWatch { naming: self.clone(), instances, changes, told: false })
    }

    async fn read(&self) -> Result<(BTreeMap<String, Endpoint>, i64)> {
        let response = self.client.get(self.prefix.clone(), Some(GetOptions::new().with_prefix())).await?;
        let revision = response.header().map_or(0, |header| header.revision());
        Ok((response.kvs().iter().filter_map(parse).collect(), revision))
    }

    async fn changes_after(&self, revision: i64) -> Result<WatchStream> {
        let options = WatchOptions::new().with_prefix().with_start_revision(revision + 1);
        self.client.watch(self.prefix.clone(), Some(options)).await
    }
}

/// Reads an instance. What others put under the prefix and is no endpoint is passed over, as Go's resolver does.
fn parse(kv: &KeyValue) -> Option<(String, Endpoint)> {
    let key = kv.key_str().ok()?;
    match serde_json::from_slice(kv.value()) {
        Ok(endpoint) => Some((key.to_owned(), endpoint)),
        Err(error) => {
            tracing::debug!(key, %error, "not an endpoint");
            None
        }
    }
}

async fn write(client: &Client, key: &str, value: &[u8], ttl: i64) -> Result<i64> {
    let lease = client.lease_grant(ttl, None).await?.id();
    client.put(key, value, Some(PutOptions::new().with_lease(lease))).await?;
    Ok(lease)
}

async fn keep_registered(client: Client, key: String, value: Vec<u8>, ttl: i64, tell: watch::Sender<i64>) {
    loop {
        let lease = *tell.borrow();
        let reason = client.keep_alive(lease, ttl).lost().await;
        tracing::info!(key, %reason, "registering again");
        loop {
            match write(&client, &key, &value, ttl).await {
                Ok(lease) => {
                    tell.send_replace(lease);
                    break;
                }
                Err(error) => tracing::warn!(key, %error, "could not register"),
            }
            sleep(PAUSE).await;
        }
    }
}

/// A registered instance.
#[derive(Debug)]
pub struct Registration {
    client: Client,
    key: String,
    lease: watch::Receiver<i64>,
    task: AbortHandle,
}

impl Registration {
    /// The key of the instance.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The present lease of the instance.
    pub fn lease(&self) -> i64 {
        *self.lease.borrow()
    }

    /// Takes the instance off the list now. Dropping the registration lets it expire instead.
    pub async fn close(self) -> Result<()> {
        self.task.abort();
        match self.client.lease_revoke(self.lease()).await {
            Err(error) if error.etcd() != Some(EtcdError::LeaseNotFound) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The instances of a service as they come and go.
#[derive(Debug)]
pub struct NamingWatch {
    naming: Naming,
    instances: BTreeMap<String, Endpoint>,
    changes: WatchStream,
    told: bool,
}

impl NamingWatch {
    /// All instances: at once the first time, later after the next change.
    pub async fn next(&mut self) -> Result<&BTreeMap<String, Endpoint>> {
        while self.told {
            match self.changes.message().await? {
                Some(response) if !response.canceled() => {
                    for event in response.events() {
                        self.apply(event);
                    }
                    self.told = response.events().is_empty();
                }
                // The history since the last change is compacted: start from a fresh list.
                _ => {
                    let (instances, revision) = self.naming.read().await?;
                    self.changes = self.naming.changes_after(revision).await?;
                    self.instances = instances;
                    self.told = false;
                }
            }
        }
        self.told = true;
        Ok(&self.instances)
    }

    fn apply(&mut self, event: &crate::Event) {
        let Some(kv) = event.kv() else { return };
        if event.event_type() == EventType::Delete {
            self.instances.remove(kv.key_str_unchecked());
        } else if let Some((key, endpoint)) = parse(kv) {
            self.instances.insert(key, endpoint);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_as_grpc_go_writes_it() {
        let text = serde_json::to_string(&Endpoint::new("1.2.3.4:80")).unwrap();
        assert_eq!(text, r#"{"Op":0,"Addr":"1.2.3.4:80","Metadata":null}"#);
        let read: Endpoint =
            serde_json::from_str(r#"{"Op":0,"Addr":"a:1","Metadata":{"weight":3}}"#).unwrap();
        assert_eq!(read, Endpoint::new("a:1").with_metadata(serde_json::json!({"weight": 3})));
    }
}
