"""Service discovery for the asyncio client; see :mod:`etcdkit.naming`."""

from __future__ import annotations

import json
from types import TracebackType
from typing import TYPE_CHECKING, Any

from etcdkit.aio._loop import wait
from etcdkit.naming import Endpoint

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeRegistration
    from etcdkit.aio.client import MultiEndpointEtcd3Client

__all__ = ["Endpoint", "Registration", "list_endpoints", "register"]


class Registration:
    """A registered instance. As a context manager it is taken off the list at the end."""

    def __init__(self, native: NativeRegistration) -> None:
        self._native = native

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self._native.key

    async def unregister(self) -> None:
        """Takes the instance off the list now. May be called more than once."""
        await wait(self._native.close())

    async def __aenter__(self) -> Registration:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.unregister()


async def register(
    client: MultiEndpointEtcd3Client, service: str, addr: str, ttl: int = 60, metadata: Any = None
) -> Registration:
    """Registers an instance of a service. Arguments as for :func:`etcdkit.naming.register`."""
    native = client._connection.native
    return Registration(await wait(native.register(service, addr, json.dumps(metadata), ttl)))


async def list_endpoints(client: MultiEndpointEtcd3Client, service: str) -> list[Endpoint]:
    """The instances of a service, in the order of their keys."""
    rows = await wait(client._connection.native.instances(service))
    return [Endpoint(key, addr, json.loads(metadata)) for key, addr, metadata in rows]
