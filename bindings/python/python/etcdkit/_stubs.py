"""The services under the names that gRPC's generated code has: ``client.kvstub.Range(request)``.

Programs for the usual etcd3 package reach for these where its client has no method: for users and
roles above all. A stub is the client's own connection, with its endpoints, its login and its retries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from etcdkit import etcdrpc
from etcdkit._connection import Connection
from etcdkit._operations import METHODS, Operation

#: A method of a stub, as generated code calls it.
Method = Callable[..., Any]


class Stub:
    """The unary RPCs of one service, each a method that takes a request message.

    ``timeout`` is in seconds. ``credentials`` and ``metadata`` are taken and not needed: the
    connection logs in by itself.
    """

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._service = service

    def __getattr__(self, name: str) -> Method:
        path, _response = METHODS.get(name, ("", None))
        if not path.startswith(f"/etcdserverpb.{self._service}/"):
            raise AttributeError(f"{self._service} has no unary RPC {name!r} here")

        def method(
            request: etcdrpc.Message,
            timeout: float | None = None,
            metadata: Any = None,
            credentials: Any = None,
            **_options: Any,
        ) -> Any:
            operation: Operation[Any] = Operation(name, request, lambda response: response)
            return self._connection.start(operation, timeout).wait()

        return method
