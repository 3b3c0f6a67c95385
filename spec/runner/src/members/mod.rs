//! The members of a cluster as processes, and everything a fault test does to them: kills, stops, pauses, restarts,
//! fail points, and, when they reach each other through proxies, what becomes of the bytes between them.

mod ask;
mod owner;
pub(crate) mod proxy;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use etcdkit_addresses::free_address;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::server::Programs;
pub(crate) use ask::{Asked, remove};
use proxy::Net;

/// Nothing here takes longer; a cluster that hangs fails instead. Generous for a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that will be.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// How long one member may take to say what it is asked about itself.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// A port that was free a moment ago may be taken by a connection of somebody else; so often a start is tried again, after
/// this.
const STARTS_MAX: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(200);
/// The first line of a file of fail points.
const FAIL_POINTS_TITLE: &str = "etcdkit fail points, for tests only";
/// Lines of a member's log that a failure shows.
const LOG_LINES: usize = 15;

/// Whose program the members run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Ours,
    Etcd,
}

/// How a cluster is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) make: Make,
    pub(crate) count: usize,
    /// Flags of every member.
    pub(crate) flags: Vec<String>,
    /// Whether members reach each other through proxies.
    pub(crate) proxied: bool,
}

#[derive(Debug)]
struct Member {
    name: String,
    client: SocketAddr,
    peer: SocketAddr,
    /// Where the others find it: its peer address, or a proxy in front of it.
    advertised: SocketAddr,
    initial: Vec<String>,
    folder: PathBuf,
    child: Option<Child>,
    paused: bool,
}

/// A cluster. Its processes end and its files go with it.
pub(crate) struct Members {
    setup: Setup,
    programs: Programs,
    members: Vec<Member>,
    net: Option<Arc<Net>>,
    folder: TempDir,
}

/// Sends a signal, as `kill` has it, to a process that this runner started.
pub(crate) fn signal_process(pid: u32, signal: &str) -> Result<()> {
    let status = std::process::Command::new("kill").args([signal, &pid.to_string()]).status()?;
    if !status.success() {
        bail!("the process {pid} does not take {signal}");
    }
    Ok(())
}

/// Looks until there is what is looked for; why there is not, after `patience`.
pub(crate) async fn until<T>(patience: Duration, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        match look().await {
            Err(_) if begun.elapsed() <= patience => tokio::time::sleep(LOOK_PAUSE).await,
            seen => return seen,
        }
    }
}

impl Members {
    /// Starts the founders, and waits until there is a leader.
    pub(crate) async fn found(programs: &Programs, setup: Setup) -> Result<Members> {
        let folder = tempfile::Builder::new().prefix("etcdkit-members-").tempdir()?;
        let net = setup.proxied.then(|| Arc::new(Net::default()));
        let mut cluster =
            Members { programs: programs.clone(), members: Vec::new(), net, folder, setup: setup.clone() };
        for _ in 0..setup.count {
            cluster.place().await?;
        }
        let pairs = cluster.initial_cluster();
        for number in 0..setup.count {
            cluster.members[number].initial =
                vec![format!("--initial-cluster={pairs}"), "--initial-cluster-state=new".into()];
            cluster.spawn(number)?;
        }
        cluster.wait_for_leader().await?;
        for number in 0..setup.count {
            cluster.wait_until_serving(number).await?;
        }
        Ok(cluster)
    }

    /// Finds addresses for one more member.
    async fn place(&mut self) -> Result<usize> {
        let number = self.members.len();
        let (client, peer) = (free_address()?, free_address()?);
        let advertised = match &self.net {
            Some(net) => net.front(number, peer).await?,
            None => peer,
        };
        let folder = self.folder.path().join(format!("m{number}"));
        std::fs::create_dir_all(&folder)?;
        self.members.push(Member {
            name: format!("m{number}"),
            client,
            peer,
            advertised,
            initial: Vec::new(),
            folder,
            child: None,
            paused: false,
        });
        self.disarm(number)?;
        Ok(number)
    }

