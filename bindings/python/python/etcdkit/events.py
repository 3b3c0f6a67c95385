"""The events a watch delivers."""

from __future__ import annotations

from typing import Any

from etcdkit import etcdrpc

__all__ = ["DeleteEvent", "Event", "PutEvent", "new_event"]


class Event:
    """One change of one key.

    ``key``, ``value``, ``version``, ``create_revision``, ``mod_revision`` and ``lease`` are those
    after the change; ``prev_key``, ``prev_value`` … those before it, when the watch asked for them
    with ``prev_kv=True``.
    """

    key: bytes
    value: bytes
    version: int
    create_revision: int
    mod_revision: int
    lease: int
    prev_value: bytes

    def __init__(self, event: etcdrpc.Event) -> None:
        self._event = event
        self.key = event.kv.key

    def __getattr__(self, name: str) -> Any:
        # Copying and unpickling look for attributes before there is an event.
        if name.startswith("__") or name == "_event":
            raise AttributeError(name)
        if name.startswith("prev_"):
            return getattr(self._event.prev_kv, name.removeprefix("prev_"))
        return getattr(self._event.kv, name)

    def __str__(self) -> str:
        return f"{type(self).__name__} key={self.key!r} value={self.value!r}"

    __repr__ = __str__


class PutEvent(Event):
    """A key was created or changed."""


class DeleteEvent(Event):
    """A key was deleted, or its lease ran out."""


def new_event(event: etcdrpc.Event) -> Event:
    """The event object for an event message."""
    if event.type == etcdrpc.Event.PUT:
        return PutEvent(event)
    if event.type == etcdrpc.Event.DELETE:
        return DeleteEvent(event)
    raise ValueError(f"unknown event type {event.type}")
