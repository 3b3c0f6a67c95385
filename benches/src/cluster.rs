//! Three members beside three of etcd's, on one machine: what the leader and a follower take, how long nobody takes
//! anything when the leader is killed or told to stop, and how long a fourth member takes to join.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use etcdkit_addresses::free_url;
use etcdkit_proto::etcdserverpb::{
    MemberAddRequest, MemberListRequest, MemberListResponse, PutRequest, RangeRequest, RangeResponse,
    StatusRequest, StatusResponse,
};
use indicatif::{ProgressBar, ProgressStyle};
use prost::Message;

use crate::Arguments;
use crate::call::Connection;
use crate::load::{self, Operation, Until};
use crate::maintenance::{self, FILLED};
use crate::server::{Kind, cpu_of};
use crate::suite::Results;

const MEMBERS: usize = 3;
/// A cluster that takes longer to start, or to find a leader, has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for a member that is given a large store.
const JOIN_PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at something that will be.
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Between two tries of a write while nobody may take one: how exact a time without service is.
const TRY_PAUSE: Duration = Duration::from_millis(1);
/// How long is looked for a time without service: an election at default timings, and more.
const LOOK: Duration = Duration::from_secs(6);
/// A write that a member without a leader keeps is given up after this, and another one made.
const TRY_TIMEOUT: Duration = Duration::from_millis(100);
/// Quiet between two faults, so that each finds a cluster that has settled.
const SETTLE: Duration = Duration::from_secs(2);

/// So few entries are kept behind a snapshot that a new member cannot be given the log.
const SHORT_LOG: &[&str] = &["--snapshot-count=100", "--snapshot-catchup-entries=100"];

struct Member {
    client: String,
    peer: String,
    child: Child,
}

/// A cluster at default timings; ended when dropped.
struct Cluster<'a> {
    kind: Kind,
    binary: &'a Path,
    /// Flags that all members have beside those of every cluster.
    flags: &'a [&'a str],
    data: tempfile::TempDir,
    members: Vec<Member>,
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}

