//! Single operations: revisions, previous pairs, leases, compaction.

use super::*;

#[test]
fn the_first_write_makes_revision_two() {
    let mut machine = Machine::new();
    assert_eq!(machine.store.revision(), 1);
    assert_eq!(machine.put("k", "v"), 2);
    let kv = machine.get("k").unwrap();
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version, kv.value), (2, 2, 1, bytes("v")));
}

#[test]
fn commands_of_one_run_take_a_revision_each_and_see_those_before() {
    let mut machine = Machine::new();
    let again = PutRequest { prev_kv: true, ..put("k", "b") };
    let outcomes = machine.apply_run(vec![
        Operation::Put(put("k", "a")),
        Operation::Put(again),
        Operation::DeleteRange(delete("k", "")),
        Operation::DeleteRange(delete("k", "")),
    ]);
    let Ok(Applied::Put(second)) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(second.prev_kv.as_ref().unwrap().value, "a");
    let deleted = |outcome: &Outcome| match outcome {
        Ok(Applied::DeleteRange(response)) => (response.header.as_ref().unwrap().revision, response.deleted),
        other => panic!("{other:?}"),
    };
    assert_eq!(deleted(&outcomes[2]), (4, 1));
    // Deleting nothing takes no revision.
    assert_eq!(deleted(&outcomes[3]), (4, 0));
    assert_eq!(machine.store.revision(), 4);
}

#[test]
fn a_key_created_again_begins_anew() {
    let mut machine = Machine::new();
    machine.put("k", "a");
    machine.put("k", "b");
    machine.delete("k", "");
    assert_eq!(machine.put("k", "c"), 5);
    let kv = machine.get("k").unwrap();
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (5, 5, 1));
    let old = machine.range(RangeRequest { revision: 3, ..range("k", "") });
    assert_eq!((old.kvs[0].version, old.header.unwrap().revision), (2, 5));
    assert!(machine.range(RangeRequest { revision: 4, ..range("k", "") }).kvs.is_empty());
}

#[test]
fn keeping_value_or_lease_needs_the_key() {
    let mut machine = Machine::new();
    let keep = PutRequest { ignore_value: true, ..put("k", "") };
    assert_eq!(machine.apply(Operation::Put(keep.clone())), Err(EtcdError::KeyNotFound));
    machine.put("k", "v");
    machine.apply(Operation::Put(keep)).unwrap();
    let kv = machine.get("k").unwrap();
    assert_eq!((kv.version, kv.value), (2, bytes("v")));
}

#[test]
fn a_put_moves_the_key_between_leases() {
    let mut machine = Machine::new();
    let with = |lease| Operation::Put(PutRequest { lease, ..put("k", "v") });
    assert_eq!(machine.apply(with(7)), Err(EtcdError::LeaseNotFound));
    machine.grant(7).unwrap();
    machine.grant(8).unwrap();
    assert_eq!(machine.grant(8), Err(EtcdError::LeaseExist));
    machine.apply(with(7)).unwrap();
    machine.apply(with(8)).unwrap();
    machine.revoke(7).unwrap();
    assert_eq!(machine.get("k").unwrap().lease, 8);
    machine.put("k", "free");
    machine.revoke(8).unwrap();
    assert_eq!(machine.get("k").unwrap().value, "free");
}

#[test]
fn a_revocation_deletes_its_keys_in_one_revision() {
    let mut machine = Machine::new();
    machine.grant(7).unwrap();
    for key in ["b", "a", "c"] {
        machine.apply(Operation::Put(PutRequest { lease: 7, ..put(key, "v") })).unwrap();
    }
    machine.restart();
    let Ok(Applied::LeaseRevoke(response)) = machine.revoke(7) else { panic!("not revoked") };
    assert_eq!(response.header.unwrap().revision, 5);
    assert_eq!(machine.range(range("a", "\0")).count, 0);
    assert_eq!(machine.revoke(7), Err(EtcdError::LeaseNotFound));
    assert_eq!(machine.store.revision(), 5);
}

#[test]
fn an_expiry_decided_in_another_term_is_void() {
    let mut machine = Machine::new();
    machine.grant(7).unwrap();
    let expire = |term| Operation::LeaseRevoke(LeaseRevoke { id: 7, expired_in_term: term });
    machine.term = 3;
    assert_eq!(machine.apply(expire(2)), Ok(Applied::Nothing));
    assert!(matches!(machine.apply(expire(3)), Ok(Applied::LeaseRevoke(_))));
}

