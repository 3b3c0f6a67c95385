//! Starts a server as an operator would, on loopback and a data directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use clap::ValueEnum;
use etcdkit_addresses::free_address;
use etcdkit_proto::etcdserverpb::PutRequest;
use prost::Message;

use crate::call::{Connection, Guard};

/// A server that is given longer than this to start has failed.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Linux counts processor time in hundredths of a second.
const MILLIS_PER_TICK: u64 = 10;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The real etcd.
    Etcd,
    /// etcdkit on redb.
    Redb,
    /// etcdkit on sled.
    Sled,
    /// etcdkit in memory; nothing is durable.
    Memory,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Etcd => "etcd",
            Kind::Redb => "redb",
            Kind::Sled => "sled",
            Kind::Memory => "memory",
        }
    }
}

/// A running server; ended when dropped.
pub(crate) struct Server {
    child: Child,
    kind: Kind,
    binary: PathBuf,
    data: tempfile::TempDir,
    client_port: u16,
    peer_port: u16,
    flags: Vec<String>,
    guard: Guard,
    /// From spawning the process to its first acknowledged put.
    pub(crate) first_put: Duration,
}

impl Server {
    /// Starts a server on a fresh data directory and waits for its first put.
    pub(crate) async fn start(kind: Kind, binary: &Path, disk: &Path) -> anyhow::Result<Self> {
        Self::start_with(kind, binary, disk, &[], &Guard::default()).await
    }

    /// As [`Self::start`], with more flags; `guard` is what its clients need.
    pub(crate) async fn start_with(
        kind: Kind,
        binary: &Path,
        disk: &Path,
        flags: &[String],
        guard: &Guard,
    ) -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("bench-").tempdir_in(disk)?;
        let (client_port, peer_port) = (free_address()?.port(), free_address()?.port());
        let (child, first_put) =
            spawn(kind, binary, data.path(), (client_port, peer_port), flags, guard).await?;
        let (binary, flags, guard) = (binary.to_path_buf(), flags.to_vec(), guard.clone());
        Ok(Self { child, kind, binary, data, client_port, peer_port, flags, guard, first_put })
    }

    pub(crate) fn endpoint(&self) -> String {
        endpoint(self.client_port, &self.guard)
    }

    /// Ends the server without a warning, starts it again on its data and returns the time to the
    /// first put.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<Duration> {
        self.child.kill()?;
        self.child.wait()?;
        let ports = (self.client_port, self.peer_port);
        let (child, first_put) =
            spawn(self.kind, &self.binary, self.data.path(), ports, &self.flags, &self.guard).await?;
        self.child = child;
        Ok(first_put)
    }

    /// Resident memory now and at its peak, in MiB.
    pub(crate) fn memory_mib(&self) -> anyhow::Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        Ok((status_mib(&status, "VmRSS:")?, status_mib(&status, "VmHWM:")?))
    }

    /// Processor time used since the start, by all threads.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        cpu_of(self.child.id())
    }

    /// Bytes on disk, in MiB.
    pub(crate) fn disk_mib(&self) -> anyhow::Result<f64> {
        Ok(allocated_bytes(self.data.path())? as f64 / f64::from(1 << 20))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn spawn(
    kind: Kind,
    binary: &Path,
    data: &Path,
    (client_port, peer_port): (u16, u16),
    flags: &[String],
    guard: &Guard,
) -> anyhow::Result<(Child, Duration)> {
    let (client, peer) = (endpoint(client_port, guard), endpoint(peer_port, &Guard::default()));
    let mut command = Command::new(binary);
    if kind != Kind::Etcd {
        command.args(["server", "--storage-engine", kind.name()]);
    }
    command
        .args(["--name", "bench", "--log-level", "error", "--quota-backend-bytes", "8589934592"])
        .arg("--data-dir")
        .arg(data.join("member.etcd"))
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("bench={peer}")])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(data.join("log"))?);
    let start = Instant::now();
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}: is it built?", binary.display()))?;
    let request: Bytes =
        PutRequest { key: Bytes::from_static(b"first"), ..Default::default() }.encode_to_vec().into();
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("{} ended with {status}: {}", binary.display(), std::fs::read_to_string(data.join("log"))?);
        }
        if let Ok(mut connection) = Connection::open_guarded(&client, guard).await
            && connection.unary("/etcdserverpb.KV/Put", request.clone()).await.is_ok()
        {
            return Ok((child, start.elapsed()));
        }
        if start.elapsed() > START_TIMEOUT {
            let _ = child.kill();
            bail!("{} took no put within {START_TIMEOUT:?}", binary.display());
        }
        // The port is not open yet; a refused connection costs little, so ask often.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Processor time that a process has used, by all threads.
pub(crate) fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may contain spaces; utime and stime are fields 14 and 15.
    let fields = stat.rsplit_once(')').context("no name in /proc/PID/stat")?.1;
    let mut ticks = 0;
    for field in fields.split_whitespace().skip(11).take(2) {
        ticks += field.parse::<u64>()?;
    }
    Ok(Duration::from_millis(ticks * MILLIS_PER_TICK))
}

fn endpoint(port: u16, guard: &Guard) -> String {
    let scheme = if guard.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://127.0.0.1:{port}")
}

fn status_mib(status: &str, field: &str) -> anyhow::Result<f64> {
    let line =
        status.lines().find(|line| line.starts_with(field)).context("field missing in /proc status")?;
    let kib: f64 = line[field.len()..].trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// What the files really take, so that preallocated but unwritten space does not count.
fn allocated_bytes(directory: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { allocated_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(bytes)
}
