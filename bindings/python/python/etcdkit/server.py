"""A server inside the process: for tests, for tools, and for programs that bring their own etcd.

It is the server of the ``etcdkit`` binary, on threads of its own; any etcd client can talk to it.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Sequence
from types import TracebackType
from urllib.parse import urlsplit

from etcdkit import _process
from etcdkit._etcdkit import NativeDoor, NativeServer
from etcdkit.exceptions import ForkedError

__all__ = ["Server"]

_running: weakref.WeakSet[Server] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """A program that ends without stopping its server loses nothing."""
    for server in list(_running):
        if server.is_running:
            server.stop()


class Server:
    """A single-node server, started by the constructor.

    As a context manager it is stopped at the end. Safe to use from many threads.

    Args:
        data_dir: Directory for the data, made if missing; None keeps the data in memory, and
            ``stop()`` loses it.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one, which a later ``start()`` takes again. None
            listens on none: only ``client(endpoint=server)`` of this process reaches the server.
        storage_engine: 'redb' or 'sled'; None for the default. Only with a data directory.
        name: Name of the member.
        flags: Flags of the command line for other settings, such as
            ``["--quota-backend-bytes=1000000"]``; one that means nothing to a server inside a
            program is a ValueError that names those which do.

    Raises:
        OSError: the directory or the port cannot be used; the text says why.
        ValueError: a setting is not usable.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int | None = 0,
        storage_engine: str | None = None,
        name: str = "default",
        flags: Sequence[str] = (),
    ) -> None:
        self.data_dir = None if data_dir is None else os.fspath(data_dir)
        self.host = host
        self.port = port
        self._storage_engine = storage_engine
        self._name = name
        self._flags = list(flags)
        self._door = NativeDoor()
        self._native: NativeServer | None = None
        self._generation = _process.generation
        self.start()

    @property
    def endpoint(self) -> str:
        """URL for clients, such as ``http://127.0.0.1:40123``. The same after a restart.

        ``in-process`` where the server listens on no port.
        """
        return "in-process" if self.port is None else f"http://{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the server is serving."""
        return self._native is not None and self._generation == _process.generation

    def start(self) -> None:
        """Starts the server again after ``stop()``, on the same port; returns when it serves."""
        self._check_process()
        if self._native is not None:
            return
        listen = None if self.port is None else f"{self.host}:{self.port}"
        self._native = NativeServer(
            self.data_dir, listen, self._storage_engine, self._name, self._flags, self._door
        )
        self.port = urlsplit(self._native.endpoint).port or self.port
        _running.add(self)

    def stop(self) -> None:
        """Stops the server and waits until its data is safe on disk. Does nothing when stopped."""
        self._check_process()
        native, self._native = self._native, None
        _running.discard(self)
        if native is not None:
            native.stop()

    close = stop

    def _check_process(self) -> None:
        if self._generation != _process.generation:
            raise ForkedError("this server runs in the process that forked this one")

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._generation == _process.generation:
            self.stop()

    def __repr__(self) -> str:
        state = "running" if self.is_running else "stopped"
        return f"<etcdkit.Server {self.endpoint} {state}>"
