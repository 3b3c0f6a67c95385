//! Connections to members, made when they are needed and kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use http::uri::PathAndQuery;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::watch;
use tonic::client::Grpc;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::encrypted::Encrypted;
use super::{CLUSTER_KEY, FROM_KEY, MESSAGE_BYTES_MAX, REMOVED, SERVICE, TO_KEY};
use crate::tls::Outgoing;

/// Time to connect. A member that is there answers in less; one that is gone should not hold up a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Silence after which a member is asked on the connection whether it is there, and the time it has to answer. A
/// paused or unplugged member is found out this way; one that was killed is noticed at once.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes on their way in one stream and in one connection before the receiver has taken them. Room for several
/// appends, so that a link with some delay is kept busy.
const STREAM_WINDOW_BYTES: u32 = 8 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

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

struct Link {
    urls: Vec<String>,
    /// The URL in use; the next one is tried when it cannot be connected to.
    current: usize,
    lanes: HashMap<Lane, Channel>,
}

/// The members that this one talks to. One for a server; shared.
pub(crate) struct Peers {
    cluster: String,
    from: String,
    tls: Option<Arc<Outgoing>>,
    links: Mutex<HashMap<u64, Link>>,
    /// Set once another member said that this one was removed.
    removed: watch::Sender<bool>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").field("members", &self.links.lock().len()).finish_non_exhaustive()
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
            links: Mutex::default(),
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
        let mut links = self.links.lock();
        if links.get(&member).is_some_and(|link| link.urls == urls) {
            return;
        }
        links.insert(member, Link { urls: urls.to_vec(), current: 0, lanes: HashMap::new() });
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
            let (mut grpc, request) = self.prepare(to, call, message)?;
            grpc.ready().await.map_err(|error| unsent(to, &error))?;
            let path = path(to, call)?;
            let codec = ProstCodec::<Req, Res>::default();
            grpc.unary(request, path, codec).await.map_err(|status| self.failed(to, call, &status))
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
            let (mut grpc, request) = self.prepare(to, call, requests)?;
            grpc.ready().await.map_err(|error| unsent(to, &error))?;
            let path = path(to, call)?;
            let codec = ProstCodec::<Req, Res>::default();
            grpc.streaming(request, path, codec).await.map_err(|status| self.failed(to, call, &status))
        };
        match tokio::time::timeout(patience, answers).await {
            Ok(answers) => answers.map(tonic::Response::into_inner),
            Err(_elapsed) => Err(CallError::Lost { to, reason: format!("nothing within {patience:?}") }),
        }
    }

    fn prepare<T>(&self, to: u64, call: Call, message: T) -> Result<(Grpc<Channel>, Request<T>), CallError> {
        let channel = self.channel(to, call.lane())?;
        let grpc = Grpc::new(channel)
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

    fn channel(&self, to: u64, lane: Lane) -> Result<Channel, CallError> {
        let mut links = self.links.lock();
        let link = links.get_mut(&to).filter(|link| !link.urls.is_empty());
        let link = link.ok_or_else(|| unsent(to, &"its address is not known"))?;
        if let Some(channel) = link.lanes.get(&lane) {
            return Ok(channel.clone());
        }
        let url = &link.urls[link.current % link.urls.len()];
        let channel = open_lazily(url, self.tls.as_ref()).map_err(|why| unsent(to, &why))?;
        link.lanes.insert(lane, channel.clone());
        Ok(channel)
    }

    fn failed(&self, to: u64, call: Call, status: &Status) -> CallError {
        if never_connected(status) {
            self.try_next_url(to, call.lane());
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
        let mut links = self.links.lock();
        let Some(link) = links.get_mut(&to).filter(|link| link.urls.len() > 1) else { return };
        if link.lanes.remove(&lane).is_some() {
            link.current = (link.current + 1) % link.urls.len();
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

/// A channel that connects when it is used.
fn open_lazily(url: &str, tls: Option<&Arc<Outgoing>>) -> Result<Channel, String> {
    let describe = |error: tonic::transport::Error| error.to_string();
    let Some(address) = url.strip_prefix("https://") else {
        return Ok(endpoint(url).map_err(describe)?.connect_lazy());
    };
    let tls = tls.ok_or("its address is https, and this member has no TLS: see --peer-trusted-ca-file")?;
    // The encryption is ours and not tonic's: the files it needs change.
    let target = endpoint(&format!("http://{address}")).map_err(describe)?;
    let connect = Encrypted::to(address, Arc::clone(tls))?;
    Ok(target.connect_with_connector_lazy(connect))
}

fn endpoint(url: &str) -> Result<Endpoint, tonic::transport::Error> {
    Ok(Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

/// Whether the request cannot have reached the member, because there was no connection to it.
fn never_connected(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}