#[test]
fn compaction_bounds_what_can_be_read() {
    let mut machine = Machine::new();
    assert_eq!(machine.store.marks().compacted, -1);
    for value in ["a", "b", "c"] {
        machine.put("k", value);
    }
    assert_eq!(machine.compact(5), Err(EtcdError::FutureRevision));
    machine.compact(3).unwrap();
    assert_eq!(machine.compact(3), Err(EtcdError::Compacted));
    let at = |revision| RangeRequest { revision, ..range("k", "") };
    for physically in [false, true] {
        while physically && machine.store.compact_step().unwrap() {}
        assert_eq!(machine.range_error(at(2)), EtcdError::Compacted);
        assert_eq!(machine.range_error(at(5)), EtcdError::FutureRevision);
        assert_eq!(machine.range(at(3)).kvs[0].value, "b");
    }
    assert_eq!(machine.store.finished_compaction(), 3);
}

#[test]
fn a_compaction_interrupted_by_a_restart_goes_on() {
    let mut machine = Machine::new();
    for value in 0..3000 {
        machine.put("k", &value.to_string());
    }
    machine.compact(3000).unwrap();
    assert!(machine.store.compact_step().unwrap());
    let before = machine.store.hash_kv(0).unwrap();
    machine.restart();
    assert_eq!(machine.store.marks().compacted, 3000);
    assert_eq!(machine.store.hash_kv(0).unwrap(), before);
    while machine.store.compact_step().unwrap() {}
    assert_eq!(machine.store.finished_compaction(), 3000);
    assert_eq!(machine.store.hash_kv(0).unwrap(), before);
    let rows = machine.backend.scan(
        crate::backend::Table::Key,
        std::ops::Bound::Unbounded,
        std::ops::Bound::Unbounded,
        usize::MAX,
    );
    assert_eq!(rows.unwrap().len(), 2, "records at 3000 and 3001");
}

/// Key by key, each step would write pages all over the backend.
#[test]
fn compaction_removes_the_oldest_records_of_all_keys_first() {
    let mut machine = Machine::new();
    for number in 0..400 {
        machine.put(&format!("k{}", number % 10), "v");
    }
    machine.compact(400).unwrap();
    assert!(machine.store.compact_step_of(100).unwrap());
    let (table, all) = (crate::backend::Table::Key, std::ops::Bound::Unbounded);
    let rows = machine.backend.scan(table, all, all, usize::MAX).unwrap();
    assert_eq!(rows.len(), 300);
    assert_eq!(rows[0].0[..8], 102i64.to_be_bytes(), "revisions 2 to 101 are gone");
}

#[test]
fn keys_alone_come_from_the_index_without_their_lease() {
    let mut machine = Machine::new();
    machine.grant(7).unwrap();
    machine.apply(Operation::Put(PutRequest { lease: 7, ..put("k", "v") })).unwrap();
    let mut request = RangeRequest { keys_only: true, ..range("k", "") };
    let kv = machine.range(request.clone()).kvs.remove(0);
    assert_eq!((kv.lease, kv.value.len(), kv.mod_revision), (0, 0, 2));
    request.set_sort_target(range_request::SortTarget::Value);
    let kv = machine.range(request).kvs.remove(0);
    assert_eq!((kv.lease, kv.value.len()), (7, 0));
}

#[test]
fn a_range_in_chunks_adds_up_to_the_range() {
    let mut machine = Machine::new();
    for key in 0..1000 {
        machine.put(&format!("k{key:04}"), &"v".repeat(key % 50));
    }
    machine.put("other", "v");
    for limit in [0, 1, 10, 11, 500, 1000, 2000] {
        let request = RangeRequest { limit, ..range("k", "l") };
        let whole = machine.range(request.clone());
        let mut stream = machine.store.range_stream(request, 2000);
        let mut merged = RangeResponse::default();
        while let Some(chunk) = stream.next_chunk().unwrap() {
            assert!(merged.header.is_none(), "the header comes last");
            merged.kvs.extend(chunk.kvs);
            (merged.header, merged.more, merged.count) = (chunk.header, chunk.more, chunk.count);
        }
        assert_eq!(merged, whole, "limit {limit}");
    }
}

#[test]
fn progress_comes_back_after_a_restart() {
    let mut machine = Machine::new();
    assert_eq!(machine.applier.progress().unwrap(), None);
    machine.put("k", "v");
    machine.restart();
    let progress = machine.applier.progress().unwrap().unwrap();
    assert_eq!(progress.applied, 1u64.to_be_bytes().as_slice());
    assert_eq!(progress.membership, "members");
    machine.applier.flush().unwrap();
    assert_eq!(machine.applier.durable_progress(), Some(progress));
}
