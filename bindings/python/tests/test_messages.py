"""The message classes: they behave like protobuf's, and come from the wire contract."""

from __future__ import annotations

import contextlib
import copy
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

from etcdkit import etcdrpc

GENERATOR = Path(__file__).resolve().parents[1] / "tools" / "generate_messages.py"


def test_the_classes_are_what_the_contract_says():
    checked = subprocess.run([sys.executable, GENERATOR, "--check"], check=False)
    assert checked.returncode == 0


def test_a_message_survives_the_wire():
    request = etcdrpc.RangeRequest(key=b"k", limit=-5, sort_order=etcdrpc.RangeRequest.ASCEND)
    data = request.SerializeToString()
    assert data == b"\n\x01k\x18\xfb\xff\xff\xff\xff\xff\xff\xff\xff\x01(\x01"
    assert etcdrpc.RangeRequest.FromString(data) == request


def test_reading_a_message_that_is_not_there_does_not_put_it_there():
    response = etcdrpc.PutResponse()
    assert response.prev_kv.value == b""
    assert not response.HasField("prev_kv")
    assert response.SerializeToString() == b""
    response.prev_kv.value = b"x"
    assert response.HasField("prev_kv")
    assert etcdrpc.PutResponse.FromString(response.SerializeToString()).prev_kv.value == b"x"


def test_a_oneof_holds_one_of_its_members():
    compare = etcdrpc.Compare(key=b"k", version=0)
    assert compare.WhichOneof("target_union") == "version"
    assert etcdrpc.Compare.FromString(compare.SerializeToString()).HasField("version")
    compare.value = b"v"
    assert compare.WhichOneof("target_union") == "value"
    assert not compare.HasField("version")
    assert etcdrpc.ResponseOp().WhichOneof("response") is None


def test_enums_have_numbers_names_and_a_wrapper():
    kinds = etcdrpc.WatchCreateRequest.FilterType
    assert kinds.Value("NODELETE") == etcdrpc.WatchCreateRequest.NODELETE == 1
    assert kinds.Name(0) == "NOPUT"
    assert kinds.items() == {"NOPUT": 0, "NODELETE": 1}.items()
    assert (etcdrpc.NOSPACE, etcdrpc.CORRUPT) == (1, 2)
    with pytest.raises(ValueError, match="no value named"):
        kinds.Value("NOTHING")


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (etcdrpc.RangeRequest(key="text"), r"RangeRequest.key: expected bytes, not str"),
        (etcdrpc.RangeRequest(limit=2**63), "RangeRequest.limit"),
        (etcdrpc.RangeRequest(limit="5"), "RangeRequest.limit"),
        (etcdrpc.TxnRequest(compare=[5]), "TxnRequest.compare"),
    ],
)
def test_a_wrong_value_is_named_when_the_message_is_written(message, error):
    with pytest.raises(TypeError, match=error):
        message.SerializeToString()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="has no field named 'colour'"):
        etcdrpc.RangeRequest(colour=1)
    with pytest.raises(AttributeError):
        _ = etcdrpc.RangeRequest().colour
    with pytest.raises(AttributeError):
        etcdrpc.RangeRequest().colour = 1


def test_copies_and_pickles_are_equal_and_separate():
    original = etcdrpc.RangeResponse(header={"revision": 7}, kvs=[etcdrpc.KeyValue(key=b"k")])
    for twin in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert twin == original
        twin.kvs[0].key = b"other"
        assert original.kvs[0].key == b"k"
    other = etcdrpc.RangeResponse()
    other.CopyFrom(original)
    assert other == original
    other.ClearField("kvs")
    assert list(other.kvs) == []


def test_bytes_that_are_no_message_are_refused_and_never_crash():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    good = etcdrpc.TxnRequest(
        compare=[etcdrpc.Compare(key=b"k", version=3)],
        success=[etcdrpc.RequestOp(request_put=etcdrpc.PutRequest(key=b"k", value=b"v" * 50))],
    ).SerializeToString()
    for _ in range(5000):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with contextlib.suppress(ValueError):
            etcdrpc.TxnRequest.FromString(bytes(data[: chance.randrange(len(data) + 1)]))


def test_nesting_has_an_end():
    data = b""
    for _ in range(200):
        data = etcdrpc.TxnRequest(success=[]).SerializeToString() + b"\x12" + length(data) + data
        data = b"\x22" + length(data) + data
    with pytest.raises(ValueError, match="nested too deeply"):
        etcdrpc.TxnRequest.FromString(b"\x12" + length(data) + data)


def length(data: bytes) -> bytes:
    number, out = len(data), bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_fields_of_a_later_contract_are_passed_over():
    data = b"\n\x01k" + b"\xfa\x3f\x03abc" + b"\x18\x07"
    assert etcdrpc.RangeRequest.FromString(data) == etcdrpc.RangeRequest(key=b"k", limit=7)
