//! The runner's own driver: raw gRPC with the generated types and nothing in between. It can say what no SDK
//! can (an operation without content, a watch id, a manual progress request), and it proves scenarios before
//! any SDK exists.

mod concurrency;
mod kv;
mod lease;
mod rpc;
mod txn;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::lease_client::LeaseClient;
use etcdkit_proto::etcdserverpb::watch_client::WatchClient;
use etcdkit_proto::etcdserverpb::{ResponseHeader, WatchRequest};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::line::{Line, hex};

/// Largest answer taken, as Go's client does.
const MESSAGE_BYTES_MAX: usize = i32::MAX as usize;
/// Bound of one request; longer than any deadline of a scenario's step.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that shows who calls, once a client has a token.
type Connection = InterceptedService<Channel, Token>;

/// The token of a client; shared by all its calls.
#[derive(Clone, Debug, Default)]
struct Token(Arc<std::sync::Mutex<Option<AsciiMetadataValue>>>);

impl Token {
    fn set(&self, token: &str) -> Result<()> {
        let token = if token.is_empty() { None } else { Some(token.parse()?) };
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = token;
        Ok(())
    }
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> std::result::Result<Request<()>, Status> {
        let token = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        if let Some(token) = token {
            request.metadata_mut().insert("token", token);
        }
        Ok(request)
    }
}

/// A connection and the streams opened on it.
#[derive(Debug, Default)]
struct State {
    clients: HashMap<u64, (Connection, Token)>,
    /// Calls that can be cancelled, by id, each with its client.
    calls: HashMap<u64, (u64, AbortHandle)>,
    /// The sending half of each watch stream, by the id of the call that opened it.
    streams: HashMap<u64, WatchStream>,
    /// What a campaign won, by the id of its call.
    leaders: HashMap<u64, etcdkit_proto::v3electionpb::LeaderKey>,
}

#[derive(Clone, Debug)]
struct WatchStream {
    requests: mpsc::Sender<WatchRequest>,
    watch_id: i64,
}

#[derive(Clone, Debug)]
struct Wire {
    state: Arc<Mutex<State>>,
    answers: mpsc::Sender<Line>,
}

/// Starts the driver: lines in, lines out.
pub(crate) fn start(mut requests: mpsc::Receiver<Line>, answers: mpsc::Sender<Line>) {
    let wire = Wire { state: Arc::default(), answers };
    tokio::spawn(async move {
        while let Some(line) = requests.recv().await {
            let (task, id, client) = (wire.clone(), line.id, client_of(&line));
            // Locked over the spawn: a call that goes on as a stream puts its own handle here later.
            let mut state = wire.state.lock().await;
            let handle = tokio::spawn(async move { task.serve(line).await }).abort_handle();
            state.calls.insert(id, (client, handle));
        }
        let state = wire.state.lock().await;
        state.calls.values().for_each(|(_, handle)| handle.abort());
    });
}

impl Wire {
    async fn serve(&self, line: Line) {
        let answer = match self.run(&line).await {
            Ok(answer) => answer,
            Err(error) => failure(line.id, &error),
        };
        // A closed channel means that the scenario is over.
        let _ = self.answers.send(answer).await;
    }

    async fn run(&self, line: &Line) -> Result<Line> {
        match line.verb.as_str() {
            "hello" => Ok(ok(line).with("lang", "wire")),
            "open" => self.open(line).await,
            "close" => self.close(line).await,
            "cancel" => self.cancel(line).await,
            "put" | "get" | "stream" | "del" | "compact" | "hashkv" | "status" | "members" => {
                self.kv(line).await
            }
            "txn" => self.txn(line).await,
            "grant" | "revoke" | "keepalive" | "ttl" | "leases" => self.lease(line).await,
            "watch" | "unwatch" | "also" | "progress" => self.watch(line).await,
            "rpc" | "login" | "token" | "snapshot" => self.rpc(line).await,
            "rpc_lock" | "rpc_unlock" | "campaign" | "proclaim" | "leader" | "observe" | "resign" => {
                self.concurrency(line).await
            }
            verb => Err(anyhow!("the wire driver has no verb {verb}")),
        }
    }

