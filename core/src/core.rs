//! What all services of a client share: the life of one call, from picking an endpoint to the error a caller sees.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::AuthenticateRequest;
use etcdkit_proto::{EtcdError, RawCodec};
use futures::Stream;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::answers::Answers;
use crate::balancer::Balancer;
use crate::beat::Beat;
use crate::channel::Channel;
use crate::endpoint::Slot;
use crate::error::{Error, Result};
use crate::lease::KeepAliveHub;
use crate::method::{self, Class, Encoded, Method};
use crate::namespace::{Keys, Namespace};
use crate::options::ConnectOptions;
use crate::retry::{self, Verdict};
use crate::token::{Token, TokenStore};
use crate::watch::WatchHub;

/// Least time one endpoint gets before a read is tried at the next one.
const ATTEMPT_MIN: Duration = Duration::from_millis(250);

/// A client's shared state. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Core {
    shared: Arc<Shared>,
    /// Time limit of a call made through this handle; `None` for calls that wait by nature.
    timeout: Option<Duration>,
    namespace: Option<Namespace>,
    limits: Limits,
}

/// Largest messages of calls made through one handle, in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) send: usize,
    pub(crate) receive: usize,
}

struct Shared {
    balancer: Balancer,
    options: ConnectOptions,
    tokens: TokenStore,
    watches: Arc<WatchHub>,
    keep_alives: KeepAliveHub,
    beat: Beat,
}

/// Where a call stands, kept outside the attempts so that a deadline that cuts them off can still tell.
#[derive(Default)]
struct Progress {
    /// The request is with a server, answer outstanding.
    in_flight: bool,
    /// Why the last finished attempt failed.
    last: Option<Status>,
}

impl Progress {
    /// Notes why an attempt failed, unless that says less than what is known: a connection that the server closes for
    /// a reason shows the reason in one attempt and no more than its end in the next.
    fn note(&mut self, status: Status) {
        if self.last.is_none() || !retry::says_little(&status) {
            self.last = Some(status);
        }
    }

    fn why(&mut self) -> Status {
        self.last.take().unwrap_or_else(|| Status::unavailable("no attempt succeeded"))
    }
}

impl Core {
    pub(crate) fn new(balancer: Balancer, options: ConnectOptions) -> Result<Self> {
        let timeout = Some(options.timeout);
        let tokens = TokenStore::new(options.user.clone());
        if let Some(token) = &options.token {
            tokens.replace(Some(MetadataValue::try_from(token)?));
        }
        let limits = Limits { send: options.send_bytes_max, receive: options.receive_bytes_max };
        let (watches, keep_alives) = (Arc::default(), KeepAliveHub::default());
        let shared =
            Arc::new(Shared { balancer, options, tokens, watches, keep_alives, beat: Beat::default() });
        Ok(Self { shared, timeout, namespace: None, limits })
    }

