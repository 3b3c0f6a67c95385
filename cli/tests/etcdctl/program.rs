//! The programs under test, and servers for them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it serves; a loaded test machine is slow.
const START_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Programs {
    /// The binary, under its own name.
    pub(crate) binary: PathBuf,
    /// The same, called `etcdctl`.
    pub(crate) ours: PathBuf,
    /// The same, called `etcdutl`.
    pub(crate) util: PathBuf,
    _folder: tempfile::TempDir,
}

pub(crate) struct Oracle {
    pub(crate) etcd: PathBuf,
    pub(crate) etcdctl: PathBuf,
    pub(crate) etcdutl: PathBuf,
}

impl Programs {
    pub(crate) fn find() -> Self {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_etcdkit"));
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join(format!("etcdctl{}", std::env::consts::EXE_SUFFIX));
        std::fs::copy(&binary, &ours).unwrap();
        let util = folder.path().join(format!("etcdutl{}", std::env::consts::EXE_SUFFIX));
        std::fs::copy(&binary, &util).unwrap();
        Programs { binary, ours, util, _folder: folder }
    }

    /// The real programs, if they have been built.
    pub(crate) fn oracle(&self) -> Option<Oracle> {
        let folder = std::env::var_os("ETCDKIT_ORACLE").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle"));
        let oracle = Oracle {
            etcd: folder.join("etcd"),
            etcdctl: folder.join("etcdctl"),
            etcdutl: folder.join("etcdutl"),
        };
        if oracle.etcd.exists() && oracle.etcdctl.exists() {
            return Some(oracle);
        }
        eprintln!("SKIPPED: no etcd and etcdctl in {}", folder.display());
        None
    }
}

/// A running server; it ends with the value.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    child: Child,
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts a server on a directory of its own, which ends with it.
    pub(crate) fn start(command: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self::start_on(command, &folder.path().join("data"));
        server._folder = Some(folder);
        server
    }

    /// Starts a server on a directory that is there, or is to be there afterwards.
    pub(crate) fn start_on(command: &[&str], data_dir: &Path) -> Self {
        let peer = free_url();
        let mut server = Self::spawn(command, data_dir, "default", &peer, &format!("default={peer}"));
        server.wait_until_serving();
        server
    }

    /// Starts servers with all their flags given, each in a folder of its own.
    pub(crate) fn start_as_written(command: &[&str], lines: &[(String, String)]) -> Vec<Self> {
        let start = |(endpoint, flags): &(String, String)| {
            let folder = tempfile::tempdir().unwrap();
            let child = Command::new(command[0])
                .args(&command[1..])
                .args(flags.split_whitespace())
                .current_dir(&folder)
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            Server { endpoint: endpoint.clone(), child, _folder: Some(folder) }
        };
        let mut servers: Vec<Self> = lines.iter().map(start).collect();
        servers.iter_mut().for_each(Self::wait_until_serving);
        servers
    }

    /// Starts the members of a cluster, each on a directory of its own.
    pub(crate) fn start_cluster(command: &[&str], names: &[&str]) -> Vec<Self> {
        let peers: Vec<String> = names.iter().map(|_| free_url()).collect();
        let pairs: Vec<String> =
            names.iter().zip(&peers).map(|(name, peer)| format!("{name}={peer}")).collect();
        let start = |(name, peer): (&&str, &String)| {
            let folder = tempfile::tempdir().unwrap();
            let mut server = Self::spawn(command, &folder.path().join("data"), name, peer, &pairs.join(","));
            server._folder = Some(folder);
            server
        };
        let mut servers: Vec<Self> = names.iter().zip(&peers).map(start).collect();
        servers.iter_mut().for_each(Self::wait_until_serving);
        servers
    }

    /// Starts a server whose clients have to encrypt.
    #[cfg(unix)]
    pub(crate) fn start_encrypted(command: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (peer, client) = (free_url(), free_url().replace("http://", "https://"));
        let cluster = format!("default={peer}");
        let mut server =
            Self::spawn_at(&client, command, &folder.path().join("data"), "default", &peer, &cluster);
        server.wait_until_serving();
        server._folder = Some(folder);
        server
    }

    fn spawn(command: &[&str], data_dir: &Path, name: &str, peer_url: &str, cluster: &str) -> Self {
        Self::spawn_at(&free_url(), command, data_dir, name, peer_url, cluster)
    }

    fn spawn_at(
        client_url: &str,
        command: &[&str],
        data_dir: &Path,
        name: &str,
        peer_url: &str,
        cluster: &str,
    ) -> Self {
        let child = Command::new(command[0])
            .args(&command[1..])
            .args(["--name", name])
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--listen-client-urls", client_url, "--advertise-client-urls", client_url])
            .args(["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url])
            .args(["--initial-cluster", cluster])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Server { endpoint: client_url.split_once("://").unwrap().1.to_owned(), child, _folder: None }
    }

    fn wait_until_serving(&mut self) {
        wait_until_ready(&mut self.child);
        self.wait_until_connectable();
    }

    fn wait_until_connectable(&self) {
        let deadline = Instant::now() + START_MAX;
        while TcpStream::connect(&self.endpoint).is_err() {
            assert!(Instant::now() < deadline, "nothing listens at {}", self.endpoint);
            std::thread::yield_now();
        }
    }
}

impl Server {
    /// Stops the server as an operator does, so that its directory is free.
    #[cfg(unix)]
    pub(crate) fn stop(mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until the line that says so, and goes on emptying it for the rest of the server's life.
fn wait_until_ready(child: &mut Child) {
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    loop {
        let Some(Ok(line)) = log.next() else { panic!("the server ended:\n{seen}") };
        if line.contains("ready to serve client requests") {
            break;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    std::thread::spawn(move || log.for_each(drop));
}

pub(crate) fn free_url() -> String {
    etcdkit_addresses::free_url().unwrap()
}
