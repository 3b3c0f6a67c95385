//! Watchers: what each is told, in which order, and what may never be told.

use etcdkit_proto::etcdserverpb::watch_create_request::FilterType;
use etcdkit_proto::mvccpb::Event;
use etcdkit_proto::mvccpb::event::EventType;
use prost::Message;

use super::model::Model;
use super::random::{Requests, apply_both};
use super::*;
use crate::mvcc::watch::{Next, WatchStream};

fn watch(key: &str, range_end: &str) -> WatchCreateRequest {
    WatchCreateRequest { key: bytes(key), range_end: bytes(range_end), ..WatchCreateRequest::default() }
}

/// The next message, as a client would read it.
fn next(stream: &WatchStream) -> Option<WatchResponse> {
    loop {
        match stream.try_next().unwrap() {
            Next::Frame(frame) => {
                let mut message = bytes::BytesMut::new();
                let header = ResponseHeader { cluster_id: 1, member_id: 2, revision: 0, raft_term: 3 };
                frame.encode(&header, &mut message).unwrap();
                let response = WatchResponse::decode(message.freeze()).unwrap();
                assert_eq!(response.events.len(), frame.event_count);
                return Some(response);
            }
            Next::Again => {}
            Next::Wait => return None,
        }
    }
}

fn all(stream: &WatchStream) -> Vec<WatchResponse> {
    std::iter::from_fn(|| next(stream)).collect()
}

fn revision(response: &WatchResponse) -> i64 {
    response.header.as_ref().unwrap().revision
}

/// Events as `+key` and `-key` with their revision.
fn told(response: &WatchResponse) -> Vec<String> {
    let tell = |event: &Event| {
        let kv = event.kv.as_ref().unwrap();
        let sign = if event.r#type() == EventType::Put { '+' } else { '-' };
        format!("{sign}{}@{}", String::from_utf8_lossy(&kv.key), kv.mod_revision)
    };
    response.events.iter().map(tell).collect()
}

#[test]
fn a_watcher_is_told_created_and_then_each_change() {
    let mut machine = Machine::new();
    machine.put("k", "before");
    let stream = machine.hub.stream();
    stream.create(&watch("k", ""));
    let created = next(&stream).unwrap();
    assert_eq!((created.created, created.watch_id, revision(&created)), (true, 0, 2));
    machine.put("other", "v");
    machine.put("k", "v");
    machine.delete("k", "");
    let responses = all(&stream);
    assert_eq!(responses.iter().map(told).collect::<Vec<_>>(), [["+k@4"], ["-k@5"]]);
    assert_eq!(responses.iter().map(revision).collect::<Vec<_>>(), [4, 5]);
    let event = &responses[1].events[0];
    assert_eq!((event.prev_kv.clone(), event.kv.as_ref().unwrap().create_revision), (None, 0));
}

#[test]
fn revisions_of_one_run_share_a_response_and_none_is_split() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&watch("a", "z"));
    next(&stream).unwrap();
    machine.apply_run(vec![
        Operation::Put(put("b", "1")),
        Operation::Put(put("a", "1")),
        Operation::DeleteRange(delete("a", "z")),
    ]);
    let responses = all(&stream);
    assert_eq!(responses.len(), 1);
    assert_eq!(told(&responses[0]), ["+b@2", "+a@3", "-a@4", "-b@4"]);
    assert_eq!(revision(&responses[0]), 4);
}

#[test]
fn history_is_delivered_before_what_comes() {
    let mut machine = Machine::new();
    machine.put("k", "1");
    machine.put("k", "2");
    machine.delete("k", "");
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { start_revision: 3, prev_kv: true, ..watch("k", "") });
    machine.put("k", "3");
    let responses = all(&stream);
    assert!(responses[0].created);
    let history: Vec<String> = responses.iter().flat_map(told).collect();
    assert_eq!(history, ["+k@3", "-k@4", "+k@5"]);
    let events: Vec<&Event> = responses.iter().flat_map(|response| &response.events).collect();
    let previous: Vec<_> =
        events.iter().map(|event| event.prev_kv.as_ref().map(|kv| kv.value.clone())).collect();
    assert_eq!(previous, [Some(bytes("1")), Some(bytes("2")), None]);
}

#[test]
fn a_long_history_comes_in_responses_of_a_thousand_revisions() {
    let mut machine = Machine::new();
    for value in 0..2500 {
        machine.put("k", &value.to_string());
    }
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { start_revision: 1, ..watch("k", "") });
    let responses = all(&stream);
    let sizes: Vec<usize> = responses.iter().map(|response| response.events.len()).collect();
    assert_eq!(sizes, [0, 1000, 1000, 500]);
    assert!(responses.iter().all(|response| revision(response) == 2501));
}

