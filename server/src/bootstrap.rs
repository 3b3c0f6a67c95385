//! The first start of a member: whose it becomes.
//!
//! A founder derives its id and that of its cluster from the settings, as all founders do, each for itself; that is why
//! the settings must be the same on all of them. One that joins was announced before it started, and is told its id by
//! those that are there. A founder that lost its data would derive the same id again and could vote twice: it is found
//! out by asking the others whether they know it already.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};

use crate::config::{ClusterState, Config, ConfigError, MemberUrl, are_same};
use crate::data_dir::{Identity, member_id};
use crate::tls::Outgoing;
use crate::transport::wire::{MembersRequest, MembersResponse};
use crate::transport::{Call, CallError, ask_stranger};

/// Time a member of the cluster has to say who the members are when a new one asks; as etcd's.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often one that joins asks all others, and its pause between: a network that just came back breaks the first
/// connections. etcd asks once.
const JOIN_ATTEMPTS: u32 = 3;
const JOIN_PAUSE: Duration = Duration::from_millis(500);

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
    let mut known =
        std::pin::pin!(answers(config, members, tls, FOUND_TIMEOUT).filter_map(async |answer| answer.ok()));
    if let Some(known) = known.next().await {
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
    patiently(async || settle(&config.name, members, answers(config, members, tls, JOIN_TIMEOUT)).await).await
}

async fn patiently(
    mut ask: impl AsyncFnMut() -> Result<Identity, Unsettled>,
) -> Result<Identity, ConfigError> {
    let mut attempt = 1;
    loop {
        match ask().await {
            Ok(identity) => return Ok(identity),
            Err(Unsettled::Refused(error)) => return Err(error),
            Err(Unsettled::Unreached(error)) if attempt < JOIN_ATTEMPTS => {
                tracing::warn!(%error, attempt, "no member told who is in the cluster; asking again");
                attempt += 1;
                tokio::time::sleep(JOIN_PAUSE).await;
            }
            Err(Unsettled::Unreached(error)) => {
                return Err(ConfigError(format!("cannot fetch cluster info from peer urls: {error}")));
            }
        }
    }
}

/// Why one that joins does not know who it is.
#[derive(Debug)]
enum Unsettled {
    /// Of those who answered none knows it as it was configured.
    Refused(ConfigError),
    /// Nobody answered.
    Unreached(CallError),
}

/// Takes the first answer that fits what was configured: a member that lags behind may not have heard yet that this one
/// was added.
async fn settle(
    name: &str,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    answers: impl Stream<Item = Result<MembersResponse, CallError>>,
) -> Result<Identity, Unsettled> {
    let mut answers = std::pin::pin!(answers);
    let (mut refusal, mut failure) = (None, nobody());
    while let Some(answer) = answers.next().await {
        let known = match answer {
            Ok(known) => known,
            Err(error) => {
                failure = error;
                continue;
            }
        };
        let (name, members, told) = (name.to_owned(), members.clone(), known.clone());
        match blocking(move || own_id(&name, &members, &told)).await {
            Ok(member_id) => {
                refuse_known(&known, member_id).map_err(Unsettled::Refused)?;
                return Ok(Identity { member_id, cluster_id: known.cluster_id });
            }
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.map_or(Unsettled::Unreached(failure), Unsettled::Refused))
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

/// What each of the others knows, asked one after another, by each of its addresses.
pub(crate) fn answers(
    config: &Config,
    members: &BTreeMap<String, Vec<MemberUrl>>,
    tls: Option<&Arc<Outgoing>>,
    patience: Duration,
) -> impl Stream<Item = Result<MembersResponse, CallError>> {
    let others = members.iter().filter(|(name, _)| **name != config.name).flat_map(|(_, urls)| urls);
    let urls: Vec<String> = others.map(MemberUrl::to_string).collect();
    let tls = tls.cloned();
    futures::stream::iter(urls).then(move |url| {
        let tls = tls.clone();
        async move { ask_stranger(&url, tls, Call::Members, MembersRequest {}, patience).await }
    })
}

fn nobody() -> CallError {
    CallError::Unsent { to: 0, reason: "there is no other member".to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::transport::wire::KnownMember;

    fn told(ids: &[u64]) -> MembersResponse {
        let member = |id: &u64| KnownMember {
            id: *id,
            peer_urls: vec![format!("http://127.0.0.1:{}", 7000 + id)],
            ..Default::default()
        };
        MembersResponse { cluster_id: 5, members: ids.iter().map(member).collect() }
    }

    async fn settled(answers: Vec<Result<MembersResponse, CallError>>) -> Result<u64, String> {
        let url = |id: u64| MemberUrl::parse(&format!("http://127.0.0.1:{}", 7000 + id)).unwrap();
        let members = (1..=3).map(|id| (format!("m{id}"), vec![url(id)])).collect();
        let settled = settle("m3", &members, futures::stream::iter(answers)).await;
        settled.map(|identity| identity.member_id).map_err(|unsettled| match unsettled {
            Unsettled::Refused(error) => error.to_string(),
            Unsettled::Unreached(_) => "unreached".to_owned(),
        })
    }

    #[tokio::test]
    async fn one_that_joins_believes_the_member_that_knows_of_it() {
        let behind = || Ok(told(&[1, 2]));
        assert_eq!(settled(vec![behind(), Ok(told(&[1, 2, 3]))]).await, Ok(3));
        assert_eq!(settled(vec![Err(nobody()), Ok(told(&[1, 2, 3])), behind()]).await, Ok(3));
        let unequal = "error validating peerURLs: member count is unequal".to_owned();
        assert_eq!(settled(vec![behind(), Err(nobody())]).await, Err(unequal));
        assert_eq!(settled(vec![Err(nobody())]).await, Err("unreached".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_joins_asks_again_when_nobody_answers() {
        let known = Identity { member_id: 3, cluster_id: 5 };
        let mut failures = 0..JOIN_ATTEMPTS - 1;
        let joined = patiently(async || match failures.next() {
            Some(_) => Err(Unsettled::Unreached(nobody())),
            None => Ok(known),
        });
        assert_eq!(joined.await.unwrap().member_id, 3);

        let mut asked = 0;
        let unreached = patiently(async || {
            asked += 1;
            Err(Unsettled::Unreached(nobody()))
        });
        let unreached = unreached.await.unwrap_err().to_string();
        assert!(unreached.starts_with("cannot fetch cluster info from peer urls: "), "{unreached}");
        assert_eq!(asked, JOIN_ATTEMPTS);

        let mut asked = 0;
        let refused = patiently(async || {
            asked += 1;
            Err(Unsettled::Refused(ConfigError("no".to_owned())))
        });
        assert_eq!((refused.await.unwrap_err().to_string().as_str(), asked), ("no", 1));
    }
}
