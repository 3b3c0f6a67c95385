"""Locks between processes.

The lock itself is in the core: it excludes holders in every language, ``etcdctl lock /locks/NAME``,
and processes with an older etcd3 package, which know only the key ``/locks/NAME``. Waiters are served
in the order they came.
"""

from __future__ import annotations

import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, get_args

from etcdkit import etcdrpc, leases
from etcdkit.exceptions import LockLostError

if TYPE_CHECKING:
    from etcdkit._etcdkit import NativeLock

__all__ = ["Lock"]

#: How long ``acquire`` waits when it is not told, in seconds: programs rely on the value.
ACQUIRE_TIMEOUT = 10

#: Which keys make a lock: those of ``etcdctl lock`` and the plain key of older etcd3 packages, or
#: those of ``etcdctl lock`` alone.
Layout = Literal["bridge", "v3"]


def check(name: str, layout: Layout) -> None:
    """Raises ValueError where a lock cannot be made so."""
    if not name:
        raise ValueError("a lock needs a name")
    if layout not in get_args(Layout):
        raise ValueError(f"unknown layout {layout!r}: use 'bridge' or 'v3'")


class Lock:
    """A lock for all processes that use the same name.

    As a context manager it waits up to 10 s and raises TimeoutError if somebody else still holds
    the lock then. Use one object in one thread at a time; make another for another holder.

    Attributes:
        name: The name; in etcd the keys ``/locks/NAME`` and ``/locks/NAME/...``.
        ttl: Seconds after which a holder that does not renew it loses the lock.
        layout: 'bridge', or 'v3' for a lock that processes with an older etcd3 package ignore.
        key: The key that readers can look at while the lock is held; only with 'bridge'.
        lease: The lease of the holder, None while not held.
        uuid: The value of ``key`` while this object holds the lock.
        revision: The revision at which the lock was taken, None while not held.
    """

    lock_prefix = "/locks/"

    def __init__(
        self,
        name: str,
        ttl: int = 60,
        etcd_client: Any = None,
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
        # A v1 uuid, so that the value says when and where, as tools that look at it expect.
        self.uuid = uuid.uuid1().bytes
        self.revision: int | None = None
        self._native: NativeLock | None = None

    @property
    def fencing_token(self) -> int | None:
        """A number that grows from holder to holder; None while not held.

        Send it along with what the lock protects, so that the other side can refuse a holder that
        does not know yet that it has lost the lock.
        """
        return self.revision

    def acquire(self, timeout: float | None = ACQUIRE_TIMEOUT) -> bool:
        """Takes the lock, waiting in line; whether it was taken.

        Args:
            timeout: How long to wait, in seconds; 0 tries once, None waits for ever.
        """
        owner = self.uuid if self.layout == "bridge" else None
        native = self.etcd_client._connection.native.lock(
            self.key.encode(), owner, self.ttl, self.keepalive
        )
        holder = native.acquire(timeout).wait()
        if holder is None:
            return False
        lease_id, self.revision = holder
        self.lease = leases.Lease(lease_id, self.ttl, self.etcd_client)
        self._native = native
        return True

    def release(self) -> bool:
        """Gives the lock back; whether this object still held it."""
        native, self._native = self._native, None
        self.lease, self.revision = None, None
        if native is None:
            return False
        released: bool = native.release().wait()
        return released

    def refresh(self) -> list[etcdrpc.LeaseKeepAliveResponse]:
        """Renews the lock for another ``ttl`` seconds. ValueError if it was never acquired."""
        if self.lease is None:
            raise ValueError("no lease belongs to this lock: acquire it first")
        return self.lease.refresh()

    def is_acquired(self) -> bool:
        """Whether this object holds the lock now, asked from the server."""
        if self._native is None:
            return False
        held: bool = self._native.is_held().wait()
        return held

    def wait_lost(self, timeout: float | None = None) -> str | None:
        """Waits until the lock is lost, and says why; None when ``timeout`` (seconds) is over.

        Raises:
            LockLostError: the lock is not held.
        """
        if self._native is None:
            raise LockLostError("the lock is not held")
        try:
            reason: str = self._native.wait_lost().wait(timeout)
        except TimeoutError:
            return None
        return reason

    def __enter__(self) -> Lock:
        if not self.acquire():
            raise TimeoutError(f"lock {self.name!r} is held by somebody else")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        state = "acquired" if self._native is not None else "not acquired"
        return f"<Lock {self.name!r} {state}>"
