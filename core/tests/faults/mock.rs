//! An etcd server in miniature, which fails on demand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use etcdkit_proto::etcdserverpb as pb;
use etcdkit_proto::key_range::KeyRange;
use futures::{Stream, StreamExt, stream};
use pb::watch_request::RequestUnion;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::store::Store;

type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How one call to the key-value service fails.
#[derive(Clone)]
pub enum Fault {
    /// Answers with this error, without executing.
    Refuse(Status),
    /// Executes, then answers with this error.
    ExecuteThenFail(Status),
    /// Executes and never answers.
    ExecuteThenHang,
}

pub struct State {
    pub store: Mutex<Store>,
    pub faults: Mutex<VecDeque<Fault>>,
    /// Calls of the key-value service that were executed.
    pub executed: AtomicUsize,
    pub calls: AtomicUsize,
    pub watch_streams: AtomicUsize,
    pub keep_alive_streams: AtomicUsize,
    pub logins: AtomicUsize,
    /// Calls refused for their token.
    pub refused: AtomicUsize,
    /// A login is answered only after so many refusals.
    pub login_after_refusals: AtomicUsize,
    /// With authentication on: the token that is good.
    pub token: Mutex<Option<String>>,
    /// Messages after which a watch stream ends; taken one for each stream.
    pub watch_ends: Mutex<VecDeque<(usize, Result<(), Status>)>>,
    /// Answers to renewals stay away.
    pub keep_alive_silent: Mutex<bool>,
    changed: watch::Sender<()>,
}

pub struct Mock {
    pub address: String,
    pub state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Mock {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            store: Mutex::new(Store::new()),
            faults: Mutex::default(),
            executed: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            watch_streams: AtomicUsize::new(0),
            keep_alive_streams: AtomicUsize::new(0),
            logins: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            login_after_refusals: AtomicUsize::new(0),
            token: Mutex::default(),
            watch_ends: Mutex::default(),
            keep_alive_silent: Mutex::default(),
            changed: watch::channel(()).0,
        });
        let router = tonic::transport::Server::builder()
            .add_service(pb::kv_server::KvServer::new(Service(state.clone())))
            .add_service(pb::watch_server::WatchServer::new(Service(state.clone())))
            .add_service(pb::lease_server::LeaseServer::new(Service(state.clone())))
            .add_service(Auth(state.clone()));
        // As servers have it. Otherwise half of an answer would wait for an acknowledgement of the other.
        let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
        let task = tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        Self { address, state, task }
    }

    pub fn fail_next(&self, fault: Fault) {
        self.state.faults.lock().unwrap().push_back(fault);
    }

    pub fn put(&self, key: &str, value: &str) -> i64 {
        let put = pb::PutRequest {
            key: key.to_owned().into(),
            value: value.to_owned().into(),
            ..Default::default()
        };
        let revision = self.state.store.lock().unwrap().put(put).header.unwrap().revision;
        self.state.changed.send_replace(());
        revision
    }

    pub fn revoke(&self, lease: i64) {
        self.state.store.lock().unwrap().revoke(lease);
        self.state.changed.send_replace(());
    }

    pub fn count(&self, counter: impl Fn(&State) -> &AtomicUsize) -> usize {
        counter(&self.state).load(Ordering::SeqCst)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Service(Arc<State>);

impl Service {
    async fn kv<Q, R>(
        &self,
        request: Request<Q>,
        execute: impl FnOnce(&mut Store, Q) -> R,
    ) -> Result<Response<R>, Status> {
        let state = &self.0;
        state.calls.fetch_add(1, Ordering::SeqCst);
        let wanted = state.token.lock().unwrap().clone();
        let given = request.metadata().get("token").and_then(|token| token.to_str().ok());
        if wanted.is_some() && wanted.as_deref() != given {
            state.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Status::unauthenticated("etcdserver: invalid auth token"));
        }
        let fault = state.faults.lock().unwrap().pop_front();
        if let Some(Fault::Refuse(status)) = fault {
            return Err(status);
        }
        let answer = execute(&mut state.store.lock().unwrap(), request.into_inner());
        state.executed.fetch_add(1, Ordering::SeqCst);
        state.changed.send_replace(());
        match fault {
            Some(Fault::ExecuteThenFail(status)) => Err(status),
            Some(Fault::ExecuteThenHang) => std::future::pending().await,
            _ => Ok(Response::new(answer)),
        }
    }
}

