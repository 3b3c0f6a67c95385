//! The driver of the behaviour spec for Rust: performs the lines of `spec/PROTOCOL.md` with the public API of
//! the `etcdkit` crate. It asserts nothing; the runner does.

mod auth;
mod concurrency;
mod kv;
mod lease;
mod line;
mod txn;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use etcdkit::concurrency::Session;
use etcdkit::{Client, ConnectOptions, Error, LeaderKey, WatchRequestSender};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, mpsc};
use tokio::task::AbortHandle;

use concurrency::Held;
use line::{Line, hex};

/// Answers on their way to the runner.
const ANSWERS: usize = 1_024;

/// What lines refer to by the id of the line that made it.
#[derive(Default)]
struct Objects {
    clients: HashMap<u64, Client>,
    /// Clients whose login failed while connecting: each of their calls tries again, and tells why.
    refused: HashMap<u64, (Vec<String>, ConnectOptions)>,
    locks: HashMap<u64, Held>,
    leaders: HashMap<u64, LeaderKey>,
    /// Sessions of campaigns that brought no lease of their own.
    sessions: HashMap<u64, Session>,
    watches: HashMap<u64, (WatchRequestSender, i64)>,
    /// Calls and streams, each with its client.
    tasks: HashMap<u64, (u64, AbortHandle)>,
}

#[derive(Clone)]
struct Driver {
    objects: Arc<Mutex<Objects>>,
    answers: mpsc::Sender<Line>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let (answers, mut outgoing) = mpsc::channel::<Line>(ANSWERS);
    tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(line) = outgoing.recv().await {
            let written = stdout.write_all(format!("{line}\n").as_bytes()).await;
            if written.is_err() || stdout.flush().await.is_err() {
                return;
            }
        }
    });
    let driver = Driver { objects: Arc::default(), answers };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(text) = lines.next_line().await? {
        let line = Line::parse(&text)?;
        let (task, id, client) = (driver.clone(), line.id, line.number("client")?.unwrap_or(0));
        // Locked over the spawn, so that a stream's own handle comes after this one.
        let mut objects = driver.objects.lock().await;
        let handle = tokio::spawn(async move { task.serve(line).await }).abort_handle();
        objects.tasks.insert(id, (u64::try_from(client)?, handle));
    }
    Ok(())
}

impl Driver {
    async fn serve(&self, line: Line) {
        let answer = self.perform(&line).await.unwrap_or_else(|error| failure(line.id, &error));
        self.tell(answer).await;
    }

    /// A runner that has gone away needs no answer.
    async fn tell(&self, line: Line) {
        let _ = self.answers.send(line).await;
    }

    async fn perform(&self, line: &Line) -> Result<Line> {
        match line.verb.as_str() {
            "hello" => Ok(line.ok().with("lang", "rust")),
            "open" => {
                let endpoints: Vec<&str> = line.get("endpoint").unwrap_or_default().split(',').collect();
                let limit =
                    line.number("timeout")?.map(u64::try_from).transpose()?.map(Duration::from_millis);
                let mut options = ConnectOptions::new();
                if let Some(limit) = limit {
                    options = options.with_timeout(limit);
                }
                if let (Some(user), Some(password)) = (line.get("user"), line.get("password")) {
                    options = options.with_user(user, password);
                }
                let logs_in = line.get("user").is_some();
                match Client::connect(&endpoints, Some(options.clone())).await {
                    Ok(client) => drop(self.objects.lock().await.clients.insert(line.id, client)),
                    Err(_) if logs_in => {
                        let endpoints = endpoints.into_iter().map(str::to_owned).collect();
                        let client = (endpoints, options);
                        self.objects.lock().await.refused.insert(line.id, client);
                    }
                    Err(error) => return Err(error.into()),
                }
                Ok(line.ok().with("client", line.id))
            }
            "close" => self.close(line).await,
            "cancel" => self.cancel(line).await,
            "put" | "get" | "del" | "compact" => kv::perform(&self.client(line).await?, line).await,
            "auth" => auth::perform(&self.client(line).await?, line).await,
            "txn" => txn::perform(&self.client(line).await?, line).await,
            "grant" | "revoke" | "keepalive" | "ttl" | "leases" => {
                lease::perform(&self.client(line).await?, line).await
            }
            "watch" | "unwatch" => self.watch(line).await,
            "lock" | "unlock" | "rpc_lock" | "rpc_unlock" => self.lock(line).await,
            "campaign" | "proclaim" | "leader" | "observe" | "resign" => self.election(line).await,
            _ => Ok(Line::new(line.id, "unsupported")),
        }
    }

    async fn client(&self, line: &Line) -> Result<Client> {
        let id = u64::try_from(line.need("client")?)?;
        let objects = self.objects.lock().await;
        match (objects.clients.get(&id).cloned(), objects.refused.get(&id).cloned()) {
            (Some(client), _) => Ok(client),
            (None, Some((endpoints, options))) => Ok(Client::connect(endpoints, Some(options)).await?),
            (None, None) => Err(anyhow!("client {id} is closed")),
        }
    }

    async fn close(&self, line: &Line) -> Result<Line> {
        let client = u64::try_from(line.need("client")?)?;
        let mut objects = self.objects.lock().await;
        let mut ended = Vec::new();
        objects.tasks.retain(|id, (owner, handle)| {
            let keep = *owner != client || *id == line.id;
            if !keep {
                handle.abort();
                ended.push(*id);
            }
            keep
        });
        for id in ended {
            objects.watches.remove(&id);
            objects.leaders.remove(&id);
            objects.sessions.remove(&id);
            objects.locks.remove(&id);
        }
        objects.clients.remove(&client);
        objects.refused.remove(&client);
        Ok(line.ok())
    }

    async fn cancel(&self, line: &Line) -> Result<Line> {
        let call = u64::try_from(line.need("call")?)?;
        if let Some((_, task)) = self.objects.lock().await.tasks.remove(&call) {
            task.abort();
        }
        self.tell(Line::new(call, "err").with("code", "Cancelled").with("msg", "")).await;
        Ok(line.ok())
    }
}

fn failure(id: u64, error: &anyhow::Error) -> Line {
    let (code, message) = match error.downcast_ref::<Error>() {
        Some(error) => (format!("{:?}", error.code()), error.message()),
        None => ("Driver".to_owned(), format!("{error:#}")),
    };
    Line::new(id, "err").with("code", code).with("msg", hex(message.as_bytes()))
}
