//! A real etcd as a child process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use etcdkit_addresses::{free_address, free_url};

/// A running etcd; it ends with the value.
pub struct Etcd {
    /// Where clients reach it, with its scheme.
    pub endpoint: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Etcd {
    /// Starts an etcd; `None`, with a note, where there is no such program.
    pub fn start(flags: &[&str]) -> Option<Self> {
        Self::start_with_scheme("http", flags)
    }

    /// Starts an etcd that speaks TLS to its clients.
    pub fn start_with_tls(flags: &[&str]) -> Option<Self> {
        Self::start_with_scheme("https", flags)
    }

    fn start_with_scheme(scheme: &str, flags: &[&str]) -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().unwrap();
        let endpoint = format!("{scheme}://{}", free_address().unwrap());
        let peer = free_url().unwrap();
        let mut child = Command::new(program)
            .arg("--data-dir")
            .arg(folder.path().join("data"))
            .args(["--listen-client-urls", &endpoint, "--advertise-client-urls", &endpoint])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until_ready(&mut child);
        Some(Etcd { endpoint, child, _folder: folder })
    }

    /// The endpoint without its scheme.
    pub fn address(&self) -> &str {
        self.endpoint.split("://").last().unwrap()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    let folder = std::env::var_os("ETCDKIT_ORACLE").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/oracle"));
    let program = folder.join("etcd");
    if program.exists() {
        return Some(program);
    }
    eprintln!("SKIPPED: no etcd in {}", folder.display());
    None
}

/// Reads the log until the line that says so, and goes on emptying it for the rest of the server's life.
fn wait_until_ready(child: &mut Child) {
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = String::new();
    loop {
        let Some(Ok(line)) = log.next() else { panic!("etcd ended:\n{seen}") };
        // The last line of its start: it listens, with TLS or without.
        if line.contains("serving client traffic") {
            break;
        }
        seen.push_str(&line);
        seen.push('\n');
    }
    std::thread::spawn(move || log.for_each(drop));
}
