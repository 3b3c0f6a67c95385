//! Commands applied to a store in memory: what each must do, and random ones against a simple model.

#![allow(clippy::unwrap_used)]

mod kv;
mod model;
mod random;
mod txn;
mod watch;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::request_op::Request;
use etcdkit_proto::etcdserverpb::*;

use super::*;
use crate::alarm::Alarms;
use crate::auth::AuthStore;
use crate::backend::{Backend, BackendOptions, EngineKind};
use crate::cluster::ClusterState;
use crate::command::{Applied, LeaseGrant, LeaseRevoke, Operation};
use crate::io::disk::DiskIo;
use crate::lease::Lessor;
use crate::mvcc::Store;
use crate::mvcc::watch::{Hub, HubOptions};

/// A state machine in memory.
pub(super) struct Machine {
    backend: Backend,
    options: HubOptions,
    applier: Applier,
    pub(super) store: Store,
    pub(super) hub: Hub,
    term: u64,
    index: u64,
}

fn build(backend: &Backend, options: HubOptions) -> (Applier, Store, Hub) {
    let lessor = Arc::new(Lessor::open(backend).unwrap());
    let store = Store::open(backend.clone(), |lease, key| lessor.attach(lease, key)).unwrap();
    let hub = Hub::new(store.clone(), options);
    let auth = Arc::new(AuthStore::open(backend, 300_000).unwrap());
    let applier = Applier::new(Parts {
        backend: backend.clone(),
        store: store.clone(),
        lessor,
        auth,
        alarms: Arc::new(Alarms::open(backend).unwrap()),
        cluster: Arc::new(ClusterState::open(backend).unwrap()),
        hub: hub.clone(),
        slow: std::time::Duration::from_secs(1),
    });
    (applier, store, hub)
}

impl Machine {
    pub(super) fn new() -> Self {
        Self::with(HubOptions::default())
    }

    pub(super) fn with(options: HubOptions) -> Self {
        let dir = Path::new("");
        let backend =
            Backend::open(Arc::new(DiskIo), dir, EngineKind::Memory, BackendOptions::default()).unwrap();
        let (applier, store, hub) = build(&backend, options);
        Machine { backend, options, applier, store, hub, term: 1, index: 0 }
    }

    /// Builds everything that is not in the backend anew. Streams of before are of no use any more.
    pub(super) fn restart(&mut self) {
        (self.applier, self.store, self.hub) = build(&self.backend, self.options);
    }

    pub(super) fn apply(&mut self, operation: Operation) -> Outcome {
        self.apply_run(vec![operation]).remove(0)
    }

    /// Applies several commands as one run.
    pub(super) fn apply_run(&mut self, operations: Vec<Operation>) -> Vec<Outcome> {
        let commands: Vec<Command> = operations
            .into_iter()
            .map(|operation| Command { operation: Some(operation), caller: None })
            .collect();
        let first = self.index + 1;
        self.index += commands.len() as u64;
        let entries: Vec<RunEntry<'_>> = commands
            .iter()
            .zip(first..)
            .map(|(command, index)| RunEntry { term: self.term, index, command: Some(command) })
            .collect();
        let applied = Bytes::copy_from_slice(&self.index.to_be_bytes());
        self.applier.apply_run(&entries, &Progress { applied, membership: "members".into() }).unwrap()
    }

    pub(super) fn put(&mut self, key: &str, value: &str) -> i64 {
        match self.apply(Operation::Put(put(key, value))) {
            Ok(Applied::Put(response)) => response.header.unwrap().revision,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn delete(&mut self, key: &str, range_end: &str) -> DeleteRangeResponse {
        match self.apply(Operation::DeleteRange(delete(key, range_end))) {
            Ok(Applied::DeleteRange(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn txn(&mut self, request: TxnRequest) -> Result<TxnResponse, EtcdError> {
        match self.apply(Operation::Txn(request))? {
            Applied::Txn(response) => Ok(response),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn compact(&mut self, revision: i64) -> Outcome {
        self.apply(Operation::Compact(CompactionRequest { revision, physical: false }))
    }

    pub(super) fn compact_physically(&mut self, revision: i64) {
        self.compact(revision).unwrap();
        while self.store.compact_step().unwrap() {}
    }

    pub(super) fn grant(&mut self, id: i64) -> Outcome {
        self.apply(Operation::LeaseGrant(LeaseGrant { id, ttl: 60 }))
    }

    pub(super) fn revoke(&mut self, id: i64) -> Outcome {
        self.apply(Operation::LeaseRevoke(LeaseRevoke { id, expired_in_term: 0 }))
    }

    pub(super) fn get(&self, key: &str) -> Option<etcdkit_proto::mvccpb::KeyValue> {
        self.range(range(key, "")).kvs.pop()
    }

    pub(super) fn range(&self, request: RangeRequest) -> RangeResponse {
        self.store.range(&request).unwrap()
    }

    pub(super) fn range_error(&self, request: RangeRequest) -> EtcdError {
        match self.store.range(&request) {
            Err(crate::mvcc::MvccError::Api(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(super) fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest { key: bytes(key), range_end: bytes(range_end), ..RangeRequest::default() }
}

pub(super) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: bytes(key), value: bytes(value), ..PutRequest::default() }
}

pub(super) fn delete(key: &str, range_end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { key: bytes(key), range_end: bytes(range_end), prev_kv: false }
}

pub(super) fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}