    pub(crate) fn with_timeout(&self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same inside a namespace, which is a part of the present one.
    pub(crate) fn within(&self, prefix: &[u8]) -> Self {
        let namespace = Some(Namespace::within(self.namespace.as_ref(), prefix));
        Self { namespace, ..self.clone() }
    }

    pub(crate) fn namespace(&self) -> Option<&Namespace> {
        self.namespace.as_ref()
    }

    pub(crate) fn limits(&mut self) -> &mut Limits {
        &mut self.limits
    }

    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    pub(crate) fn options(&self) -> &ConnectOptions {
        &self.shared.options
    }

    pub(crate) fn balancer(&self) -> &Balancer {
        &self.shared.balancer
    }

    pub(crate) fn tokens(&self) -> &TokenStore {
        &self.shared.tokens
    }

    pub(crate) fn watches(&self) -> &Arc<WatchHub> {
        &self.shared.watches
    }

    pub(crate) fn keep_alives(&self) -> &KeepAliveHub {
        &self.shared.keep_alives
    }

    /// One request, one response.
    pub(crate) async fn unary<Q, R>(&self, method: &Method<Q, R>, mut request: Q) -> Result<R>
    where
        Q: Message + Keys + Clone + 'static,
        R: Message + Keys + Default + 'static,
    {
        self.enter(&mut request)?;
        self.check_size(request.encoded_len())?;
        let calling = self.call(method, move |mut grpc: Grpc<Channel>, metadata, path| {
            let request = with_metadata(request.clone(), metadata);
            async move {
                grpc.ready().await.map_err(Status::from_error)?;
                let response = grpc.unary(request, path, ProstCodec::<Q, R>::default()).await?;
                Ok(response.into_inner())
            }
        });
        let mut response = calling.await?;
        if let Some(namespace) = &self.namespace {
            response.leave(namespace);
        }
        Ok(response)
    }

    /// One request, one response, both left encoded.
    pub(crate) async fn unary_encoded(&self, encoded: &Encoded, mut request: Bytes) -> Result<Bytes> {
        if let Some(namespace) = &self.namespace {
            request = (encoded.enter)(namespace, request)?;
        }
        self.check_size(request.len())?;
        let calling = self.call(&encoded.method, move |mut grpc: Grpc<Channel>, metadata, path| {
            let request = with_metadata(request.clone(), metadata);
            async move {
                grpc.ready().await.map_err(Status::from_error)?;
                Ok(grpc.unary(request, path, RawCodec).await?.into_inner())
            }
        });
        let response = calling.await?;
        match &self.namespace {
            Some(namespace) => (encoded.leave)(namespace, response),
            None => Ok(response),
        }
    }

    /// One request, a stream of responses. Opening it is retried like a read; what follows is the caller's.
    pub(crate) async fn server_streaming<Q, R>(
        &self,
        method: &Method<Q, R>,
        mut request: Q,
    ) -> Result<Answers<R>>
    where
        Q: Message + Keys + Clone + 'static,
        R: Message + Keys + Default + 'static,
    {
        self.enter(&mut request)?;
        let calling = self.call(method, move |mut grpc: Grpc<Channel>, metadata, path| {
            let request = with_metadata(request.clone(), metadata);
            async move {
                grpc.ready().await.map_err(Status::from_error)?;
                let response = grpc.server_streaming(request, path, ProstCodec::<Q, R>::default()).await?;
                Ok(response.into_inner())
            }
        });
        Ok(Answers::new(calling.await?, self.namespace.clone()))
    }

    /// Puts the keys of a request into the namespace of this handle.
    pub(crate) fn enter(&self, request: &mut impl Keys) -> Result<()> {
        match &self.namespace {
            Some(namespace) => request.enter(namespace).map_err(|error| Error::GRpcStatus(error.into())),
            None => Ok(()),
        }
    }

    /// Refuses what is too large before any of it is sent, so that a write is known not to have happened.
    fn check_size(&self, size: usize) -> Result<()> {
        let max = self.limits.send;
        if size <= max {
            return Ok(());
        }
        let text = format!("trying to send message larger than max ({size} vs. {max})");
        Err(Error::GRpcStatus(Status::resource_exhausted(text)))
    }

    /// Opens a stream both ways, in one attempt: its owner knows what to send again.
    pub(crate) async fn open<Q, R, S>(
        &self,
        method: &Method<Q, R>,
        slot: &Slot,
        requests: S,
    ) -> Result<Streaming<R>, Status>
    where
        Q: Message + 'static,
        R: Message + Default + 'static,
        S: Stream<Item = Q> + Send + 'static,
    {
        let channel = slot.channel().await.map_err(|cause| Status::unavailable(&*cause))?;
        let mut grpc = Grpc::new(channel).max_decoding_message_size(self.limits.receive);
        let mut request = with_metadata(requests, self.tokens().current());
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        grpc.ready().await.map_err(Status::from_error)?;
        let path = PathAndQuery::from_static(method.path);
        Ok(grpc.streaming(request, path, ProstCodec::<Q, R>::default()).await?.into_inner())
    }

    async fn call<Q, R, T, F, Fut>(&self, method: &Method<Q, R>, send: F) -> Result<T>
    where
        F: Fn(Grpc<Channel>, CallMetadata, PathAndQuery) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let mut progress = Progress::default();
        let attempts = self.attempts(method, &send, deadline, &mut progress);
        let outcome = match deadline {
            None => Ok(attempts.await),
            Some(deadline) => {
                self.shared.beat.call();
                timeout_at(deadline, attempts).await
            }
        };
        match outcome {
            Ok(result) => result,
            Err(_) => Err(self.out_of_time(method.class, progress)),
        }
    }

