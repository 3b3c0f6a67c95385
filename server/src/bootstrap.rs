//! The first start of a member: whose it becomes.
//!
//! A founder derives its id and that of its cluster from the settings, as all founders do, each for itself; that is why
//! the settings must be the same on all of them. One that joins was announced before it started, and is told its id by
//! those that are there. A founder that lost its data would derive the same id again and could vote twice: it is found
//! out by asking the others whether they know it already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{ClusterState, Config, ConfigError, MemberUrl, are_same};
use crate::data_dir::{Identity, member_id};
use crate::tls::Outgoing;
use crate::transport::wire::{MembersRequest, MembersResponse};
use crate::transport::{Call, CallError, ask_stranger};

/// Time a member of the cluster has to say who the members are when a new one asks; as etcd's.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Time the other founders have to say that they know this one already. They usually are not there yet.
const FOUND_TIMEOUT: Duration = Duration::from_secs(1);

/// The ids of a member that starts for the first time.
pub(crate) async fn identity(config: &Config, tls: Option<&Arc<Outgoing>>) -> Result<Identity, ConfigError> {
    let checked = config.clone();
    blocking(move || checked.check_founding()).await?;
    let members = config.initial_members()?;
    match config.initial_cluster_state {
        ClusterState::New => found(config, &members, tls).await,
        ClusterState::Existing => join(config, &members, tls).await,
    }
}

/// The members that found the cluster, by id; none where it is joined. `own` is the id that this member has: alone, it
/// keeps that of its data directory, whatever its addresses have become.
pub(crate) fn founders(config: &Config, own: u64) -> Result<Option<BTreeMap<u64, Vec<String>>>, ConfigError> {
    if config.initial_cluster_state == ClusterState::Existing {
        return Ok(None);
    }
    let members = config.initial_members()?;
    let texts = |urls: &[MemberUrl]| urls.iter().map(MemberUrl::to_string).collect();
    if let (1, Some(urls)) = (members.len(), members.values().next()) {
        return Ok(Some(BTreeMap::from([(own, texts(urls))])));
    }
    let token = &config.initial_cluster_token;
    Ok(Some(members.values().map(|urls| (member_id(urls, token), texts(urls))).collect()))
}

async fn found(
    config: &Config,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    tls: Option<&Arc<Outgoing>>,
) -> Result<Identity, ConfigError> {
    let identity = Identity::of_founder(members, &config.name, &config.initial_cluster_token)?;
    if members.len() == 1 {
        return Ok(identity);
    }
    if let Ok(known) = ask_others(config, members, tls, FOUND_TIMEOUT).await {
        refuse_known(&known, identity.member_id)?;
    }
    Ok(identity)
}

/// Refuses to start with an empty disk as a member that has run before: it has voted, and acknowledged entries, of which it
/// knows nothing any more, and the others count on both.
fn refuse_known(known: &MembersResponse, id: u64) -> Result<(), ConfigError> {
    let own = known.members.iter().find(|member| member.id == id);
    if own.is_none_or(|own| own.client_urls.is_empty()) {
        return Ok(());
    }
    Err(ConfigError(format!(
        "member {id:x} has already been bootstrapped: if its data is lost, remove it from the cluster and add it again"
    )))
}

async fn join(
    config: &Config,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    tls: Option<&Arc<Outgoing>>,
) -> Result<Identity, ConfigError> {
    let known = ask_others(config, members, tls, JOIN_TIMEOUT).await;
    let known =
        known.map_err(|error| ConfigError(format!("cannot fetch cluster info from peer urls: {error}")))?;
    let (name, members, told) = (config.name.clone(), members.clone(), known.clone());
    let member_id = blocking(move || own_id(&name, &members, &told)).await?;
    refuse_known(&known, member_id)?;
    Ok(Identity { member_id, cluster_id: known.cluster_id })
}

/// The id under which the cluster knows the member with this name; all that it knows must be the ones named here. Blocks
/// where names of hosts have to be looked up.
fn own_id(
    own: &str,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    known: &MembersResponse,
) -> Result<u64, ConfigError> {
    if known.members.len() != members.len() {
        return Err(ConfigError("error validating peerURLs: member count is unequal".to_owned()));
    }
    let mut own_id = None;
    for member in &known.members {
        let theirs: Vec<MemberUrl> =
            member.peer_urls.iter().map(|url| MemberUrl::parse(url)).collect::<Result<_, _>>()?;
        let written =
            |urls: &[MemberUrl]| urls.len() == theirs.len() && urls.iter().all(|url| theirs.contains(url));
        // Names are looked up only for one that is written otherwise.
        let found = members.iter().find(|(_, urls)| written(urls));
        let found = found.or_else(|| members.iter().find(|(_, urls)| are_same(urls, &theirs)));
        let Some((name, _)) = found else {
            return Err(ConfigError(format!(
                "error validating peerURLs: no match found for existing member ({:x}, [{}])",
                member.id,
                member.peer_urls.join(" ")
            )));
        };
        if name == own {
            own_id = Some(member.id);
        }
    }
    own_id.ok_or_else(|| ConfigError(format!("member {own:?} was not added to the cluster before")))
}

/// Names of hosts are looked up by the C library.
async fn blocking<T: Send + 'static>(
    check: impl FnOnce() -> Result<T, ConfigError> + Send + 'static,
) -> Result<T, ConfigError> {
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map_err(|error| ConfigError(format!("the check of addresses did not end: {error}")))?
}

/// What the first of the others that answers knows.
async fn ask_others(
    config: &Config,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    tls: Option<&Arc<Outgoing>>,
    patience: Duration,
) -> Result<MembersResponse, CallError> {
    let mut failure = CallError::Unsent { to: 0, reason: "there is no other member".to_owned() };
    for url in members.iter().filter(|(name, _)| **name != config.name).flat_map(|(_, urls)| urls) {
        match ask_stranger(&url.to_string(), tls.cloned(), Call::Members, MembersRequest {}, patience).await {
            Ok(known) => return Ok(known),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
