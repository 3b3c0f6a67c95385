//! One who wants the lock: a driver with the SDK's own lock, or an `etcdctl lock` process a turn.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::driver::Driver;
use crate::language::Language;
use crate::line::{Line, Pair, hex};
use crate::server::Programs;

/// How long a contender may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(100);
/// Between two tries of a client whose lock never waits.
const RETRY: Duration = Duration::from_millis(5);

/// Which keys a holder has: two holders exclude each other when they share one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    /// `NAME/…`, the line.
    pub(crate) line: bool,
    /// `NAME` itself.
    pub(crate) plain: bool,
}

impl Keys {
    /// Both.
    pub(crate) const BRIDGE: Keys = Keys { line: true, plain: true };

    pub(crate) fn shares(self, other: Keys) -> bool {
        (self.line && other.line) || (self.plain && other.plain)
    }
}

/// A client of a driver.
#[derive(Debug)]
pub(super) struct Actor {
    driver: Driver,
    client: String,
}

impl Actor {
    /// The runner's own raw gRPC, for those who can do nothing but lock.
    pub(super) async fn open(endpoint: &str) -> Result<Self> {
        Self::on(Driver::wire(), endpoint).await
    }

    async fn on(driver: Driver, endpoint: &str) -> Result<Self> {
        let mut actor = Actor { driver, client: String::new() };
        let answer = actor.ask("open", &[("endpoint", endpoint.to_owned())]).await?;
        actor.client = answer.need("client")?.to_owned();
        Ok(actor)
    }

    async fn ask(&self, verb: &str, fields: &[(&str, String)]) -> Result<Line> {
        let (_, answer) = self.call(verb, fields).await?;
        Ok(answer)
    }

