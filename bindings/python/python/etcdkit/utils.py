"""Small conversions that programs use directly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from etcdkit.events import Event
    from etcdkit.watch import WatchResponse

__all__ = [
    "increment_last_byte",
    "lease_to_id",
    "prefix_range_end",
    "response_to_event_iterator",
    "to_bytes",
]

Bytes = Union[str, bytes]


def prefix_range_end(prefix: bytes) -> bytes:
    """The prefix with its last byte that is not 0xff incremented.

    Kept as programs know it, with its two limits: bytes after the incremented one stay, and a prefix
    of nothing but 0xff (or an empty one) is returned as it is. The client's own prefix calls do not
    have these limits.
    """
    end = bytearray(prefix)
    for position in reversed(range(len(end))):
        if end[position] < 0xFF:
            end[position] += 1
            break
    return bytes(end)


#: The name of :func:`prefix_range_end` in older programs.
increment_last_byte = prefix_range_end


def to_bytes(maybe_bytestring: Bytes) -> bytes:
    """Bytes as they are, a string as UTF-8; TypeError for anything else."""
    if isinstance(maybe_bytestring, bytes):
        return maybe_bytestring
    if isinstance(maybe_bytestring, str):
        return maybe_bytestring.encode("utf-8")
    if isinstance(maybe_bytestring, (bytearray, memoryview)):
        return bytes(maybe_bytestring)
    raise TypeError(f"expected str or bytes, not {type(maybe_bytestring).__name__}")


def lease_to_id(lease: object) -> int:
    """The id of a lease given as a Lease, as an id, or as None (no lease: 0)."""
    if lease is None:
        return 0
    if isinstance(lease, int):
        return lease
    identifier = getattr(lease, "id", None)
    if isinstance(identifier, int):
        return identifier
    raise TypeError(f"expected a Lease or a lease id, not {type(lease).__name__}")


def response_to_event_iterator(responses: Iterable[WatchResponse]) -> Iterator[Event]:
    """The events of watch responses, one by one."""
    for response in responses:
        yield from response.events
