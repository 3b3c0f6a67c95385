//! Plays one scenario: sends its steps to the drivers and holds every assertion.

mod check;
mod request;

pub(crate) use request::positional;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::lease_client::LeaseClient;
use etcdkit_proto::etcdserverpb::{DeleteRangeRequest, LeaseLeasesRequest, LeaseRevokeRequest, RangeRequest};

use crate::driver::{Call, Driver};
use crate::language::Language;
use crate::scenario::word::Meaning;
use crate::scenario::{Scenario, Step};
use crate::server::Server;

/// How long an answer or an event may take: far above any healthy server, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries of an `until` step.
const UNTIL_POLL: Duration = Duration::from_millis(25);
/// Tries to empty the store between scenarios: a call that the scenario before cancelled may still write.
const WIPE_TRIES: usize = 10;

/// The client of a scenario whose server is not there, and the time it is given.
const DEAD: &str = "dead";
/// Port 1 is reserved and nobody listens there.
const DEAD_ENDPOINT: &str = "http://127.0.0.1:1";
const DEAD_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a call on it may take: its timeout, and what a loaded machine adds.
const DEAD_PATIENCE: Duration = Duration::from_secs(5);

/// The drivers of one worker, started when first needed.
pub(crate) type Drivers = HashMap<Language, Arc<Driver>>;

pub(crate) struct Play<'p> {
    server: &'p mut Server,
    drivers: &'p Drivers,
    /// Languages for the clients of the scenario, handed out in the order in which they appear.
    languages: Vec<Language>,
    clients: HashMap<String, Client>,
    meaning: Meaning,
    /// Watches, locks and background calls by the name the scenario gives them.
    named: HashMap<String, Named>,
}

#[derive(Clone)]
struct Client {
    driver: Arc<Driver>,
    handle: String,
}

struct Named {
    client: String,
    call: Call,
    /// The batch of the last event, to tell whether the next came in the same response.
    batch: Option<String>,
}

impl<'p> Play<'p> {
    pub(crate) fn new(server: &'p mut Server, drivers: &'p Drivers, languages: Vec<Language>) -> Self {
        let (clients, named, meaning) = (HashMap::new(), HashMap::new(), Meaning::default());
        Play { server, drivers, languages, clients, meaning, named }
    }

    /// Runs every step; the error names the step that did not hold.
    pub(crate) async fn run(mut self, scenario: &Scenario) -> Result<()> {
        self.meaning.base =
            wipe(&self.server.endpoint()).await.context("empty the store before the scenario")?;
        let mut outcome = Ok(());
        for step in &scenario.steps {
            outcome = self.step(step).await.with_context(|| {
                let (area, line) = (&scenario.area, step.line);
                format!("{area}.spec:{line}: {} (start revision {})", step.text, self.meaning.base)
            });
            if outcome.is_err() {
                break;
            }
        }
        let closed = self.close_all().await;
        outcome.and(closed)
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match (step.client.as_str(), step.verb.as_str()) {
            ("server", _) => self.server_step(step).await,
            (_, "expect") => self.expect_event(step).await,
            (_, "await") => self.await_named(step).await,
            (_, "pending") => self.pending(step),
            (_, "close") => self.close(&step.client).await,
            (_, "open") => self.open(step).await,
            _ if step.until => self.until(step).await,
            _ => {
                for index in 0..step.repeat {
                    self.call_and_check(step, index).await?;
                }
                Ok(())
            }
        }
    }

    async fn server_step(&mut self, step: &Step) -> Result<()> {
        match step.verb.as_str() {
            "restart" => self.server.stop().await?,
            "kill" => self.server.kill().await?,
            other => bail!("the server has no step {other}"),
        }
        self.server.spawn().await
    }