    fn initial_cluster(&self) -> String {
        let pair = |member: &Member| format!("{}=http://{}", member.name, member.advertised);
        self.members.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn endpoint(&self, number: usize) -> String {
        format!("http://{}", self.members[number].client)
    }

    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        self.members[number].client
    }

    pub(crate) fn endpoints(&self) -> Vec<String> {
        (0..self.members.len()).map(|number| self.endpoint(number)).collect()
    }

    /// The proxies between the members.
    pub(crate) fn net(&self) -> Option<&Arc<Net>> {
        self.net.as_ref()
    }

    /// The process of a member, if it runs.
    pub(crate) fn pid(&self, number: usize) -> Option<u32> {
        self.members[number].child.as_ref().and_then(Child::id)
    }

    fn spawn(&mut self, number: usize) -> Result<()> {
        let member = &self.members[number];
        let mut command = match self.setup.make {
            Make::Etcd => Command::new(&self.programs.etcd),
            Make::Ours => Command::new(self.programs.built.join("etcdkit")),
        };
        if self.setup.make == Make::Ours {
            command.arg("server").env("ETCDKIT_TEST_FAIL_POINTS", member.folder.join("fail-points"));
        }
        let (client, peer) = (format!("http://{}", member.client), format!("http://{}", member.peer));
        command
            .args(["--name", &member.name, "--log-level", "warn"])
            .arg("--data-dir")
            .arg(member.folder.join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .arg(format!("--initial-advertise-peer-urls=http://{}", member.advertised))
            .args(["--initial-cluster-token", "faults"])
            .args(&member.initial)
            .args(&self.setup.flags);
        let log = std::fs::File::options().create(true).append(true).open(member.folder.join("log"))?;
        command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null()).kill_on_drop(true);
        let program = command.as_std().get_program().to_owned();
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        if let (Some(net), Some(pid)) = (&self.net, child.id()) {
            net.runs_as(number, Some(pid));
        }
        let member = &mut self.members[number];
        (member.child, member.paused) = (Some(child), false);
        Ok(())
    }

    /// Starts a member again.
    pub(crate) fn start(&mut self, number: usize) -> Result<()> {
        if self.members[number].child.is_some() {
            bail!("m{number} runs already");
        }
        self.disarm(number)?;
        self.spawn(number)
    }

