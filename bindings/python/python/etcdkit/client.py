"""The sync client.

A client is cheap to make and connects on first use. It is safe to use from many threads. Every call
releases the GIL while it waits, can be interrupted with Ctrl-C, and ends within its time limit: the
``timeout`` of the client in seconds, 5 s where it has none. Errors are those of
:mod:`etcdkit.exceptions`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, BinaryIO, TypeVar

from etcdkit import _operations as ops
from etcdkit import elections, etcdrpc, leases, locks, members, transactions, utils
from etcdkit._connection import (
    ChannelCredentials,
    Connection,
    Endpoint,
    GrpcOptions,
    endpoints_from,
    parse_endpoint,
    secure_credentials,
)
from etcdkit._operations import KVMetadata
from etcdkit._stubs import Stub
from etcdkit.auth import AuthMethods
from etcdkit.events import Event
from etcdkit.exceptions import WatchTimedOut
from etcdkit.server import Server
from etcdkit.watch import Watch, WatchCallback, Watcher, WatchResponse, open_watch

__all__ = [
    "Alarm",
    "Endpoint",
    "Etcd3Client",
    "EtcdTokenCallCredentials",
    "KVMetadata",
    "MultiEndpointEtcd3Client",
    "Status",
    "Transactions",
    "client",
]

T = TypeVar("T")
KeyLike = str | bytes
Cancel = Callable[[], None]


class Transactions:
    """The parts of a transaction, under short names: ``client.transactions.put(...)``."""

    def __init__(self) -> None:
        self.value = transactions.Value
        self.version = transactions.Version
        self.create = transactions.Create
        self.mod = transactions.Mod
        self.lease = transactions.Lease

        self.put = transactions.Put
        self.get = transactions.Get
        self.delete = transactions.Delete
        self.txn = transactions.Txn


class Status:
    """The status of the member that answered.

    Attributes:
        version: Version of the server.
        db_size: Size of its storage in bytes.
        leader: The leader as a Member, None if there is none.
        raft_index: Index of the last committed entry of its log.
        raft_term: Its raft term.
    """

    def __init__(
        self,
        version: str,
        db_size: int,
        leader: members.Member | Any | None,
        raft_index: int,
        raft_term: int,
    ) -> None:
        self.version = version
        self.db_size = db_size
        self.leader = leader
        self.raft_index = raft_index
        self.raft_term = raft_term


class Alarm:
    """An alarm that a member has raised.

    Attributes:
        alarm_type: Its number: ``etcdrpc.NOSPACE`` or ``etcdrpc.CORRUPT``.
        member_id: The member.
    """

    def __init__(self, alarm_type: int, member_id: int) -> None:
        self.alarm_type = alarm_type
        self.member_id = member_id


class EtcdTokenCallCredentials:
    """Kept for programs that attach a token to calls themselves; the core does it for its clients."""

    def __init__(self, access_token: str) -> None:
        self._access_token = access_token

    def __call__(self, context: Any, callback: Callable[[Any, Any], Any]) -> None:
        """Gives the token to ``callback`` as the metadata that etcd reads."""
        callback((("token", self._access_token),), None)


class MultiEndpointEtcd3Client(AuthMethods):
    """A client of a cluster.

    Args:
        endpoints: The servers, as Endpoint objects or as ``host:port`` or URL strings.
        timeout: Time limit of each call in seconds; None for the default of 5 s. Watches and
            waiting for a lock have none.
        user: Name to log in with; the token is renewed when the server asks for it.
        password: Its password.
        failover: Kept for programs that set it: the core fails over whenever there is more than
            one endpoint.
        server: A server of this process, to be reached without a socket.

    Raises:
        NoServerAvailableError: there are no endpoints.
        ValueError: an endpoint, the timeout or the credentials are not usable.
    """

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
        self.metadata: tuple[tuple[str, str], ...] | None = None
        self.failover = failover
        self.endpoints = {point.netloc: point for point in points}
        self.timeout = timeout
        self.call_credentials = None
        self.transactions = Transactions()
        self._connection = Connection(
            points, timeout, user, password, None if server is None else server._door
        )
        self._watcher: Watcher | None = None
        self._watcher_lock = threading.Lock()

    # ---- The client itself -------------------------------------------------------------------

    @property
    def endpoint_in_use(self) -> Endpoint | None:
        """The first endpoint; the core uses whichever answers."""
        return next(iter(self.endpoints.values()), None)

    @property
    def watcher(self) -> Watcher:
        """The watches that report to callbacks."""
        return self.get_watcher()

    @watcher.setter
    def watcher(self, value: Watcher) -> None:
        self._watcher = value

    def get_watcher(self) -> Watcher:
        """The watches that report to callbacks, made on first use."""
        with self._watcher_lock:
            if self._watcher is None:
                self._watcher = Watcher(self._connection, self.timeout)
            return self._watcher

    @property
    def kvstub(self) -> Stub:
        """The KV service as generated code calls it."""
        return Stub(self._connection, "KV")

    @property
    def leasestub(self) -> Stub:
        """The Lease service as generated code calls it."""
        return Stub(self._connection, "Lease")

    @property
    def clusterstub(self) -> Stub:
        """The Cluster service as generated code calls it."""
        return Stub(self._connection, "Cluster")

    @property
    def maintenancestub(self) -> Stub:
        """The Maintenance service as generated code calls it."""
        return Stub(self._connection, "Maintenance")

    @property
    def authstub(self) -> Stub:
        """The Auth service as generated code calls it; or see the methods of this client."""
        return Stub(self._connection, "Auth")

    auth_stub = authstub

    @staticmethod
    def get_secure_creds(
        ca_cert: str, cert_key: str | None = None, cert_cert: str | None = None
    ) -> ChannelCredentials:
        """Credentials for a secure Endpoint, from the names of PEM files."""
        creds = secure_credentials(ca_cert, cert_key, cert_cert)
        assert creds is not None
        return creds

    def close(self) -> None:
        """Ends the watches, the calls in flight and the connection. May be called twice."""
        watcher = self._watcher
        if watcher is not None:
            watcher.close()
        self._connection.close()

    def __enter__(self) -> MultiEndpointEtcd3Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, operation: ops.Operation[T], timeout: float | None = None) -> T:
        return operation.finish(self._connection.start(operation, timeout).wait())

    # ---- KV ----------------------------------------------------------------------------------

    def _build_get_range_request(self, key: KeyLike, **options: Any) -> etcdrpc.RangeRequest:
        return ops.range_request(key, **options)

    def _ops_to_requests(
        self, operations: Sequence[transactions.Operation]
    ) -> list[etcdrpc.RequestOp]:
        return ops.ops_to_requests(operations)

    def get_response(self, key: KeyLike, **options: Any) -> etcdrpc.RangeResponse:
        """The whole response of a read (RPC Range). Options as for :meth:`get`."""
        return self._run(ops.get_response(key, options))

    def get(self, key: KeyLike, **options: Any) -> tuple[bytes, KVMetadata] | tuple[None, None]:
        """Value and metadata of a key, or (None, None) (RPC Range).

        Args:
            key: The key.
            range_end: Reads ``[key, range_end)`` and returns the first.
            limit: At most so many keys; 0 or None for all.
            revision: Reads at this revision; 0 or None for the newest.
            sort_order: 'ascend', 'descend' or None.
            sort_target: 'key', 'version', 'create', 'mod' or 'value'.
            serializable: Reads what the member has, which may be old.
            keys_only: Leaves the values out.
            count_only: Only counts.
            min_mod_revision: Leaves keys out that were changed before this revision.
            max_mod_revision: Leaves keys out that were changed after this revision.
            min_create_revision: Leaves keys out that were created before this revision.
            max_create_revision: Leaves keys out that were created after this revision.

        Raises:
            RpcError: OUT_OF_RANGE for a revision that is compacted or in the future.
        """
        return self._run(ops.get(key, options))

    def get_prefix_response(self, key_prefix: KeyLike, **options: Any) -> etcdrpc.RangeResponse:
        """The whole response of a read of all keys with a prefix (RPC Range).

        Raises:
            TypeError: key or range_end is among the options.
        """
        return self._run(ops.get_prefix_response(key_prefix, options))

    def get_prefix(self, key_prefix: KeyLike, **options: Any) -> Iterator[tuple[bytes, KVMetadata]]:
        """Value and metadata of all keys with a prefix (RPC Range). Options as for :meth:`get`."""
        return self._run(ops.with_pairs(ops.get_prefix_response(key_prefix, options)))

    def get_range_response(
        self, range_start: KeyLike, range_end: KeyLike, **options: Any
    ) -> etcdrpc.RangeResponse:
        """The whole response of a read of the keys in ``[range_start, range_end)`` (RPC Range)."""
        return self._run(ops.get_range_response(range_start, range_end, options))

    def get_range(
        self, range_start: KeyLike, range_end: KeyLike, **options: Any
    ) -> Iterator[tuple[bytes, KVMetadata]]:
        """Value and metadata of the keys in ``[range_start, range_end)`` (RPC Range)."""
        return self._run(ops.with_pairs(ops.get_range_response(range_start, range_end, options)))

    def get_all_response(self, **options: Any) -> etcdrpc.RangeResponse:
        """The whole response of a read of every key (RPC Range). Options as for :meth:`get`."""
        return self._run(ops.get_all_response(options))

    def get_all(self, **options: Any) -> Iterator[tuple[bytes, KVMetadata]]:
        """Value and metadata of every key (RPC Range). Options as for :meth:`get`."""
        return self._run(ops.with_pairs(ops.get_all_response(options)))

    def put(
        self, key: KeyLike, value: KeyLike, lease: Any = None, prev_kv: bool = False
    ) -> etcdrpc.PutResponse:
        """Writes a key (RPC Put).

        Args:
            key: The key, not empty.
            value: The value.
            lease: A Lease or a lease id; the key is deleted when the lease ends.
            prev_kv: Whether the response brings the previous key and value.

        Raises:
            Etcd3Exception: with ``outcome_unknown`` True if the write may have happened.
        """
        return self._run(ops.put(key, value, lease, prev_kv))

    def put_if_not_exists(self, key: KeyLike, value: KeyLike, lease: Any = None) -> bool:
        """Writes a key if it does not exist; whether it was written (RPC Txn)."""
        return self._run(ops.put_if_not_exists(key, value, lease))

    def replace(self, key: KeyLike, initial_value: KeyLike, new_value: KeyLike) -> bool:
        """Writes a key if it has a value; whether it was written (RPC Txn)."""
        return self._run(ops.replace(key, initial_value, new_value))

    def delete(
        self, key: KeyLike, prev_kv: bool = False, return_response: bool = False
    ) -> bool | etcdrpc.DeleteRangeResponse:
        """Deletes a key; whether it existed, or the whole response (RPC DeleteRange)."""
        return self._run(ops.delete(key, prev_kv, return_response))

    def delete_prefix(self, prefix: KeyLike) -> etcdrpc.DeleteRangeResponse:
        """Deletes all keys with a prefix, in one revision (RPC DeleteRange)."""
        return self._run(ops.delete_prefix(prefix))

    def transaction(
        self,
        compare: Sequence[Any],
        success: Sequence[transactions.Operation] | None = None,
        failure: Sequence[transactions.Operation] | None = None,
    ) -> tuple[bool, list[Any]]:
        """Compares, then runs one of two lists of operations, atomically (RPC Txn).

        Args:
            compare: Conditions, such as ``client.transactions.value('/key') == 'x'``.
            success: What to do when all of them hold.
            failure: What to do when one does not.

        Returns:
            Whether the conditions held, and one result per operation: a list of value and metadata
            pairs for a get, the ResponseOp message for the others.
        """
        return self._run(ops.transaction(compare, success, failure))

    def compact(self, revision: int, physical: bool = False) -> None:
        """Drops history below a revision (RPC Compact).

        Args:
            revision: The oldest revision that stays readable.
            physical: Whether to wait until the storage has let go of it.
        """
        self._run(ops.compact(revision, physical))

    # ---- Watch -------------------------------------------------------------------------------

    def add_watch_callback(self, key: KeyLike, callback: WatchCallback, **options: Any) -> int:
        """Calls ``callback`` with each WatchResponse of a key, or with a final exception.

        Callbacks run one after the other on one daemon thread of this client.

        Args:
            key: The key.
            callback: A function of one argument.
            range_end: Watches ``[key, range_end)``.
            start_revision: Also delivers events from this revision on; None for from now on.
            progress_notify: Delivers empty responses from time to time when nothing happens.
            filters: Numbers of ``etcdrpc.WatchCreateRequest.FilterType`` to leave out.
            prev_kv: Whether events bring the value before them.

        Returns:
            The id for :meth:`cancel_watch`.

        Raises:
            WatchTimedOut: the server did not create the watch in time.
        """
        return self.get_watcher().add_callback(ops.watch_create(key, **options), callback)

    def add_watch_prefix_callback(
        self, key_prefix: KeyLike, callback: WatchCallback, **options: Any
    ) -> int:
        """As :meth:`add_watch_callback`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.add_watch_callback(key, callback, **options)

    def _open_watch(self, key: KeyLike, options: dict[str, Any]) -> Watch:
        request = ops.watch_create(key, **options)
        new_id = self.get_watcher().new_id()
        return open_watch(self._connection, request, self.timeout, new_id)

    def watch_response(
        self, key: KeyLike, **options: Any
    ) -> tuple[Iterator[WatchResponse], Cancel]:
        """Watches a key: an iterator of responses, and a function that ends it (RPC Watch).

        Returns when the server has created the watch, so that a write after it is seen. The
        iterator raises RevisionCompactedError when the revisions it needs are compacted away.
        Options as for :meth:`add_watch_callback`.
        """
        opened = self._open_watch(key, options)
        return iter(opened), opened.close

    def watch(self, key: KeyLike, **options: Any) -> tuple[Iterator[Event], Cancel]:
        """Watches a key: an iterator of events, and a function that ends it (RPC Watch)."""
        responses, cancel = self.watch_response(key, **options)
        return utils.response_to_event_iterator(responses), cancel

    def watch_prefix_response(
        self, key_prefix: KeyLike, **options: Any
    ) -> tuple[Iterator[WatchResponse], Cancel]:
        """As :meth:`watch_response`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.watch_response(key, **options)

    def watch_prefix(self, key_prefix: KeyLike, **options: Any) -> tuple[Iterator[Event], Cancel]:
        """As :meth:`watch`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.watch(key, **options)

    def watch_once_response(
        self, key: KeyLike, timeout: float | None = None, **options: Any
    ) -> WatchResponse:
        """The first response with events of a key.

        Args:
            key: The key.
            timeout: In seconds; None waits for ever.

        Raises:
            WatchTimedOut: there was no event in time.
        """
        opened = self._open_watch(key, options)
        try:
            return opened.first(timeout)
        except TimeoutError:
            raise WatchTimedOut(f"no event within {timeout} s") from None
        finally:
            opened.close()

    def watch_once(self, key: KeyLike, timeout: float | None = None, **options: Any) -> Event:
        """The first event of a key. WatchTimedOut when ``timeout`` (seconds) is over."""
        return self.watch_once_response(key, timeout, **options).events[0]

    def watch_prefix_once_response(
        self, key_prefix: KeyLike, timeout: float | None = None, **options: Any
    ) -> WatchResponse:
        """As :meth:`watch_once_response`, for all keys with a prefix."""
        key, options["range_end"] = ops.prefix_range(key_prefix)
        return self.watch_once_response(key, timeout, **options)

    def watch_prefix_once(
        self, key_prefix: KeyLike, timeout: float | None = None, **options: Any
    ) -> Event:
        """As :meth:`watch_once`, for all keys with a prefix."""
        return self.watch_prefix_once_response(key_prefix, timeout, **options).events[0]

    def cancel_watch(self, watch_id: int) -> None:
        """Ends a watch that was opened with a callback."""
        self.get_watcher().cancel(watch_id)

    # ---- Leases and locks --------------------------------------------------------------------

    def lease(self, ttl: int, lease_id: int | None = None) -> leases.Lease:
        """Creates a lease (RPC LeaseGrant).

        Args:
            ttl: Time to live in seconds without renewal; the server may grant more.
            lease_id: The id to use; None lets the server choose.
        """
        response = self._run(ops.lease_grant(ttl, lease_id))
        return leases.Lease(response.ID, response.TTL, self)

    def revoke_lease(self, lease_id: int) -> None:
        """Ends a lease and deletes its keys (RPC LeaseRevoke)."""
        self._run(ops.lease_revoke(lease_id))

    def refresh_lease(self, lease_id: int) -> Iterator[etcdrpc.LeaseKeepAliveResponse]:
        """Renews a lease once (RPC LeaseKeepAlive); the answer's TTL is 0 if it is gone."""
        codec = etcdrpc.LeaseKeepAliveResponse._codec
        call = self._connection.native.keep_alive_once(lease_id, codec, self.timeout)
        return iter([call.wait()])

    def keep_alive(self, lease_id: int) -> leases.KeepAlive:
        """Renews a lease in the background until the result is closed (RPC LeaseKeepAlive)."""
        return leases.KeepAlive(self._connection.native.keep_alive(lease_id).wait())

    def get_lease_info(self, lease_id: int) -> etcdrpc.LeaseTimeToLiveResponse:
        """Time left, time granted and keys of a lease (RPC LeaseTimeToLive)."""
        return self._run(ops.lease_time_to_live(lease_id))

    def lock(
        self,
        name: str,
        ttl: int = 60,
        keepalive: bool = False,
        layout: locks.Layout = "bridge",
    ) -> locks.Lock:
        """A lock for all processes that use the same name; not acquired yet.

        Args:
            name: The lock; in etcd the keys ``/locks/NAME`` and ``/locks/NAME/...``.
            ttl: Seconds after which a holder that does not renew it loses it.
            keepalive: Whether to renew it in the background while it is held.
            layout: 'bridge' excludes every etcd client, also programs that still run python-etcd3;
                'v3' takes the keys of ``etcdctl lock`` alone, without ``/locks/NAME`` itself.
        """
        return locks.Lock(name, ttl, self, keepalive, layout)

    def election(self, name: str, ttl: int = 60) -> elections.Election:
        """An election among all processes that use the same name.

        Args:
            name: The election; in etcd the keys ``NAME/...``, as ``etcdctl elect NAME`` has them.
            ttl: Seconds until the others notice that a leader's process is gone.
        """
        return elections.Election(name, ttl=ttl, etcd_client=self)

    # ---- Cluster and maintenance -------------------------------------------------------------

    def _member(self, message: etcdrpc.Member) -> members.Member:
        return members.Member(
            message.ID, message.name, message.peerURLs, message.clientURLs, etcd_client=self
        )

    def add_member(self, urls: Sequence[str]) -> members.Member:
        """Adds a member that will be reached at these peer URLs (RPC MemberAdd)."""
        return self._member(self._run(ops.member_add(urls)))

    def remove_member(self, member_id: int) -> None:
        """Removes a member (RPC MemberRemove)."""
        self._run(ops.member_remove(member_id))

    def update_member(self, member_id: int, peer_urls: Sequence[str]) -> None:
        """Changes the peer URLs of a member (RPC MemberUpdate)."""
        self._run(ops.member_update(member_id, peer_urls))

    @property
    def members(self) -> Iterator[members.Member]:
        """The members of the cluster (RPC MemberList)."""
        return (self._member(message) for message in self._run(ops.member_list()))

    def status(self) -> Status:
        """Version, size, leader and raft progress of the member that answers (RPC Status)."""
        response = self._run(ops.status())
        leader = next((member for member in self.members if member.id == response.leader), None)
        return Status(
            response.version, response.dbSize, leader, response.raftIndex, response.raftTerm
        )

    def defragment(self) -> None:
        """Gives free storage of the member back to the file system (RPC Defragment)."""
        self._run(ops.defragment())

    def hash(self) -> int:
        """The hash of the whole storage of the member (RPC Hash)."""
        return self._run(ops.hash_backend())

    def _alarms(self, action: int, member_id: int, alarm_type: str) -> list[Alarm]:
        alarms = self._run(ops.alarm(action, member_id, alarm_type))
        return [Alarm(alarm.alarm, alarm.memberID) for alarm in alarms]

    def create_alarm(self, member_id: int = 0) -> list[Alarm]:
        """Raises the out-of-space alarm, 0 for all members (RPC Alarm)."""
        return self._alarms(etcdrpc.AlarmRequest.ACTIVATE, member_id, "no space")

    def list_alarms(self, member_id: int = 0, alarm_type: str = "none") -> Iterator[Alarm]:
        """The alarms raised (RPC Alarm); ``alarm_type`` is 'none' (any), 'no space' or 'corrupt'."""
        return iter(self._alarms(etcdrpc.AlarmRequest.GET, member_id, alarm_type))

    def disarm_alarm(self, member_id: int = 0) -> list[Alarm]:
        """Clears the out-of-space alarm, 0 for all members (RPC Alarm)."""
        return self._alarms(etcdrpc.AlarmRequest.DEACTIVATE, member_id, "no space")

    def snapshot(self, file_obj: BinaryIO) -> None:
        """Writes a consistent copy of the storage into a binary file (RPC Snapshot)."""
        stream = self._connection.native.snapshot(self.timeout).wait()
        while chunk := stream.next().wait():
            file_obj.write(chunk)


class Etcd3Client(MultiEndpointEtcd3Client):
    """A client of one server. Arguments as for :func:`client`."""

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

    def __enter__(self) -> Etcd3Client:
        return self

    @property
    def uses_secure_channel(self) -> bool:
        """Whether the connection is encrypted."""
        return all(point.secure for point in self.endpoints.values())


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
    """A client of the server at ``host:port``, or at ``endpoint``.

    Args:
        host: Name or address of the server.
        port: Its client port.
        ca_cert: File with the certificates to trust; makes the connection a TLS connection.
        cert_key: File with the key of the client certificate.
        cert_cert: File with the client certificate.
        timeout: Time limit of each call in seconds; None for the default of 5 s.
        user: Name to log in with.
        password: Its password.
        grpc_options: Pairs of gRPC option name and value; those about keep-alive are honoured, the
            others have no meaning here.
        endpoint: The server as ``host:port`` or URL, instead of host and port; or a
            :class:`etcdkit.Server` of this process, which is then reached without a socket.
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
