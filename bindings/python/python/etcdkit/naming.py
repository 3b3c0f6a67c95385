"""Service discovery: processes register where they are, others find them.

The layout is that of grpc-go's etcd resolver, so programs in every language find each other.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeRegistration
    from etcdkit.client import MultiEndpointEtcd3Client

__all__ = ["Endpoint", "Registration", "list_endpoints", "register"]


class Endpoint(NamedTuple):
    """Where an instance of a service is, and what it says about itself."""

    key: str
    addr: str
    metadata: Any


class Registration:
    """A registered instance. As a context manager it is taken off the list at the end.

    The core renews it, and registers it again if its lease was lost.
    """

    def __init__(self, native: NativeRegistration) -> None:
        self._native = native

    @property
    def key(self) -> str:
        """The key of the instance."""
        return self._native.key

    def unregister(self) -> None:
        """Takes the instance off the list now. May be called more than once."""
        self._native.close().wait()

    def __enter__(self) -> Registration:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unregister()


def register(
    client: MultiEndpointEtcd3Client, service: str, addr: str, ttl: int = 60, metadata: Any = None
) -> Registration:
    """Registers an instance of a service.

    Args:
        client: The client that keeps it registered, for as long as the result lives.
        service: The service; in etcd the keys ``SERVICE/...``.
        addr: The address, as clients dial it.
        ttl: Seconds until the instance is off the list when its process is gone.
        metadata: Anything JSON can say, for the clients of the service.
    """
    native = client._connection.native
    return Registration(native.register(service, addr, json.dumps(metadata), ttl).wait())


def list_endpoints(client: MultiEndpointEtcd3Client, service: str) -> list[Endpoint]:
    """The instances of a service, in the order of their keys."""
    rows = client._connection.native.instances(service).wait()
    return [Endpoint(key, addr, json.loads(metadata)) for key, addr, metadata in rows]
