//! What the core hands out, as the messages of the wire: what every binding that speaks in messages converts.

use etcdkit::proto::{etcdserverpb as pb, mvccpb, v3electionpb};
use etcdkit::{
    Error, Event, KeyValue, LeaderResponse, LeaseKeepAliveResponse, ResponseHeader, WatchFilterType,
    WatchOptions, WatchResponse,
};

/// A header.
pub fn header(header: &ResponseHeader) -> pb::ResponseHeader {
    pb::ResponseHeader {
        cluster_id: header.cluster_id(),
        member_id: header.member_id(),
        revision: header.revision(),
        raft_term: header.raft_term(),
    }
}

/// A pair; its bytes are shared, not copied.
pub fn key_value(kv: &KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key_bytes(),
        create_revision: kv.create_revision(),
        mod_revision: kv.mod_revision(),
        version: kv.version(),
        value: kv.value_bytes(),
        lease: kv.lease(),
    }
}

/// The answer to a renewal.
pub fn renewal(answer: &LeaseKeepAliveResponse) -> pb::LeaseKeepAliveResponse {
    pb::LeaseKeepAliveResponse { header: answer.header().map(header), id: answer.id(), ttl: answer.ttl() }
}

/// A leader.
pub fn leader(leader: &LeaderResponse) -> v3electionpb::LeaderResponse {
    v3electionpb::LeaderResponse { header: leader.header().map(header), kv: leader.kv().map(key_value) }
}

/// Key and options of a watch. Fails for a filter that does not exist.
pub fn watch_options(request: pb::WatchCreateRequest) -> Result<(Vec<u8>, WatchOptions), Error> {
    let mut options = WatchOptions::new()
        .with_start_revision(request.start_revision)
        .with_watch_id(request.watch_id)
        .with_fragment();
    if !request.range_end.is_empty() {
        options = options.with_range(request.range_end);
    }
    if request.progress_notify {
        options = options.with_progress_notify();
    }
    if request.prev_kv {
        options = options.with_prev_key();
    }
    let filters: Result<Vec<_>, _> =
        request.filters.iter().map(|&number| WatchFilterType::try_from(number)).collect();
    let filters =
        filters.map_err(|_| Error::InvalidArgs("a watch filter is NOPUT or NODELETE".to_owned()))?;
    Ok((request.key.into(), options.with_filters(filters)))
}

/// A message of a watch.
pub fn watch_response(mut response: WatchResponse) -> pb::WatchResponse {
    pb::WatchResponse {
        header: response.header().map(header),
        watch_id: response.watch_id(),
        created: response.created(),
        canceled: response.canceled(),
        compact_revision: response.compact_revision(),
        cancel_reason: response.cancel_reason().to_owned(),
        fragment: false,
        events: response.take_events().iter().map(event).collect(),
    }
}

fn event(event: &Event) -> mvccpb::Event {
    mvccpb::Event {
        r#type: event.event_type() as i32,
        kv: event.kv().map(key_value),
        prev_kv: event.prev_kv().map(key_value),
    }
}
