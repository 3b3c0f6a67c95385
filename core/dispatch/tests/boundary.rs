//! What a language may rely on, whatever it sends: one completion a call, errors and no surprises, a tree of objects.

#![allow(clippy::unwrap_used)]

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bytes::Bytes;
use etcdkit::proto::bridge as wire;
use etcdkit::proto::etcdserverpb as pb;
use etcdkit_bridge::{Kind, objects};
use etcdkit_dispatch::{Answer, Method, Outcome, Queue, close, start};
use prost::Message;

/// Longer than anything takes that works.
const LONG: Duration = Duration::from_secs(30);

fn call(target: u64, method: Method, request: &impl Message) -> Outcome {
    call_raw(target, method as u32, request.encode_to_vec().into(), 0)
}

fn call_raw(target: u64, method: u32, request: Bytes, timeout_ms: i64) -> Outcome {
    let (sender, outcome) = sync_channel(2);
    start(target, method, request, timeout_ms, move |result| sender.send(result).unwrap());
    let result = outcome.recv_timeout(LONG).unwrap();
    // The sender goes with the completion: whatever came after it would be here.
    assert!(outcome.recv_timeout(LONG).is_err(), "a second completion");
    result
}

fn made(outcome: Outcome) -> u64 {
    let Answer { handle, .. } = outcome.unwrap();
    assert_ne!(handle, 0);
    handle
}

fn answer<M: Message + Default>(outcome: Outcome) -> M {
    M::decode(outcome.unwrap().data).unwrap()
}

/// A server that listens nowhere, and a client of it. Closed at the end of the test.
struct Pair {
    server: u64,
    client: u64,
}

impl Pair {
    fn new() -> Self {
        let config = wire::ServerConfig { in_process_only: true, ..Default::default() };
        let server = made(call(0, Method::ServerStart, &config));
        let config = wire::ClientConfig { server, connect_now: true, ..Default::default() };
        let client = made(call(0, Method::ClientOpen, &config));
        Self { server, client }
    }

    fn put(&self, key: &'static str, value: &'static str) {
        let request = pb::PutRequest { key: key.into(), value: value.into(), ..Default::default() };
        call(self.client, Method::KvPut, &request).unwrap();
    }

    fn watch(&self, key: &'static str) -> u64 {
        let create = pb::WatchCreateRequest { key: key.into(), ..Default::default() };
        let options = wire::WatchOptions { create: Some(create), deliver_created: false };
        made(call(self.client, Method::WatchOpen, &options))
    }

    fn session(&self) -> u64 {
        made(call(self.client, Method::SessionOpen, &wire::SessionConfig { ttl: 10, lease: 0 }))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        close(self.client);
        close(self.server);
    }
}

fn kind(outcome: Outcome) -> Kind {
    outcome.unwrap_err().kind
}

#[test]
fn every_method_refuses_targets_of_another_kind_with_a_reason() {
    let pair = Pair::new();
    let targets = [0, pair.server, pair.client, pair.watch("a"), pair.session()];
    for method in Method::ALL {
        let (sender, outcomes) = sync_channel(targets.len());
        // Only what is refused is of interest: a call that waits is given no time.
        for target in targets {
            let sender = sender.clone();
            start(target, *method as u32, Bytes::from_static(b"\xff"), 1, move |outcome: Outcome| {
                sender.send(outcome).unwrap();
            });
        }
        drop(sender);
        let outcomes: Vec<_> = targets.iter().map(|_| outcomes.recv_timeout(LONG).unwrap()).collect();
        let refusals = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
        let refused = refusals.clone().filter(|error| error.kind == Kind::InvalidArgument).count();
        assert!(refused >= targets.len() - 1 || method.path().is_some(), "{}: {outcomes:?}", method.name());
        assert!(refusals.into_iter().all(|error| !error.message.is_empty()));
    }
}

#[test]
fn numbers_of_the_table_lead_to_their_methods() {
    for method in Method::ALL {
        assert_eq!(Method::from_id(*method as u32), Some(*method));
    }
    assert_eq!(kind(call_raw(0, 999_999, Bytes::new(), 0)), Kind::Unimplemented);
}

#[test]
fn bytes_that_are_no_request_are_an_error_of_the_caller() {
    let error = call_raw(0, Method::ClientOpen as u32, Bytes::from_static(b"\xff\xff"), 0).unwrap_err();
    assert_eq!(error.kind, Kind::InvalidArgument);
    assert!(error.message.contains("CLIENT_OPEN"), "{}", error.message);
    let pair = Pair::new();
    assert_eq!(kind(call_raw(pair.client, Method::KvRange as u32, Bytes::new(), -7)), Kind::InvalidArgument);
}

#[test]
fn closing_a_client_closes_all_that_was_made_from_it() {
    let pair = Pair::new();
    let (watch, session) = (pair.watch("a"), pair.session());
    let lock = wire::MutexLock { name: "lock".into(), ..Default::default() };
    let guard = made(call(session, Method::MutexLock, &lock));
    let (sender, waiting) = sync_channel(1);
    start(watch, Method::StreamNext as u32, Bytes::new(), 0, move |outcome| sender.send(outcome).unwrap());
    close(pair.client);
    assert_eq!(kind(waiting.recv_timeout(LONG).unwrap()), Kind::Closed);
    for handle in [pair.client, watch, session, guard] {
        assert!(objects().unwrap().get(handle).is_err());
        close(handle);
    }
    assert_eq!(kind(call(watch, Method::StreamNext, &wire::StreamNext { max: 1 })), Kind::Closed);
}

