//! Ranges of keys: the rights on them against a judge that looks at each stretch of keys by itself, and what requests
//! say against what they mean.

use std::collections::BTreeSet;

use bytes::Bytes;
use etcdkit_proto::authpb::Permission;
use etcdkit_proto::authpb::permission::Type;
use etcdkit_proto::key_range::{FROM_KEY, KeyRange, prefix_end};
use etcdkit_server::auth::rights::{Action, Rights};

/// Grants of one user; the judge looks at all of them for each stretch.
const GRANTS_MAX: usize = 12;

/// Letters of keys: the least, the greatest and two between, so that keys are often neighbours.
const LETTERS: [u8; 4] = [0, b'a', b'b', 0xff];

pub(crate) fn run(mut input: &[u8]) {
    let Some(asked) = range(&mut input) else { return };
    means_what_it_says(&asked);
    let mut grants = Vec::new();
    while let (Some(kind), true) = (input.split_off_first(), grants.len() < GRANTS_MAX) {
        let Some((key, range_end)) = range(&mut input) else { break };
        grants.push(Permission { perm_type: i32::from(kind % 4), key, range_end });
    }
    let rights = Rights::merge(false, grants.iter());
    for (action, other) in [(Action::Read, Type::Write), (Action::Write, Type::Read)] {
        let counted: Vec<_> = grants
            .iter()
            .filter(|grant| Type::try_from(grant.perm_type).is_ok_and(|kind| kind != other))
            .map(|grant| KeyRange::new(grant.key.clone(), grant.range_end.clone()))
            .collect();
        let expected = judge(&counted, &KeyRange::new(asked.0.clone(), asked.1.clone()));
        let got = rights.permit(action, &asked.0, &asked.1);
        assert_eq!(got, expected, "{action:?} of {asked:?} with {grants:?}");
    }
}

/// A key and an end from the input. Two letters in three are of the four.
fn range(input: &mut &[u8]) -> Option<(Bytes, Bytes)> {
    let mut text = || {
        let length = *input.split_off_first()? % 4;
        let taken = input.split_off(..usize::from(length).min(input.len()))?;
        let letter =
            |byte: &u8| if byte.is_multiple_of(3) { *byte } else { LETTERS[usize::from(*byte) / 3 % 4] };
        Some(taken.iter().map(letter).collect::<Vec<u8>>())
    };
    Some((text()?.into(), text()?.into()))
}

/// The first key and the key behind the last, none when there is no last.
fn bounds(range: &KeyRange) -> (Vec<u8>, Option<Vec<u8>>) {
    match range {
        KeyRange::One(key) => (key.to_vec(), Some([key, &b"\0"[..]].concat())),
        KeyRange::Span(begin, end) => (begin.to_vec(), Some(end.to_vec())),
        KeyRange::From(begin) => (begin.to_vec(), None),
    }
}

fn holds((begin, end): &(Vec<u8>, Option<Vec<u8>>), key: &[u8]) -> bool {
    begin.as_slice() <= key && end.as_ref().is_none_or(|end| key < end.as_slice())
}

/// Whether each key of a range is in some grant: between two neighbouring ends of ranges all keys fare alike. A range
/// without keys is permitted where it begins, as in etcd.
fn judge(grants: &[KeyRange], asked: &KeyRange) -> bool {
    let grants: Vec<_> = grants.iter().map(bounds).collect();
    let asked = bounds(asked);
    let mut points: BTreeSet<Vec<u8>> = BTreeSet::from([asked.0.clone()]);
    for (begin, end) in &grants {
        points.extend([Some(begin.clone()), end.clone()].into_iter().flatten());
    }
    let asked_for = |point: &Vec<u8>| *point == asked.0 || holds(&asked, point);
    let each = points
        .iter()
        .filter(|point| asked_for(point))
        .all(|point| grants.iter().any(|grant| holds(grant, point)));
    // Behind the last end there are always more keys.
    each && (asked.1.is_some() || grants.iter().any(|(_, end)| end.is_none()))
}

fn means_what_it_says((key, range_end): &(Bytes, Bytes)) {
    let range = KeyRange::new(key.clone(), range_end.clone());
    let contains = |probe: &[u8]| match range_end.as_ref() {
        b"" => probe == key,
        FROM_KEY => probe >= key.as_ref(),
        end => probe >= key.as_ref() && probe < end,
    };
    let neighbours = |text: &[u8]| [text.to_vec(), [text, b"\0"].concat(), prefix_end(text)];
    for probe in neighbours(key).into_iter().chain(neighbours(range_end)) {
        // No key is empty.
        if !probe.is_empty() {
            assert_eq!(range.contains(&probe), contains(&probe), "{probe:?} in [{key:?}, {range_end:?})");
        }
    }
    if !key.is_empty() {
        let prefix = KeyRange::new(key.clone(), prefix_end(key).into());
        for probe in neighbours(key).into_iter().chain(neighbours(range_end)) {
            if !probe.is_empty() {
                assert_eq!(prefix.contains(&probe), probe.starts_with(key), "{probe:?} with prefix {key:?}");
            }
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let range = |key: &str, end: &str| [text(key), text(end)].concat();
    let with = |asked: (&str, &str), grants: &[(u8, &str, &str)]| {
        let grants = grants.iter().flat_map(|(kind, key, end)| [vec![*kind], range(key, end)].concat());
        range(asked.0, asked.1).into_iter().chain(grants).collect::<Vec<u8>>()
    };
    vec![
        with(("f", "l"), &[(2, "f", "i"), (0, "i", "l"), (1, "r", "\0")]),
        with(("c", ""), &[(2, "c", ""), (2, "ci", "cl")]),
        with(("\0", "\0"), &[(2, "\0", "\0"), (0, "", "")]),
        with(("o", "i"), &[(0, "f", "x"), (3, "f", "i")]),
    ]
}