    async fn open(&self, line: &Line) -> Result<Line> {
        // Raw gRPC does not fail over: the first of several is the one.
        let first = line.need("endpoint")?.split(',').next().unwrap_or_default();
        let endpoint = Endpoint::from_shared(first.to_owned())?.tcp_nodelay(true).timeout(REQUEST_TIMEOUT);
        let token = Token::default();
        let connection = InterceptedService::new(endpoint.connect_lazy(), token.clone());
        self.state.lock().await.clients.insert(line.id, (connection, token));
        Ok(ok(line).with("client", line.id))
    }

    async fn close(&self, line: &Line) -> Result<Line> {
        let client = client_of(line);
        let mut state = self.state.lock().await;
        state.clients.remove(&client);
        let State { calls, streams, .. } = &mut *state;
        let closing = |id: &u64| *id != line.id;
        for (id, _) in calls.iter().filter(|(id, (owner, _))| *owner == client && closing(id)) {
            streams.remove(id);
        }
        calls.retain(|id, (owner, handle)| {
            let keep = *owner != client || !closing(id);
            if !keep {
                handle.abort();
            }
            keep
        });
        Ok(ok(line))
    }

    async fn cancel(&self, line: &Line) -> Result<Line> {
        let call: u64 = line.need("call")?.parse()?;
        let mut state = self.state.lock().await;
        state.streams.remove(&call);
        if let Some((_, task)) = state.calls.remove(&call) {
            task.abort();
        }
        drop(state);
        let cancelled =
            Line::new(call, "err").with("code", "Canceled").with("msg", hex(b"cancelled by the caller"));
        let _ = self.answers.send(cancelled).await;
        Ok(ok(line))
    }

    async fn channel(&self, line: &Line) -> Result<Connection> {
        Ok(self.client(line).await?.0)
    }

    async fn client(&self, line: &Line) -> Result<(Connection, Token)> {
        let client: u64 = line.need("client")?.parse()?;
        self.state
            .lock()
            .await
            .clients
            .get(&client)
            .cloned()
            .ok_or_else(|| anyhow!("client {client} is closed"))
    }

    async fn kv_client(&self, line: &Line) -> Result<KvClient<Connection>> {
        let client = KvClient::new(self.channel(line).await?);
        Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX))
    }

    async fn lease_client(&self, line: &Line) -> Result<LeaseClient<Connection>> {
        Ok(LeaseClient::new(self.channel(line).await?))
    }

    async fn watch_client(&self, line: &Line) -> Result<WatchClient<Connection>> {
        let client = WatchClient::new(self.channel(line).await?);
        Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX))
    }
}

fn client_of(line: &Line) -> u64 {
    line.get("client").and_then(|client| client.parse().ok()).unwrap_or_default()
}

fn ok(line: &Line) -> Line {
    Line::new(line.id, "ok")
}

/// An ok line with what the header tells; `ids` says whether it names cluster and member.
fn answered(line: &Line, header: Option<&ResponseHeader>) -> Line {
    let Some(header) = header else { return ok(line).with("header", "none") };
    let ids = u8::from(header.cluster_id != 0 && header.member_id != 0);
    ok(line).with("rev", header.revision).with("ids", ids)
}

fn failure(id: u64, error: &anyhow::Error) -> Line {
    let (code, message) = match error.downcast_ref::<tonic::Status>() {
        Some(status) => (format!("{:?}", status.code()), status.message().to_owned()),
        None => ("Driver".to_owned(), format!("{error:#}")),
    };
    Line::new(id, "err").with("code", code).with("msg", hex(message.as_bytes()))
}

/// A number that the protocol carries as text, in the width the message wants.
fn enum_field(line: &Line, name: &str, names: &[&str]) -> Result<i32> {
    let Some(text) = line.get(name) else { return Ok(0) };
    let index = names.iter().position(|known| *known == text).map(i32::try_from).transpose()?;
    index.map_or_else(|| text.parse().with_context(|| format!("{name}={text}")), Ok)
}
