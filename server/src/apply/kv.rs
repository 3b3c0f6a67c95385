//! Puts and deletions.

use bytes::Bytes;
use etcdkit_proto::EtcdError;
use etcdkit_proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, ResponseHeader,
};
use etcdkit_proto::key_range::KeyRange;
use etcdkit_proto::mvccpb::KeyValue;

use super::applier::Run;
use crate::mvcc::MvccError;

/// A header as the state machine fills it.
pub(super) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

/// Writes one key.
pub(super) fn put(run: &mut Run<'_, '_>, request: &PutRequest) -> Result<PutResponse, MvccError> {
    check_put(run, request)?;
    put_checked(run, request)
}

/// Refuses what cannot be put now, before anything is written.
pub(super) fn check_put(run: &Run<'_, '_>, request: &PutRequest) -> Result<(), MvccError> {
    if request.key.is_empty() {
        return Err(EtcdError::EmptyKey.into());
    }
    if request.lease != 0 && !run.lessor.contains(request.lease) {
        return Err(EtcdError::LeaseNotFound.into());
    }
    if keeps_previous(request) && run.writer.get(&request.key)?.is_none() {
        return Err(EtcdError::KeyNotFound.into());
    }
    Ok(())
}

/// Whether the put takes over part of what the key holds, so that the key must exist.
pub(super) fn keeps_previous(request: &PutRequest) -> bool {
    request.ignore_value || request.ignore_lease
}

/// Writes a put that has passed [`check_put`].
pub(super) fn put_checked(run: &mut Run<'_, '_>, request: &PutRequest) -> Result<PutResponse, MvccError> {
    let previous = match request.prev_kv || keeps_previous(request) {
        true => run.writer.get(&request.key)?,
        false => None,
    };
    let kept = || previous.as_ref().ok_or(EtcdError::KeyNotFound);
    let value = if request.ignore_value { kept()?.value.clone() } else { request.value.clone() };
    let lease = if request.ignore_lease { kept()?.lease } else { request.lease };
    run.writer.put(&request.key, value, lease);
    // A put without a lease takes the key off the one it had.
    run.lessor.attach(lease, &request.key);
    Ok(PutResponse {
        header: header(run.writer.read_revision()),
        prev_kv: if request.prev_kv { previous } else { None },
    })
}

/// Deletes a range of keys.
pub(super) fn delete_range(
    run: &mut Run<'_, '_>,
    request: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse, MvccError> {
    let prev_kvs = if request.prev_kv { read_all(run, request)? } else { Vec::new() };
    let range = KeyRange::new(request.key.clone(), request.range_end.clone());
    let deleted = run.writer.delete_range(&range);
    detach_all(run, &deleted);
    Ok(DeleteRangeResponse {
        header: header(run.writer.read_revision()),
        deleted: deleted.len() as i64,
        prev_kvs,
    })
}

pub(super) fn detach_all(run: &Run<'_, '_>, keys: &[Bytes]) {
    for key in keys {
        run.lessor.attach(0, key);
    }
}

fn read_all(run: &Run<'_, '_>, request: &DeleteRangeRequest) -> Result<Vec<KeyValue>, MvccError> {
    let read = RangeRequest {
        key: request.key.clone(),
        range_end: request.range_end.clone(),
        ..RangeRequest::default()
    };
    Ok(run.writer.range(&read)?.kvs)
}
