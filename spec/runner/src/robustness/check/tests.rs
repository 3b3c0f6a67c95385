//! A checker that cannot fail is worth nothing: one history that is right, and what each rule says when it is spoilt.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;

use super::check;
use crate::robustness::history::{
    Answer, Call, Change, Done, History, Keys, Op, Outcome, Pair, Request, Response, Told, Watch,
};

fn pair(key: &str, value: &str, create: i64, modified: i64, version: i64, lease: i64) -> Pair {
    let (key, value) = (Bytes::from(key.to_owned()), Bytes::from(value.to_owned()));
    Pair { key, value, create, modified, version, lease }
}

fn deleted(key: &str, revision: i64) -> Change {
    Change { pair: pair(key, "", 0, revision, 0, 0), deleted: true }
}

fn call(at: u64, request: Request, outcome: Outcome) -> Call {
    Call { client: "c".to_owned(), called: at, returned: at + 5, request, outcome }
}

fn put(key: &str, value: &str, lease: i64) -> Request {
    let op = Op::Put { key: key.to_owned().into(), value: value.to_owned().into(), lease };
    Request::Write { when: None, then: vec![op], otherwise: Vec::new() }
}

fn written(revision: i64, done: Vec<Done>) -> Outcome {
    Outcome::Ok(Answer::Write { revision, succeeded: true, done })
}

fn read(serializable: bool) -> Request {
    Request::Read { keys: Keys::all(), revision: 0, limit: 0, serializable }
}

fn shown(revision: i64, pairs: Vec<Pair>) -> Outcome {
    Outcome::Ok(Answer::Read { revision, count: pairs.len() as i64, more: false, pairs })
}

/// Puts of `a` and `b`, a transaction on `a`, a deletion of `b`, a leased `l` that expires, and an unknown put.
fn right() -> History {
    let a = pair("a", "1", 2, 2, 1, 0);
    let b = pair("b", "2", 3, 3, 1, 0);
    let a2 = pair("a", "3", 2, 4, 2, 0);
    let leased = pair("l", "4", 6, 6, 1, 9);
    let unknown = pair("u", "5", 8, 8, 1, 0);
    let txn = Request::Write {
        when: Some((Bytes::from("a"), 2)),
        then: vec![Op::Put { key: "a".into(), value: "3".into(), lease: 0 }],
        otherwise: vec![Op::Get(Keys::one("a"))],
    };
    let delete = Request::Write { when: None, then: vec![Op::Delete(Keys::one("b"))], otherwise: Vec::new() };
    let calls = vec![
        call(10, put("a", "1", 0), written(2, vec![Done::Put])),
        call(20, put("b", "2", 0), written(3, vec![Done::Put])),
        call(30, read(false), shown(3, vec![a.clone(), b.clone()])),
        call(40, txn, written(4, vec![Done::Put])),
        call(50, delete, written(5, vec![Done::Deleted(1)])),
        call(60, Request::Grant { ttl: 1 }, Outcome::Ok(Answer::Granted { lease: 9 })),
        call(70, put("l", "4", 9), written(6, vec![Done::Put])),
        call(80, read(true), shown(4, vec![a2.clone(), b.clone()])),
        call(90, put("u", "5", 0), Outcome::Unknown("lost".to_owned())),
        call(95, put("n", "6", 0), Outcome::Refused("no".to_owned())),
    ];
    let told = |change: Change, previous: Option<&Pair>| Told { change, previous: previous.cloned() };
    let written = |pair: &Pair| Change { pair: pair.clone(), deleted: false };
    let events = [
        told(written(&a), None),
        told(written(&b), None),
        told(written(&a2), Some(&a)),
        told(deleted("b", 5), Some(&b)),
        told(written(&leased), None),
        told(deleted("l", 7), Some(&leased)),
        told(written(&unknown), None),
    ];
    // The lease has lived for its second and a little more.
    let arrived = |revision: i64| if revision >= 7 { 1_100_000_000 } else { revision as u64 * 10 };
    let responses = events.map(|told| {
        let revision = told.change.revision();
        Response { arrived: arrived(revision), revision, events: vec![told], progress: false }
    });
    let mut responses = Vec::from(responses);
    responses.push(Response { arrived: 2_000_000_000, revision: 8, events: Vec::new(), progress: true });
    let all = Watch { name: "all".to_owned(), keys: Keys::all(), from: 2, previous: true, responses };
    let of_a = Watch {
        name: "a".to_owned(),
        keys: Keys::one("a"),
        from: 3,
        previous: false,
        responses: vec![Response {
            arrived: 50,
            revision: 4,
            events: vec![Told { change: written(&a2), previous: None }],
            progress: false,
        }],
    };
    History { calls, watches: vec![all, of_a], ends: vec![(8, vec![a2, unknown])], ttl: 1 }
}

