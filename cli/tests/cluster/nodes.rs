//! Members as processes of their own, on addresses of their own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcdkit::Client;

/// Nothing here takes longer; a cluster that hangs fails instead.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks at something that will be.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

struct Node {
    name: String,
    client_url: String,
    peer_url: String,
    arguments: Vec<String>,
    process: Option<Child>,
    /// Not a member any more.
    gone: bool,
}

/// A cluster. Its processes end and its files go with it.
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    dir: tempfile::TempDir,
}

/// Returns when `done` says so; fails the test when that takes too long.
pub(crate) async fn soon(what: &str, done: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "not yet: {what}");
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

fn free_url() -> String {
    etcdkit_addresses::free_url().unwrap()
}

impl Nodes {
    /// Starts the founders of a cluster.
    pub(crate) fn found(count: usize) -> Nodes {
        Nodes::found_with(count, &[], str::to_owned)
    }

    /// Starts the founders of a cluster with more flags.
    pub(crate) fn found_with_flags(count: usize, flags: &[String]) -> Nodes {
        Nodes::found_with(count, flags, str::to_owned)
    }

    /// Starts the founders of a cluster who do not know each other, but for what the flags say.
    pub(crate) fn found_unnamed(count: usize, flags: &[String]) -> Nodes {
        let mut nodes = Nodes { nodes: Vec::new(), dir: tempfile::tempdir().unwrap() };
        for _ in 0..count {
            nodes.start_unnamed(flags);
        }
        nodes
    }

    /// Starts one more; its number.
    pub(crate) fn start_unnamed(&mut self, flags: &[String]) -> usize {
        let number = self.nodes.len();
        let (name, arguments) = (format!("m{number}"), flags.to_vec());
        let (client_url, peer_url) = (free_url(), free_url());
        self.nodes.push(Node { name, client_url, peer_url, arguments, process: None, gone: false });
        self.start(number);
        number
    }

    /// Starts the founders of a cluster whose members speak TLS with each other.
    pub(crate) fn found_encrypted(count: usize, flags: &[String]) -> Nodes {
        Nodes::found_with(count, flags, |url| url.replace("http://", "https://"))
    }

    /// Gives founders that speak TLS with each other their addresses, and does not start them. They do not know each other,
    /// but for what the flags say.
    pub(crate) fn place_encrypted(count: usize, flags: &[String]) -> Nodes {
        Nodes::place(count, flags, |url| url.replace("http://", "https://"))
    }

    fn place(count: usize, flags: &[String], peer_url: impl Fn(&str) -> String) -> Nodes {
        let mut nodes = Nodes { nodes: Vec::new(), dir: tempfile::tempdir().unwrap() };
        for number in 0..count {
            nodes.nodes.push(Node {
                name: format!("m{number}"),
                client_url: free_url(),
                peer_url: peer_url(&free_url()),
                arguments: flags.to_vec(),
                process: None,
                gone: false,
            });
        }
        nodes
    }

    fn found_with(count: usize, flags: &[String], peer_url: impl Fn(&str) -> String) -> Nodes {
        let mut nodes = Nodes::place(count, flags, peer_url);
        let cluster = nodes.initial_cluster();
        for node in &mut nodes.nodes {
            node.arguments.push(format!("--initial-cluster={cluster}"));
            node.arguments.push("--initial-cluster-state=new".into());
        }
        for number in 0..count {
            nodes.start(number);
        }
        nodes
    }

    fn initial_cluster(&self) -> String {
        let members = self.nodes.iter().filter(|node| !node.gone);
        let pairs: Vec<String> = members.map(|node| format!("{}={}", node.name, node.peer_url)).collect();
        pairs.join(",")
    }

    /// Leaves a member that was removed out of what later ones are told.
    pub(crate) fn forget(&mut self, node: usize) {
        self.nodes[node].gone = true;
    }

    /// Where a member keeps its state.
    pub(crate) fn data_dir(&self, node: usize) -> PathBuf {
        self.dir.path().join(format!("m{node}"))
    }

    /// Loses the state of a member, which does not run.
    pub(crate) fn lose_disk(&self, node: usize) {
        std::fs::remove_dir_all(self.data_dir(node)).unwrap();
    }

    /// The same where it may have lost it already.
    pub(crate) fn lose_disk_if_there(&self, node: usize) {
        if self.data_dir(node).exists() {
            self.lose_disk(node);
        }
    }