#[test]
fn a_start_in_the_future_waits_for_it() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { start_revision: 4, ..watch("k", "") });
    stream.create(&WatchCreateRequest { start_revision: 2, ..watch("k", "") });
    all(&stream);
    stream.request_progress();
    assert_eq!(next(&stream), None, "one watcher is not there yet");
    machine.apply_run((0..4).map(|value| Operation::Put(put("k", &value.to_string()))).collect());
    machine.put("k", "last");
    let mut of_watcher = [Vec::new(), Vec::new()];
    for response in all(&stream) {
        of_watcher[response.watch_id as usize].extend(told(&response));
    }
    assert_eq!(of_watcher[0], ["+k@4", "+k@5", "+k@6"]);
    assert_eq!(of_watcher[1], ["+k@2", "+k@3", "+k@4", "+k@5", "+k@6"]);
}

#[test]
fn a_compacted_start_is_created_and_then_canceled() {
    let mut machine = Machine::new();
    machine.put("k", "1");
    machine.put("k", "2");
    machine.delete("k", "");
    machine.put("x", "1");
    machine.compact_physically(4);
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { start_revision: 3, ..watch("k", "") });
    stream.create(&WatchCreateRequest { start_revision: 4, prev_kv: true, ..watch("k", "") });
    let responses = all(&stream);
    assert!(responses[0].created && responses[1].created);
    let canceled = &responses[2];
    assert_eq!((canceled.watch_id, canceled.canceled, canceled.compact_revision), (0, true, 4));
    assert_eq!((canceled.cancel_reason.as_str(), revision(canceled)), ("", 0));
    assert_eq!(told(&responses[3]), ["-k@4"], "the deletion at the compact revision itself is told");
    assert_eq!(responses[3].events[0].prev_kv, None);
    stream.cancel(0);
    assert_eq!(next(&stream), None);
}

#[test]
fn creations_that_cannot_be_are_refused_and_the_stream_goes_on() {
    let machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { start_revision: -1, ..watch("k", "") });
    stream.create(&watch("b", "a"));
    stream.create(&WatchCreateRequest { watch_id: 5, ..watch("k", "") });
    stream.create(&WatchCreateRequest { watch_id: 5, ..watch("k", "") });
    stream.refuse("rpc error: code = PermissionDenied desc = etcdserver: permission denied".to_owned());
    let responses = all(&stream);
    let reasons: Vec<&str> = responses.iter().map(|response| response.cancel_reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "etcdserver: mvcc: required revision has been compacted",
            "mvcc: watcher range is empty",
            "",
            "mvcc: duplicate watch ID provided on the WatchStream",
            "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
        ]
    );
    let shape = |response: &WatchResponse| (response.watch_id, response.created, response.canceled);
    let shapes: Vec<_> = responses.iter().map(shape).collect();
    let refused = (-1, true, true);
    assert_eq!(shapes, [refused, refused, (5, true, false), refused, refused]);
}

#[test]
fn ids_chosen_by_the_server_skip_those_in_use() {
    let machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { watch_id: 1, ..watch("k", "") });
    for _ in 0..3 {
        stream.create(&watch("k", ""));
    }
    let ids: Vec<i64> = all(&stream).iter().map(|response| response.watch_id).collect();
    assert_eq!(ids, [1, 0, 2, 3]);
}

#[test]
fn nothing_follows_a_cancellation() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&watch("k", ""));
    machine.put("k", "1");
    stream.cancel(0);
    stream.cancel(9);
    machine.put("k", "2");
    let responses = all(&stream);
    assert_eq!(responses.len(), 3);
    assert!(responses[2].canceled && responses[2].cancel_reason.is_empty());
    assert_eq!(revision(&responses[2]), 2);
    assert_eq!(machine.hub.load().watchers, 0);
}

#[test]
fn filters_leave_out_kinds_and_send_nothing_when_nothing_is_left() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    let filtered =
        |filter: FilterType| WatchCreateRequest { filters: vec![filter.into(), 7], ..watch("k", "") };
    stream.create(&filtered(FilterType::Noput));
    stream.create(&filtered(FilterType::Nodelete));
    all(&stream);
    machine.put("k", "1");
    machine.delete("k", "");
    let responses: Vec<_> = all(&stream).iter().map(|response| (response.watch_id, told(response))).collect();
    assert_eq!(responses, [(1, vec!["+k@2".to_owned()]), (0, vec!["-k@3".to_owned()])]);
}

