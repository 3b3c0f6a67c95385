"""Elections: one of several processes leads, the others wait in line.

The keys are those of ``etcdctl elect NAME`` and of every other etcd client's elections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from etcdkit import etcdrpc, utils

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeElection

__all__ = ["Election"]


class Election:
    """An election, seen by one candidate or by an observer. Use it in one thread at a time.

    Attributes:
        name: The name; in etcd the keys ``NAME/...``.
        ttl: Seconds until the others notice that a leader's process is gone.
        lease_id: The lease of the leadership, None while not leading.
    """

    def __init__(self, name: str, ttl: int = 60, etcd_client: Any = None) -> None:
        if not name:
            raise ValueError("an election needs a name")
        self.name = name
        self.ttl = ttl
        self.lease_id: int | None = None
        self.fencing_token: int | None = None
        self._native: NativeElection = etcd_client._connection.native.election(name.encode(), ttl)

    def campaign(self, value: str | bytes, timeout: float | None = None) -> None:
        """Waits until this candidate leads, with ``value`` for all to see.

        The leadership is renewed in the background until :meth:`resign`, or until the process ends.

        Args:
            value: What the others read, usually where the leader is.
            timeout: How long to wait, in seconds; None waits for ever.

        Raises:
            TimeoutError: somebody else still leads; this candidate has left the line.
        """
        leader = self._native.campaign(utils.to_bytes(value)).wait(timeout)
        self.lease_id, self.fencing_token = leader

    def proclaim(self, value: str | bytes) -> None:
        """Changes the leader's value. PreconditionFailedError if this candidate does not lead."""
        self._native.proclaim(utils.to_bytes(value)).wait()

    def resign(self) -> bool:
        """Gives the leadership up; whether there was one to give up."""
        self.lease_id = self.fencing_token = None
        return self._native.resign().wait()

    def leader(self) -> etcdrpc.KeyValue:
        """The key and value of the leader. PreconditionFailedError if nobody leads."""
        response: etcdrpc.LeaderResponse
        response = self._native.leader(etcdrpc.LeaderResponse._codec).wait()
        return response.kv

    def observe(self) -> Iterator[etcdrpc.KeyValue]:
        """The leader now, then every new leader and every new value. Does not end by itself."""
        observer = self._native.observe(etcdrpc.LeaderResponse._codec).wait()
        try:
            while response := observer.next().wait():
                yield response.kv
        finally:
            observer.close()
