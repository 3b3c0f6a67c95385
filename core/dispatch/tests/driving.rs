//! A queue whose reader runs the client. In a program of its own: a process has one client, and it is the first that
//! decides.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use etcdkit_dispatch::{Finished, Method, Outcome, Queue, close, start};
use etcdkit_proto::bridge as wire;
use etcdkit_proto::etcdserverpb::RangeRequest;
use prost::Message;

const LONG: Duration = Duration::from_secs(20);
const NO_LIMIT: i64 = -1;
/// A handle of nothing: a call on it is refused.
const NOTHING: u64 = u64::MAX;

fn begin(queue: &Arc<Queue>, target: u64, method: Method, request: &impl Message, tag: u64) {
    queue.start(target, method as u32, request.encode_to_vec().into(), NO_LIMIT, tag).unwrap();
}

/// Starts a call and reads until its result is there.
fn made(queue: &Arc<Queue>, target: u64, method: Method, request: &impl Message) -> u64 {
    begin(queue, target, method, request, 0);
    let mut results = queue.next(1, Some(LONG)).unwrap();
    results.remove(0).outcome.unwrap().handle
}

fn is_of(tag: u64) -> impl Fn(&Finished) -> bool {
    move |finished| finished.tag == tag
}

/// One test: the queue is the only one of the process that can be opened before anything else.
#[test]
fn whoever_reads_runs_the_client_however_it_reads() {
    let handle = Queue::open_driving().unwrap();
    let queue = Queue::get(handle).unwrap();
    let config = wire::ServerConfig { in_process_only: true, ..Default::default() };
    let server = made(&queue, 0, Method::ServerStart, &config);
    let config = wire::ClientConfig { server, connect_now: true, ..Default::default() };
    let client = made(&queue, 0, Method::ClientOpen, &config);
    let get = RangeRequest { key: "a".into(), ..Default::default() };
    let deadline = Instant::now() + LONG;

    // One that never waits.
    begin(&queue, client, Method::KvRange, &get, 1);
    while !queue.next(8, Some(Duration::ZERO)).unwrap().iter().any(is_of(1)) {
        assert!(Instant::now() < deadline);
    }
    // One that finds something whenever it looks.
    begin(&queue, client, Method::KvRange, &get, 2);
    loop {
        begin(&queue, NOTHING, Method::KvRange, &get, 3);
        if queue.next(8, None).unwrap().iter().any(is_of(2)) {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    // One that nobody starts anything for: the time ends.
    let begun = Instant::now();
    while !queue.next(8, Some(Duration::from_millis(20))).unwrap().is_empty() {}
    assert!(begun.elapsed() >= Duration::from_millis(20));

    // Calls that are reported elsewhere, and results for those who sleep, come while somebody drives.
    let sleeping = Queue::get(Queue::open().unwrap()).unwrap();
    let driver = std::thread::spawn(move || while queue.next(8, None).is_some() {});
    let (tell, told) = std::sync::mpsc::channel();
    let completion = move |outcome: Outcome| tell.send(outcome).unwrap();
    start(client, Method::KvRange as u32, get.encode_to_vec().into(), NO_LIMIT, completion);
    assert!(told.recv_timeout(LONG).unwrap().is_ok());
    sleeping.start(0, Method::Echo as u32, Bytes::from_static(b"here"), NO_LIMIT, 4).unwrap();
    assert_eq!(sleeping.next(8, Some(LONG)).unwrap()[0].outcome.as_ref().unwrap().data, "here");

    close(client);
    close(server);
    close(handle);
    driver.join().unwrap();
}