#[test]
fn an_empty_key_watches_from_the_smallest_and_an_open_end_has_no_end() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&watch("", "\0"));
    stream.create(&watch("", ""));
    stream.create(&watch("m", "\0"));
    all(&stream);
    machine.put("a", "1");
    machine.put("z", "1");
    let ids: Vec<(i64, i64)> = all(&stream).iter().map(|r| (r.watch_id, revision(r))).collect();
    assert_eq!(ids.iter().filter(|(id, _)| *id == 0).count(), 2);
    assert_eq!(ids.iter().filter(|(id, _)| *id == 1).count(), 0);
    assert_eq!(ids.iter().filter(|(id, _)| *id == 2).count(), 1);
}

#[test]
fn large_revisions_are_cut_for_those_who_ask() {
    let options = HubOptions { fragment_bytes: 250, ..HubOptions::default() };
    let mut machine = Machine::with(options);
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { fragment: true, ..watch("k", "l") });
    stream.create(&watch("k", "l"));
    all(&stream);
    let success =
        (0..5).map(|key| op(Request::RequestPut(put(&format!("k{key}"), &"v".repeat(60))))).collect();
    machine.txn(TxnRequest { success, ..TxnRequest::default() }).unwrap();
    let responses = all(&stream);
    let (cut, whole): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.watch_id == 0);
    assert_eq!(whole.len(), 1);
    assert!(!whole[0].fragment);
    let shape: Vec<_> = cut.iter().map(|response| (response.events.len(), response.fragment)).collect();
    assert_eq!(shape, [(2, true), (2, true), (1, false)]);
    let cut: Vec<Event> = cut.into_iter().flat_map(|response| response.events.clone()).collect();
    assert_eq!(cut, whole[0].events);
}

#[test]
fn progress_is_told_to_the_quiet_only() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.create(&WatchCreateRequest { progress_notify: true, ..watch("a", "") });
    stream.create(&WatchCreateRequest { progress_notify: true, ..watch("b", "") });
    stream.create(&watch("c", ""));
    all(&stream);
    machine.put("a", "1");
    all(&stream);
    stream.progress_tick();
    let told: Vec<_> = all(&stream).iter().map(|r| (r.watch_id, r.events.len(), revision(r))).collect();
    assert_eq!(told, [(1, 0, 2)]);
    stream.progress_tick();
    let mut told: Vec<_> = all(&stream).iter().map(|r| r.watch_id).collect();
    told.sort_unstable();
    assert_eq!(told, [0, 1]);
}

#[test]
fn a_progress_request_is_answered_for_the_stream_once_all_are_synced() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    stream.request_progress();
    assert_eq!(next(&stream), None, "no watcher");
    machine.put("k", "1");
    stream.create(&WatchCreateRequest { start_revision: 1, ..watch("k", "") });
    stream.request_progress();
    let responses = all(&stream);
    assert_eq!(responses.len(), 2, "created and history; no progress while history was to come");
    stream.request_progress();
    let progress = next(&stream).unwrap();
    assert_eq!((progress.watch_id, revision(&progress), progress.events.len()), (-1, 2, 0));
}

#[test]
fn a_slow_stream_holds_a_bounded_queue_and_misses_nothing() {
    let mut machine = Machine::with(HubOptions { queue_bytes: 10_000, ..HubOptions::default() });
    let (slow, fast) = (machine.hub.stream(), machine.hub.stream());
    slow.create(&watch("k", ""));
    fast.create(&watch("k", ""));
    let mut fast_count = 0;
    for value in 0..3000 {
        machine.put("k", &value.to_string());
        fast_count += all(&fast).iter().map(|response| response.events.len()).sum::<usize>();
    }
    assert!(slow.queued_bytes() <= 10_000, "{}", slow.queued_bytes());
    let revisions: Vec<i64> =
        all(&slow).iter().flat_map(|r| &r.events).map(|e| e.kv.as_ref().unwrap().mod_revision).collect();
    assert_eq!(fast_count, 3000);
    assert_eq!(revisions, (2..3002).collect::<Vec<i64>>());
    machine.put("k", "live again");
    assert_eq!(all(&slow).len(), 1);
}

#[test]
fn a_thousand_watchers_share_the_bytes_of_an_event() {
    let mut machine = Machine::new();
    let stream = machine.hub.stream();
    for _ in 0..1000 {
        stream.create(&watch("k", "l"));
    }
    while !matches!(stream.try_next().unwrap(), Next::Wait) {}
    machine.put("k", "v");
    let mut places = std::collections::HashSet::new();
    let mut count = 0;
    while let Next::Frame(frame) = stream.try_next().unwrap() {
        places.insert(frame.events.as_ptr());
        count += 1;
    }
    assert_eq!((count, places.len()), (1000, 1));
}

