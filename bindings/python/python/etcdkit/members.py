"""The members of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etcdkit.client import Alarm

__all__ = ["Member"]


class Member:
    """One member of the cluster.

    Attributes:
        id: Its id.
        name: Its name, empty until it has started.
        peer_urls: Where the other members reach it.
        client_urls: Where clients reach it.
    """

    def __init__(
        self,
        id: int,
        name: str,
        peer_urls: Sequence[str],
        client_urls: Sequence[str],
        etcd_client: Any = None,
    ) -> None:
        self.id = id
        self.name = name
        self.peer_urls = peer_urls
        self.client_urls = client_urls
        self._etcd_client = etcd_client

    def __str__(self) -> str:
        return (
            f"Member {self.id}: peer urls: {list(self.peer_urls)}, "
            f"client urls: {list(self.client_urls)}"
        )

    __repr__ = __str__

    def remove(self) -> Any:
        """Removes the member from the cluster (RPC MemberRemove)."""
        return self._etcd_client.remove_member(self.id)

    def update(self, peer_urls: Sequence[str]) -> Any:
        """Changes where the other members reach it (RPC MemberUpdate)."""
        return self._etcd_client.update_member(self.id, peer_urls)

    @property
    def active_alarms(self) -> Iterator[Alarm] | Any:
        """The alarms this member has raised (RPC Alarm)."""
        return self._etcd_client.list_alarms(member_id=self.id)
