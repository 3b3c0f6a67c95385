//! Users and rights: what the roles of a user add up to, and what survives. The calls themselves are compared with the
//! real etcd in `spec/scenarios/auth.spec`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use bytes::Bytes;
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::permission::Type;
use proptest::prelude::*;

use super::rights::{Action, Rights, is_grantable};
use super::tokens::SimpleTokens;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn grant(kind: Type, key: &str, range_end: &str) -> Permission {
    Permission { perm_type: kind as i32, key: bytes(key), range_end: bytes(range_end) }
}

#[test]
fn grants_that_touch_are_one_right() {
    let granted = [grant(Type::Read, "a", "c"), grant(Type::Read, "c", "f"), grant(Type::Read, "k", "")];
    let rights = Rights::merge(false, granted.iter());
    let may = |key, end| rights.permit(Action::Read, &bytes(key), &bytes(end));
    let table = [
        ("a", "", true),
        ("e\u{7f}", "", true),
        ("f", "", false),
        ("b", "e", true),
        ("a", "f", true),
        ("a", "f\0", false),
        ("e", "k", false),
        ("k", "", true),
        ("k", "k\0", true),
        ("k\0", "", false),
        ("a", "\0", false),
        // Ranges without a key in them.
        ("b", "a", true),
        ("g", "a", false),
    ];
    for (key, end, expected) in table {
        assert_eq!(may(key, end), expected, "[{key:?}, {end:?})");
    }
    assert!(!rights.permit(Action::Write, &bytes("a"), &bytes("")));
}

#[test]
fn a_right_without_an_end_reaches_every_key_behind_it() {
    let granted = [grant(Type::Readwrite, "m", "\0")];
    let rights = Rights::merge(false, granted.iter());
    for action in [Action::Read, Action::Write] {
        assert!(rights.permit(action, &bytes("m"), &bytes("\0")));
        assert!(rights.permit(action, &bytes("z"), &bytes("")));
        assert!(!rights.permit(action, &bytes("l"), &bytes("\0")));
    }
}

#[test]
fn a_right_needs_a_key_and_an_end_behind_it() {
    assert!(is_grantable(b"a", b"") && is_grantable(b"a", b"b") && is_grantable(b"a", b"\0"));
    assert!(is_grantable(b"\0", b"\0"));
    assert!(!is_grantable(b"", b"") && !is_grantable(b"b", b"a") && !is_grantable(b"b", b"b"));
}

/// Keys of one letter, so that every key of a range can be asked by itself.
fn one_letter() -> impl Strategy<Value = u8> {
    b'a'..=b'h'
}

proptest! {
    /// A range is permitted exactly when each key in it is. With one letter and what can follow it: a key between two
    /// letters has the same grants as the letter before it, unless that one was granted alone.
    #[test]
    fn a_range_is_permitted_when_all_its_keys_are(
        grants in prop::collection::vec((one_letter(), one_letter()), 0..6),
        points in prop::collection::vec(one_letter(), 0..4),
        from in one_letter(),
        to in one_letter(),
    ) {
        let text = |letter: u8| char::from(letter).to_string();
        let spans: Vec<_> = grants.iter().filter(|(a, b)| a < b).collect();
        let permissions: Vec<_> = spans
            .iter()
            .map(|(a, b)| grant(Type::Read, &text(*a), &text(*b)))
            .chain(points.iter().map(|point| grant(Type::Read, &text(*point), "")))
            .collect();
        let rights = Rights::merge(false, permissions.iter());
        let spanned: BTreeSet<u8> = spans.iter().flat_map(|(a, b)| *a..*b).collect();
        if from < to {
            let expected = (from..to).all(|letter| spanned.contains(&letter));
            prop_assert_eq!(rights.permit(Action::Read, &bytes(&text(from)), &bytes(&text(to))), expected);
        }
        let alone = spanned.contains(&from) || points.contains(&from);
        prop_assert_eq!(rights.permit(Action::Read, &bytes(&text(from)), &bytes("")), alone);
    }
}

#[test]
fn a_token_lives_from_its_last_use() {
    let tokens = SimpleTokens::new(100);
    tokens.assign("t.1".into(), "u".into());
    assert_eq!(tokens.user("t.1", 1_000).as_deref(), Some("u"));
    assert_eq!(tokens.user("t.1", 1_100).as_deref(), Some("u"));
    assert_eq!(tokens.user("t.1", 1_201), None);
    assert_eq!(tokens.user("t.2", 0), None);
}

#[test]
fn a_token_that_is_never_used_ages_from_the_first_sweep() {
    let tokens = SimpleTokens::new(100);
    tokens.assign("t.1".into(), "u".into());
    tokens.sweep(1_000);
    tokens.sweep(1_100);
    assert_eq!(tokens.user("t.1", 1_100).as_deref(), Some("u"));
    tokens.sweep(1_201);
    assert_eq!(tokens.user("t.1", 1_201), None);
}

#[test]
fn the_tokens_of_a_user_end_together() {
    let tokens = SimpleTokens::new(100);
    for (token, user) in [("t.1", "u"), ("t.2", "u"), ("t.3", "v")] {
        tokens.assign(token.into(), user.into());
    }
    tokens.end_of_user("u");
    assert_eq!((tokens.user("t.1", 0), tokens.user("t.3", 0).as_deref()), (None, Some("v")));
}
