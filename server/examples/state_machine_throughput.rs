//! How fast the state machine is without consensus and network: puts, restart, reads, watch fan-out.
//!
//! `cargo run --release -p etcdkit-server --example state_machine_throughput [redb|sled|memory]`

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use etcdkit_proto::etcdserverpb::{PutRequest, RangeRequest, ResponseHeader, WatchCreateRequest};
use etcdkit_server::alarm::Alarms;
use etcdkit_server::apply::{Applier, Parts, Progress, RunEntry, StateMachine};
use etcdkit_server::auth::AuthStore;
use etcdkit_server::backend::{Backend, BackendOptions, EngineKind};
use etcdkit_server::cluster::ClusterState;
use etcdkit_server::command::{Command, Operation};
use etcdkit_server::io::disk::DiskIo;
use etcdkit_server::lease::Lessor;
use etcdkit_server::mvcc::Store;
use etcdkit_server::mvcc::watch::{Hub, HubOptions, Next, WatchStream};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOKEN_TTL_MS: u64 = 300_000;
const PUTS: u64 = 500_000;
const KEYS: u64 = 100_000;
const RUN: u64 = 64;
const VALUE_BYTES: usize = 256;
const STREAMS: usize = 10;
const WATCHERS_PER_STREAM: usize = 100;
const WATCHED_PUTS: u64 = 5_000;

struct Machine {
    applier: Applier,
    store: Store,
    hub: Hub,
    applied: u64,
}

impl Machine {
    fn open(backend: &Backend) -> Result<Self> {
        let lessor = Arc::new(Lessor::open(backend)?);
        let store = Store::open(backend.clone(), |lease, key| lessor.attach(lease, key))?;
        let hub = Hub::new(store.clone(), HubOptions::default());
        let applier = Applier::new(Parts {
            backend: backend.clone(),
            store: store.clone(),
            lessor,
            auth: Arc::new(AuthStore::open(backend, TOKEN_TTL_MS)?),
            alarms: Arc::new(Alarms::open(backend)?),
            cluster: Arc::new(ClusterState::open(backend)?),
            hub: hub.clone(),
            slow: std::time::Duration::from_secs(1),
        });
        Ok(Machine { applier, store, hub, applied: 0 })
    }

    fn put_run(&mut self, count: u64) -> Result<()> {
        let value = Bytes::from(vec![b'v'; VALUE_BYTES]);
        let commands: Vec<Command> = (0..count)
            .map(|place| {
                let key = format!("key/{:08}", (self.applied + place) * 7919 % KEYS);
                let put = PutRequest { key: key.into(), value: value.clone(), ..PutRequest::default() };
                Command { operation: Some(Operation::Put(put)), caller: None }
            })
            .collect();
        let first = self.applied + 1;
        self.applied += count;
        let run: Vec<_> = commands
            .iter()
            .zip(first..)
            .map(|(command, index)| RunEntry { term: 1, index, command: Some(command) })
            .collect();
        let applied = Bytes::copy_from_slice(&self.applied.to_be_bytes());
        self.applier.apply_run(&run, &Progress { applied, membership: Bytes::new() })?;
        Ok(())
    }
}

fn report(what: &str, count: u64, since: Instant) {
    let seconds = since.elapsed().as_secs_f64();
    println!("{what:<34} {count:>9} in {seconds:>7.3} s = {:>10.0}/s", count as f64 / seconds);
}

fn drain(stream: &WatchStream, out: &mut BytesMut) -> Result<u64> {
    let header = ResponseHeader { cluster_id: 1, member_id: 1, revision: 0, raft_term: 1 };
    let mut events = 0;
    loop {
        match stream.try_next()? {
            Next::Frame(frame) => {
                out.clear();
                frame.encode(&header, out)?;
                events += frame.event_count as u64;
            }
            Next::Again => {}
            Next::Wait => return Ok(events),
        }
    }
}

fn fan_out(machine: &mut Machine, run: u64) -> Result<()> {
    let streams: Vec<WatchStream> = (0..STREAMS).map(|_| machine.hub.stream()).collect();
    for stream in &streams {
        for _ in 0..WATCHERS_PER_STREAM {
            stream.create(&WatchCreateRequest {
                key: "key/".into(),
                range_end: "key0".into(),
                ..WatchCreateRequest::default()
            });
        }
    }
    let (mut events, mut out) = (0, BytesMut::new());
    for stream in &streams {
        drain(stream, &mut out)?;
    }
    let start = Instant::now();
    for _ in 0..WATCHED_PUTS / run {
        machine.put_run(run)?;
        for stream in &streams {
            events += drain(stream, &mut out)?;
        }
    }
    report(&format!("events to 1000 watchers, runs of {run}"), events, start);
    Ok(())
}

fn main() -> Result<()> {
    let engine: EngineKind = std::env::args().nth(1).as_deref().unwrap_or("redb").parse()?;
    let dir = tempfile::tempdir()?;
    let open = || Backend::open(Arc::new(DiskIo), &dir.path().join("db"), engine, BackendOptions::default());
    let backend = open()?;
    let mut machine = Machine::open(&backend)?;

    let start = Instant::now();
    for _ in 0..PUTS / RUN {
        machine.put_run(RUN)?;
    }
    report("puts, runs of 64", PUTS, start);
    let start = Instant::now();
    for _ in 0..50_000 {
        machine.put_run(1)?;
    }
    report("puts, runs of 1", 50_000, start);
    machine.applier.flush()?;

    let start = Instant::now();
    for place in 0..200_000u64 {
        let key = format!("key/{:08}", place * 104_729 % KEYS);
        machine.store.range(&RangeRequest { key: key.into(), ..RangeRequest::default() })?;
    }
    report("reads of one key", 200_000, start);
    let start = Instant::now();
    let whole = RangeRequest { key: "key/".into(), range_end: "key0".into(), ..RangeRequest::default() };
    let count = machine.store.range(&whole)?.kvs.len() as u64;
    report("keys of one range", count, start);
    let start = Instant::now();
    machine.store.range(&RangeRequest { limit: 1, ..whole })?;
    report("keys counted by a read of one", count, start);

    drop(machine);
    let start = Instant::now();
    let mut machine = Machine::open(&backend)?;
    report("revisions indexed at a restart", PUTS + 50_000, start);

    for run in [1, 10, 50] {
        fan_out(&mut machine, run)?;
    }

    let revision = machine.store.revision();
    let start = Instant::now();
    let committed = etcdkit_proto::etcdserverpb::CompactionRequest { revision, physical: false };
    let command = Command { operation: Some(Operation::Compact(committed)), caller: None };
    let entry = RunEntry { term: 1, index: machine.applied + 1, command: Some(&command) };
    let _ = machine.applier.apply_run(&[entry], &Progress::default())?;
    let mut longest = 0.0f64;
    loop {
        let step = Instant::now();
        let more = machine.store.compact_step()?;
        longest = longest.max(step.elapsed().as_secs_f64());
        if !more {
            break;
        }
    }
    report("revisions compacted", revision as u64 - count, start);
    println!("longest step of compaction {:.2} ms", longest * 1e3);
    Ok(())
}