    /// Starts every member that does not run and lets go on every one that is paused.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        for number in 0..self.members.len() {
            self.reap(number);
            let member = &self.members[number];
            if member.paused {
                self.resume(number)?;
            }
            if self.members[number].child.is_none() {
                self.start(number)?;
            }
        }
        for number in 0..self.members.len() {
            self.wait_until_serving(number).await?;
        }
        Ok(())
    }

    /// Notices that a member has ended by itself; how.
    pub(crate) fn reap(&mut self, number: usize) -> Option<std::process::ExitStatus> {
        let member = &mut self.members[number];
        let status = member.child.as_mut()?.try_wait().ok().flatten()?;
        member.child = None;
        Some(status)
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self, number: usize) -> Result<()> {
        let member = &mut self.members[number];
        let mut child = member.child.take().ok_or_else(|| anyhow!("m{number} does not run"))?;
        child.kill().await.context("kill a member")
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self, number: usize) -> Result<()> {
        self.signal(number, "-TERM")?;
        self.wait_for_exit(number).await
    }

    /// Waits until a member has ended by itself.
    pub(crate) async fn wait_for_exit(&mut self, number: usize) -> Result<()> {
        let mut child = self.members[number].child.take().ok_or_else(|| anyhow!("m{number} does not run"))?;
        let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
        ended.map_err(|_| anyhow!("m{number} did not end within {PATIENCE:?}\n{}", self.log(number)))??;
        Ok(())
    }

    /// SIGSTOP: the process is there and does nothing.
    pub(crate) fn pause(&mut self, number: usize) -> Result<()> {
        self.signal(number, "-STOP")?;
        self.members[number].paused = true;
        Ok(())
    }

    pub(crate) fn resume(&mut self, number: usize) -> Result<()> {
        self.members[number].paused = false;
        self.signal(number, "-CONT")
    }

    fn signal(&self, number: usize, signal: &str) -> Result<()> {
        let pid = self.pid(number).ok_or_else(|| anyhow!("m{number} has ended:\n{}", self.log(number)))?;
        signal_process(pid, signal).with_context(|| format!("m{number}"))
    }

    /// Tells a member what is to go wrong from now on: a line of its file of fail points.
    pub(crate) fn say(&self, number: usize, line: &str) -> Result<()> {
        self.write_fail_points(number, &format!("{line}\n"))
    }

    pub(crate) fn disarm(&self, number: usize) -> Result<()> {
        self.write_fail_points(number, "")
    }

    fn write_fail_points(&self, number: usize, text: &str) -> Result<()> {
        // By a rename: half a file is never seen.
        let path = self.members[number].folder.join("fail-points");
        let beside = path.with_extension("new");
        std::fs::write(&beside, format!("{FAIL_POINTS_TITLE}\n{text}"))?;
        std::fs::rename(&beside, &path).context("arm a fail point")
    }

    /// How often a member's log says so.
    pub(crate) fn log_says(&self, number: usize, what: &str) -> usize {
        let log = std::fs::read_to_string(self.members[number].folder.join("log"));
        log.unwrap_or_default().matches(what).count()
    }

    /// The end of a member's log, for the report of a failure.
    pub(crate) fn log(&self, number: usize) -> String {
        let log = std::fs::read_to_string(self.members[number].folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    /// The ends of all logs.
    pub(crate) fn logs(&self) -> String {
        let each = (0..self.members.len()).map(|number| format!("m{number}:\n{}\n", self.log(number)));
        each.collect()
    }

    /// Waits until a member answers a read of its own.
    pub(crate) async fn wait_until_serving(&mut self, number: usize) -> Result<()> {
        let begun = Instant::now();
        let mut starts = 1;
        while self.ask(number).await.is_err() {
            if let Some(status) = self.reap(number) {
                // Who joins is told by whoever answers first, who may not have heard of it yet.
                let passing = ["in use", "member count is unequal", "no match found for existing member"];
                let log = self.log(number);
                if starts >= STARTS_MAX || !passing.iter().any(|reason| log.contains(reason)) {
                    bail!("m{number} ended at its start with {status}:\n{}", self.log(number));
                }
                starts += 1;
                tokio::time::sleep(START_PAUSE).await;
                self.spawn(number)?;
            }
            if begun.elapsed() > PATIENCE {
                bail!("m{number} does not serve after {PATIENCE:?}:\n{}", self.log(number));
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(())
    }

    /// The member that leads, once a majority that runs agrees on one.
    pub(crate) async fn wait_for_leader(&mut self) -> Result<usize> {
        let look = async || self.leader().await.context("there is no leader");
        until(PATIENCE, look).await.with_context(|| format!("after {PATIENCE:?}\n{}", self.logs()))
    }

    /// The member that leads in the largest term, if one says so of itself.
    pub(crate) async fn leader(&self) -> Option<usize> {
        let mut newest = None;
        for number in 0..self.members.len() {
            let member = &self.members[number];
            if member.child.is_none() || member.paused {
                continue;
            }
            if let Ok(asked) = self.ask(number).await
                && asked.leads
            {
                newest = newest.max(Some((asked.term, number)));
            }
        }
        newest.map(|(_, number)| number)
    }

    /// What a member says of itself.
    pub(crate) async fn ask(&self, number: usize) -> Result<Asked> {
        ask::ask(&self.endpoint(number), ASK_TIMEOUT).await
    }

    /// Waits until each of these members has applied what any of them had when this was called.
    pub(crate) async fn wait_until_level(&self, numbers: &[usize]) -> Result<()> {
        let mut wanted = 0;
        for number in numbers {
            wanted = self.ask(*number).await.map_or(0, |asked| asked.applied).max(wanted);
        }
        for number in numbers {
            let look = async || match self.ask(*number).await?.applied {
                applied if applied < wanted => Err(anyhow!("it has applied {applied} of {wanted}")),
                _ => Ok(()),
            };
            let level = until(PATIENCE, look).await;
            level.with_context(|| format!("m{number} after {PATIENCE:?}\n{}", self.logs()))?;
        }
        Ok(())
    }

    /// Waits until these members hold the same keys at the same revision; the revision.
    pub(crate) async fn wait_for_equal_hashes(&self, numbers: &[usize]) -> Result<i64> {
        let look = async || {
            let mut hashes = Vec::new();
            for number in numbers {
                hashes.push(ask::hash(&self.endpoint(*number), ASK_TIMEOUT).await?);
            }
            match hashes.windows(2).all(|pair| pair[0] == pair[1]) {
                true => Ok(hashes.first().context("no members")?.revision),
                false => Err(anyhow!("the members do not hold the same: {hashes:?}")),
            }
        };
        until(PATIENCE, look).await.with_context(|| format!("after {PATIENCE:?}\n{}", self.logs()))
    }

    /// Puts a new member in the place of one that was removed: another id, another peer address, nothing on its disk.
    pub(crate) async fn put_in_place(&mut self, number: usize, through: &[usize]) -> Result<()> {
        let peer = free_address()?;
        let advertised = match &self.net {
            Some(net) => net.front(number, peer).await?,
            None => peer,
        };
        let member = &mut self.members[number];
        std::fs::remove_dir_all(member.folder.join("data"))?;
        (member.peer, member.advertised, member.child) = (peer, advertised, None);
        self.join(number, through).await
    }

    /// One more member, announced by one of these.
    pub(crate) async fn grow(&mut self, through: &[usize]) -> Result<()> {
        let number = self.place().await?;
        self.join(number, through).await
    }

    /// Announces a member by one of these and starts it.
    async fn join(&mut self, number: usize, through: &[usize]) -> Result<()> {
        let url = format!("http://{}", self.members[number].advertised);
        let mut through = through.iter().copied().cycle();
        let add = async || {
            let through = through.next().context("nobody is left to add a member")?;
            match ask::add(&self.endpoint(through), &url, ASK_TIMEOUT).await {
                // The answer to an earlier try was lost.
                Err(error) if format!("{error:#}").contains("Peer URLs already exists") => Ok(()),
                added => added.map(drop),
            }
        };
        until(PATIENCE, add).await.context("add a member")?;
        let pairs = self.initial_cluster();
        self.members[number].initial =
            vec![format!("--initial-cluster={pairs}"), "--initial-cluster-state=existing".into()];
        self.start(number)
    }

    /// Forgets the last member, which was removed from the cluster and ends by itself.
    pub(crate) async fn drop_last(&mut self) -> Result<()> {
        let last = self.members.len() - 1;
        if self.members[last].child.is_some() {
            self.wait_for_exit(last).await?;
        }
        let member = self.members.remove(last);
        std::fs::remove_dir_all(member.folder).context("the files of a member that is gone")
    }

    /// The id of a member, once it says it.
    pub(crate) async fn id(&self, number: usize) -> Result<u64> {
        until(PATIENCE, async || Ok(self.ask(number).await?.id)).await
    }

    /// The ids of those that vote, as one of the members knows them; not of those that still learn.
    pub(crate) async fn voters(&self, timeout: Duration) -> Result<Vec<u64>> {
        ask::voters(&self.endpoint(0), timeout).await
    }

    /// Has a member announced and removed again that never starts.
    pub(crate) async fn come_and_go(&self, through: usize, timeout: Duration) {
        let Ok(nobody) = free_address() else { return };
        let endpoint = self.endpoint(through);
        let url = format!("http://{nobody}");
        // Refused until all members have been connected for a while. The member that is asked may lose its leader meanwhile:
        // then what was announced stays so, which does no harm.
        if let Ok(id) = until(timeout, async || ask::add(&endpoint, &url, timeout).await).await {
            let _ = remove(&endpoint, id, timeout).await;
        }
    }

    pub(crate) async fn defragment(&self, number: usize, timeout: Duration) -> Result<()> {
        ask::defragment(&self.endpoint(number), timeout).await
    }
}
