"""The client for asyncio: ``etcdkit.aio.client(...)``, with the names of the sync client."""

from etcdkit.aio import naming
from etcdkit.aio.client import Etcd3Client, MultiEndpointEtcd3Client, client
from etcdkit.aio.elections import Election
from etcdkit.aio.leases import KeepAlive, Lease
from etcdkit.aio.locks import Lock

__all__ = [
    "Election",
    "Etcd3Client",
    "KeepAlive",
    "Lease",
    "Lock",
    "MultiEndpointEtcd3Client",
    "client",
    "naming",
]