/// Runs every round on every kind.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Results> {
    let mut results = Results::default();
    let progress = ProgressBar::new(u64::from(arguments.rounds) * arguments.servers.len() as u64);
    progress.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}]")?);
    for round in 1..=arguments.rounds {
        for &kind in &arguments.servers {
            progress.set_message(format!("round {round} {}", kind.name()));
            let binary = if kind == Kind::Etcd { &arguments.etcd } else { &arguments.etcdkit };
            let mut cluster = Cluster::start(kind, binary, &[], &arguments.disk).await?;
            let duration = Duration::from_secs_f64(arguments.seconds);
            cluster.loads(duration, &mut results).await?;
            cluster.outages(&mut results).await?;
            drop(cluster);
            if let Some(store_mib) = arguments.join {
                let mut cluster = Cluster::start(kind, binary, SHORT_LOG, &arguments.disk).await?;
                cluster.join(store_mib, &mut results).await?;
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(results)
}

impl<'a> Cluster<'a> {
    async fn start(kind: Kind, binary: &'a Path, flags: &'a [&'a str], disk: &Path) -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("bench-").tempdir_in(disk)?;
        let mut addresses = Vec::new();
        for _ in 0..MEMBERS {
            addresses.push((free_url()?, free_url()?));
        }
        let mut cluster = Cluster { kind, binary, flags, data, members: Vec::new() };
        let peers: Vec<String> = addresses.iter().map(|(_, peer)| peer.clone()).collect();
        for (number, (client, peer)) in addresses.into_iter().enumerate() {
            let child = cluster.spawn(number, &client, &peer, &peers, "new")?;
            cluster.members.push(Member { client, peer, child });
        }
        cluster.leader().await?;
        for number in 0..MEMBERS {
            cluster.serving(number).await?;
        }
        Ok(cluster)
    }

    fn spawn(
        &self,
        number: usize,
        client: &str,
        peer: &str,
        peers: &[String],
        state: &str,
    ) -> anyhow::Result<Child> {
        let pairs: Vec<String> = peers.iter().enumerate().map(|(n, peer)| format!("m{n}={peer}")).collect();
        let mut command = Command::new(self.binary);
        if self.kind != Kind::Etcd {
            command.args(["server", "--storage-engine", self.kind.name()]);
        }
        command
            .args(["--name", &format!("m{number}"), "--log-level", "error"])
            .args(["--quota-backend-bytes", "8589934592"])
            .arg("--data-dir")
            .arg(self.data.path().join(format!("m{number}.etcd")))
            .args(["--listen-client-urls", client, "--advertise-client-urls", client])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            .args(["--initial-cluster", &pairs.join(","), "--initial-cluster-state", state])
            .args(self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.data.path().join(format!("log{number}")))?);
        command.spawn().with_context(|| format!("cannot start {}: is it built?", self.binary.display()))
    }

    /// Starts a member that has ended again, on its data.
    async fn revive(&mut self, number: usize) -> anyhow::Result<()> {
        let peers: Vec<String> = self.members.iter().map(|member| member.peer.clone()).collect();
        let (client, peer) = (self.members[number].client.clone(), self.members[number].peer.clone());
        self.members[number].child = self.spawn(number, &client, &peer, &peers, "new")?;
        self.serving(number).await
    }

    async fn serving(&self, number: usize) -> anyhow::Result<()> {
        let what = format!("{} m{number} takes a put", self.kind.name());
        until(&what, PATIENCE, async || put(&self.members[number].client).await.is_ok()).await
    }

    /// The member that says that it leads.
    async fn leader(&self) -> anyhow::Result<usize> {
        let begun = Instant::now();
        loop {
            for (number, member) in self.members.iter().enumerate() {
                if leads(&member.client).await.unwrap_or(false) {
                    return Ok(number);
                }
            }
            if begun.elapsed() > PATIENCE {
                bail!("{} has no leader within {PATIENCE:?}", self.kind.name());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    fn cpu(&self) -> anyhow::Result<Duration> {
        self.members.iter().map(|member| cpu_of(member.child.id())).sum()
    }

    async fn loads(&self, duration: Duration, results: &mut Results) -> anyhow::Result<()> {
        let leader = self.leader().await?;
        let follower = (leader + 1) % MEMBERS;
        let grid = [
            ("put on the leader", leader, Operation::Put),
            ("put through a follower", follower, Operation::Put),
            ("range linearizable on the leader", leader, Operation::RangeLinearizable),
            ("range linearizable on a follower", follower, Operation::RangeLinearizable),
        ];
        for (name, member, operation) in grid {
            let (connections, in_flight) = (10, 100);
            let before = self.cpu()?;
            let until = Until::Elapsed(duration);
            let seen =
                load::run(&self.members[member].client, operation, connections, in_flight, until).await?;
            let cpu = self.cpu()? - before;
            let name = format!("{name} {connections}x{in_flight}");
            results.record(self.kind, &name, "/s", false, seen.per_second);
            results.record(self.kind, &format!("{name} p50"), "us", true, seen.p50_us);
            results.record(self.kind, &format!("{name} p99"), "us", true, seen.p99_us);
            let each = cpu.as_secs_f64() * 1e6 / seen.requests as f64;
            results.record(self.kind, &format!("{name} CPU of all members each"), "us", true, each);
        }
        Ok(())
    }

    /// Fills the store, adds a member, and waits until it has all keys.
    async fn join(&mut self, store_mib: u64, results: &mut Results) -> anyhow::Result<()> {
        let leader = self.members[self.leader().await?].client.clone();
        maintenance::fill(&leader, store_mib).await?;
        let keys = filled(&leader).await?;
        let (client, peer) = (free_url()?, free_url()?);
        let request = MemberAddRequest { peer_ur_ls: vec![peer.clone()], ..Default::default() };
        let request = request.encode_to_vec().into();
        Connection::open(&leader).await?.unary("/etcdserverpb.Cluster/MemberAdd", request).await?;
        // etcd's new member asks any of them, and gives up when that one has not heard of it.
        for member in &self.members {
            let what = format!("{}: all members know the new one", self.kind.name());
            let knows = async || members(&member.client).await.ok() == Some(MEMBERS + 1);
            until(&what, JOIN_PATIENCE, knows).await?;
        }
        let begun = Instant::now();
        let mut peers: Vec<String> = self.members.iter().map(|member| member.peer.clone()).collect();
        peers.push(peer.clone());
        let child = self.spawn(MEMBERS, &client, &peer, &peers, "existing")?;
        self.members.push(Member { client: client.clone(), peer, child });
        let what = format!("{}: the new member has all keys", self.kind.name());
        until(&what, JOIN_PATIENCE, async || filled(&client).await.ok() == Some(keys)).await?;
        let name = format!("a new member has a store of {store_mib} MiB");
        results.record(self.kind, &name, "s", true, begun.elapsed().as_secs_f64());
        Ok(())
    }

    async fn outages(&mut self, results: &mut Results) -> anyhow::Result<()> {
        for (name, signal) in
            [("no service after kill -9 of the leader", "-KILL"), ("no service after SIGTERM", "-TERM")]
        {
            tokio::time::sleep(SETTLE).await;
            let leader = self.leader().await?;
            let pid = self.members[leader].child.id().to_string();
            let others: Vec<String> = (0..MEMBERS)
                .filter(|number| *number != leader)
                .map(|number| self.members[number].client.clone())
                .collect();
            // Connected before, as clients are.
            let mut connections = Vec::new();
            for client in &others {
                connections.push(Connection::open(client).await?);
            }
            let begun = Instant::now();
            Command::new("kill").args([signal, &pid]).status().context("signal the leader")?;
            let [first, second] = connections.as_mut_slice() else { bail!("three members have two others") };
            let until = begun + LOOK;
            let (first, second) = tokio::join!(taken(first, until), taken(second, until));
            let gap = longest_gap(begun, first.into_iter().chain(second).collect());
            let gap = gap.with_context(|| format!("{}: {name}: nobody serves", self.kind.name()))?;
            results.record(self.kind, name, "ms", true, gap.as_secs_f64() * 1000.0);
            self.members[leader].child.wait()?;
            self.revive(leader).await?;
        }
        Ok(())
    }
}

/// Looks again and again until something is so.
async fn until(what: &str, patience: Duration, is_so: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_so().await {
        if begun.elapsed() > patience {
            bail!("not within {patience:?}: {what}");
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Ok(())
}

/// Writes one after another; when each was taken.
async fn taken(connection: &mut Connection, until: Instant) -> Vec<Instant> {
    let mut taken = Vec::new();
    let writing = async {
        loop {
            let put = connection.unary("/etcdserverpb.KV/Put", a_put());
            if let Ok(Ok(_)) = tokio::time::timeout(TRY_TIMEOUT, put).await {
                taken.push(Instant::now());
            }
            tokio::time::sleep(TRY_PAUSE).await;
        }
    };
    let _ended = tokio::time::timeout_at(until.into(), writing).await;
    taken
}

/// The longest time in which nobody took a write; nothing if nobody did at all.
fn longest_gap(begun: Instant, mut taken: Vec<Instant>) -> Option<Duration> {
    taken.sort_unstable();
    let before = std::iter::once(begun).chain(taken.iter().copied());
    taken.iter().zip(before).map(|(after, before)| after.duration_since(before)).max()
}

fn a_put() -> Bytes {
    PutRequest { key: Bytes::from_static(b"probe"), ..Default::default() }.encode_to_vec().into()
}

async fn put(client: &str) -> anyhow::Result<()> {
    Connection::open(client).await?.unary("/etcdserverpb.KV/Put", a_put()).await?;
    Ok(())
}

/// How many members a member itself knows.
async fn members(client: &str) -> anyhow::Result<usize> {
    let request = MemberListRequest { linearizable: false }.encode_to_vec().into();
    let answer = Connection::open(client).await?.unary("/etcdserverpb.Cluster/MemberList", request).await?;
    Ok(MemberListResponse::decode(answer)?.members.len())
}

/// How many of the keys that fill a store a member has itself.
async fn filled(client: &str) -> anyhow::Result<i64> {
    let prefix = FILLED.as_bytes();
    let mut end = prefix.to_vec();
    *end.last_mut().context("the prefix is not empty")? += 1;
    let request = RangeRequest {
        key: Bytes::from_static(prefix),
        range_end: end.into(),
        count_only: true,
        serializable: true,
        ..Default::default()
    };
    let request = request.encode_to_vec().into();
    let answer = Connection::open(client).await?.unary("/etcdserverpb.KV/Range", request).await?;
    Ok(RangeResponse::decode(answer)?.count)
}

async fn leads(client: &str) -> anyhow::Result<bool> {
    let request = StatusRequest {}.encode_to_vec().into();
    let answer = Connection::open(client).await?.unary("/etcdserverpb.Maintenance/Status", request).await?;
    let status = StatusResponse::decode(answer)?;
    Ok(status.leader != 0 && status.header.is_some_and(|header| header.member_id == status.leader))
}
