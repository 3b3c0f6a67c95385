//! The measurements, in the order in which one server goes through them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::Arguments;
use crate::load::{self, Operation, Until};
use crate::server::{Kind, Server};
use crate::watch;

/// Figures of every round, by measurement and server.
#[derive(Default)]
pub(crate) struct Results {
    rows: Vec<Measurement>,
}

/// One measurement over all servers.
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// Whether less is better.
    pub(crate) less: bool,
    pub(crate) rounds: BTreeMap<&'static str, Vec<f64>>,
}

impl Results {
    pub(crate) fn record(&mut self, kind: Kind, name: &str, unit: &'static str, less: bool, value: f64) {
        let position = self.rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
            self.rows.push(Measurement { name: name.to_owned(), unit, less, rounds: BTreeMap::new() });
            self.rows.len() - 1
        });
        self.rows[position].rounds.entry(kind.name()).or_default().push(value);
    }

    pub(crate) fn rows(&self) -> &[Measurement] {
        &self.rows
    }
}

/// Runs every round on every server.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Results> {
    let mut results = Results::default();
    let total = u64::from(arguments.rounds) * arguments.servers.len() as u64;
    let progress = ProgressBar::new(total);
    progress.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} [{elapsed}]")?);
    for round in 1..=arguments.rounds {
        for &kind in &arguments.servers {
            let binary = if kind == Kind::Etcd { &arguments.etcd } else { &arguments.etcdkit };
            let mut bench =
                Bench { kind, binary, arguments, results: &mut results, progress: &progress, round };
            bench.everything().await?;
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    Ok(results)
}

/// One server going through one round.
struct Bench<'a> {
    kind: Kind,
    binary: &'a Path,
    arguments: &'a Arguments,
    results: &'a mut Results,
    progress: &'a ProgressBar,
    round: u32,
}

/// Connections and requests in flight, the grid of the published figures.
const GRID: [(usize, usize); 3] = [(1, 1), (10, 100), (100, 1000)];

impl Bench<'_> {
    async fn everything(&mut self) -> anyhow::Result<()> {
        self.key_space().await?;
        self.transactions_and_leases().await?;
        self.watchers().await?;
        self.restart().await
    }

    fn wanted(&self, name: &str) -> bool {
        self.progress.set_message(format!("round {} {}: {name}", self.round, self.kind.name()));
        self.arguments.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }

    fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.arguments.seconds)
    }

    async fn start(&self) -> anyhow::Result<Server> {
        Server::start(self.kind, self.binary, &self.arguments.disk).await
    }

    fn record(&mut self, name: &str, unit: &'static str, less: bool, value: f64) {
        self.results.record(self.kind, name, unit, less, value);
    }

    async fn load(&mut self, server: &Server, name: &str, operation: Operation) -> anyhow::Result<()> {
        for (connections, in_flight) in GRID {
            self.load_at(server, name, operation, connections, in_flight).await?;
        }
        Ok(())
    }

    async fn load_at(
        &mut self,
        server: &Server,
        name: &str,
        operation: Operation,
        connections: usize,
        in_flight: usize,
    ) -> anyhow::Result<()> {
        let name = format!("{name} {connections}x{in_flight}");
        if !self.wanted(&name) {
            return Ok(());
        }
        let until = Until::Elapsed(self.duration());
        let before = server.cpu()?;
        let seen = load::run(&server.endpoint(), operation, connections, in_flight, until).await?;
        let cpu = server.cpu()? - before;
        self.record(&name, "/s", false, seen.per_second);
        self.record(&format!("{name} p50"), "us", true, seen.p50_us);
        self.record(&format!("{name} p99"), "us", true, seen.p99_us);
        let cpu_us = cpu.as_secs_f64() * 1e6 / seen.requests as f64;
        self.record(&format!("{name} CPU each"), "us", true, cpu_us);
        Ok(())
    }

    async fn key_space(&mut self) -> anyhow::Result<()> {
        let server = self.start().await?;
        self.record("start to first put", "ms", true, server.first_put.as_secs_f64() * 1000.0);
        self.record("RSS fresh", "MiB", true, server.memory_mib()?.0);
        self.wanted("filling 100k keys");
        load::run(&server.endpoint(), Operation::Put, 10, 100, Until::Requests(100_000)).await?;
        self.record("RSS after 100k puts", "MiB", true, server.memory_mib()?.0);
        self.record("disk after 100k puts", "MiB", true, server.disk_mib()?);
        self.load(&server, "range linearizable", Operation::RangeLinearizable).await?;
        self.load_at(&server, "range serializable", Operation::RangeSerializable, 10, 100).await?;
        self.load(&server, "put", Operation::Put).await?;
        self.record("RSS peak of reads and puts", "MiB", true, server.memory_mib()?.1);
        Ok(())
    }

    async fn transactions_and_leases(&mut self) -> anyhow::Result<()> {
        let server = self.start().await?;
        self.load_at(&server, "txn of 10 puts", Operation::TxnOfTenPuts, 10, 100).await?;
        self.load_at(&server, "lease grant", Operation::LeaseGrant, 10, 100).await
    }

    async fn watchers(&mut self) -> anyhow::Result<()> {
        let server = self.start().await?;
        for watchers in [1, 1000] {
            let name = format!("events to {watchers} watchers");
            if self.wanted(&name) {
                let seen = watch::events_per_second(&server.endpoint(), watchers, self.duration()).await?;
                self.record(&name, "/s", false, seen);
            }
        }
        Ok(())
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let revisions = self.arguments.restart_revisions;
        let name = format!("restart with {revisions} revisions");
        if !self.wanted(&name) {
            return Ok(());
        }
        let mut server = self.start().await?;
        load::run(&server.endpoint(), Operation::Put, 10, 500, Until::Requests(revisions)).await?;
        let took = server.restart().await?;
        self.record(&name, "ms", true, took.as_secs_f64() * 1000.0);
        self.record(&format!("RSS after {name}"), "MiB", true, server.memory_mib()?.0);
        Ok(())
    }
}
