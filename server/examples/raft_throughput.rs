//! How fast the log and consensus are by themselves: one node, a state machine that does nothing, real
//! syncs. Usage: `raft_throughput [DIR] [SECONDS]`; a file system in memory gives meaningless figures.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::PutRequest;
use etcdkit_server::apply::{ApplyError, Progress, Received, RunEntry, Snapshots, StateMachine};
use etcdkit_server::command::{Applied, Command, Operation, Outcome};
use etcdkit_server::io::disk::DiskIo;
use etcdkit_server::raft::{RaftNode, RaftOptions};

const VALUE_BYTES: usize = 256;

/// Remembers how far it got, nothing else.
#[derive(Default)]
struct Nothing {
    progress: Option<Progress>,
}

impl StateMachine for Nothing {
    fn progress(&self) -> Result<Option<Progress>, ApplyError> {
        Ok(self.progress.clone())
    }

    fn apply_run(&mut self, run: &[RunEntry<'_>], progress: &Progress) -> Result<Vec<Outcome>, ApplyError> {
        self.progress = Some(progress.clone());
        Ok(run.iter().map(|_| Ok(Applied::Nothing)).collect())
    }

    fn durable_progress(&self) -> Option<Progress> {
        self.progress.clone()
    }

    fn flush(&mut self) -> Result<(), ApplyError> {
        Ok(())
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(Nothing::default())
    }

    fn install(&mut self, _: Received) -> Result<(), ApplyError> {
        Ok(())
    }
}

impl Snapshots for Nothing {
    fn export(&self, _: &mut dyn Write) -> Result<(), ApplyError> {
        Ok(())
    }

    fn receive(&self, _: &mut dyn Read) -> Result<Received, ApplyError> {
        Ok(Received { progress: Progress::default(), records: None })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(|| PathBuf::from("raft-throughput.tmp"), PathBuf::from);
    let seconds: u64 = arguments.next().map_or(Ok(3), |seconds| seconds.parse())?;
    for tasks in [1, 100, 1000] {
        let dir = dir.join(tasks.to_string());
        let started = Instant::now();
        let options = RaftOptions::new(1, Arc::new(DiskIo), dir.join("wal"));
        let node = RaftNode::start(options, Box::new(Nothing::default())).await?;
        node.propose(put(0)).await?.map_err(|error| error.to_string())?;
        let first = started.elapsed();
        let mut times = writes(&node, tasks, Duration::from_secs(seconds)).await;
        times.sort_unstable();
        let reads = reads(&node, tasks, Duration::from_secs(1)).await;
        println!(
            "{tasks:>5} tasks: {:>8} writes/s, p50 {:>5} us, p99 {:>6} us; {reads:>8} read indexes/s; first put after {} ms",
            times.len() as u64 / seconds,
            times[times.len() / 2].as_micros(),
            times[times.len() * 99 / 100].as_micros(),
            first.as_millis(),
        );
        node.shutdown().await;
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(())
}

fn put(number: u64) -> Command {
    let key = Bytes::from(format!("bench/{number:011}"));
    let value = Bytes::from_static(&[7; VALUE_BYTES]);
    Command {
        operation: Some(Operation::Put(PutRequest { key, value, ..PutRequest::default() })),
        caller: None,
    }
}

async fn writes(node: &RaftNode, tasks: u64, duration: Duration) -> Vec<Duration> {
    let until = Instant::now() + duration;
    let tasks: Vec<_> = (0..tasks)
        .map(|task| {
            let node = node.clone();
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let started = Instant::now();
                    if node.propose(put(task)).await.is_err() {
                        break;
                    }
                    times.push(started.elapsed());
                }
                times
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap_or_default());
    }
    all
}

async fn reads(node: &RaftNode, tasks: u64, duration: Duration) -> u64 {
    let until = Instant::now() + duration;
    let tasks: Vec<_> = (0..tasks)
        .map(|_| {
            let node = node.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while Instant::now() < until && node.read_index().await.is_ok() {
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut all = 0;
    for task in tasks {
        all += task.await.unwrap_or(0);
    }
    all
}
