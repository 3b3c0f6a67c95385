"""Leases: keys that live as long as somebody renews them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from etcdkit import etcdrpc
    from etcdkit._etcdkit import NativeKeepAlive

__all__ = ["KeepAlive", "Lease"]

Reason = Optional[str]


class KeepAlive:
    """Renews a lease in the background, in the core, until it is closed.

    A context manager. Safe to use from many threads.
    """

    def __init__(self, native: NativeKeepAlive) -> None:
        self._native = native

    @property
    def is_alive(self) -> bool:
        """Whether the lease is being renewed: False once it is lost or this is closed."""
        return self._native.lost_reason() is None

    @property
    def lost_reason(self) -> Reason:
        """Why the lease is not renewed any more, None while it is."""
        return self._native.lost_reason()

    def wait_lost(self, timeout: float | None = None) -> Reason:
        """Waits until the lease is lost and returns why.

        Args:
            timeout: In seconds; None waits for ever. Returns None when it is over.
        """
        call = self._native.wait_lost()
        try:
            reason: str = call.wait(timeout)
        except TimeoutError:
            return None
        return reason

    def close(self) -> None:
        """Stops renewing. The lease then lives for what is left of its TTL."""
        self._native.close()

    def __enter__(self) -> KeepAlive:
        return self

    def __exit__(
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

    def __init__(self, lease_id: int, ttl: int, etcd_client: Any = None) -> None:
        self.id = lease_id
        self.ttl = ttl
        self.etcd_client = etcd_client

    def _get_lease_info(self) -> etcdrpc.LeaseTimeToLiveResponse:
        info: etcdrpc.LeaseTimeToLiveResponse = self.etcd_client.get_lease_info(self.id)
        return info

    def revoke(self) -> None:
        """Ends the lease and deletes its keys (RPC LeaseRevoke)."""
        self.etcd_client.revoke_lease(self.id)

    def refresh(self) -> list[etcdrpc.LeaseKeepAliveResponse]:
        """Renews the lease once (RPC LeaseKeepAlive). A TTL of 0 in the answer: it is gone."""
        return list(self.etcd_client.refresh_lease(self.id))

    def keepalive(self) -> KeepAlive:
        """Renews the lease in the background until the result is closed."""
        keep_alive: KeepAlive = self.etcd_client.keep_alive(self.id)
        return keep_alive

    @property
    def remaining_ttl(self) -> int:
        """Seconds left, -1 if the lease does not exist (RPC LeaseTimeToLive)."""
        return self._get_lease_info().TTL

    @property
    def granted_ttl(self) -> int:
        """Seconds granted, 0 if the lease does not exist (RPC LeaseTimeToLive)."""
        return self._get_lease_info().grantedTTL

    @property
    def keys(self) -> list[bytes]:
        """The keys that hang on the lease (RPC LeaseTimeToLive)."""
        return self._get_lease_info().keys

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.revoke()

    def __repr__(self) -> str:
        return f"Lease(id={self.id:#x}, ttl={self.ttl})"
