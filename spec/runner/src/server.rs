//! Servers under test: ours on each storage engine, and the oracle. Each runs as a child process on ports
//! and in a data directory of its own, so that any number can run at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use etcdkit_addresses::free_address;
use etcdkit_proto::etcdserverpb::kv_client::KvClient;
use etcdkit_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use etcdkit_proto::etcdserverpb::{RangeRequest, StatusRequest};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a server may take until it answers: generous for a loaded CI machine.
const START_TIMEOUT: Duration = Duration::from_secs(40);
/// Between two looks whether it answers already.
const START_POLL: Duration = Duration::from_millis(20);
/// How long a clean stop may take before it is an error.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Members of a cluster beside the one that is asked.
const OTHERS: usize = 2;

/// Which server a run is against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    Oracle,
    OursRedb,
    OursSled,
    OursMemory,
    /// Three members of ours; drivers know all of them.
    OursCluster,
}

impl Kind {
    /// Those of one member.
    pub(crate) const SINGLE: [Kind; 4] = [Kind::Oracle, Kind::OursRedb, Kind::OursSled, Kind::OursMemory];
    /// Every kind, in the order of the tables.
    pub(crate) const EVERY: [Kind; 5] =
        [Kind::Oracle, Kind::OursRedb, Kind::OursSled, Kind::OursMemory, Kind::OursCluster];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Oracle => "oracle",
            Kind::OursRedb => "ours-redb",
            Kind::OursSled => "ours-sled",
            Kind::OursMemory => "ours-memory",
            Kind::OursCluster => "ours-cluster",
        }
    }

    pub(crate) fn durable(self) -> bool {
        self != Kind::OursMemory
    }

    fn engine(self) -> Option<&'static str> {
        match self {
            Kind::Oracle => None,
            Kind::OursRedb | Kind::OursCluster => Some("redb"),
            Kind::OursSled => Some("sled"),
            Kind::OursMemory => Some("memory"),
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Programs {
    /// Where our programs are: the server under test and the Rust driver.
    #[arg(long, default_value = "target/debug", global = true)]
    pub(crate) built: PathBuf,
    /// The real etcd (built from spec/oracle).
    #[arg(long, default_value = "target/oracle/etcd", global = true)]
    pub(crate) etcd: PathBuf,
}

/// A member beside the one that scenarios stop and start.
#[derive(Debug)]
struct Other {
    client: String,
    peer: SocketAddr,
    _child: Child,
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: Kind,
    programs: Programs,
    folder: TempDir,
    client: SocketAddr,
    peer: SocketAddr,
    child: Option<Child>,
    /// The other members of a cluster. They run all the time.
    others: Vec<Other>,
    extra: Vec<String>,
}

impl Server {
    pub(crate) async fn start(kind: Kind, programs: &Programs) -> Result<Self> {
        Self::start_with(kind, programs, Vec::new()).await
    }

    pub(crate) async fn start_with(kind: Kind, programs: &Programs, extra: Vec<String>) -> Result<Self> {
        let (client, peer) = (free_address()?, free_address()?);
        let folder = tempfile::Builder::new().prefix("etcdkit-spec-").tempdir()?;
        let mut server = Server {
            kind,
            programs: programs.clone(),
            folder,
            client,
            peer,
            child: None,
            others: Vec::new(),
            extra,
        };
        if kind == Kind::OursCluster {
            server.spawn_others()?;
        }
        server.spawn().await?;
        Ok(server)
    }

    fn spawn_others(&mut self) -> Result<()> {
        let peers = (0..OTHERS).map(|_| free_address()).collect::<std::io::Result<Vec<_>>>()?;
        for (number, peer) in peers.iter().enumerate() {
            let client = format!("http://{}", free_address()?);
            let mut command = self.command(&format!("other{number}"), &client, *peer, &peers)?;
            let child = command.spawn().context("cannot run another member")?;
            self.others.push(Other { client, peer: *peer, _child: child });
        }
        Ok(())
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.client)
    }

    /// The endpoints of all members, with commas between, as drivers take them. The one that comes first is another for
    /// each number, so that clients which know no more than one do not all use the same.
    pub(crate) fn endpoints(&self, number: usize) -> String {
        let others = self.others.iter().map(|other| other.client.clone());
        let mut all: Vec<String> = std::iter::once(self.endpoint()).chain(others).collect();
        let by = number % all.len();
        all.rotate_left(by);
        all.join(",")
    }

    /// Waits until all members have applied the same: one that is behind tells a watch from now on of what was before, as
    /// etcd's do.
    pub(crate) async fn settle(&self) -> Result<()> {
        if self.others.is_empty() {
            return Ok(());
        }
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let mut applied = vec![applied(&self.endpoint()).await];
            for other in &self.others {
                applied.push(self::applied(&other.client).await);
            }
            if applied.iter().all(|index| index.is_some() && *index == applied[0]) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the members stay at different positions: {applied:?}");
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    /// Everything the server wrote: its data and its log.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Resident memory, in MiB.
    pub(crate) fn memory_mib(&self) -> Result<f64> {
        let child =
            self.child.as_ref().and_then(Child::id).ok_or_else(|| anyhow!("the server is not running"))?;
        let status = std::fs::read_to_string(format!("/proc/{child}/status"))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }

    /// What the server wrote, for a report of a failure.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Starts the process on the same ports and data, and waits until it answers a linearizable read.
    pub(crate) async fn spawn(&mut self) -> Result<()> {
        let others: Vec<SocketAddr> = self.others.iter().map(|other| other.peer).collect();
        let mut command = self.command("default", &self.endpoint(), self.peer, &others)?;
        let program = command.as_std().get_program().to_owned();
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        self.child = Some(child);
        self.wait_ready().await
    }

    /// The command line of one member; `others` are the peer addresses of those beside the one that is asked.
    fn command(&self, name: &str, client: &str, peer: SocketAddr, others: &[SocketAddr]) -> Result<Command> {
        let mut command = match self.kind {
            Kind::Oracle => Command::new(&self.programs.etcd),
            _ => Command::new(self.programs.built.join("etcdkit")),
        };
        if let Some(engine) = self.kind.engine() {
            command.args(["server", "--storage-engine", engine]);
        }
        let mut cluster = format!("default=http://{}", self.peer);
        for (number, other) in others.iter().enumerate() {
            cluster.push_str(&format!(",other{number}=http://{other}"));
        }
        let peer = format!("http://{peer}");
        let folder = if name == "default" { "data" } else { name };
        command.arg("--data-dir").arg(self.folder.path().join(folder));
        command.args(["--name", name, "--log-level", "warn"]);
        command.args(["--listen-client-urls", client, "--advertise-client-urls", client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &cluster]);
        command.args(&self.extra);
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.folder.path().join("log"))?;
        command.stdout(Stdio::null()).stderr(log).stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                bail!("{} ended at its start with {status}:\n{}", self.kind.name(), self.log());
            }
            if answers(&self.endpoint()).await {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} did not answer within {START_TIMEOUT:?}:\n{}", self.kind.name(), self.log());
            }
            tokio::time::sleep(START_POLL).await;
        }
    }

    /// SIGKILL: whatever is not on disk is lost.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("the server is not running"))?;
        child.kill().await.context("kill the server")
    }

    /// SIGTERM, and waits for the end.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let mut child = self.child.take().ok_or_else(|| anyhow!("the server is not running"))?;
        let pid = child.id().ok_or_else(|| anyhow!("the server has ended by itself:\n{}", self.log()))?;
        Command::new("kill").arg(pid.to_string()).status().await.context("send SIGTERM")?;
        tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.map_err(|_| {
            anyhow!("{} did not stop within {STOP_TIMEOUT:?} of SIGTERM:\n{}", self.kind.name(), self.log())
        })??;
        Ok(())
    }

    /// Whether the process is still there.
    pub(crate) fn alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }
}

/// How far a member is in the log. Where authentication is on, nothing is told, and nothing waited for.
async fn applied(endpoint: &str) -> Option<u64> {
    let endpoint = tonic::transport::Endpoint::from_shared(endpoint.to_owned()).ok()?;
    let mut client = MaintenanceClient::new(endpoint.timeout(START_TIMEOUT).connect().await.ok()?);
    match client.status(StatusRequest {}).await {
        Ok(status) => Some(status.into_inner().raft_applied_index),
        Err(_) => Some(0),
    }
}

async fn answers(endpoint: &str) -> bool {
    let Ok(endpoint) = tonic::transport::Endpoint::from_shared(endpoint.to_owned()) else { return false };
    let Ok(channel) = endpoint.timeout(START_TIMEOUT).connect().await else { return false };
    let mut kv = KvClient::new(channel);
    let request = RangeRequest { key: "ready?".into(), ..Default::default() };
    match kv.range(request).await {
        Ok(_) => true,
        // It serves, and wants to know who asks: authentication is on.
        Err(status) => status.code() == tonic::Code::InvalidArgument,
    }
}