/// A watcher of the random test, and what it has been told.
struct Watched {
    request: WatchCreateRequest,
    /// Place of the next event to come in the model's list, among all events.
    told: Vec<Event>,
    /// From here on it is to be told.
    from: i64,
    last_revision: i64,
    compacted: bool,
}

impl Watched {
    fn hear(&mut self, response: &WatchResponse, model: &Model) {
        if response.canceled {
            assert!(self.last_revision < model.compacted && self.from < model.compacted);
            self.compacted = true;
            return;
        }
        let revisions = response.events.iter().map(|event| event.kv.as_ref().unwrap().mod_revision);
        for (place, revision) in revisions.enumerate() {
            // A revision told before may not go on in another response.
            assert!(if place == 0 { revision > self.last_revision } else { revision >= self.last_revision });
            assert!(revision <= self::revision(response));
            self.last_revision = revision;
        }
        self.told.extend(response.events.iter().cloned());
    }

    fn expected(&self, model: &Model) -> Vec<Event> {
        let wanted = |event: &&Event| {
            let kv = event.kv.as_ref().unwrap();
            let range = etcdkit_proto::key_range::KeyRange::new(
                self.request.key.clone(),
                self.request.range_end.clone(),
            );
            let filtered = self.request.filters.contains(&event.r#type);
            kv.mod_revision >= self.from && range.contains(&kv.key) && !filtered
        };
        model.events.iter().filter(wanted).cloned().collect()
    }

    fn check(&self, model: &Model, finished: bool) {
        let mut expected = self.expected(model);
        if self.compacted || !finished {
            expected.truncate(self.told.len());
        }
        let bare: Vec<Event> =
            self.told.iter().map(|event| Event { prev_kv: None, ..event.clone() }).collect();
        assert_eq!(bare, expected, "{:?}", self.request);
        for event in self.told.iter().filter(|event| event.prev_kv.is_some()) {
            assert!(self.request.prev_kv);
            let kv = event.kv.as_ref().unwrap();
            if let Some(before) = model.states.get(&(kv.mod_revision - 1)) {
                assert_eq!(event.prev_kv.as_ref(), before.get(&kv.key));
            }
        }
    }
}

fn random_watch(requests: &mut Requests, model: &Model) -> WatchCreateRequest {
    let start_revision = match requests.below(4) {
        0 => 0,
        _ => (model.revision - 15 + requests.below(20)).max(0),
    };
    WatchCreateRequest {
        key: requests.key(),
        range_end: requests.end(),
        start_revision,
        filters: if requests.below(4) == 0 { vec![requests.below(2) as i32] } else { Vec::new() },
        prev_kv: requests.below(2) == 0,
        ..WatchCreateRequest::default()
    }
}

fn run(seed: u64) {
    println!("seed {seed}");
    let mut requests = Requests::seeded(seed);
    let queue_bytes = [400, 3000, 1 << 20][requests.below(3) as usize];
    let mut machine = Machine::with(HubOptions { queue_bytes, ..HubOptions::default() });
    let mut model = Model::new();
    let streams = [machine.hub.stream(), machine.hub.stream()];
    let mut watchers: [Vec<Watched>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..150 {
        apply_both(&mut machine, &mut model, &mut requests);
        if requests.below(3) == 0 {
            while machine.store.compact_step().unwrap() {}
        }
        for (stream, watchers) in streams.iter().zip(&mut watchers) {
            if requests.below(5) == 0 {
                let request = random_watch(&mut requests, &model);
                let range =
                    etcdkit_proto::key_range::KeyRange::new(request.key.clone(), request.range_end.clone());
                if !range.is_empty() {
                    let from =
                        if request.start_revision == 0 { model.revision + 1 } else { request.start_revision };
                    stream.create(&request);
                    let (told, last_revision, compacted) = (Vec::new(), 0, false);
                    watchers.push(Watched { request, told, from, last_revision, compacted });
                }
            }
            let frames = if requests.below(3) == 0 { requests.below(30) } else { 0 };
            for response in std::iter::from_fn(|| next(stream)).take(frames as usize) {
                watchers[response.watch_id as usize].hear(&response, &model);
            }
            watchers.iter().for_each(|watcher| watcher.check(&model, false));
        }
    }
    for (stream, watchers) in streams.iter().zip(&mut watchers) {
        for response in all(stream) {
            watchers[response.watch_id as usize].hear(&response, &model);
        }
        watchers.iter().for_each(|watcher| watcher.check(&model, true));
    }
}

#[test]
fn what_watchers_are_told_is_the_history() {
    let base: u64 = rand::random();
    for seed in 0..60 {
        run(base.wrapping_add(seed));
    }
}
