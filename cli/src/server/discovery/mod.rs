//! Finds the members of a new cluster where nobody can write them down beforehand.
//!
//! With a registry, each member writes down who it is and waits until as many as were asked for have done so: behind a URL
//! (`--discovery`, see `etcdkit discovery-server`) or in another cluster (`--discovery-endpoints`). With DNS, SRV records
//! name all of them. What is found takes the place of `--initial-cluster`. A member that has data knows its cluster and
//! asks nobody.

mod dns;
mod join;
mod keys;
mod token_url;

use etcdkit_server::config::{Config, Storage};

use super::parse::{Given, ParseError};
use super::settings;
pub(crate) use join::PREFIX as REGISTRY_PREFIX;
use join::Registry;
use keys::Access;

/// Where the members of the cluster are to be found.
#[derive(Debug)]
pub(super) enum Discovery {
    /// Nowhere else: the settings name them.
    None,
    /// Behind a URL that ends in the token.
    Url(String),
    /// In the keys of another cluster.
    Keys(Access),
    /// In the SRV records of a domain, under a service that has this name appended.
    Dns { domain: String, name: String },
}

impl Discovery {
    /// What the flags ask for; refused in etcd's words.
    pub(super) fn of(given: &Given) -> Result<Discovery, ParseError> {
        let refuse = |text: &str| Err(ParseError::Invalid(text.to_owned()));
        let text = |name| settings::text(given, name).to_owned();
        if text("discovery-fallback") == "proxy" {
            return refuse(
                "v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\"",
            );
        }
        let (url, domain, token) = (text("discovery"), text("discovery-srv"), text("discovery-token"));
        let endpoints = settings::list(given, "discovery-endpoints");
        let cluster = given.get("initial-cluster").is_some_and(|cluster| !cluster.is_empty());
        let ways = [!url.is_empty(), !domain.is_empty(), !endpoints.is_empty(), cluster];
        if ways.into_iter().filter(|way| *way).count() > 1 {
            return refuse(
                "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \
                 \"discovery-endpoints\" or \"discovery-srv\"",
            );
        }
        if token.is_empty() != endpoints.is_empty() {
            return refuse("both --discovery-token and --discovery-endpoints must be set");
        }
        if !url.is_empty() {
            return Ok(Discovery::Url(url));
        }
        if !domain.is_empty() {
            return Ok(Discovery::Dns { domain, name: text("discovery-srv-name") });
        }
        match endpoints.is_empty() {
            true => Ok(Discovery::None),
            false => Ok(Discovery::Keys(Access::of(given, endpoints, token)?)),
        }
    }

    /// Finds the members and writes them into the settings. Waits until all are there.
    pub(super) async fn find(self, config: &mut Config) -> Result<(), String> {
        if has_data(config) {
            return Ok(());
        }
        match self {
            Discovery::None => return Ok(()),
            Discovery::Dns { domain, name } => return dns::find(&domain, &name, config).await,
            Discovery::Url(url) => {
                let token = url.trim_end_matches('/').to_owned();
                let registry = Registry::Url(token_url::TokenUrl::parse(&token)?);
                found(config, registry, token).await?;
            }
            Discovery::Keys(access) => {
                let token = access.token.clone();
                found(config, Registry::Keys(access.connect().await?), token).await?;
            }
        }
        Ok(())
    }
}

async fn found(config: &mut Config, registry: Registry, token: String) -> Result<(), String> {
    let cluster = join::join(&registry, config, &token).await?;
    tracing::info!(cluster, "discovery joined cluster successfully");
    config.initial_cluster = Some(cluster);
    config.initial_cluster_token = token;
    Ok(())
}

/// Whether the member has started before.
fn has_data(config: &Config) -> bool {
    match config.storage() {
        Storage::Directory(dir) => dir.join("member").join("identity").exists(),
        Storage::Memory => false,
    }
}