    /// The id of the call and its answer, which must be a success.
    async fn call(&self, verb: &str, fields: &[(&str, String)]) -> Result<(u64, Line)> {
        let mut all: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if verb != "open" {
            all.insert(0, ("client".to_owned(), self.client.clone()));
        }
        let mut call = self.driver.call(verb, all).await?;
        let answer = call.next(PATIENCE).await.with_context(|| verb.to_owned())?;
        if answer.verb != "ok" {
            bail!("{verb}: {answer} {}", answer.text("msg").unwrap_or_default());
        }
        Ok((call.id, answer))
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Pair>> {
        let answer = self.ask("get", &[("key", hex(key.as_bytes()))]).await?;
        answer.get("kv").map(Pair::parse).transpose()
    }

    pub(super) async fn put(&self, key: &str, value: &str) -> Result<()> {
        let fields = [("key", hex(key.as_bytes())), ("value", hex(value.as_bytes()))];
        self.ask("put", &fields).await.map(drop)
    }

    /// The front of the line of a lock.
    pub(super) async fn front(&self, name: &str) -> Result<Option<Pair>> {
        let fields = [
            ("key", hex(format!("{name}/").as_bytes())),
            // The byte after the slash ends the line.
            ("end", hex(format!("{name}0").as_bytes())),
            ("order", "asc".to_owned()),
            ("target", "create".to_owned()),
            ("limit", "1".to_owned()),
        ];
        let answer = self.ask("get", &fields).await?;
        answer.get("kv").map(Pair::parse).transpose()
    }
}

#[derive(Debug)]
enum Means {
    Sdk { actor: Box<Actor>, bridge: bool },
    Etcdctl { program: PathBuf, endpoint: String },
}

/// One who wants the lock.
#[derive(Debug)]
pub(super) struct Contender {
    name: &'static str,
    keys: Keys,
    means: Means,
}

/// The lock, held.
pub(super) struct Held {
    /// The place in the line, where the API tells it.
    pub(super) key: Option<Vec<u8>>,
    /// The fencing token, where the API tells it.
    pub(super) token: Option<i64>,
    call: u64,
    process: Option<Holding>,
}

/// An `etcdctl lock` that holds the lock. Its output stays open: it writes a second line, and would die of a closed
/// pipe without giving the lock back.
struct Holding {
    process: Child,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Contender {
    /// A driver, with the locks of its SDK's default or in the bridge layout.
    pub(super) async fn driver(
        language: Language,
        bridge: bool,
        programs: &Programs,
        endpoint: &str,
    ) -> Result<Self> {
        let driver = Driver::start(language, programs).await?;
        let means = Means::Sdk { actor: Box::new(Actor::on(driver, endpoint).await?), bridge };
        let keys = if bridge { Keys::BRIDGE } else { language.lock_keys() };
        Ok(Contender { name: language.name(), keys, means })
    }

    pub(super) fn etcdctl(program: &Path, endpoint: &str) -> Self {
        let means = Means::Etcdctl { program: program.to_owned(), endpoint: endpoint.to_owned() };
        Contender { name: "etcdctl", keys: Keys { line: true, plain: false }, means }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn keys(&self) -> Keys {
        self.keys
    }

    /// Its own client, if it can do more than lock.
    pub(super) fn actor(&self) -> Option<&Actor> {
        match &self.means {
            Means::Sdk { actor, .. } => Some(actor),
            Means::Etcdctl { .. } => None,
        }
    }

    pub(super) async fn lock(&self, name: &str) -> Result<Held> {
        match &self.means {
            Means::Sdk { actor, bridge } => lock_by_sdk(actor, *bridge, name).await,
            Means::Etcdctl { program, endpoint } => lock_by_etcdctl(program, endpoint, name).await,
        }
    }

    pub(super) async fn unlock(&self, held: Held) -> Result<()> {
        match (&self.means, held.process) {
            (Means::Sdk { actor, .. }, _) => {
                actor.ask("unlock", &[("lock", held.call.to_string())]).await.map(drop)
            }
            (Means::Etcdctl { .. }, Some(holding)) => end(holding).await,
            (Means::Etcdctl { .. }, None) => bail!("etcdctl does not run"),
        }
    }
}

async fn lock_by_sdk(actor: &Actor, bridge: bool, name: &str) -> Result<Held> {
    let mut fields = vec![("name", hex(name.as_bytes())), ("ttl", "60".to_owned())];
    if bridge {
        fields.push(("layout", "bridge".to_owned()));
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (call, answer) = actor.call("lock", &fields).await?;
        if answer.get("acquired") != Some("0") {
            let key = answer.has("key").then(|| answer.bytes("key")).transpose()?;
            let token = answer.has("token").then(|| answer.number("token")).transpose()?;
            return Ok(Held { key, token, call, process: None });
        }
        // microsoft/etcd3's lock does not wait, so its user tries again.
        if Instant::now() > deadline {
            bail!("it did not get the lock within {PATIENCE:?}");
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// `etcdctl lock NAME` writes the key it holds and keeps the lock until it is interrupted.
async fn lock_by_etcdctl(program: &Path, endpoint: &str, name: &str) -> Result<Held> {
    let mut command = Command::new(program);
    command.args(["--endpoints", endpoint, "lock", name]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process =
        command.kill_on_drop(true).spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let stdout = process.stdout.take().ok_or_else(|| anyhow!("no stdout"))?;
    let mut lines = BufReader::new(stdout).lines();
    let key = lines.next_line().await?.ok_or_else(|| anyhow!("etcdctl ended without the lock"))?;
    Ok(Held {
        key: Some(key.into_bytes()),
        token: None,
        call: 0,
        process: Some(Holding { process, _output: lines }),
    })
}

async fn end(Holding { mut process, _output }: Holding) -> Result<()> {
    let pid = process.id().ok_or_else(|| anyhow!("etcdctl has ended by itself"))?;
    Command::new("kill").args(["-INT", &pid.to_string()]).status().await.context("send SIGINT")?;
    let ended = tokio::time::timeout(PATIENCE, process.wait()).await;
    ended.map_err(|_| anyhow!("etcdctl did not end within {PATIENCE:?} of SIGINT"))??;
    Ok(())
}
