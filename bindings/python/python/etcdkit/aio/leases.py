"""Leases of the asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from types import TracebackType
from typing import TYPE_CHECKING

from etcdkit import etcdrpc
from etcdkit.aio._loop import wait

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeKeepAlive
    from etcdkit.aio.client import MultiEndpointEtcd3Client

__all__ = ["KeepAlive", "Lease", "LeaseRequest"]


class KeepAlive:
    """Renews a lease in the background, in the core, until it is closed. A context manager."""

    def __init__(self, native: NativeKeepAlive) -> None:
        self._native = native

    @property
    def is_alive(self) -> bool:
        """Whether the lease is being renewed: False once it is lost or this is closed."""
        return self._native.lost_reason() is None

    @property
    def lost_reason(self) -> str | None:
        """Why the lease is not renewed any more, None while it is."""
        return self._native.lost_reason()

    async def wait_lost(self, timeout: float | None = None) -> str | None:
        """Waits until the lease is lost and returns why; None when ``timeout`` (s) is over."""
        try:
            reason: str = await asyncio.wait_for(wait(self._native.wait_lost()), timeout)
        except asyncio.TimeoutError:
            return None
        return reason

    def close(self) -> None:
        """Stops renewing. The lease then lives for what is left of its TTL."""
        self._native.close()

    async def __aenter__(self) -> KeepAlive:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Lease:
    """A lease. As a context manager it is revoked at the end.

    Attributes:
        id: Its id.
        ttl: The time to live the server granted, in seconds.
    """

    def __init__(self, lease_id: int, ttl: int, etcd_client: MultiEndpointEtcd3Client) -> None:
        self.id = lease_id
        self.ttl = ttl
        self.etcd_client = etcd_client

    async def revoke(self) -> None:
        """Ends the lease and deletes its keys (RPC LeaseRevoke)."""
        await self.etcd_client.revoke_lease(self.id)

    async def refresh(self) -> list[etcdrpc.LeaseKeepAliveResponse]:
        """Renews the lease once (RPC LeaseKeepAlive). A TTL of 0 in the answer: it is gone."""
        return await self.etcd_client.refresh_lease(self.id)

    async def keepalive(self) -> KeepAlive:
        """Renews the lease in the background until the result is closed."""
        return await self.etcd_client.keep_alive(self.id)

    @property
    def remaining_ttl(self) -> Awaitable[int]:
        """Seconds left, -1 if the lease does not exist: ``await lease.remaining_ttl``."""
        return self._info("TTL")

    @property
    def granted_ttl(self) -> Awaitable[int]:
        """Seconds granted, 0 if the lease does not exist: ``await lease.granted_ttl``."""
        return self._info("grantedTTL")

    @property
    def keys(self) -> Awaitable[list[bytes]]:
        """The keys that hang on the lease: ``await lease.keys``."""
        return self._keys()

    async def _info(self, name: str) -> int:
        value: int = getattr(await self.etcd_client.get_lease_info(self.id), name)
        return value

    async def _keys(self) -> list[bytes]:
        return (await self.etcd_client.get_lease_info(self.id)).keys

    async def __aenter__(self) -> Lease:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.revoke()

    def __repr__(self) -> str:
        return f"Lease(id={self.id:#x}, ttl={self.ttl})"


class LeaseRequest:
    """A lease to be: ``await`` it for the Lease, or ``async with`` it to revoke it at the end."""

    def __init__(
        self, etcd_client: MultiEndpointEtcd3Client, ttl: int, lease_id: int | None
    ) -> None:
        self._client = etcd_client
        self._ttl = ttl
        self._lease_id = lease_id
        self._lease: Lease | None = None

    async def _grant(self) -> Lease:
        return await self._client._grant_lease(self._ttl, self._lease_id)

    def __await__(self) -> Generator[None, None, Lease]:
        return self._grant().__await__()

    async def __aenter__(self) -> Lease:
        self._lease = await self._grant()
        return self._lease

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lease is not None:
            await self._lease.revoke()
