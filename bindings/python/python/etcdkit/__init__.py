"""etcdkit: an etcd v3 client for Python, sync and asyncio, with an in-process server.

``import etcdkit as etcd3`` is all that changes in a program written for the usual etcd3 package.
:mod:`etcdkit.aio` has the same client for asyncio, :class:`Server` a server inside the process.
"""

from __future__ import annotations

from etcdkit import aio, etcdrpc, naming
from etcdkit._etcdkit import __version__
from etcdkit.client import (
    Endpoint,
    Etcd3Client,
    MultiEndpointEtcd3Client,
    Transactions,
    client,
)
from etcdkit.elections import Election
from etcdkit.exceptions import Etcd3Exception
from etcdkit.leases import Lease
from etcdkit.locks import Lock
from etcdkit.members import Member
from etcdkit.server import Server

__all__ = [
    "Election",
    "Endpoint",
    "Etcd3Client",
    "Etcd3Exception",
    "Lease",
    "Lock",
    "Member",
    "MultiEndpointEtcd3Client",
    "Server",
    "Transactions",
    "__version__",
    "aio",
    "client",
    "etcdrpc",
    "naming",
]