    async fn attempts<Q, R, T, F, Fut>(
        &self,
        method: &Method<Q, R>,
        send: &F,
        deadline: Option<Instant>,
        progress: &mut Progress,
    ) -> Result<T>
    where
        F: Fn(Grpc<Channel>, CallMetadata, PathAndQuery) -> Fut,
        Fut: Future<Output = Result<T, Status>>,
    {
        let search_until = Instant::now() + self.options().connect_timeout;
        let mut failed: Option<Arc<Slot>> = None;
        let mut logins = 0;
        for attempt in 0..retry::ATTEMPTS_MAX {
            let endpoints = self.balancer().len() as u32;
            if attempt > 0 && attempt % endpoints == 0 {
                sleep(retry::backoff(attempt / endpoints - 1)).await;
            }
            let slot = self.balancer().pick(failed.as_ref());
            let channel = match self.connected(&slot, deadline).await {
                Ok(channel) => channel,
                Err(status) => {
                    slot.failed();
                    // Every endpoint has had its turn, and none can be reached: waiting on would only look like a hang.
                    if attempt + 1 >= endpoints && Instant::now() >= search_until {
                        return Err(Error::GRpcStatus(status));
                    }
                    progress.note(status);
                    failed = Some(slot);
                    continue;
                }
            };
            // Timers are up to a millisecond late: sent now, the request could be answered after its time.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(self.out_of_time(method.class, std::mem::take(progress)));
            }
            let token = self.tokens().current();
            let login = token.login;
            let grpc = Grpc::new(channel).max_decoding_message_size(self.limits.receive);
            progress.in_flight = true;
            let metadata = CallMetadata { token, require_leader: self.options().require_leader };
            let answer = send(grpc, metadata, PathAndQuery::from_static(method.path));
            let status = match self.bounded(method.class, deadline, answer).await {
                Ok(value) => {
                    slot.succeeded();
                    return Ok(value);
                }
                Err(status) => status,
            };
            progress.in_flight = false;
            match retry::judge(method.class, &status) {
                Verdict::Login if logins < retry::LOGINS_MAX && self.may_login(method.path) => {
                    logins += 1;
                    Box::pin(self.login(login)).await?;
                }
                Verdict::Again if attempt + 1 < retry::ATTEMPTS_MAX => {
                    self.note_failure(&slot, &status);
                    if retry::never_sent(&status) && Instant::now() >= search_until {
                        progress.note(status);
                        return Err(retry::report(Verdict::Fail, progress.why()));
                    }
                    failed = Some(slot);
                }
                verdict => {
                    self.note_failure(&slot, &status);
                    return Err(retry::report(verdict, status));
                }
            }
            progress.note(status);
        }
        Err(retry::report(Verdict::Fail, progress.why()))
    }

    /// A silent endpoint must not eat a call's whole time while another endpoint could answer.
    fn share(&self, deadline: Option<Instant>) -> Option<Duration> {
        let endpoints = self.balancer().len() as u32;
        let left = deadline?.saturating_duration_since(Instant::now());
        (endpoints > 1).then(|| (left / endpoints).max(ATTEMPT_MIN))
    }

    async fn connected(&self, slot: &Slot, deadline: Option<Instant>) -> Result<Channel, Status> {
        let connecting = slot.channel();
        let connected = match self.share(deadline) {
            None => connecting.await,
            Some(share) => timeout(share, connecting).await.unwrap_or_else(|_elapsed| {
                Err(format!("{}: no connection within {share:?}", slot.name()).into())
            }),
        };
        connected.map_err(|cause| Status::unavailable(&*cause))
    }

    /// A write that was sent can only be waited for.
    async fn bounded<T>(
        &self,
        class: Class,
        deadline: Option<Instant>,
        answer: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        let (Class::Read, Some(share)) = (class, self.share(deadline)) else {
            return answer.await;
        };
        match timeout(share, answer).await {
            Ok(result) => result,
            Err(_) => Err(Status::unavailable(format!("no answer within {share:?}"))),
        }
    }

    fn note_failure(&self, slot: &Slot, status: &Status) {
        if status.code() == Code::Unavailable || std::error::Error::source(status).is_some() {
            slot.failed();
            // The server's own answer shows that the connection works.
            if EtcdError::from_message(status.message()).is_none() {
                slot.disconnect();
            }
        }
    }

    fn out_of_time(&self, class: Class, progress: Progress) -> Error {
        let limit = self.timeout.unwrap_or_default();
        if !progress.in_flight {
            return match progress.last {
                Some(status) => retry::report(Verdict::Fail, status),
                None => Error::deadline(format!("not sent within {limit:?}")),
            };
        }
        // The connection may be dead without the operating system knowing: the next call makes a new one.
        if self.balancer().len() == 1 {
            self.balancer().pick(None).disconnect();
        }
        let status = Status::deadline_exceeded(format!("no answer within {limit:?}"));
        match class {
            Class::Read => Error::GRpcStatus(status),
            Class::Write => Error::OutcomeUnknown(status),
        }
    }

    /// A refused login is not cured by another login.
    fn may_login(&self, path: &str) -> bool {
        path != method::AUTHENTICATE.path && self.tokens().user().is_some()
    }

    /// Logs in, unless somebody has since `seen`, the login whose token was refused.
    pub(crate) async fn login(&self, seen: u64) -> Result<()> {
        let tokens = self.tokens();
        let _turn = tokens.turn.lock().await;
        if tokens.current().login != seen {
            return Ok(());
        }
        let Some((name, password)) = tokens.user() else {
            tokens.replace(None);
            return Ok(());
        };
        // The old token would be checked, and refused, even here.
        tokens.replace(None);
        let within = self.with_timeout(Some(self.options().timeout));
        match within.unary(&method::AUTHENTICATE, AuthenticateRequest { name, password }).await {
            Ok(response) => {
                tokens.replace(Some(MetadataValue::try_from(response.token)?));
                Ok(())
            }
            // Go's client goes on without a token too: credentials in a configuration outlive `auth disable`.
            Err(error) if error.etcd() == Some(EtcdError::AuthNotEnabled) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// What travels with a request besides its message.
pub(crate) struct CallMetadata {
    token: Token,
    require_leader: bool,
}

impl From<Token> for CallMetadata {
    fn from(token: Token) -> Self {
        Self { token, require_leader: false }
    }
}

fn with_metadata<T>(message: T, metadata: impl Into<CallMetadata>) -> Request<T> {
    let metadata = metadata.into();
    let mut request = Request::new(message);
    if let Some(token) = metadata.token.value {
        request.metadata_mut().insert("token", token);
    }
    if metadata.require_leader {
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    }
    request
}
