"""The parts of a transaction: conditions on keys, and operations.

Conditions are made by comparing: ``value('/key') == 'x'``, ``version('/key') > 0``,
``create('/key') == 0`` (the key does not exist), ``mod('/key') < 100``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from etcdkit import etcdrpc, utils

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BaseCompare",
    "Create",
    "Delete",
    "Get",
    "Lease",
    "Mod",
    "Put",
    "Txn",
    "Value",
    "Version",
]


class BaseCompare:
    """A condition on a key, or on every key of ``[key, range_end)``."""

    #: The number of the comparison, None until the object was compared with something.
    op: int | None
    #: What the key is compared with.
    value: Any

    def __init__(self, key: str | bytes, range_end: str | bytes | None = None) -> None:
        self.key = key
        self.range_end = range_end
        self.value = None
        self.op = None

    # Comparing fills the condition in and returns it, so that it reads as what it means.
    def __eq__(self, other: object) -> BaseCompare:  # type: ignore[override]
        return self._compare(etcdrpc.Compare.EQUAL, other)

    def __ne__(self, other: object) -> BaseCompare:  # type: ignore[override]
        return self._compare(etcdrpc.Compare.NOT_EQUAL, other)

    def __lt__(self, other: object) -> BaseCompare:
        return self._compare(etcdrpc.Compare.LESS, other)

    def __gt__(self, other: object) -> BaseCompare:
        return self._compare(etcdrpc.Compare.GREATER, other)

    __hash__ = None  # type: ignore[assignment]

    def _compare(self, op: int, other: object) -> BaseCompare:
        self.value = other
        self.op = op
        return self

    def __repr__(self) -> str:
        symbol = {None: "?", 0: "==", 1: ">", 2: "<", 3: "!="}[self.op]
        return f"{type(self).__name__}({self.key!r}) {symbol} {self.value!r}"

    def build_message(self) -> etcdrpc.Compare:
        """The condition as a message; ValueError if it was not compared with anything."""
        if self.op is None:
            raise ValueError("op must be one of =, !=, < or >")
        compare = etcdrpc.Compare(key=utils.to_bytes(self.key), result=self.op)
        if self.range_end is not None:
            compare.range_end = utils.to_bytes(self.range_end)
        self.build_compare(compare)
        return compare

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        """Sets the target and what it is compared with."""
        raise NotImplementedError


class Value(BaseCompare):
    """The value of the key, compared as bytes."""

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        compare.target = etcdrpc.Compare.VALUE
        compare.value = utils.to_bytes(self.value)


class Version(BaseCompare):
    """The number of puts since the key was created; 0 if it does not exist."""

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        compare.target = etcdrpc.Compare.VERSION
        compare.version = int(self.value)


class Create(BaseCompare):
    """The revision of the put that created the key; 0 if it does not exist."""

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        compare.target = etcdrpc.Compare.CREATE
        compare.create_revision = int(self.value)


class Mod(BaseCompare):
    """The revision of the last put of the key; 0 if it does not exist."""

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        compare.target = etcdrpc.Compare.MOD
        compare.mod_revision = int(self.value)


class Lease(BaseCompare):
    """The lease of the key; 0 if it has none or does not exist."""

    def build_compare(self, compare: etcdrpc.Compare) -> None:
        compare.target = etcdrpc.Compare.LEASE
        compare.lease = utils.lease_to_id(self.value)


class Put:
    """Writes a key."""

    def __init__(
        self, key: str | bytes, value: str | bytes, lease: object = None, prev_kv: bool = False
    ) -> None:
        self.key = utils.to_bytes(key)
        self.value = utils.to_bytes(value)
        self.lease = utils.lease_to_id(lease)
        self.prev_kv = prev_kv


class Get:
    """Reads a key, or the keys of ``[key, range_end)``."""

    def __init__(self, key: str | bytes, range_end: str | bytes | None = None) -> None:
        self.key = utils.to_bytes(key)
        self.range_end = None if range_end is None else utils.to_bytes(range_end)


class Delete:
    """Deletes a key, or the keys of ``[key, range_end)``."""

    def __init__(
        self, key: str | bytes, range_end: str | bytes | None = None, prev_kv: bool = False
    ) -> None:
        self.key = utils.to_bytes(key)
        self.range_end = None if range_end is None else utils.to_bytes(range_end)
        self.prev_kv = prev_kv


class Txn:
    """A transaction inside a transaction."""

    def __init__(
        self,
        compare: Sequence[BaseCompare],
        success: Sequence[Operation] | None = None,
        failure: Sequence[Operation] | None = None,
    ) -> None:
        self.compare = compare
        self.success = success or []
        self.failure = failure or []


Operation = Union[Put, Get, Delete, Txn]