/// Spoils the history; what the checkers say must begin so.
fn spoilt(rule: &str, spoil: impl FnOnce(&mut History)) {
    let mut history = right();
    spoil(&mut history);
    let verdict = check(&history);
    let said = verdict.violations();
    assert!(said.iter().any(|violation| violation.starts_with(rule)), "{rule}: {said:#?}");
}

fn answer(history: &mut History, call: usize) -> &mut Answer {
    match &mut history.calls[call].outcome {
        Outcome::Ok(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_history_that_is_right_passes() {
    let verdict = check(&right());
    assert_eq!(verdict.violations(), &[] as &[String]);
}

#[test]
fn watches_must_agree_on_one_history_without_gaps() {
    spoilt("truth: no watch told", |history| drop(history.watches[0].responses.remove(2)));
    spoilt("truth: ", |history| {
        let mut other = history.watches[0].clone();
        other.responses[1].events[0].change.pair.value = "x".into();
        history.watches.push(other);
    });
    spoilt("truth: ", |history| history.watches[0].responses[2].events[0].change.pair.version = 3);
    spoilt("truth: ", |history| history.watches[0].responses[3].events[0].change.pair.key = "zz".into());
}

#[test]
fn writes_are_there_as_often_as_was_said() {
    // Two writes say that they made the same revision; and so one that was made belongs to nobody.
    spoilt("writes", |history| {
        let Answer::Write { revision, .. } = answer(history, 1) else { panic!() };
        *revision = 2;
    });
    // An acknowledged write that is not there.
    spoilt("writes", |history| {
        history.calls.push(call(97, put("p", "7", 0), written(8, vec![Done::Put])));
    });
    // Nobody asked for it.
    spoilt("writes: nobody", |history| drop(history.calls.remove(0)));
    // Refused, and done all the same.
    spoilt("writes", |history| history.calls[8].outcome = Outcome::Refused("said so".to_owned()));
    // A condition that did not hold.
    spoilt("writes", |history| {
        let Request::Write { when, .. } = &mut history.calls[3].request else { panic!() };
        *when = Some(("a".into(), 1));
    });
    // A deletion that tells of more than there was.
    spoilt("writes", |history| {
        let Answer::Write { done, .. } = answer(history, 4) else { panic!() };
        *done = vec![Done::Deleted(2)];
    });
    // An unknown write that was executed twice: its value comes again.
    spoilt("writes", |history| {
        let mut again = history.watches[0].responses[6].clone();
        again.revision = 9;
        again.events[0].previous = Some(again.events[0].change.pair.clone());
        again.events[0].change.pair.modified = 9;
        again.events[0].change.pair.version = 2;
        history.watches[0].responses.insert(7, again);
        history.ends.clear();
    });
}

#[test]
fn what_had_ended_is_not_behind_what_began_later() {
    // A stale read.
    spoilt("order", |history| {
        history.calls.push(call(
            98,
            read(false),
            shown(3, vec![pair("a", "1", 2, 2, 1, 0), pair("b", "2", 3, 3, 1, 0)]),
        ));
    });
    // A read from before a write that it shows.
    spoilt("order", |history| {
        (history.calls[0].called, history.calls[0].returned) = (36, 37);
    });
    // Two writes in the wrong order of time.
    spoilt("order", |history| {
        (history.calls[4].called, history.calls[4].returned) = (1, 2);
    });
}

#[test]
fn reads_show_the_state_of_their_revision() {
    for at in [2, 7] {
        spoilt("reads", |history| {
            let Answer::Read { pairs, .. } = answer(history, at) else { panic!() };
            pairs[0].value = "phantom".into();
        });
        spoilt("reads", |history| {
            let Answer::Read { pairs, .. } = answer(history, at) else { panic!() };
            pairs.pop();
        });
    }
    spoilt("reads", |history| {
        let Answer::Read { revision, .. } = answer(history, 7) else { panic!() };
        *revision = 5;
    });
    spoilt("reads", |history| {
        let Answer::Read { revision, .. } = answer(history, 7) else { panic!() };
        *revision = 99;
    });
    spoilt("reads: member", |history| drop(history.ends[0].1.pop()));
    spoilt("reads: member", |history| history.ends[0].0 = 7);
}

#[test]
fn watches_keep_their_guarantees() {
    spoilt("watches, filter", |history| history.watches[1].from = 5);
    spoilt("watches, filter", |history| history.watches[1].keys = Keys::one("b"));
    spoilt("watches, ordered", |history| {
        let again = history.watches[1].responses[0].clone();
        history.watches[1].responses.push(again);
    });
    spoilt("watches, reliable", |history| history.watches[1].from = 2);
    spoilt("watches, reliable", |history| {
        history.watches[1].responses[0].events[0].change.pair.value = "x".into();
    });
    // Progress that is ahead of an event.
    spoilt("watches, bookmarkable", |history| {
        let early = Response { arrived: 1, revision: 4, events: Vec::new(), progress: true };
        history.watches[1].responses.insert(0, early);
    });
    spoilt("watches, reliable", |history| {
        history.watches[1].responses[0].progress = true;
        history.watches[1].responses[0].events.clear();
    });
    spoilt("watches, header", |history| history.watches[1].responses[0].revision = 3);
    spoilt("watches, previous", |history| history.watches[0].responses[2].events[0].previous = None);
    spoilt("watches, previous", |history| {
        history.watches[0].responses[3].events[0].previous = Some(pair("b", "x", 3, 3, 1, 0));
    });
    // A revision that is split over two responses: the watches do not agree on what it changed.
    spoilt("truth: all tells", |history| {
        let mut rest = history.watches[0].responses[1].clone();
        rest.events[0].change.pair.key = "b2".into();
        history.watches[0].responses.insert(2, rest);
    });
}

#[test]
fn leases_live_for_their_time() {
    spoilt("leases", |history| history.watches[0].responses[5].arrived = 900_000_000);
    // One that is kept alive lives longer, and is not gone before.
    let kept = |at: u64, ttl| call(at, Request::KeepAlive { lease: 9 }, Outcome::Ok(Answer::Kept { ttl }));
    spoilt("leases: 9 of 1 s ended", |history| history.calls.push(kept(500_000_000, 1)));
    spoilt("leases: 9 was said to be gone", |history| {
        history.calls.push(kept(800_000_000, 0));
    });
    let mut history = right();
    history.calls.extend([kept(99_000_000, 1), kept(1_200_000_000, 0)]);
    assert_eq!(check(&history).violations(), &[] as &[String]);
    // One that was revoked may.
    let mut history = right();
    history.watches[0].responses[5].arrived = 900_000_000;
    history.calls.push(call(110, Request::Revoke { lease: 9 }, Outcome::Ok(Answer::Revoked { revision: 7 })));
    assert_eq!(check(&history).violations(), &[] as &[String]);
}
