//! A server for a test or a benchmark, as a process of its own on a free port.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use etcdkit_addresses::free_address;
use tempfile::TempDir;

/// How long it may take until it listens, on a loaded machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const START_POLL: Duration = Duration::from_millis(20);

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: String,
    _data: TempDir,
}

impl Server {
    /// Starts the program, which takes etcd's flags and gets these beside those for its place.
    pub(crate) fn start(program: &Path, flags: &[&str]) -> anyhow::Result<Self> {
        Self::start_by(Command::new(program), flags)
    }

    /// The same with a command that ends with the program and may begin with another, which watches it.
    pub(crate) fn start_by(mut command: Command, flags: &[&str]) -> anyhow::Result<Self> {
        let data = tempfile::Builder::new().prefix("etcdkit-server-").tempdir()?;
        let (client, peer) = (free_address()?, free_address()?);
        let (client_url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
        command.arg("--data-dir").arg(data.path().join("data"));
        command.args(["--name", "default", "--log-level", "error"]);
        command.args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url]);
        command.args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url]);
        command.arg(format!("--initial-cluster=default={peer_url}"));
        command.args(flags);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child =
            command.spawn().with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let mut server = Self { child, address: client.to_string(), _data: data };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    /// `HOST:PORT` of its clients.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn terminate(mut self) -> anyhow::Result<()> {
        let told = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        ensure!(told.success(), "the server could not be told to stop");
        self.child.wait()?;
        Ok(())
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(&self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("the server does not listen after {START_TIMEOUT:?}");
            }
            std::thread::sleep(START_POLL);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has no data worth a clean stop, and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