    /// Gives a member another address for the others, from its next start on; the address.
    pub(crate) fn move_peer(&mut self, node: usize) -> String {
        let url = free_url();
        self.nodes[node].peer_url.clone_from(&url);
        url
    }

    /// A path for a file of the test.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Loses the state of all members, which do not run, and gives them that of a snapshot.
    pub(crate) fn restore_all(&self, snapshot: &Path) {
        let cluster = self.initial_cluster();
        for (number, node) in self.nodes.iter().enumerate() {
            let dir = self.data_dir(number);
            std::fs::remove_dir_all(&dir).unwrap();
            let restored = Command::new(env!("CARGO_BIN_EXE_etcdkit"))
                .args(["util", "snapshot", "restore"])
                .arg(snapshot)
                .arg("--data-dir")
                .arg(dir)
                .args(["--name", &node.name, "--initial-cluster", &cluster])
                .args([
                    "--initial-cluster-token",
                    "restored",
                    "--initial-advertise-peer-urls",
                    &node.peer_url,
                ])
                .output()
                .unwrap();
            assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        }
    }

    /// Runs a command of etcdctl against one member; what it prints.
    pub(crate) fn etcdctl(&self, node: usize, arguments: &[&str]) -> String {
        let ran = Command::new(env!("CARGO_BIN_EXE_etcdkit"))
            .args(["ctl", "--endpoints", &self.nodes[node].client_url])
            .args(arguments)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }

    fn log(&self, node: usize) -> PathBuf {
        self.dir.path().join(format!("m{node}.log"))
    }

    /// Starts a member, for the first time or again.
    pub(crate) fn start(&mut self, node: usize) {
        self.start_with(node, &[]);
    }

    /// Starts a member with more flags than it usually has.
    pub(crate) fn start_with(&mut self, node: usize, flags: &[&str]) {
        let log = std::fs::File::options().create(true).append(true).open(self.log(node)).unwrap();
        let data = self.data_dir(node);
        let node = &mut self.nodes[node];
        let process = Command::new(env!("CARGO_BIN_EXE_etcdkit"))
            .arg("server")
            .args(["--name", &node.name])
            .arg(format!("--data-dir={}", data.display()))
            .args(["--listen-client-urls", &node.client_url, "--advertise-client-urls", &node.client_url])
            .args(["--listen-peer-urls", &node.peer_url, "--initial-advertise-peer-urls", &node.peer_url])
            .args(["--initial-cluster-token", "test", "--snapshot-count", "100"])
            .args(&node.arguments)
            .args(flags)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        node.process = Some(process.unwrap());
    }

    /// Announces one more member and starts it; its number.
    pub(crate) async fn add(&mut self) -> usize {
        self.add_by(0).await
    }

    /// Announces one more member at this one and starts it; its number.
    pub(crate) async fn add_by(&mut self, announcer: usize) -> usize {
        let number = self.announce(announcer).await;
        self.start(number);
        number
    }

    /// Announces one more member at this one; its number.
    pub(crate) async fn announce(&mut self, announcer: usize) -> usize {
        let number = self.nodes.len();
        let peer_url = free_url();
        let client = self.client(announcer).await;
        let urls = [peer_url.clone()];
        soon("a member can be added", async || client.member_add(urls.clone(), None).await.is_ok()).await;
        self.nodes.push(Node {
            name: format!("m{number}"),
            client_url: free_url(),
            peer_url,
            arguments: Vec::new(),
            process: None,
            gone: false,
        });
        let cluster = self.initial_cluster();
        self.nodes[number].arguments =
            vec![format!("--initial-cluster={cluster}"), "--initial-cluster-state=existing".into()];
        number
    }

    /// Starts a member of another cluster, which believes the first member to be of its own; its number.
    pub(crate) fn start_stranger(&mut self, flags: &[String]) -> usize {
        let number = self.nodes.len();
        let peer_url = free_url().replace("http://", "https://");
        let cluster = format!("m0={},m{number}={peer_url}", self.nodes[0].peer_url);
        let mut arguments = vec![format!("--initial-cluster={cluster}")];
        arguments.extend_from_slice(flags);
        let name = format!("m{number}");
        self.nodes.push(Node {
            name,
            client_url: free_url(),
            peer_url,
            arguments,
            process: None,
            gone: false,
        });
        self.start(number);
        number
    }