#[tonic::async_trait]
impl pb::kv_server::Kv for Service {
    type RangeStreamStream = Replies<pb::RangeStreamResponse>;

    async fn range(&self, request: Request<pb::RangeRequest>) -> Result<Response<pb::RangeResponse>, Status> {
        self.kv(request, |store, range| store.range(&range)).await
    }

    async fn range_stream(
        &self,
        _: Request<pb::RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        Err(Status::unimplemented("mock"))
    }

    async fn put(&self, request: Request<pb::PutRequest>) -> Result<Response<pb::PutResponse>, Status> {
        self.kv(request, Store::put).await
    }

    async fn delete_range(
        &self,
        request: Request<pb::DeleteRangeRequest>,
    ) -> Result<Response<pb::DeleteRangeResponse>, Status> {
        self.kv(request, |store, delete| store.delete(&delete)).await
    }

    async fn txn(&self, request: Request<pb::TxnRequest>) -> Result<Response<pb::TxnResponse>, Status> {
        self.kv(request, |store, txn| store.txn(&txn)).await
    }

    async fn compact(
        &self,
        _: Request<pb::CompactionRequest>,
    ) -> Result<Response<pb::CompactionResponse>, Status> {
        Err(Status::unimplemented("mock"))
    }
}

struct Watcher {
    id: i64,
    range: KeyRange,
    next: i64,
}

#[tonic::async_trait]
impl pb::watch_server::Watch for Service {
    type WatchStream = Replies<pb::WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let state = self.0.clone();
        state.watch_streams.fetch_add(1, Ordering::SeqCst);
        let end = state.watch_ends.lock().unwrap().pop_front();
        let (sender, replies) = mpsc::channel(4);
        tokio::spawn(serve_watch(state, request.into_inner(), sender));
        let replies = ReceiverStream::new(replies).map(Ok);
        Ok(Response::new(match end {
            None => Box::pin(replies),
            Some((messages, Ok(()))) => Box::pin(replies.take(messages)),
            Some((messages, Err(status))) => {
                Box::pin(replies.take(messages).chain(stream::iter([Err(status)])))
            }
        }))
    }
}

async fn serve_watch(
    state: Arc<State>,
    mut requests: Streaming<pb::WatchRequest>,
    replies: mpsc::Sender<pb::WatchResponse>,
) {
    let mut changed = state.changed.subscribe();
    let (mut watchers, mut next_id) = (Vec::<Watcher>::new(), 0);
    loop {
        let batch = deliver(&state, &mut watchers);
        for reply in batch {
            if replies.send(reply).await.is_err() {
                return;
            }
        }
        let request = tokio::select! {
            _ = changed.changed() => continue,
            request = requests.next() => request,
        };
        let Some(Ok(request)) = request else { return };
        let reply = match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => {
                let store = state.store.lock().unwrap();
                let next = if create.start_revision > 0 { create.start_revision } else { store.revision + 1 };
                let range = KeyRange::new(create.key, create.range_end);
                watchers.push(Watcher { id: next_id, range, next });
                next_id += 1;
                pb::WatchResponse {
                    header: store.header(),
                    watch_id: next_id - 1,
                    created: true,
                    ..Default::default()
                }
            }
            Some(RequestUnion::CancelRequest(cancel)) => {
                watchers.retain(|watcher| watcher.id != cancel.watch_id);
                pb::WatchResponse { watch_id: cancel.watch_id, canceled: true, ..Default::default() }
            }
            _ => continue,
        };
        if replies.send(reply).await.is_err() {
            return;
        }
    }
}

