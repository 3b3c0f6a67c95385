"""Reads, writes and transactions, in the shape etcd3 programs know."""

from __future__ import annotations

import pytest

import etcdkit
from etcdkit import etcdrpc
from etcdkit.exceptions import RpcError, StatusCode


def test_a_missing_key_is_a_pair_of_nones(etcd, prefix):
    assert etcd.get(prefix + "nobody") == (None, None)


def test_what_is_put_is_read_back_with_its_metadata(etcd, prefix):
    response = etcd.put(prefix + "key", "värde")
    value, metadata = etcd.get(prefix + "key")
    assert value == "värde".encode()
    assert metadata.key == (prefix + "key").encode()
    assert metadata.version == 1
    assert metadata.create_revision == metadata.mod_revision == response.header.revision
    assert metadata.lease_id == 0
    assert metadata.response_header.revision >= response.header.revision


def test_keys_and_values_may_be_bytes_or_text_and_nothing_else(etcd, prefix):
    etcd.put(prefix.encode() + b"\xff", b"\x00\x01")
    assert etcd.get(prefix.encode() + b"\xff")[0] == b"\x00\x01"
    with pytest.raises(TypeError, match="expected str or bytes, not int"):
        etcd.put(prefix, 5)


def test_a_put_can_bring_the_previous_value(etcd, prefix):
    assert not etcd.put(prefix + "key", "1", prev_kv=True).HasField("prev_kv")
    assert etcd.put(prefix + "key", "2", prev_kv=True).prev_kv.value == b"1"


def test_a_prefix_read_is_an_iterator_in_key_order(etcd, prefix):
    for name in "cab":
        etcd.put(prefix + name, name.upper())
    found = etcd.get_prefix(prefix)
    assert [(metadata.key.decode(), value) for value, metadata in found] == [
        (prefix + "a", b"A"),
        (prefix + "b", b"B"),
        (prefix + "c", b"C"),
    ]


def test_read_options_reach_the_server(etcd, prefix):
    revisions = [etcd.put(prefix + name, name).header.revision for name in "abcd"]

    def keys(**options):
        return [metadata.key[-1:] for _, metadata in etcd.get_prefix(prefix, **options)]

    assert keys(sort_order="descend") == [b"d", b"c", b"b", b"a"]
    assert keys(sort_order="descend", sort_target="mod", limit=2) == [b"d", b"c"]
    assert keys(min_mod_revision=revisions[2]) == [b"c", b"d"]
    assert keys(max_create_revision=revisions[1]) == [b"a", b"b"]
    assert keys(min_create_revision=revisions[3]) == [b"d"]
    assert keys(revision=revisions[1]) == [b"a", b"b"]
    assert keys(serializable=True) == [b"a", b"b", b"c", b"d"]
    assert [value for value, _ in etcd.get_prefix(prefix, keys_only=True)] == [b""] * 4
    assert etcd.get_prefix_response(prefix, count_only=True).count == 4
    assert etcd.get(prefix + "a", count_only=True) == (None, None)


def test_a_range_is_half_open(etcd, prefix):
    for name in "abc":
        etcd.put(prefix + name, name)
    assert [value for value, _ in etcd.get_range(prefix + "a", prefix + "c")] == [b"a", b"b"]
    response = etcd.get_range_response(prefix + "a", prefix + "z", limit=1)
    assert (response.count, response.more, len(response.kvs)) == (3, True, 1)


def test_the_whole_key_space_can_be_read(etcd, prefix):
    etcd.put(prefix + "x", "1")
    assert (prefix + "x").encode() in [metadata.key for _, metadata in etcd.get_all()]
    assert etcd.get_all_response(keys_only=True).count >= 1
    assert [metadata.key for _, metadata in etcd.get_prefix("")] == [
        metadata.key for _, metadata in etcd.get_all()
    ]


def test_a_prefix_of_0xff_bytes_selects_what_it_says(etcd, prefix):
    below, inside = prefix.encode() + b"\xfe", prefix.encode() + b"\xff\xff1"
    etcd.put(below, "no")
    etcd.put(inside, "yes")
    assert [value for value, _ in etcd.get_prefix(prefix.encode() + b"\xff")] == [b"yes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sort_order": "sideways"}, "unknown sort order"),
        ({"sort_target": "colour"}, "sort_target must be one of"),
    ],
)
def test_unknown_sort_options_are_refused_before_anything_is_sent(etcd, options, message):
    with pytest.raises(ValueError, match=message):
        etcd.get("key", **options)


def test_a_prefix_read_refuses_a_second_range(etcd):
    with pytest.raises(TypeError):
        etcd.get_prefix("key", range_end="z")


def test_an_old_revision_is_readable_and_a_future_one_is_an_error(etcd, prefix):
    first = etcd.put(prefix + "key", "old").header.revision
    etcd.put(prefix + "key", "new")
    assert etcd.get(prefix + "key", revision=first)[0] == b"old"
    with pytest.raises(RpcError) as caught:
        etcd.get(prefix + "key", revision=first + 1_000_000)
    assert caught.value.code() == StatusCode.OUT_OF_RANGE
    assert caught.value.details() == "etcdserver: mvcc: required revision is a future revision"
    assert not caught.value.outcome_unknown