#[test]
fn a_lock_whose_handle_is_closed_is_free_for_the_next() {
    let pair = Pair::new();
    let (first, second) = (pair.session(), pair.session());
    let lock = wire::MutexLock { name: "lock".into(), ..Default::default() };
    let at_once = wire::MutexLock { try_only: true, ..lock.clone() };
    let guard = made(call(first, Method::MutexLock, &lock));
    assert_eq!(kind(call(second, Method::MutexLock, &at_once)), Kind::Locked);
    close(guard);
    let locked = call(second, Method::MutexLock, &lock);
    let revision = wire::MutexLocked::decode(locked.as_ref().unwrap().data.clone()).unwrap().revision;
    let guard = made(locked);
    assert!(revision > 0);
    assert!(answer::<wire::MutexHeld>(call(guard, Method::MutexIsOwner, &wire::Empty {})).held);
    assert!(answer::<wire::MutexHeld>(call(guard, Method::MutexUnlock, &wire::Empty {})).held);
    assert!(!answer::<wire::MutexHeld>(call(guard, Method::MutexUnlock, &wire::Empty {})).held);
    // The same session may lock again although the first handle is still open.
    made(call(second, Method::MutexLock, &lock));
}

#[test]
fn a_watch_delivers_what_happens_and_then_its_end() {
    let pair = Pair::new();
    let watch = pair.watch("a");
    pair.put("a", "1");
    let batch: wire::StreamBatch = answer(call(watch, Method::StreamNext, &wire::StreamNext { max: 9 }));
    let response = pb::WatchResponse::decode(batch.items[0].clone()).unwrap();
    assert_eq!(response.events[0].kv.as_ref().unwrap().value, "1");
    let nothing = call_raw(watch, Method::StreamNext as u32, Bytes::new(), 20);
    assert_eq!(kind(nothing), Kind::DeadlineExceeded);
    // The call that was given up has lost nothing.
    pair.put("a", "2");
    let batch: wire::StreamBatch = answer(call(watch, Method::StreamNext, &wire::StreamNext { max: 9 }));
    assert_eq!((batch.items.len(), batch.end), (1, false));
}

#[test]
fn a_compacted_watch_is_an_item_and_then_the_end() {
    let pair = Pair::new();
    for value in ["1", "2", "3"] {
        pair.put("a", value);
    }
    call(pair.client, Method::KvCompact, &pb::CompactionRequest { revision: 4, physical: true }).unwrap();
    let create = pb::WatchCreateRequest { key: "a".into(), start_revision: 2, ..Default::default() };
    let options = wire::WatchOptions { create: Some(create), deliver_created: false };
    let watch = made(call(pair.client, Method::WatchOpen, &options));
    let batch: wire::StreamBatch = answer(call(watch, Method::StreamNext, &wire::StreamNext { max: 9 }));
    let response = pb::WatchResponse::decode(batch.items[0].clone()).unwrap();
    assert!(response.canceled);
    assert_eq!(response.compact_revision, 4);
    let batch: wire::StreamBatch = answer(call(watch, Method::StreamNext, &wire::StreamNext { max: 9 }));
    assert!(batch.end);
}

#[test]
fn a_namespace_is_a_client_of_its_own_that_ends_with_its_parent() {
    let pair = Pair::new();
    pair.put("app/color", "blue");
    let namespace = wire::Namespace { prefix: "app/".into() };
    let inner = made(call(pair.client, Method::ClientNamespace, &namespace));
    let get = pb::RangeRequest { key: "color".into(), ..Default::default() };
    let found: pb::RangeResponse = answer(call(inner, Method::KvRange, &get));
    assert_eq!((&*found.kvs[0].key, &*found.kvs[0].value), (&b"color"[..], &b"blue"[..]));
    close(pair.client);
    assert_eq!(kind(call(inner, Method::KvRange, &get)), Kind::Closed);
}

#[test]
fn a_stopped_server_is_told_to_clients_that_would_reach_it_in_process() {
    let pair = Pair::new();
    call(pair.server, Method::ServerStop, &wire::Empty {}).unwrap();
    call(pair.server, Method::ServerStop, &wire::Empty {}).unwrap();
    let config = wire::ClientConfig { server: pair.server, ..Default::default() };
    assert_eq!(kind(call(0, Method::ClientOpen, &config)), Kind::Closed);
}

#[test]
fn results_that_are_lent_outlive_the_close_of_their_queue() {
    let queue_handle = Queue::open().unwrap();
    let queue = Queue::get(queue_handle).unwrap();
    for tag in 0..3 {
        queue.start(0, Method::Echo as u32, Bytes::from(vec![tag as u8; 1000]), 0, tag).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        queue.lend(8, Some(LONG), |finished| seen.push(finished.tag)).unwrap();
    }
    close(queue_handle);
    assert!(objects().unwrap().get(queue_handle).is_ok(), "kept until the reader asks again");
    assert!(queue.start(0, Method::Echo as u32, Bytes::new(), 0, 9).is_none());
    assert!(queue.lend(8, Some(LONG), |_| ()).is_none());
    close(queue_handle);
    assert!(objects().unwrap().get(queue_handle).is_err());
}

#[test]
fn a_refused_call_of_a_queue_is_a_result_too() {
    let queue_handle = Queue::open().unwrap();
    let queue = Queue::get(queue_handle).unwrap();
    queue.start(0, 999_999, Bytes::new(), 0, 7).unwrap();
    let finished = queue.next(1, Some(LONG)).unwrap().pop().unwrap();
    assert_eq!((finished.tag, finished.outcome.unwrap_err().kind), (7, Kind::Unimplemented));
    close(queue_handle);
    assert!(queue.next(1, None).is_none());
}