    async fn until(&mut self, step: &Step) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.call_and_check(step, 0).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("did not come true within {PATIENCE:?}")));
                }
                Err(_) => tokio::time::sleep(UNTIL_POLL).await,
            }
        }
    }

    async fn call_and_check(&mut self, step: &Step, index: u32) -> Result<()> {
        if matches!(step.verb.as_str(), "watch" | "observe")
            || step.words.iter().any(|word| word == "serializable")
        {
            self.server.settle().await?;
        }
        let client = self.client(&step.client).await?;
        let (name, verb, mut fields) = request::build(step, index, &self.meaning)?;
        for (field, value) in &mut fields {
            // A handle of a call: the driver knows it by the call's id.
            if matches!(field.as_str(), "watch" | "lock" | "leader" | "call") {
                let named = self.named.get(value).ok_or_else(|| anyhow!("nothing is called {value}"))?;
                *value = named.call.id.to_string();
            }
        }
        fields.insert(0, ("client".to_owned(), client.handle));
        let mut call = client.driver.call(&verb, fields).await?;
        let patience = if step.client == DEAD { DEAD_PATIENCE } else { PATIENCE };
        let answer = if step.background { None } else { Some(call.next(patience).await?) };
        if let Some(name) = name {
            let client = step.client.clone();
            self.named.insert(name, Named { client, call, batch: None });
        } else if step.background {
            bail!("a background call needs a name: only watch, lock, campaign and rpc_lock have one");
        }
        match answer {
            Some(answer) => check::answer(&answer, &step.expect, &mut self.meaning),
            None => Ok(()),
        }
    }

    async fn await_named(&mut self, step: &Step) -> Result<()> {
        let named = self.named_mut(step)?;
        let answer = named.call.next(PATIENCE).await?;
        check::answer(&answer, &step.expect, &mut self.meaning)
    }

    fn pending(&mut self, step: &Step) -> Result<()> {
        match self.named_mut(step)?.call.answered() {
            true => bail!("it has been answered already"),
            false => Ok(()),
        }
    }

    async fn expect_event(&mut self, step: &Step) -> Result<()> {
        let named = self.named_mut(step)?;
        let event = named.call.next(PATIENCE).await?;
        let same_batch = event.get("batch").is_some_and(|batch| named.batch.as_deref() == Some(batch));
        named.batch = event.get("batch").map(str::to_owned);
        check::event(&event, &step.words[1..], same_batch, &mut self.meaning)
    }

    fn named_mut(&mut self, step: &Step) -> Result<&mut Named> {
        let name = step.words.first().ok_or_else(|| anyhow!("which one?"))?;
        self.named.get_mut(name).ok_or_else(|| anyhow!("nothing is called {name}"))
    }

    /// Opens a client as its first step says; any other client is opened when it is first needed.
    async fn open(&mut self, step: &Step) -> Result<()> {
        if self.clients.contains_key(&step.client) {
            bail!("{} is open already", step.client);
        }
        let (_, _, fields) = request::build(step, 0, &self.meaning)?;
        self.connect(&step.client, fields).await.map(drop)
    }

    async fn client(&mut self, name: &str) -> Result<Client> {
        match self.clients.get(name) {
            Some(client) => Ok(client.clone()),
            None => self.connect(name, Vec::new()).await,
        }
    }

    async fn connect(&mut self, name: &str, credentials: Vec<(String, String)>) -> Result<Client> {
        let sdk_clients = self.clients.keys().filter(|name| *name != "wire").count();
        let language = match name {
            "wire" => Language::WIRE,
            _ => self.languages[sdk_clients % self.languages.len()],
        };
        let driver =
            self.drivers.get(&language).ok_or_else(|| anyhow!("no {} driver", language.name()))?.clone();
        let mut fields = vec![("endpoint".to_owned(), self.server.endpoints(self.clients.len()))];
        if name == DEAD {
            fields = vec![("endpoint".to_owned(), DEAD_ENDPOINT.to_owned())];
            fields.push(("timeout".to_owned(), DEAD_TIMEOUT.as_millis().to_string()));
        }
        fields.extend(credentials);
        let answer = driver.call("open", fields).await?.next(PATIENCE).await?;
        let handle =
            answer.get("client").ok_or_else(|| anyhow!("cannot open a client: {answer}"))?.to_owned();
        let client = Client { driver, handle };
        self.clients.insert(name.to_owned(), client.clone());
        Ok(client)
    }

    async fn close(&mut self, name: &str) -> Result<()> {
        let client = self.clients.remove(name).ok_or_else(|| anyhow!("{name} is not open"))?;
        self.named.retain(|_, named| named.client != name);
        let fields = vec![("client".to_owned(), client.handle)];
        let answer = client.driver.call("close", fields).await?.next(PATIENCE).await?;
        match answer.verb.as_str() {
            "ok" => Ok(()),
            _ => bail!("cannot close {name}: {answer}"),
        }
    }

    async fn close_all(&mut self) -> Result<()> {
        let names: Vec<String> = self.clients.keys().cloned().collect();
        for name in names {
            self.close(&name).await?;
        }
        Ok(())
    }
}

/// Empties the store and tells its revision. Faster than a new server for each scenario.
async fn wipe(endpoint: &str) -> Result<i64> {
    let channel = tonic::transport::Endpoint::from_shared(endpoint.to_owned())?.connect().await?;
    let (mut kv, mut lease) = (KvClient::new(channel.clone()), LeaseClient::new(channel));
    let everything = || bytes::Bytes::from_static(b"\0");
    for _ in 0..WIPE_TRIES {
        for status in lease.lease_leases(LeaseLeasesRequest {}).await?.into_inner().leases {
            let revoked = lease.lease_revoke(LeaseRevokeRequest { id: status.id }).await;
            // It may have expired meanwhile.
            revoked
                .map(drop)
                .or_else(|error| if error.code() == tonic::Code::NotFound { Ok(()) } else { Err(error) })?;
        }
        let all = DeleteRangeRequest { key: everything(), range_end: everything(), prev_kv: false };
        let deleted = kv.delete_range(all).await?.into_inner();
        let request = RangeRequest { key: everything(), range_end: everything(), ..Default::default() };
        let left = kv.range(request).await?.into_inner();
        let revision =
            |header: Option<etcdkit_proto::etcdserverpb::ResponseHeader>| header.map_or(0, |h| h.revision);
        let (before, after) = (revision(deleted.header), revision(left.header));
        if left.count == 0 && before == after {
            return Ok(after);
        }
    }
    bail!("the store did not stay empty: something still writes")
}

impl std::fmt::Debug for Play<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Play").field("meaning", &self.meaning).finish_non_exhaustive()
    }
}
