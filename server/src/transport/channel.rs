//! Connections to members, made when they are needed and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use etcdkit_link::{Kept, Link, never_sent};
use futures::Stream;
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::watch;
use tonic::client::Grpc;
use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::dial::Dial;
use super::{CLUSTER_KEY, FROM_KEY, MESSAGE_BYTES_MAX, REMOVED, SERVICE, TO_KEY};
use crate::tls::Outgoing;

/// What a connection carries. Bulk is kept apart so that heartbeats never wait behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lane {
    Consensus,
    Bulk,
}

/// A call of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Append,
    Vote,
    PreVote,
    Snapshot,
    Transfer,
    Propose,
    ReadIndex,
    Lease,
    Members,
    Probe,
    Following,
    Hash,
}

impl Call {
    /// All of them, for the server to find one by its path.
    pub(crate) const ALL: [Call; 12] = [
        Call::Append,
        Call::Vote,
        Call::PreVote,
        Call::Snapshot,
        Call::Transfer,
        Call::Propose,
        Call::ReadIndex,
        Call::Lease,
        Call::Members,
        Call::Probe,
        Call::Following,
        Call::Hash,
    ];

    /// The call's name in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Call::Append => "Append",
            Call::Vote => "Vote",
            Call::PreVote => "PreVote",
            Call::Snapshot => "Snapshot",
            Call::Transfer => "Transfer",
            Call::Propose => "Propose",
            Call::ReadIndex => "ReadIndex",
            Call::Lease => "Lease",
            Call::Members => "Members",
            Call::Probe => "Probe",
            Call::Following => "Following",
            Call::Hash => "Hash",
        }
    }

    fn path(self) -> String {
        format!("{SERVICE}{}", self.name())
    }

    fn lane(self) -> Lane {
        match self {
            Call::Append | Call::Vote | Call::PreVote | Call::Transfer | Call::ReadIndex | Call::Probe => {
                Lane::Consensus
            }
            Call::Snapshot | Call::Propose | Call::Lease | Call::Members | Call::Following | Call::Hash => {
                Lane::Bulk
            }
        }
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The request never left: nothing was done.
    #[error("member {to:x} cannot be reached: {reason}")]
    Unsent {
        /// Whom it was for.
        to: u64,
        /// Why not.
        reason: String,
    },
    /// The member refused it: nothing was done.
    #[error("member {to:x} refused: {reason}")]
    Refused {
        /// Who.
        to: u64,
        /// Why.
        reason: String,
    },
    /// It may have arrived, and it may have been done.
    #[error("no answer from member {to:x}: {reason}")]
    Lost {
        /// From whom.
        to: u64,
        /// What happened.
        reason: String,
    },
}

struct Place {
    urls: Vec<String>,
    /// The URL in use; the next one is tried when it cannot be connected to.
    current: usize,
    lanes: HashMap<Lane, Arc<Kept<Link>>>,
}

/// The members that this one talks to. One for a server; shared.
pub(crate) struct Peers {
    cluster: String,
    from: String,
    tls: Option<Arc<Outgoing>>,
    places: Mutex<HashMap<u64, Place>>,
    /// Set once another member said that this one was removed.
    removed: watch::Sender<bool>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").field("members", &self.places.lock().len()).finish_non_exhaustive()
    }
}

impl Peers {
    /// Nobody yet. The ids are those of the caller, and so is the TLS, without which members with
    /// `https` addresses are not reached.
    pub(crate) fn new(cluster_id: u64, member_id: u64, tls: Option<Arc<Outgoing>>) -> Self {
        Peers {
            cluster: format!("{cluster_id:x}"),
            from: format!("{member_id:x}"),
            tls,
            places: Mutex::default(),
            removed: watch::Sender::new(false),
        }
    }

    /// Tells when this member hears that it was removed from the cluster.
    pub(crate) fn removed(&self) -> watch::Receiver<bool> {
        self.removed.subscribe()
    }

    /// This member was removed from the cluster.
    pub(crate) fn set_removed(&self) {
        self.removed.send_replace(true);
    }

    /// Notes where a member is reached. Connections to other addresses are let go.
    pub(crate) fn place(&self, member: u64, urls: &[String]) {
        let mut places = self.places.lock();
        if places.get(&member).is_some_and(|place| place.urls == urls) {
            return;
        }
        places.insert(member, Place { urls: urls.to_vec(), current: 0, lanes: HashMap::new() });
    }

