//! Readers at work while the writer writes and history is compacted away behind them.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{RangeRequest, WatchCreateRequest};
use etcdkit_proto::key_range::KeyRange;

use super::watch::{Hub, HubOptions, Next};
use super::*;
use crate::backend::{Backend, BackendOptions, EngineKind};
use crate::io::disk::DiskIo;

const KEYS: i64 = 20;
const REVISIONS: i64 = 6000;

fn open(kind: EngineKind, dir: &Path) -> (Store, Hub) {
    let backend = Backend::open(Arc::new(DiskIo), dir, kind, BackendOptions::default()).unwrap();
    let store = Store::open(backend, |_, _| {}).unwrap();
    (store.clone(), Hub::new(store, HubOptions { queue_bytes: 20_000, ..HubOptions::default() }))
}

/// Writes every key once per revision, with the revision as value, so that any mixture of two
/// revisions in one answer is seen; now and then deletes all, and compacts to 50 revisions back.
fn write(store: &Store, hub: &Hub) {
    for revision in 2..REVISIONS {
        let mut writer = StoreWriter::new(store);
        if revision % 7 == 0 {
            writer.delete_range(&KeyRange::From("k".into()));
        } else {
            for key in 0..KEYS {
                let value = revision.to_string();
                writer.put(&format!("k{key:02}").into(), value.into(), 0);
            }
        }
        writer.finish_command();
        if revision % 20 == 0 && revision > 100 {
            writer.compact(revision - 50).unwrap();
        }
        hub.publish(writer.commit(Bytes::new()).unwrap());
    }
}

fn check_answer(store: &Store, back: i64) {
    let revision = if back == 0 { 0 } else { (store.revision() - back).max(1) };
    let request = RangeRequest {
        key: "k".into(),
        range_end: "\0".into(),
        revision,
        keys_only: false,
        ..RangeRequest::default()
    };
    let answer = match store.range(&request) {
        Ok(answer) => answer,
        Err(MvccError::Api(EtcdError::Compacted)) if back > 0 => return,
        Err(error) => panic!("{error}"),
    };
    let at = if back == 0 { answer.header.unwrap().revision } else { revision };
    let expected = if at == 1 || at % 7 == 0 { 0 } else { KEYS };
    assert_eq!((answer.kvs.len() as i64, answer.count), (expected, expected), "at {at}");
    for kv in &answer.kvs {
        assert_eq!((kv.mod_revision, kv.value.as_ref()), (at, at.to_string().as_bytes()));
    }
}

fn check_while_written(kind: EngineKind, dir: &Path) {
    let (store, hub) = open(kind, dir);
    let stream = hub.stream();
    let request = WatchCreateRequest {
        key: "k".into(),
        range_end: "\0".into(),
        start_revision: 2,
        ..Default::default()
    };
    stream.create(&request);
    let done = AtomicBool::new(false);
    let mut watched = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            write(&store, &hub);
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) || store.compact_step().unwrap() {
                store.compact_step().unwrap();
            }
        });
        for back in [0, 10, 60] {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Acquire) {
                    check_answer(store, back);
                }
            });
        }
        loop {
            let finished = done.load(Ordering::Acquire);
            match stream.try_next().unwrap() {
                Next::Frame(frame) if frame.canceled => break,
                Next::Frame(frame) => watched += frame.event_count as i64,
                Next::Again => {}
                Next::Wait if finished => break,
                Next::Wait => std::thread::yield_now(),
            }
        }
    });
    println!("{kind}: {watched} events watched");
    assert_eq!(store.revision(), REVISIONS - 1);
    assert_eq!(store.finished_compaction(), store.marks().compacted);
    check_answer(&store, 0);
    let hash = store.hash_kv(0).unwrap();
    let backend = store.shared.backend.clone();
    assert_eq!(Store::open(backend, |_, _| {}).unwrap().hash_kv(0).unwrap(), hash);
}

#[test]
fn every_read_is_of_one_revision_in_memory() {
    check_while_written(EngineKind::Memory, Path::new(""));
}

#[test]
fn every_read_is_of_one_revision_on_redb() {
    let dir = tempfile::tempdir().unwrap();
    check_while_written(EngineKind::Redb, &dir.path().join("db"));
}
