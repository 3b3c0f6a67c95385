"""The asyncio client: the names of the sync client, awaitable.

Reads that give an iterator there give a list here, a property that asks the server is awaited
(``await client.members``), and a watch is iterated with ``async for``. Cancelling a task cancels its
call in the core. A client is for one event loop at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

from etcdkit import _operations as ops
from etcdkit import etcdrpc, transactions
from etcdkit._connection import (
    Connection,
    Endpoint,
    GrpcOptions,
    endpoints_from,
    parse_endpoint,
    secure_credentials,
)
from etcdkit._operations import KVMetadata
from etcdkit.aio import elections, leases, locks
from etcdkit.aio._loop import wait
from etcdkit.aio.auth import AuthMethods
from etcdkit.aio.watch import EventWatch, ResponseWatch
from etcdkit.client import Alarm, Status, Transactions
from etcdkit.events import Event
from etcdkit.locks import Layout
from etcdkit.members import Member
from etcdkit.server import Server
from etcdkit.watch import WatchResponse

__all__ = ["Etcd3Client", "MultiEndpointEtcd3Client", "client"]

T = TypeVar("T")
KeyLike = str | bytes
Pairs = list[tuple[bytes, KVMetadata]]
WatchCallback = Callable[[WatchResponse | Exception], Any]


class MultiEndpointEtcd3Client(AuthMethods):
    """An asyncio client of a cluster. Arguments and errors as for the sync client."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint | str] | None = None,
        timeout: float | None = None,
        user: str | None = None,
        password: str | None = None,
        failover: bool = False,
        *,
        server: Server | None = None,
    ) -> None:
        points = [
            parse_endpoint(point) if isinstance(point, str) else point for point in endpoints or ()
        ]
        self.failover = failover
        self.endpoints = {point.netloc: point for point in points}
        self.timeout = timeout
        self.transactions = Transactions()
        self._connection = Connection(
            points, timeout, user, password, None if server is None else server._door
        )
        self._callbacks: dict[int, tuple[ResponseWatch, asyncio.Task[None]]] = {}
        self._last_watch_id = 0

    # ---- The client itself -------------------------------------------------------------------

    async def close(self) -> None:
        """Ends the watches, the calls in flight and the connection. May be called twice."""
        for watch_id in list(self._callbacks):
            await self.cancel_watch(watch_id)
        self._connection.close()

    async def __aenter__(self) -> MultiEndpointEtcd3Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, operation: ops.Operation[T], timeout: float | None = None) -> T:
        return operation.finish(await wait(self._connection.start(operation, timeout)))

    async def _pairs(self, operation: ops.Operation[etcdrpc.RangeResponse]) -> Pairs:
        response = await self._run(operation)
        return list(ops.pairs(response))

    # ---- KV ----------------------------------------------------------------------------------

    async def get_response(self, key: KeyLike, **options: Any) -> etcdrpc.RangeResponse:
        """The whole response of a read (RPC Range)."""
        return await self._run(ops.get_response(key, options))

    async def get(
        self, key: KeyLike, **options: Any
    ) -> tuple[bytes, KVMetadata] | tuple[None, None]:
        """Value and metadata of a key, or (None, None) (RPC Range).

        Options as for :meth:`etcdkit.client.MultiEndpointEtcd3Client.get`.
        """
        return await self._run(ops.get(key, options))

    async def get_prefix_response(
        self, key_prefix: KeyLike, **options: Any
    ) -> etcdrpc.RangeResponse:
        """The whole response of a read of all keys with a prefix (RPC Range)."""
        return await self._run(ops.get_prefix_response(key_prefix, options))

    async def get_prefix(self, key_prefix: KeyLike, **options: Any) -> Pairs:
        """Value and metadata of all keys with a prefix (RPC Range)."""
        return await self._pairs(ops.get_prefix_response(key_prefix, options))

    async def get_range_response(
        self, range_start: KeyLike, range_end: KeyLike, **options: Any
    ) -> etcdrpc.RangeResponse:
        """The whole response of a read of the keys in ``[range_start, range_end)`` (RPC Range)."""
        return await self._run(ops.get_range_response(range_start, range_end, options))

    async def get_range(self, range_start: KeyLike, range_end: KeyLike, **options: Any) -> Pairs:
        """Value and metadata of the keys in ``[range_start, range_end)`` (RPC Range)."""
        return await self._pairs(ops.get_range_response(range_start, range_end, options))

    async def get_all_response(self, **options: Any) -> etcdrpc.RangeResponse:
        """The whole response of a read of every key (RPC Range)."""
        return await self._run(ops.get_all_response(options))

    async def get_all(self, **options: Any) -> Pairs:
        """Value and metadata of every key (RPC Range)."""
        return await self._pairs(ops.get_all_response(options))

    async def put(
        self, key: KeyLike, value: KeyLike, lease: Any = None, prev_kv: bool = False
    ) -> etcdrpc.PutResponse:
        """Writes a key (RPC Put). Arguments as for the sync client."""
        return await self._run(ops.put(key, value, lease, prev_kv))

    async def put_if_not_exists(self, key: KeyLike, value: KeyLike, lease: Any = None) -> bool:
        """Writes a key if it does not exist; whether it was written (RPC Txn)."""
        return await self._run(ops.put_if_not_exists(key, value, lease))

    async def replace(self, key: KeyLike, initial_value: KeyLike, new_value: KeyLike) -> bool:
        """Writes a key if it has a value; whether it was written (RPC Txn)."""
        return await self._run(ops.replace(key, initial_value, new_value))

    async def delete(
        self, key: KeyLike, prev_kv: bool = False, return_response: bool = False
    ) -> bool | etcdrpc.DeleteRangeResponse:
        """Deletes a key; whether it existed, or the whole response (RPC DeleteRange)."""
        return await self._run(ops.delete(key, prev_kv, return_response))

    async def delete_prefix(self, prefix: KeyLike) -> etcdrpc.DeleteRangeResponse:
        """Deletes all keys with a prefix, in one revision (RPC DeleteRange)."""
        return await self._run(ops.delete_prefix(prefix))

    async def transaction(
        self,
        compare: Sequence[Any],
        success: Sequence[transactions.Operation] | None = None,
        failure: Sequence[transactions.Operation] | None = None,
    ) -> tuple[bool, list[Any]]:
        """Compares, then runs one of two lists of operations, atomically (RPC Txn)."""
        return await self._run(ops.transaction(compare, success, failure))

    async def compact(self, revision: int, physical: bool = False) -> None:
        """Drops history below a revision (RPC Compact)."""
        await self._run(ops.compact(revision, physical))

    # ---- Watch -------------------------------------------------------------------------------

    def watch(self, key: KeyLike, **options: Any) -> EventWatch:
        """Watches a key: ``async for event in client.watch(key)`` (RPC Watch).

        Await it first to have it open before going on: ``events = await client.watch(key)``.
        ``cancel()``, or leaving ``async with``, ends it. Options as for the sync client.
        """
        return EventWatch(self._connection, ops.watch_create(key, **options), self.timeout)

    def watch_response(self, key: KeyLike, **options: Any) -> ResponseWatch:
        """As :meth:`watch`, yielding responses."""
        return ResponseWatch(self._connection, ops.watch_create(key, **options), self.timeout)

    def watch_prefix(self, key_prefix: KeyLike, **options: Any) -> EventWatch:
        """As :meth:`watch`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.watch(key, **options)

    def watch_prefix_response(self, key_prefix: KeyLike, **options: Any) -> ResponseWatch:
        """As :meth:`watch_response`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.watch_response(key, **options)

    async def watch_once_response(
        self, key: KeyLike, timeout: float | None = None, **options: Any
    ) -> WatchResponse:
        """The first response with events of a key. WatchTimedOut after ``timeout`` seconds."""
        return await self.watch_response(key, **options).first(timeout)

    async def watch_once(self, key: KeyLike, timeout: float | None = None, **options: Any) -> Event:
        """The first event of a key. WatchTimedOut after ``timeout`` seconds."""
        return (await self.watch_once_response(key, timeout, **options)).events[0]

    async def watch_prefix_once_response(
        self, key_prefix: KeyLike, timeout: float | None = None, **options: Any
    ) -> WatchResponse:
        """As :meth:`watch_once_response`, for all keys with a prefix."""
        return await self.watch_prefix_response(key_prefix, **options).first(timeout)

    async def watch_prefix_once(
        self, key_prefix: KeyLike, timeout: float | None = None, **options: Any
    ) -> Event:
        """As :meth:`watch_once`, for all keys with a prefix."""
        return (await self.watch_prefix_once_response(key_prefix, timeout, **options)).events[0]

    async def add_watch_callback(
        self, key: KeyLike, callback: WatchCallback, **options: Any
    ) -> int:
        """Calls ``callback`` with each response of a key, or with a final exception.

        A callback that is a coroutine function is awaited. Callbacks run on the event loop.
        Returns the id for :meth:`cancel_watch`.
        """
        opened = self.watch_response(key, **options)
        await opened
        self._last_watch_id += 1
        task = asyncio.ensure_future(_deliver(opened, callback))
        self._callbacks[self._last_watch_id] = (opened, task)
        return self._last_watch_id

    async def add_watch_prefix_callback(
        self, key_prefix: KeyLike, callback: WatchCallback, **options: Any
    ) -> int:
        """As :meth:`add_watch_callback`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return await self.add_watch_callback(key, callback, **options)

    async def cancel_watch(self, watch_id: int) -> None:
        """Ends a watch that was opened with a callback; unknown ids are ignored."""
        opened, task = self._callbacks.pop(watch_id, (None, None))
        if opened is None or task is None:
            return
        opened.cancel()
        if task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    # ---- Leases and locks --------------------------------------------------------------------

    def lease(self, ttl: int, lease_id: int | None = None) -> leases.LeaseRequest:
        """Creates a lease: ``await client.lease(10)``, or ``async with`` to revoke it at the end.

        Arguments as for the sync client (RPC LeaseGrant).
        """
        return leases.LeaseRequest(self, ttl, lease_id)

    async def _grant_lease(self, ttl: int, lease_id: int | None) -> leases.Lease:
        response = await self._run(ops.lease_grant(ttl, lease_id))
        return leases.Lease(response.ID, response.TTL, self)

    async def revoke_lease(self, lease_id: int) -> None:
        """Ends a lease and deletes its keys (RPC LeaseRevoke)."""
        await self._run(ops.lease_revoke(lease_id))

    async def refresh_lease(self, lease_id: int) -> list[etcdrpc.LeaseKeepAliveResponse]:
        """Renews a lease once (RPC LeaseKeepAlive); the answer's TTL is 0 if it is gone."""
        codec = etcdrpc.LeaseKeepAliveResponse._codec
        call = self._connection.native.keep_alive_once(lease_id, codec, self.timeout)
        return [await wait(call)]

    async def keep_alive(self, lease_id: int) -> leases.KeepAlive:
        """Renews a lease in the background until the result is closed (RPC LeaseKeepAlive)."""
        return leases.KeepAlive(await wait(self._connection.native.keep_alive(lease_id)))

    async def get_lease_info(self, lease_id: int) -> etcdrpc.LeaseTimeToLiveResponse:
        """Time left, time granted and keys of a lease (RPC LeaseTimeToLive)."""
        return await self._run(ops.lease_time_to_live(lease_id))

    def lock(
        self,
        name: str,
        ttl: int = 60,
        keepalive: bool = False,
        layout: Layout = "bridge",
    ) -> locks.Lock:
        """A lock for all processes that use the same name: ``async with client.lock('name')``.

        Arguments as for the sync client.
        """
        return locks.Lock(name, ttl, self, keepalive, layout)

    def election(self, name: str, ttl: int = 60) -> elections.Election:
        """An election among all processes that use the same name. As for the sync client."""
        return elections.Election(name, ttl, self)

    # ---- Cluster and maintenance -------------------------------------------------------------

    def _member(self, message: etcdrpc.Member) -> Member:
        return Member(
            message.ID, message.name, message.peerURLs, message.clientURLs, etcd_client=self
        )

    async def add_member(self, urls: Sequence[str]) -> Member:
        """Adds a member that will be reached at these peer URLs (RPC MemberAdd)."""
        return self._member(await self._run(ops.member_add(urls)))

    async def remove_member(self, member_id: int) -> None:
        """Removes a member (RPC MemberRemove)."""
        await self._run(ops.member_remove(member_id))

    async def update_member(self, member_id: int, peer_urls: Sequence[str]) -> None:
        """Changes the peer URLs of a member (RPC MemberUpdate)."""
        await self._run(ops.member_update(member_id, peer_urls))

    async def _members(self) -> list[Member]:
        return [self._member(message) for message in await self._run(ops.member_list())]

    @property
    def members(self) -> Awaitable[list[Member]]:
        """The members of the cluster: ``await client.members`` (RPC MemberList)."""
        return self._members()

    async def status(self) -> Status:
        """Version, size, leader and raft progress of the member that answers (RPC Status)."""
        response = await self._run(ops.status())
        found = [member for member in await self._members() if member.id == response.leader]
        leader = found[0] if found else None
        return Status(
            response.version, response.dbSize, leader, response.raftIndex, response.raftTerm
        )

    async def defragment(self) -> None:
        """Gives free storage of the member back to the file system (RPC Defragment)."""
        await self._run(ops.defragment())

    async def hash(self) -> int:
        """The hash of the whole storage of the member (RPC Hash)."""
        return await self._run(ops.hash_backend())

    async def _alarms(self, action: int, member_id: int, alarm_type: str) -> list[Alarm]:
        alarms = await self._run(ops.alarm(action, member_id, alarm_type))
        return [Alarm(alarm.alarm, alarm.memberID) for alarm in alarms]

    async def create_alarm(self, member_id: int = 0) -> list[Alarm]:
        """Raises the out-of-space alarm, 0 for all members (RPC Alarm)."""
        return await self._alarms(etcdrpc.AlarmRequest.ACTIVATE, member_id, "no space")

    async def list_alarms(self, member_id: int = 0, alarm_type: str = "none") -> list[Alarm]:
        """The alarms raised (RPC Alarm); ``alarm_type`` is 'none' (any), 'no space' or 'corrupt'."""
        return await self._alarms(etcdrpc.AlarmRequest.GET, member_id, alarm_type)

    async def disarm_alarm(self, member_id: int = 0) -> list[Alarm]:
        """Clears the out-of-space alarm, 0 for all members (RPC Alarm)."""
        return await self._alarms(etcdrpc.AlarmRequest.DEACTIVATE, member_id, "no space")

    async def snapshot(self, file_obj: BinaryIO) -> None:
        """Writes a consistent copy of the storage into a binary file (RPC Snapshot)."""
        stream = await wait(self._connection.native.snapshot(self.timeout))
        while chunk := await wait(stream.next()):
            file_obj.write(chunk)


