"""Locks of the asyncio client; see :mod:`etcdkit.locks`."""

from __future__ import annotations

import asyncio
import uuid
from types import TracebackType
from typing import TYPE_CHECKING

from etcdkit import etcdrpc
from etcdkit.aio import leases
from etcdkit.aio._loop import wait
from etcdkit.exceptions import LockLostError
from etcdkit.locks import ACQUIRE_TIMEOUT, Layout, check

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeLock
    from etcdkit.aio.client import MultiEndpointEtcd3Client

__all__ = ["Lock"]


class Lock:
    """A lock for all processes that use the same name.

    ``async with`` waits up to 10 s and raises TimeoutError if somebody else still holds the lock
    then. Attributes as for :class:`etcdkit.Lock`.
    """

    lock_prefix = "/locks/"

    def __init__(
        self,
        name: str,
        ttl: int,
        etcd_client: MultiEndpointEtcd3Client,
        keepalive: bool = False,
        layout: Layout = "bridge",
    ) -> None:
        check(name, layout)
        self.name = name
        self.ttl = ttl
        self.etcd_client = etcd_client
        self.keepalive = keepalive
        self.layout = layout
        self.key = self.lock_prefix + self.name
        self.lease: leases.Lease | None = None
        self.uuid = uuid.uuid1().bytes
        self.revision: int | None = None
        self._native: NativeLock | None = None

    @property
    def fencing_token(self) -> int | None:
        """A number that grows from holder to holder; None while not held."""
        return self.revision

    async def acquire(self, timeout: float | None = ACQUIRE_TIMEOUT) -> bool:
        """Takes the lock, waiting in line; whether it was taken.

        Cancelling the task leaves the line.

        Args:
            timeout: How long to wait, in seconds; 0 tries once, None waits for ever.
        """
        owner = self.uuid if self.layout == "bridge" else None
        native = self.etcd_client._connection.native.lock(
            self.key.encode(), owner, self.ttl, self.keepalive
        )
        holder = await wait(native.acquire(timeout))
        if holder is None:
            return False
        lease_id, self.revision = holder
        self.lease = leases.Lease(lease_id, self.ttl, self.etcd_client)
        self._native = native
        return True

    async def release(self) -> bool:
        """Gives the lock back; whether this object still held it."""
        native, self._native = self._native, None
        self.lease, self.revision = None, None
        if native is None:
            return False
        released: bool = await wait(native.release())
        return released

    async def refresh(self) -> list[etcdrpc.LeaseKeepAliveResponse]:
        """Renews the lock for another ``ttl`` seconds. ValueError if it was never acquired."""
        if self.lease is None:
            raise ValueError("no lease belongs to this lock: acquire it first")
        return await self.lease.refresh()

    async def is_acquired(self) -> bool:
        """Whether this object holds the lock now, asked from the server."""
        if self._native is None:
            return False
        held: bool = await wait(self._native.is_held())
        return held

    async def wait_lost(self, timeout: float | None = None) -> str | None:
        """Waits until the lock is lost, and says why; None when ``timeout`` (seconds) is over.

        Raises:
            LockLostError: the lock is not held.
        """
        if self._native is None:
            raise LockLostError("the lock is not held")
        try:
            reason: str = await asyncio.wait_for(wait(self._native.wait_lost()), timeout)
        except asyncio.TimeoutError:
            return None
        return reason

    async def __aenter__(self) -> Lock:
        if not await self.acquire():
            raise TimeoutError(f"lock {self.name!r} is held by somebody else")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()
