//! Tests of consensus on one node.

#![allow(clippy::unwrap_used)]

mod node;
mod suite;

use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{PutRequest, PutResponse};
use parking_lot::Mutex;

use super::{RaftNode, RaftOptions};
use crate::apply::{ApplyError, Progress, Received, RunEntry, Snapshots, StateMachine};
use crate::command::{Applied, Command, Operation, Outcome};
use crate::io::simulated::SimulatedIo;

/// What a [`Recorder`] holds.
#[derive(Clone, Debug, Default)]
struct Held {
    progress: Option<Progress>,
    /// Keys in the order they were put.
    keys: Vec<Bytes>,
    runs: usize,
}

/// A state machine that notes keys. A restart goes back to what was flushed, as a backend does after a
/// crash.
#[derive(Clone, Debug, Default)]
struct Recorder {
    now: Arc<Mutex<Held>>,
    flushed: Arc<Mutex<Held>>,
}

impl Recorder {
    fn keys(&self) -> Vec<Bytes> {
        self.now.lock().keys.clone()
    }

    /// The state machine after a crash.
    fn crashed(&self) -> Recorder {
        let flushed = self.flushed.lock().clone();
        Recorder { now: Arc::new(Mutex::new(flushed.clone())), flushed: Arc::new(Mutex::new(flushed)) }
    }

    fn flush_now(&self) {
        *self.flushed.lock() = self.now.lock().clone();
    }
}

impl StateMachine for Recorder {
    fn progress(&self) -> Result<Option<Progress>, ApplyError> {
        Ok(self.now.lock().progress.clone())
    }

    fn apply_run(&mut self, run: &[RunEntry<'_>], progress: &Progress) -> Result<Vec<Outcome>, ApplyError> {
        let mut held = self.now.lock();
        held.progress = Some(progress.clone());
        held.runs += 1;
        let mut apply = |entry: &RunEntry<'_>| {
            let Some(Operation::Put(put)) = entry.command.and_then(|command| command.operation.as_ref())
            else {
                return Ok(Applied::Nothing);
            };
            held.keys.push(put.key.clone());
            Ok(Applied::Put(PutResponse::default()))
        };
        Ok(run.iter().map(&mut apply).collect())
    }

    fn durable_progress(&self) -> Option<Progress> {
        self.flushed.lock().progress.clone()
    }

    fn flush(&mut self) -> Result<(), ApplyError> {
        self.flush_now();
        Ok(())
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(NoSnapshots)
    }

    fn install(&mut self, received: Received) -> Result<(), ApplyError> {
        self.now.lock().progress = Some(received.progress);
        self.flush()
    }
}

/// Nothing is sent in these tests.
struct NoSnapshots;

impl Snapshots for NoSnapshots {
    fn export(&self, _out: &mut dyn std::io::Write) -> Result<(), ApplyError> {
        Err(ApplyError("keys are noted and not kept".into()))
    }

    fn receive(&self, _source: &mut dyn std::io::Read) -> Result<Received, ApplyError> {
        Err(ApplyError("keys are noted and not kept".into()))
    }
}

fn put(key: &str) -> Command {
    let key = Bytes::copy_from_slice(key.as_bytes());
    Command { operation: Some(Operation::Put(PutRequest { key, ..PutRequest::default() })), caller: None }
}

fn options(io: &SimulatedIo) -> RaftOptions {
    RaftOptions::new(7, Arc::new(io.clone()), "/data/member/wal")
}

async fn start(io: &SimulatedIo, machine: &Recorder) -> RaftNode {
    RaftNode::start(options(io), Box::new(machine.clone())).await.unwrap()
}
