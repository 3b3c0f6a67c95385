//! Range reads: what a request asks for, from the index and the records it points to.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use bytes::Bytes;
use etcdkit_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use etcdkit_proto::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::KeyValue;
use parking_lot::RwLock;

use super::key_index::{Found, KeyIndex};
use super::revision::Revision;
use super::{MvccError, record};

/// Keys visited under one hold of the index lock, so that a write waits for microseconds, whatever the
/// size of the range.
const KEYS_PER_LOCK: usize = 4096;

/// Where records come from: the committed state, or the run being written.
pub(super) trait Records {
    /// The record of a put.
    fn record(&self, revision: Revision) -> Result<Bytes, MvccError>;
}

/// What a range read is to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counting {
    /// All keys of the range, as every unary answer does.
    All,
    /// Only what is read: the rest of the range is not even looked at.
    Read,
}

/// Reads a range at a resolved revision; the header tells `current`.
pub(super) fn range(
    index: &RwLock<KeyIndex>,
    records: &impl Records,
    request: &RangeRequest,
    revision: i64,
    current: i64,
    counting: Counting,
) -> Result<RangeResponse, MvccError> {
    let range = KeyRange::new(request.key.clone(), request.range_end.clone());
    let header = Some(ResponseHeader { revision: current, ..ResponseHeader::default() });
    if request.count_only {
        let count = walk(index, &range, revision, |_, _| ControlFlow::Continue(()));
        return Ok(RangeResponse { header, count, ..RangeResponse::default() });
    }
    let order = Ordered::of(request);
    let by_value = request.sort_target() == SortTarget::Value;
    let with_values = !request.keys_only || by_value;
    let wanted = if order.needs_all(request) { usize::MAX } else { limit_of(request).saturating_add(1) };

    let mut picked: Vec<(Option<Bytes>, Found)> = Vec::new();
    let count = walk(index, &range, revision, |key, found| {
        if picked.len() < wanted {
            picked.push(((!with_values).then(|| Bytes::copy_from_slice(key)), found));
        } else if counting == Counting::Read {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    picked.retain(|(_, found)| passes(request, found));
    // A native order needs one pair more than the limit only to know that there is more.
    let in_order = order == Ordered::Native;
    let more = picked.len() > limit_of(request);
    if in_order {
        picked.truncate(limit_of(request));
    }
    let mut kvs =
        picked.into_iter().map(|(key, found)| pair(records, key, found)).collect::<Result<Vec<_>, _>>()?;
    order.sort(&mut kvs);
    kvs.truncate(limit_of(request));
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value.clear());
    }
    Ok(RangeResponse { header, kvs, more, count })
}

/// Shows the keys of a range that exist at a revision, in key order, until told to stop, and counts them.
fn walk(
    index: &RwLock<KeyIndex>,
    range: &KeyRange,
    revision: i64,
    mut each: impl FnMut(&[u8], Found) -> ControlFlow<()>,
) -> i64 {
    let mut count = 0;
    let mut from: Option<Vec<u8>> = None;
    loop {
        let mut last = None;
        let index = index.read();
        for (visited, (key, history)) in index.range(range, from.as_deref()).enumerate() {
            if let Some(found) = history.at(revision) {
                count += 1;
                if each(key, found).is_break() {
                    return count;
                }
            }
            if visited + 1 == KEYS_PER_LOCK {
                // The smallest key after this one.
                last = Some([key, b"\0"].concat());
                break;
            }
        }
        match last {
            Some(key) => from = Some(key),
            None => return count,
        }
    }
}

/// The keys of a range that exist at a revision.
pub(super) fn keys(index: &RwLock<KeyIndex>, range: &KeyRange, revision: i64) -> Vec<Bytes> {
    let mut keys = Vec::new();
    walk(index, range, revision, |key, _| {
        keys.push(Bytes::copy_from_slice(key));
        ControlFlow::Continue(())
    });
    keys
}

/// Without a key the pair is its record; with one it is made from the index alone.
fn pair(records: &impl Records, key: Option<Bytes>, found: Found) -> Result<KeyValue, MvccError> {
    let Some(key) = key else {
        return record::decode(records.record(found.modified)?);
    };
    Ok(KeyValue {
        key,
        create_revision: found.created,
        mod_revision: found.modified.main,
        version: found.version,
        ..KeyValue::default()
    })
}

fn limit_of(request: &RangeRequest) -> usize {
    match usize::try_from(request.limit) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    }
}

fn has_filters(request: &RangeRequest) -> bool {
    request.min_mod_revision != 0
        || request.max_mod_revision != 0
        || request.min_create_revision != 0
        || request.max_create_revision != 0
}

fn passes(request: &RangeRequest, found: &Found) -> bool {
    let within = |value: i64, min: i64, max: i64| (min == 0 || value >= min) && (max == 0 || value <= max);
    within(found.modified.main, request.min_mod_revision, request.max_mod_revision)
        && within(found.created, request.min_create_revision, request.max_create_revision)
}

/// The order of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ordered {
    /// As the index has it: by key, ascending.
    Native,
    By {
        target: SortTarget,
        descending: bool,
    },
}

impl Ordered {
    fn of(request: &RangeRequest) -> Self {
        match (request.sort_target(), request.sort_order()) {
            (SortTarget::Key, SortOrder::None | SortOrder::Ascend) => Ordered::Native,
            // Without an order other targets sort upwards, as in etcd.
            (target, order) => Ordered::By { target, descending: order == SortOrder::Descend },
        }
    }

    /// Whether the limit applies only after all keys have been looked at. etcd takes the keys of the
    /// limit first and sorts those when a target is given without an order.
    fn needs_all(self, request: &RangeRequest) -> bool {
        has_filters(request) || (self != Ordered::Native && request.sort_order() != SortOrder::None)
    }

    fn sort(self, kvs: &mut [KeyValue]) {
        let Ordered::By { target, descending } = self else { return };
        let compare = |a: &KeyValue, b: &KeyValue| -> Ordering {
            match target {
                SortTarget::Key => a.key.cmp(&b.key),
                SortTarget::Version => a.version.cmp(&b.version),
                SortTarget::Create => a.create_revision.cmp(&b.create_revision),
                SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
                SortTarget::Value => a.value.cmp(&b.value),
            }
        };
        if descending {
            kvs.sort_by(|a, b| compare(b, a));
        } else {
            kvs.sort_by(compare);
        }
    }
}