def test_compaction_takes_old_revisions_away(etcd, prefix):
    first = etcd.put(prefix + "key", "old").header.revision
    last = etcd.put(prefix + "key", "new").header.revision
    etcd.compact(last, physical=True)
    with pytest.raises(RpcError, match="required revision has been compacted"):
        etcd.get(prefix + "key", revision=first)


def test_an_empty_key_is_refused_by_the_server(etcd):
    with pytest.raises(RpcError) as caught:
        etcd.put("", "value")
    assert caught.value.code() == StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "etcdserver: key is not provided"


def test_deletion_says_whether_the_key_existed(etcd, prefix):
    etcd.put(prefix + "key", "value")
    assert etcd.delete(prefix + "key") is True
    assert etcd.delete(prefix + "key") is False
    etcd.put(prefix + "key", "value")
    response = etcd.delete(prefix + "key", prev_kv=True, return_response=True)
    assert (response.deleted, response.prev_kvs[0].value) == (1, b"value")


def test_a_prefix_is_deleted_in_one_revision(etcd, prefix):
    for name in "abc":
        etcd.put(prefix + name, name)
    assert etcd.delete_prefix(prefix).deleted == 3
    assert list(etcd.get_prefix(prefix)) == []


def test_put_if_not_exists_and_replace_write_only_when_they_may(etcd, prefix):
    assert etcd.put_if_not_exists(prefix + "key", "1") is True
    assert etcd.put_if_not_exists(prefix + "key", "2") is False
    assert etcd.replace(prefix + "key", "2", "3") is False
    assert etcd.replace(prefix + "key", "1", "3") is True
    assert etcd.get(prefix + "key")[0] == b"3"


def test_a_transaction_runs_the_branch_its_conditions_choose(etcd, prefix):
    etcd.put(prefix + "balance", "100")
    parts = etcd.transactions
    succeeded, responses = etcd.transaction(
        compare=[parts.value(prefix + "balance") == "100", parts.version(prefix + "balance") > 0],
        success=[parts.put(prefix + "balance", "90"), parts.get(prefix + "balance")],
        failure=[parts.delete(prefix + "balance")],
    )
    assert succeeded
    assert responses[0].response_put.header.revision > 0
    assert [(value, metadata.version) for value, metadata in responses[1]] == [(b"90", 2)]

    succeeded, responses = etcd.transaction(
        compare=[parts.value(prefix + "balance") == "100"],
        success=[],
        failure=[parts.delete(prefix + "balance")],
    )
    assert not succeeded
    assert responses[0].response_delete_range.deleted == 1


@pytest.mark.parametrize(
    "condition",
    [
        lambda parts, key: parts.create(key) == "0",
        lambda parts, key: parts.mod(key) != 0,
        lambda parts, key: parts.value(key) < "a",
        lambda parts, key: parts.version(key) > 5,
        lambda parts, key: parts.lease(key) != 0,
    ],
)
def test_conditions_that_do_not_hold(etcd, prefix, condition):
    etcd.put(prefix + "key", "m")
    key = prefix + "key"
    holds, _ = etcd.transaction(compare=[condition(etcd.transactions, key)])
    # mod != 0 is the one that holds for an existing key.
    assert holds is (
        condition(etcd.transactions, key).build_message().target == etcdrpc.Compare.MOD
    )


def test_transactions_nest(etcd, prefix):
    parts = etcd.transactions
    inner = parts.txn(
        compare=[parts.create(prefix + "new") == 0], success=[parts.put(prefix + "new", "1")]
    )
    succeeded, responses = etcd.transaction(compare=[], success=[inner], failure=[])
    assert succeeded
    assert responses[0].response_txn.succeeded
    assert etcd.get(prefix + "new")[0] == b"1"


def test_a_condition_on_a_range_must_hold_for_every_key(etcd, prefix):
    etcd.put(prefix + "a", "1")
    etcd.put(prefix + "b", "2")
    parts = etcd.transactions
    holds, _ = etcd.transaction(compare=[parts.value(prefix + "a", prefix + "c") > "0"])
    assert holds
    holds, _ = etcd.transaction(compare=[parts.value(prefix + "a", prefix + "c") > "1"])
    assert not holds


def test_a_condition_that_compares_with_nothing_is_refused(etcd, prefix):
    with pytest.raises(ValueError, match="op must be one of"):
        etcd.transaction(compare=[etcd.transactions.value(prefix)])
    with pytest.raises(TypeError, match="not a transaction operation"):
        etcd.transaction(compare=[], success=["put"])


def test_a_large_value_makes_the_round_trip(etcd, prefix):
    value = bytes(range(256)) * 4096
    etcd.put(prefix + "large", value)
    assert etcd.get(prefix + "large")[0] == value


def test_request_messages_are_built_as_programs_expect(etcd):
    request = etcd._build_get_range_request("key", sort_order="ascend", sort_target="create")
    assert isinstance(request, etcdrpc.RangeRequest)
    assert request.sort_order == etcdrpc.RangeRequest.ASCEND
    assert request.sort_target == etcdrpc.RangeRequest.CREATE
    assert etcdkit.utils.prefix_range_end(b"ab\xff") == b"ac\xff"
    assert etcdkit.utils.increment_last_byte(b"foo") == b"fop"
