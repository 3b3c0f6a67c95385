//! Commands applied to a store in memory.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::{PutRequest, RangeRequest};

use super::*;
use crate::backend::{Backend, BackendOptions, EngineKind};
use crate::command::{Applied, Operation};
use crate::io::disk::DiskIo;
use crate::mvcc::Store;
use crate::mvcc::watch::{Hub, HubOptions};

struct Machine {
    applier: Applier,
    store: Store,
    index: u64,
}

impl Machine {
    fn new() -> Self {
        let options = BackendOptions::default();
        let backend = Backend::open(Arc::new(DiskIo), Path::new(""), EngineKind::Memory, options).unwrap();
        let lessor = Arc::new(Lessor::default());
        let store = Store::open(backend.clone(), |lease, key| lessor.attach(lease, key)).unwrap();
        let applier =
            Applier::new(backend, store.clone(), lessor, Hub::new(store.clone(), HubOptions::default()));
        Machine { applier, store, index: 0 }
    }

    fn apply(&mut self, operation: Operation) -> Outcome {
        self.index += 1;
        let command = Command { operation: Some(operation) };
        let entry = RunEntry { term: 1, index: self.index, command: Some(&command) };
        let applied = Bytes::copy_from_slice(&self.index.to_be_bytes());
        let progress = Progress { applied, membership: Bytes::new() };
        self.applier.apply_run(&[entry], &progress).unwrap().remove(0)
    }
}

#[test]
fn a_put_is_read_back() {
    let mut machine = Machine::new();
    let put = PutRequest { key: "k".into(), value: "v".into(), ..PutRequest::default() };
    let Ok(Applied::Put(answer)) = machine.apply(Operation::Put(put)) else { panic!("put failed") };
    assert_eq!(answer.header.unwrap().revision, 2);
    let answer = machine.store.range(&RangeRequest { key: "k".into(), ..RangeRequest::default() }).unwrap();
    assert_eq!(answer.kvs[0].value, "v");
    assert_eq!((answer.kvs[0].create_revision, answer.kvs[0].mod_revision, answer.kvs[0].version), (2, 2, 1));
    assert_eq!(machine.applier.progress().unwrap().unwrap().applied, 1u64.to_be_bytes().as_slice());
}