    /// A call with one answer.
    pub(crate) async fn ask<Req, Res>(
        &self,
        to: u64,
        call: Call,
        message: Req,
        patience: Duration,
    ) -> Result<Res, CallError>
    where
        Req: Message + 'static,
        Res: Message + Default + 'static,
    {
        let answer = async {
            let (mut grpc, request) = self.prepare(to, call, message).await?;
            grpc.ready().await.map_err(|error| unsent(to, &error))?;
            let path = path(to, call)?;
            let codec = ProstCodec::<Req, Res>::default();
            grpc.unary(request, path, codec).await.map_err(|status| self.failed(to, &status))
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_elapsed) => Err(CallError::Lost { to, reason: format!("nothing within {patience:?}") }),
        }
    }

    /// A call with a stream of requests and a stream of answers.
    pub(crate) async fn converse<Req, Res, Requests>(
        &self,
        to: u64,
        call: Call,
        requests: Requests,
        patience: Duration,
    ) -> Result<Streaming<Res>, CallError>
    where
        Req: Message + 'static,
        Res: Message + Default + 'static,
        Requests: Stream<Item = Req> + Send + 'static,
    {
        let answers = async {
            let (mut grpc, request) = self.prepare(to, call, requests).await?;
            grpc.ready().await.map_err(|error| unsent(to, &error))?;
            let path = path(to, call)?;
            let codec = ProstCodec::<Req, Res>::default();
            grpc.streaming(request, path, codec).await.map_err(|status| self.failed(to, &status))
        };
        match tokio::time::timeout(patience, answers).await {
            Ok(answers) => answers.map(tonic::Response::into_inner),
            Err(_elapsed) => Err(CallError::Lost { to, reason: format!("nothing within {patience:?}") }),
        }
    }

    async fn prepare<T>(
        &self,
        to: u64,
        call: Call,
        message: T,
    ) -> Result<(Grpc<Link>, Request<T>), CallError> {
        let grpc = Grpc::new(self.link(to, call.lane()).await?)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let mut request = Request::new(message);
        for (key, value) in
            [(CLUSTER_KEY, &self.cluster), (FROM_KEY, &self.from), (TO_KEY, &format!("{to:x}"))]
        {
            let value = AsciiMetadataValue::try_from(value.as_str()).map_err(|error| unsent(to, &error))?;
            request.metadata_mut().insert(key, value);
        }
        Ok((grpc, request))
    }

    /// The connection for a lane, made now if there is none.
    async fn link(&self, to: u64, lane: Lane) -> Result<Link, CallError> {
        let (url, kept) = {
            let mut places = self.places.lock();
            let place = places.get_mut(&to).filter(|place| !place.urls.is_empty());
            let place = place.ok_or_else(|| unsent(to, &"its address is not known"))?;
            let url = place.urls[place.current % place.urls.len()].clone();
            (url, Arc::clone(place.lanes.entry(lane).or_default()))
        };
        let tls = self.tls.clone();
        let connect = async move || Dial::to(&url, tls.as_ref())?.connect().await;
        let link = kept.get(Link::is_usable, connect).await;
        link.map_err(|why| {
            self.try_next_url(to, lane);
            unsent(to, &why)
        })
    }

    fn failed(&self, to: u64, status: &Status) -> CallError {
        if never_sent(status) {
            return unsent(to, status.message());
        }
        let reason = status.message().to_owned();
        if status.code() == Code::PermissionDenied && reason == REMOVED {
            self.set_removed();
        }
        match status.code() {
            Code::FailedPrecondition | Code::PermissionDenied | Code::Unimplemented => {
                CallError::Refused { to, reason }
            }
            _ => CallError::Lost { to, reason },
        }
    }

    fn try_next_url(&self, to: u64, lane: Lane) {
        let mut places = self.places.lock();
        let Some(place) = places.get_mut(&to).filter(|place| place.urls.len() > 1) else { return };
        if place.lanes.remove(&lane).is_some() {
            place.current = (place.current + 1) % place.urls.len();
        }
    }
}

/// Asks a member of whom only an address is known, before this process has an identity.
pub(crate) async fn ask_stranger<Req, Res>(
    url: &str,
    tls: Option<Arc<Outgoing>>,
    call: Call,
    message: Req,
    patience: Duration,
) -> Result<Res, CallError>
where
    Req: Message + 'static,
    Res: Message + Default + 'static,
{
    let peers = Peers::new(0, 0, tls);
    peers.place(0, &[url.to_owned()]);
    peers.ask(0, call, message, patience).await
}

fn unsent(to: u64, reason: &(impl std::fmt::Display + ?Sized)) -> CallError {
    CallError::Unsent { to, reason: reason.to_string() }
}

fn path(to: u64, call: Call) -> Result<PathAndQuery, CallError> {
    PathAndQuery::try_from(call.path()).map_err(|error| unsent(to, &error))
}
