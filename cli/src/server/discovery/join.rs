//! The steps of a member that registers and waits for the others; etcd's, so that members of both kinds could meet.

use std::time::Duration;

use etcdkit_server::config::Config;
use etcdkit_server::data_dir::Identity;

use super::keys::Keys;
use super::token_url::TokenUrl;

/// Where registries keep tokens.
pub(crate) const PREFIX: &str = "/_etcd/registry";

/// Pause between two looks whether all are there.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

/// Pauses after a registry did not answer double up to the power of this, in seconds; as etcd's.
const DOUBLINGS_MAX: u32 = 8;

/// One that keeps who has registered.
pub(super) enum Registry {
    Url(TokenUrl),
    Keys(Keys),
}

/// Why a registry gave no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It did not answer, and may later.
    Silent(String),
    /// It answered, and asking again will not help.
    Final(String),
}

/// One that has registered: its id, and `name=url` pairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registered {
    pub(super) id: String,
    pub(super) pairs: String,
    /// Who came first has the smallest.
    pub(super) created: i64,
}

impl Registry {
    /// How many members there shall be, as it is written down.
    async fn size(&self) -> Result<Option<String>, Trouble> {
        match self {
            Registry::Url(url) => url.size().await,
            Registry::Keys(keys) => keys.size().await,
        }
    }

    async fn members(&self) -> Result<Vec<Registered>, Trouble> {
        match self {
            Registry::Url(url) => url.members().await,
            Registry::Keys(keys) => keys.members().await,
        }
    }

    async fn register(&self, id: &str, pairs: &str) -> Result<(), Trouble> {
        match self {
            Registry::Url(url) => url.register(id, pairs).await,
            Registry::Keys(keys) => keys.register(id, pairs).await,
        }
    }
}

/// Registers, waits for the others, and tells all of them in the form of `--initial-cluster`.
pub(super) async fn join(registry: &Registry, config: &Config, token: &str) -> Result<String, String> {
    let urls = &config.initial_advertise_peer_urls;
    let id = format!("{:x}", Identity::of_single_member(urls, token).member_id);
    let pairs: Vec<String> = urls.iter().map(|url| format!("{}={url}", config.name)).collect();
    let pairs = pairs.join(",");
    look(registry, &id).await?;
    patiently("register member itself", async || registry.register(&id, &pairs).await).await?;
    let mut told = 0;
    loop {
        let (size, members) = look(registry, &id).await?;
        if members.len() != told {
            told = members.len();
            tracing::info!(cluster_size = size, found_peers = told, "found peers from discovery service");
        }
        if members.len() >= size {
            let members = members.into_iter().take(size).map(|member| member.pairs);
            return Ok(members.collect::<Vec<_>>().join(","));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The size and those who have come, in order; refused when others have taken all places.
async fn look(registry: &Registry, id: &str) -> Result<(usize, Vec<Registered>), String> {
    let size = patiently("cluster status check", async || registry.size().await).await?;
    let size = size.ok_or("discovery: size key not found")?;
    let size: usize = size.trim().parse().map_err(|_| "discovery: size key is bad")?;
    if size == 0 {
        return Err("discovery: size key is bad".to_owned());
    }
    let mut members = patiently("cluster status check", async || registry.members().await).await?;
    members.retain(|member| member.pairs.contains('='));
    members.sort_by_key(|member| member.created);
    let has_place = members.len() < size || members.iter().take(size).any(|member| member.id == id);
    if has_place { Ok((size, members)) } else { Err("discovery: cluster is full".to_owned()) }
}

/// Asks until there is an answer.
async fn patiently<T>(step: &str, ask: impl AsyncFn() -> Result<T, Trouble>) -> Result<T, String> {
    let mut tried = 0_u32;
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Final(reason)) => return Err(reason),
            Err(Trouble::Silent(error)) => {
                tried = tried.saturating_add(1);
                let backoff = Duration::from_secs(1 << tried.min(DOUBLINGS_MAX));
                tracing::warn!(reason = step, ?backoff, error, "retry connecting to discovery service");
                tokio::time::sleep(backoff).await;
            }
        }
    }
}