fn deliver(state: &State, watchers: &mut Vec<Watcher>) -> Vec<pb::WatchResponse> {
    let store = state.store.lock().unwrap();
    let mut batch = Vec::new();
    watchers.retain_mut(|watcher| {
        if watcher.next <= store.compacted {
            let compact_revision = store.compacted;
            let reply = pb::WatchResponse {
                watch_id: watcher.id,
                canceled: true,
                compact_revision,
                ..Default::default()
            };
            batch.push(reply);
            return false;
        }
        let wanted = |kv: &etcdkit_proto::mvccpb::KeyValue| {
            kv.mod_revision >= watcher.next && watcher.range.contains(&kv.key)
        };
        let events: Vec<_> =
            store.events.iter().filter(|event| event.kv.as_ref().is_some_and(wanted)).cloned().collect();
        watcher.next = watcher.next.max(store.revision + 1);
        // A few revisions in each message, as a busy server sends them.
        for some in events.chunk_by(|a, b| {
            a.kv.as_ref().unwrap().mod_revision / 3 == b.kv.as_ref().unwrap().mod_revision / 3
        }) {
            let (header, events) = (store.header(), some.to_vec());
            batch.push(pb::WatchResponse { header, watch_id: watcher.id, events, ..Default::default() });
        }
        true
    });
    batch
}

#[tonic::async_trait]
impl pb::lease_server::Lease for Service {
    type LeaseKeepAliveStream = Replies<pb::LeaseKeepAliveResponse>;

    async fn lease_grant(
        &self,
        request: Request<pb::LeaseGrantRequest>,
    ) -> Result<Response<pb::LeaseGrantResponse>, Status> {
        let mut store = self.0.store.lock().unwrap();
        let ttl = request.into_inner().ttl;
        let id = store.grant(ttl);
        Ok(Response::new(pb::LeaseGrantResponse { header: store.header(), id, ttl, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<pb::LeaseRevokeRequest>,
    ) -> Result<Response<pb::LeaseRevokeResponse>, Status> {
        let header = {
            let mut store = self.0.store.lock().unwrap();
            store.revoke(request.into_inner().id);
            store.header()
        };
        self.0.changed.send_replace(());
        Ok(Response::new(pb::LeaseRevokeResponse { header }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<pb::LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let state = self.0.clone();
        state.keep_alive_streams.fetch_add(1, Ordering::SeqCst);
        let answers = request.into_inner().filter_map(move |request| {
            let state = state.clone();
            async move {
                let id = request.ok()?.id;
                if *state.keep_alive_silent.lock().unwrap() {
                    return None;
                }
                let store = state.store.lock().unwrap();
                let ttl = store.leases.get(&id).copied().unwrap_or(0);
                Some(Ok(pb::LeaseKeepAliveResponse { header: store.header(), id, ttl }))
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        _: Request<pb::LeaseTimeToLiveRequest>,
    ) -> Result<Response<pb::LeaseTimeToLiveResponse>, Status> {
        Err(Status::unimplemented("mock"))
    }

    async fn lease_leases(
        &self,
        _: Request<pb::LeaseLeasesRequest>,
    ) -> Result<Response<pb::LeaseLeasesResponse>, Status> {
        Err(Status::unimplemented("mock"))
    }
}

/// The authentication service, of which only the login matters here.
#[derive(Clone)]
struct Auth(Arc<State>);

impl tonic::server::NamedService for Auth {
    const NAME: &'static str = "etcdserverpb.Auth";
}

impl tower::Service<http::Request<tonic::body::Body>> for Auth {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let login = Login(self.0.clone());
        Box::pin(async move {
            Ok(tonic::server::Grpc::new(tonic_prost::ProstCodec::default()).unary(login, request).await)
        })
    }
}

struct Login(Arc<State>);

impl tonic::server::UnaryService<pb::AuthenticateRequest> for Login {
    type Response = pb::AuthenticateResponse;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Self::Response>, Status>> + Send>>;

    fn call(&mut self, _: Request<pb::AuthenticateRequest>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move {
            state.logins.fetch_add(1, Ordering::SeqCst);
            let wanted = state.login_after_refusals.load(Ordering::SeqCst);
            while state.refused.load(Ordering::SeqCst) < wanted {
                tokio::task::yield_now().await;
            }
            match state.token.lock().unwrap().clone() {
                Some(token) => Ok(Response::new(pb::AuthenticateResponse { header: None, token })),
                None => Err(Status::failed_precondition("etcdserver: authentication is not enabled")),
            }
        })
    }
}