    pub(crate) fn client_url(&self, node: usize) -> &str {
        &self.nodes[node].client_url
    }

    pub(crate) fn peer_url(&self, node: usize) -> &str {
        &self.nodes[node].peer_url
    }

    /// A client of one member.
    pub(crate) async fn client(&self, node: usize) -> Client {
        let url = &self.nodes[node].client_url;
        let begun = Instant::now();
        loop {
            match Client::connect([url], None).await {
                Ok(client) => return client,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{url}: {error}"),
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// A client that knows all members.
    pub(crate) async fn client_of_all(&self) -> Client {
        let urls: Vec<&str> = self.nodes.iter().map(|node| node.client_url.as_str()).collect();
        Client::connect(urls, None).await.unwrap()
    }

    /// Waits until a member has what another one had when this was called.
    pub(crate) async fn wait_for_equal_revision(&self, node: usize, other: usize) {
        let revision = |status: etcdkit::StatusResponse| status.raft_applied_index();
        let wanted = revision(self.client(other).await.status().await.unwrap());
        let client = self.client(node).await;
        soon("a member catches up", async || {
            client.status().await.is_ok_and(|status| revision(status) >= wanted)
        })
        .await;
    }

    /// The number of the member that leads, once there is one.
    pub(crate) async fn wait_for_leader(&self) -> usize {
        let begun = Instant::now();
        loop {
            for number in 0..self.nodes.len() {
                if self.nodes[number].process.is_some() && self.leads(number).await {
                    return number;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "there is no leader");
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    async fn leads(&self, node: usize) -> bool {
        let Ok(status) = self.client(node).await.status().await else { return false };
        let own = status.header().map(|header| header.member_id());
        status.leader() != 0 && own == Some(status.leader())
    }

    pub(crate) async fn member_id(&self, node: usize) -> u64 {
        let status = self.client(node).await.status().await.unwrap();
        status.header().unwrap().member_id()
    }

    /// Waits until these members hold the same keys at the same revision.
    pub(crate) async fn wait_for_equal_hashes(&self, nodes: &[usize]) {
        soon("all hold the same", async || {
            let mut hashes = Vec::new();
            for node in nodes {
                let Ok(hash) = self.client(*node).await.hash_kv(0).await else { return false };
                let revision = hash.header().map(|header| header.revision());
                hashes.push((hash.hash(), revision));
            }
            hashes.windows(2).all(|pair| pair[0] == pair[1])
        })
        .await;
    }

    /// Ends a member without warning.
    pub(crate) fn kill(&mut self, node: usize) {
        let mut process = self.nodes[node].process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Tells a member to stop.
    pub(crate) fn terminate(&mut self, node: usize) {
        self.signal(node, "-TERM");
    }

    /// Stops a member's processor, so that it is there and does nothing.
    pub(crate) fn pause(&self, node: usize) {
        self.signal(node, "-STOP");
    }

    /// Lets a paused member go on.
    pub(crate) fn resume(&self, node: usize) {
        self.signal(node, "-CONT");
    }

    /// Whether a member has logged this.
    pub(crate) fn log_says(&self, node: usize, what: &str) -> bool {
        std::fs::read_to_string(self.log(node)).unwrap_or_default().contains(what)
    }

    /// How often a member has logged this.
    pub(crate) fn log_count(&self, node: usize, what: &str) -> usize {
        std::fs::read_to_string(self.log(node)).unwrap_or_default().matches(what).count()
    }

    fn signal(&self, node: usize, signal: &str) {
        let pid = self.nodes[node].process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits until a member has ended by itself.
    pub(crate) async fn wait_for_exit(&mut self, node: usize) {
        let begun = Instant::now();
        let mut process = self.nodes[node].process.take().unwrap();
        while process.try_wait().unwrap().is_none() {
            if begun.elapsed() > PATIENCE {
                let _ = process.kill();
                panic!("m{node} still runs; its log:\n{}", std::fs::read_to_string(self.log(node)).unwrap());
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(mut process) = node.process.take() {
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        if std::thread::panicking() {
            for number in 0..self.nodes.len() {
                let log = std::fs::read_to_string(self.log(number)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                eprintln!("the last lines of m{number}:");
                lines[lines.len().saturating_sub(20)..].iter().for_each(|line| eprintln!("  {line}"));
            }
        }
    }
}
