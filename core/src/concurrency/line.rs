//! Waiting in line: the queue of keys under a prefix that locks and elections are made of.
//!
//! Everybody puts `prefix/<lease in hex>`; whose key was created first is at the front. Whoever waits watches only the
//! key just before its own, so a release wakes one waiter. Every request here can be repeated without harm, because
//! it is guarded by the create revision of the own key, so connection troubles are waited out.

use std::time::Duration;

use tokio::time::sleep;

use super::session::Session;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::kv::{GetOptions, GetResponse, SortOrder, SortTarget};
use crate::method;
use crate::response::KeyValue;
use crate::txn::{Compare, CompareOp, Txn, TxnOp, TxnOpResponse, TxnResponse};
use crate::watch::{EventType, WatchClient, WatchOptions, WatchResponse};

/// Pause before a request is repeated that failed for a passing reason.
const PAUSE: Duration = Duration::from_millis(200);

/// A place in a line.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) key: Vec<u8>,
    /// Create revision of the key: its rank in the line.
    pub(super) rank: i64,
}

/// The prefix of a line's keys.
pub(super) fn line_prefix(name: &[u8]) -> Vec<u8> {
    let mut prefix = name.to_vec();
    prefix.push(b'/');
    prefix
}

/// The key of a session in a line.
pub(super) fn place_key(prefix: &[u8], lease: i64) -> Vec<u8> {
    let mut key = prefix.to_vec();
    key.extend_from_slice(format!("{lease:x}").as_bytes());
    key
}

/// The key at the front of the line.
pub(super) fn front(prefix: &[u8]) -> TxnOp {
    TxnOp::get(prefix, Some(front_options()))
}

pub(super) fn front_options() -> GetOptions {
    GetOptions::new().with_prefix().with_sort(SortTarget::Create, SortOrder::Ascend).with_limit(1)
}

pub(super) fn absent(key: &[u8]) -> Compare {
    Compare::create_revision(key, CompareOp::Equal, 0)
}

pub(super) fn still(key: &[u8], rank: i64) -> Compare {
    Compare::create_revision(key, CompareOp::Equal, rank)
}

/// Runs a transaction whose repetition does no harm.
pub(super) async fn repeatable(core: &Core, txn: Txn) -> Result<TxnResponse> {
    Ok(core.unary(&method::TXN_READ, txn.into_request()).await?.into())
}

/// The pairs that the operation at this place of the answer has read.
pub(super) fn pairs(response: &TxnResponse, index: usize) -> Vec<KeyValue> {
    match response.op_responses().into_iter().nth(index) {
        Some(TxnOpResponse::Get(mut get)) => get.take_kvs(),
        _ => Vec::new(),
    }
}

pub(super) fn revision(response: &TxnResponse) -> i64 {
    response.header().map_or(0, |header| header.revision())
}

/// Repeats a request while it fails for a passing reason. The caller bounds it by the life of its session.
pub(super) async fn patiently<T, Fut>(mut request: impl FnMut() -> Fut) -> Result<T>
where
    Fut: Future<Output = Result<T>>,
{
    loop {
        match request().await {
            Err(error) if error.is_passing() => sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// Waits until the place is at the front. Fails when the place is lost.
pub(super) async fn reach_front(session: &Session, prefix: &[u8], place: &Place) -> Result<()> {
    let core = session.core();
    loop {
        let before = patiently(|| last_before(core, prefix, place.rank)).await?;
        let revision = before.header().map_or(0, |header| header.revision());
        match before.kvs().first() {
            Some(ahead) => deleted(core, ahead.key(), revision).await?,
            None => break,
        }
    }
    let own = patiently(|| get(core, &place.key, GetOptions::new())).await?;
    // The lease may have ended while somebody else was in front (a bug etcd's own client once had).
    match own.kvs().first() {
        Some(kv) if kv.create_revision() == place.rank => Ok(()),
        _ => Err(Error::SessionExpired("the place in the line is gone".to_owned())),
    }
}

/// Waits until the key is deleted after this revision, or may have been.
pub(super) async fn deleted(core: &Core, key: &[u8], revision: i64) -> Result<()> {
    let watches = WatchClient::new(core.clone());
    let options = WatchOptions::new().with_start_revision(revision + 1);
    let mut watch = patiently(|| watches.watch(key, Some(options.clone()))).await?;
    // A watch that ended, for instance because its revision was compacted, leaves the question open: look again.
    while let Some(response) = watch.message().await? {
        if response.canceled() || has_deletion(&response) {
            break;
        }
    }
    Ok(())
}

fn has_deletion(response: &WatchResponse) -> bool {
    response.events().iter().any(|event| event.event_type() == EventType::Delete)
}

async fn last_before(core: &Core, prefix: &[u8], rank: i64) -> Result<GetResponse> {
    let newest =
        GetOptions::new().with_prefix().with_sort(SortTarget::Create, SortOrder::Descend).with_limit(1);
    get(core, prefix, newest.with_max_create_revision(rank - 1)).await
}

pub(super) async fn get(core: &Core, key: &[u8], options: GetOptions) -> Result<GetResponse> {
    Ok(core.unary(&method::RANGE, options.request(key.to_vec())).await?.into())
}
