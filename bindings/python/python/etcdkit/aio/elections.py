"""Elections of the asyncio client; see :mod:`etcdkit.elections`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from etcdkit import etcdrpc, utils
from etcdkit.aio._loop import wait

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeElection
    from etcdkit.aio.client import MultiEndpointEtcd3Client

__all__ = ["Election"]


class Election:
    """An election, seen by one candidate or by an observer. As :class:`etcdkit.elections.Election`."""

    def __init__(self, name: str, ttl: int, etcd_client: MultiEndpointEtcd3Client) -> None:
        if not name:
            raise ValueError("an election needs a name")
        self.name = name
        self.ttl = ttl
        self.lease_id: int | None = None
        self.fencing_token: int | None = None
        self._native: NativeElection = etcd_client._connection.native.election(name.encode(), ttl)

    async def campaign(self, value: str | bytes) -> None:
        """Waits until this candidate leads; cancelling the task leaves the line."""
        leader = await wait(self._native.campaign(utils.to_bytes(value)))
        self.lease_id, self.fencing_token = leader

    async def proclaim(self, value: str | bytes) -> None:
        """Changes the leader's value. PreconditionFailedError if this candidate does not lead."""
        await wait(self._native.proclaim(utils.to_bytes(value)))

    async def resign(self) -> bool:
        """Gives the leadership up; whether there was one to give up."""
        self.lease_id = self.fencing_token = None
        return await wait(self._native.resign())

    async def leader(self) -> etcdrpc.KeyValue:
        """The key and value of the leader. PreconditionFailedError if nobody leads."""
        response: etcdrpc.LeaderResponse
        response = await wait(self._native.leader(etcdrpc.LeaderResponse._codec))
        return response.kv

    async def observe(self) -> AsyncIterator[etcdrpc.KeyValue]:
        """The leader now, then every new leader and every new value. Does not end by itself."""
        observer = await wait(self._native.observe(etcdrpc.LeaderResponse._codec))
        try:
            while response := await wait(observer.next()):
                yield response.kv
        finally:
            observer.close()