async def _deliver(opened: ResponseWatch, callback: WatchCallback) -> None:
    try:
        async for response in opened:
            await _tell(callback, response)
    except Exception as error:
        await _tell(callback, error)


async def _tell(callback: WatchCallback, what: WatchResponse | Exception) -> None:
    try:
        result = callback(what)
        if asyncio.iscoroutine(result):
            await result
    except Exception as error:
        # As for any callback of a loop: reported, and the watch goes on.
        context = {"message": "a watch callback failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


class Etcd3Client(MultiEndpointEtcd3Client):
    """An asyncio client of one server. Arguments as for :func:`client`."""

    def __init__(
        self,
        host: str = "localhost",
        port: int | str = 2379,
        ca_cert: str | None = None,
        cert_key: str | None = None,
        cert_cert: str | None = None,
        timeout: float | None = None,
        user: str | None = None,
        password: str | None = None,
        grpc_options: GrpcOptions | None = None,
        *,
        endpoint: str | Server | None = None,
    ) -> None:
        creds = secure_credentials(ca_cert, cert_key, cert_cert)
        points = endpoints_from(host, port, creds, grpc_options)
        server = endpoint if isinstance(endpoint, Server) else None
        if endpoint is not None:
            text = endpoint.endpoint if isinstance(endpoint, Server) else endpoint
            points = [parse_endpoint(text, creds)]
            points[0].opts = list(grpc_options or ())
        super().__init__(points, timeout=timeout, user=user, password=password, server=server)

    async def __aenter__(self) -> Etcd3Client:
        return self


def client(
    host: str = "localhost",
    port: int | str = 2379,
    ca_cert: str | None = None,
    cert_key: str | None = None,
    cert_cert: str | None = None,
    timeout: float | None = None,
    user: str | None = None,
    password: str | None = None,
    grpc_options: GrpcOptions | None = None,
    *,
    endpoint: str | Server | None = None,
) -> Etcd3Client:
    """An asyncio client of the server at ``host:port``, or at ``endpoint``.

    Not a coroutine: it connects on first use. Use it with ``async with``, or close it with
    ``await client.close()``. Arguments as for :func:`etcdkit.client`.
    """
    return Etcd3Client(
        host=host,
        port=port,
        ca_cert=ca_cert,
        cert_key=cert_key,
        cert_cert=cert_cert,
        timeout=timeout,
        user=user,
        password=password,
        grpc_options=grpc_options,
        endpoint=endpoint,
    )
