"""Every unary operation once: the request it sends, and what becomes of the response.

The sync and the asyncio client differ in how they wait, in nothing else; both run these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from etcdkit import etcdrpc, transactions, utils
from etcdkit._etcdkit import prefix_end

T = TypeVar("T")

#: Path, request and response class of each unary RPC.
METHODS: dict[str, tuple[str, type[etcdrpc.Message]]] = {
    "Range": ("/etcdserverpb.KV/Range", etcdrpc.RangeResponse),
    "Put": ("/etcdserverpb.KV/Put", etcdrpc.PutResponse),
    "DeleteRange": ("/etcdserverpb.KV/DeleteRange", etcdrpc.DeleteRangeResponse),
    "Txn": ("/etcdserverpb.KV/Txn", etcdrpc.TxnResponse),
    "Compact": ("/etcdserverpb.KV/Compact", etcdrpc.CompactionResponse),
    "LeaseGrant": ("/etcdserverpb.Lease/LeaseGrant", etcdrpc.LeaseGrantResponse),
    "LeaseRevoke": ("/etcdserverpb.Lease/LeaseRevoke", etcdrpc.LeaseRevokeResponse),
    "LeaseTimeToLive": ("/etcdserverpb.Lease/LeaseTimeToLive", etcdrpc.LeaseTimeToLiveResponse),
    "LeaseLeases": ("/etcdserverpb.Lease/LeaseLeases", etcdrpc.LeaseLeasesResponse),
    "MemberAdd": ("/etcdserverpb.Cluster/MemberAdd", etcdrpc.MemberAddResponse),
    "MemberRemove": ("/etcdserverpb.Cluster/MemberRemove", etcdrpc.MemberRemoveResponse),
    "MemberUpdate": ("/etcdserverpb.Cluster/MemberUpdate", etcdrpc.MemberUpdateResponse),
    "MemberList": ("/etcdserverpb.Cluster/MemberList", etcdrpc.MemberListResponse),
    "Alarm": ("/etcdserverpb.Maintenance/Alarm", etcdrpc.AlarmResponse),
    "Status": ("/etcdserverpb.Maintenance/Status", etcdrpc.StatusResponse),
    "Defragment": ("/etcdserverpb.Maintenance/Defragment", etcdrpc.DefragmentResponse),
    "Hash": ("/etcdserverpb.Maintenance/Hash", etcdrpc.HashResponse),
    "HashKV": ("/etcdserverpb.Maintenance/HashKV", etcdrpc.HashKVResponse),
    "AuthEnable": ("/etcdserverpb.Auth/AuthEnable", etcdrpc.AuthEnableResponse),
    "AuthDisable": ("/etcdserverpb.Auth/AuthDisable", etcdrpc.AuthDisableResponse),
    "AuthStatus": ("/etcdserverpb.Auth/AuthStatus", etcdrpc.AuthStatusResponse),
    "Authenticate": ("/etcdserverpb.Auth/Authenticate", etcdrpc.AuthenticateResponse),
    "UserAdd": ("/etcdserverpb.Auth/UserAdd", etcdrpc.AuthUserAddResponse),
    "UserGet": ("/etcdserverpb.Auth/UserGet", etcdrpc.AuthUserGetResponse),
    "UserList": ("/etcdserverpb.Auth/UserList", etcdrpc.AuthUserListResponse),
    "UserDelete": ("/etcdserverpb.Auth/UserDelete", etcdrpc.AuthUserDeleteResponse),
    "UserChangePassword": (
        "/etcdserverpb.Auth/UserChangePassword",
        etcdrpc.AuthUserChangePasswordResponse,
    ),
    "UserGrantRole": ("/etcdserverpb.Auth/UserGrantRole", etcdrpc.AuthUserGrantRoleResponse),
    "UserRevokeRole": ("/etcdserverpb.Auth/UserRevokeRole", etcdrpc.AuthUserRevokeRoleResponse),
    "RoleAdd": ("/etcdserverpb.Auth/RoleAdd", etcdrpc.AuthRoleAddResponse),
    "RoleGet": ("/etcdserverpb.Auth/RoleGet", etcdrpc.AuthRoleGetResponse),
    "RoleList": ("/etcdserverpb.Auth/RoleList", etcdrpc.AuthRoleListResponse),
    "RoleDelete": ("/etcdserverpb.Auth/RoleDelete", etcdrpc.AuthRoleDeleteResponse),
    "RoleGrantPermission": (
        "/etcdserverpb.Auth/RoleGrantPermission",
        etcdrpc.AuthRoleGrantPermissionResponse,
    ),
    "RoleRevokePermission": (
        "/etcdserverpb.Auth/RoleRevokePermission",
        etcdrpc.AuthRoleRevokePermissionResponse,
    ),
    "MoveLeader": ("/etcdserverpb.Maintenance/MoveLeader", etcdrpc.MoveLeaderResponse),
    "MemberPromote": ("/etcdserverpb.Cluster/MemberPromote", etcdrpc.MemberPromoteResponse),
}

_SORT_ORDERS = {
    None: etcdrpc.RangeRequest.NONE,
    "ascend": etcdrpc.RangeRequest.ASCEND,
    "descend": etcdrpc.RangeRequest.DESCEND,
}

_SORT_TARGETS = {
    None: etcdrpc.RangeRequest.KEY,
    "key": etcdrpc.RangeRequest.KEY,
    "version": etcdrpc.RangeRequest.VERSION,
    "create": etcdrpc.RangeRequest.CREATE,
    "mod": etcdrpc.RangeRequest.MOD,
    "value": etcdrpc.RangeRequest.VALUE,
}

_ALARM_TYPES = {"none": etcdrpc.NONE, "no space": etcdrpc.NOSPACE, "corrupt": etcdrpc.CORRUPT}

#: The range from the first key to the last.
_ALL = (b"\0", b"\0")


class Operation(NamedTuple, Generic[T]):
    """One request, and the function that makes the result of the response.

    Attributes:
        method: A key of METHODS.
        request: The message, or its wire bytes where nobody looks at it: making the object costs
            more than the rest of a call does in Python.
        finish: Makes the result.
    """

    method: str
    request: etcdrpc.Message | bytes
    finish: Callable[[Any], T]


class KVMetadata:
    """What is known about a key besides its value.

    Attributes:
        key: The key.
        create_revision: Revision of the put that created the key.
        mod_revision: Revision of the last put.
        version: Puts since creation, from 1.
        lease_id: The lease the key hangs on, 0 if none.
        response_header: Header of the response the key came with.
    """

    __slots__ = ("create_revision", "key", "lease_id", "mod_revision", "response_header", "version")

    def __init__(self, keyvalue: etcdrpc.KeyValue, header: etcdrpc.ResponseHeader) -> None:
        self.key = keyvalue.key
        self.create_revision = keyvalue.create_revision
        self.mod_revision = keyvalue.mod_revision
        self.version = keyvalue.version
        self.lease_id = keyvalue.lease
        self.response_header = header

    def __repr__(self) -> str:
        return (
            f"KVMetadata(key={self.key!r}, create_revision={self.create_revision}, "
            f"mod_revision={self.mod_revision}, version={self.version}, lease_id={self.lease_id})"
        )


KeyValues = Iterator[tuple[bytes, KVMetadata]]


def _itself(response: T) -> T:
    return response


def prefix_range(prefix: str | bytes) -> tuple[bytes, bytes]:
    """Key and range end that select every key with this prefix; the empty prefix selects all."""
    data = utils.to_bytes(prefix)
    return (data, prefix_end(data)) if data else _ALL


# ---- KV --------------------------------------------------------------------------------------


def range_fields(
    key: str | bytes,
    range_end: str | bytes | None = None,
    limit: int | None = None,
    revision: int | None = None,
    sort_order: str | None = None,
    sort_target: str | None = "key",
    serializable: bool = False,
    keys_only: bool = False,
    count_only: bool = False,
    min_mod_revision: int | None = None,
    max_mod_revision: int | None = None,
    min_create_revision: int | None = None,
    max_create_revision: int | None = None,
) -> dict[str, Any]:
    """The fields of every read that differ from their defaults.

    Raises:
        ValueError: unknown sort order or target.
    """
    if sort_order not in _SORT_ORDERS:
        raise ValueError(f'unknown sort order: "{sort_order}"')
    if sort_target not in _SORT_TARGETS:
        raise ValueError('sort_target must be one of "key", "version", "create", "mod" or "value"')
    fields: dict[str, Any] = {"key": utils.to_bytes(key)}
    if range_end is not None:
        fields["range_end"] = utils.to_bytes(range_end)
    if sort_order is not None:
        fields["sort_order"] = _SORT_ORDERS[sort_order]
    if sort_target not in (None, "key"):
        fields["sort_target"] = _SORT_TARGETS[sort_target]
    if limit:
        fields["limit"] = limit
    if revision:
        fields["revision"] = revision
    if serializable:
        fields["serializable"] = True
    if keys_only:
        fields["keys_only"] = True
    if count_only:
        fields["count_only"] = True
    if min_mod_revision:
        fields["min_mod_revision"] = min_mod_revision
    if max_mod_revision:
        fields["max_mod_revision"] = max_mod_revision
    if min_create_revision:
        fields["min_create_revision"] = min_create_revision
    if max_create_revision:
        fields["max_create_revision"] = max_create_revision
    return fields


def range_request(key: str | bytes, **options: Any) -> etcdrpc.RangeRequest:
    """A read as a message, as a part of a transaction for instance."""
    return etcdrpc.RangeRequest(**range_fields(key, **options))


def _range(key: str | bytes, **options: Any) -> bytes:
    return etcdrpc.RangeRequest._codec.encode_fields(range_fields(key, **options))


def _first(response: etcdrpc.RangeResponse) -> tuple[bytes, KVMetadata] | tuple[None, None]:
    if not response.kvs:
        return None, None
    keyvalue = response.kvs[0]
    return keyvalue.value, KVMetadata(keyvalue, response.header)


def pairs(response: etcdrpc.RangeResponse) -> KeyValues:
    """Value and metadata of each key of a response."""
    header = response.header
    return ((keyvalue.value, KVMetadata(keyvalue, header)) for keyvalue in response.kvs)


def get_response(key: str | bytes, options: dict[str, Any]) -> Operation[etcdrpc.RangeResponse]:
    return Operation("Range", _range(key, **options), _itself)


def get(
    key: str | bytes, options: dict[str, Any]
) -> Operation[tuple[bytes, KVMetadata] | tuple[None, None]]:
    return Operation("Range", _range(key, **options), _first)


def get_prefix_response(
    prefix: str | bytes, options: dict[str, Any]
) -> Operation[etcdrpc.RangeResponse]:
    if "key" in options or "range_end" in options:
        raise TypeError("a prefix read takes neither key nor range_end: the prefix says both")
    key, range_end = prefix_range(prefix)
    return Operation("Range", _range(key, range_end=range_end, **options), _itself)


def get_range_response(
    range_start: str | bytes, range_end: str | bytes, options: dict[str, Any]
) -> Operation[etcdrpc.RangeResponse]:
    return Operation("Range", _range(range_start, range_end=range_end, **options), _itself)


def get_all_response(options: dict[str, Any]) -> Operation[etcdrpc.RangeResponse]:
    return get_range_response(*_ALL, options)


def with_pairs(operation: Operation[etcdrpc.RangeResponse]) -> Operation[KeyValues]:
    """The same read, giving value and metadata pairs."""
    return Operation(operation.method, operation.request, pairs)


def put_fields(
    key: str | bytes, value: str | bytes, lease: object = None, prev_kv: bool = False
) -> dict[str, Any]:
    """The fields of every write that differ from their defaults."""
    fields: dict[str, Any] = {"key": utils.to_bytes(key), "value": utils.to_bytes(value)}
    lease_id = utils.lease_to_id(lease)
    if lease_id:
        fields["lease"] = lease_id
    if prev_kv:
        fields["prev_kv"] = True
    return fields


def put(
    key: str | bytes, value: str | bytes, lease: object, prev_kv: bool
) -> Operation[etcdrpc.PutResponse]:
    fields = put_fields(key, value, lease, prev_kv)
    return Operation("Put", etcdrpc.PutRequest._codec.encode_fields(fields), _itself)


def delete_request(
    key: str | bytes, range_end: str | bytes | None = None, prev_kv: bool = False
) -> etcdrpc.DeleteRangeRequest:
    request = etcdrpc.DeleteRangeRequest(key=utils.to_bytes(key))
    if range_end is not None:
        request.range_end = utils.to_bytes(range_end)
    if prev_kv:
        request.prev_kv = True
    return request


def delete(
    key: str | bytes, prev_kv: bool, return_response: bool
) -> Operation[bool | etcdrpc.DeleteRangeResponse]:
    def finish(response: etcdrpc.DeleteRangeResponse) -> bool | etcdrpc.DeleteRangeResponse:
        return response if return_response else response.deleted >= 1

    return Operation("DeleteRange", delete_request(key, prev_kv=prev_kv), finish)


def delete_prefix(prefix: str | bytes) -> Operation[etcdrpc.DeleteRangeResponse]:
    return Operation("DeleteRange", delete_request(*prefix_range(prefix)), _itself)


def compact(revision: int, physical: bool) -> Operation[None]:
    request = etcdrpc.CompactionRequest(revision=revision, physical=physical)
    return Operation("Compact", request, lambda _: None)


# ---- Transactions ----------------------------------------------------------------------------


def ops_to_requests(ops: Sequence[transactions.Operation]) -> list[etcdrpc.RequestOp]:
    """The messages of transaction operations. TypeError for anything else."""
    return [_op_to_request(op) for op in ops]


def _op_to_request(op: transactions.Operation) -> etcdrpc.RequestOp:
    if isinstance(op, transactions.Put):
        put_op = etcdrpc.PutRequest(**put_fields(op.key, op.value, op.lease, op.prev_kv))
        return etcdrpc.RequestOp(request_put=put_op)
    if isinstance(op, transactions.Get):
        return etcdrpc.RequestOp(request_range=range_request(op.key, range_end=op.range_end))
    if isinstance(op, transactions.Delete):
        delete_op = delete_request(op.key, op.range_end, op.prev_kv)
        return etcdrpc.RequestOp(request_delete_range=delete_op)
    if isinstance(op, transactions.Txn):
        return etcdrpc.RequestOp(request_txn=txn_request(op.compare, op.success, op.failure))
    raise TypeError(f"not a transaction operation: {type(op).__name__}")


def txn_request(
    compare: Sequence[transactions.BaseCompare],
    success: Sequence[transactions.Operation] | None,
    failure: Sequence[transactions.Operation] | None,
) -> etcdrpc.TxnRequest:
    return etcdrpc.TxnRequest(
        compare=[condition.build_message() for condition in compare],
        success=ops_to_requests(success or ()),
        failure=ops_to_requests(failure or ()),
    )


def _txn_result(response: etcdrpc.TxnResponse) -> tuple[bool, list[Any]]:
    results: list[Any] = []
    for item in response.responses:
        if item.WhichOneof("response") == "response_range":
            results.append(
                [(kv.value, KVMetadata(kv, response.header)) for kv in item.response_range.kvs]
            )
        else:
            results.append(item)
    return response.succeeded, results


def transaction(
    compare: Sequence[transactions.BaseCompare],
    success: Sequence[transactions.Operation] | None,
    failure: Sequence[transactions.Operation] | None,
) -> Operation[tuple[bool, list[Any]]]:
    return Operation("Txn", txn_request(compare, success, failure), _txn_result)


def put_if_not_exists(key: str | bytes, value: str | bytes, lease: object) -> Operation[bool]:
    request = txn_request(
        [transactions.Create(key) == 0],
        [transactions.Put(key, value, lease)],
        [],
    )
    return Operation("Txn", request, lambda response: response.succeeded)


def replace(
    key: str | bytes, initial_value: str | bytes, new_value: str | bytes
) -> Operation[bool]:
    request = txn_request(
        [transactions.Value(key) == initial_value],
        [transactions.Put(key, new_value)],
        [],
    )
    return Operation("Txn", request, lambda response: response.succeeded)


# ---- Leases ----------------------------------------------------------------------------------


def lease_grant(ttl: int, lease_id: int | None) -> Operation[etcdrpc.LeaseGrantResponse]:
    return Operation("LeaseGrant", etcdrpc.LeaseGrantRequest(TTL=ttl, ID=lease_id or 0), _itself)


def lease_revoke(lease_id: int) -> Operation[None]:
    return Operation("LeaseRevoke", etcdrpc.LeaseRevokeRequest(ID=lease_id), lambda _: None)


def lease_time_to_live(lease_id: int) -> Operation[etcdrpc.LeaseTimeToLiveResponse]:
    request = etcdrpc.LeaseTimeToLiveRequest(ID=lease_id, keys=True)
    return Operation("LeaseTimeToLive", request, _itself)


# ---- Cluster and maintenance -----------------------------------------------------------------


def member_add(urls: Sequence[str]) -> Operation[etcdrpc.Member]:
    request = etcdrpc.MemberAddRequest(peerURLs=list(urls))
    return Operation("MemberAdd", request, lambda response: response.member)


def member_remove(member_id: int) -> Operation[None]:
    return Operation("MemberRemove", etcdrpc.MemberRemoveRequest(ID=member_id), lambda _: None)


def member_update(member_id: int, peer_urls: Sequence[str]) -> Operation[None]:
    request = etcdrpc.MemberUpdateRequest(ID=member_id, peerURLs=list(peer_urls))
    return Operation("MemberUpdate", request, lambda _: None)


def member_list() -> Operation[list[etcdrpc.Member]]:
    return Operation("MemberList", etcdrpc.MemberListRequest(), lambda response: response.members)


def status() -> Operation[etcdrpc.StatusResponse]:
    return Operation("Status", etcdrpc.StatusRequest(), _itself)


def defragment() -> Operation[None]:
    return Operation("Defragment", etcdrpc.DefragmentRequest(), lambda _: None)


def hash_backend() -> Operation[int]:
    return Operation("Hash", etcdrpc.HashRequest(), lambda response: response.hash)


def alarm(action: int, member_id: int, alarm_type: str) -> Operation[list[etcdrpc.AlarmMember]]:
    """ValueError for an unknown alarm type."""
    if alarm_type not in _ALARM_TYPES:
        raise ValueError(f'unknown alarm type: "{alarm_type}"')
    request = etcdrpc.AlarmRequest(
        action=action, memberID=member_id, alarm=_ALARM_TYPES[alarm_type]
    )
    return Operation("Alarm", request, lambda response: response.alarms)


def watch_create(
    key: str | bytes,
    range_end: str | bytes | None = None,
    start_revision: int | None = None,
    progress_notify: bool = False,
    filters: Sequence[int] | None = None,
    prev_kv: bool = False,
) -> etcdrpc.WatchCreateRequest:
    """The request that opens a watch."""
    request = etcdrpc.WatchCreateRequest(key=utils.to_bytes(key))
    if range_end is not None:
        request.range_end = utils.to_bytes(range_end)
    if start_revision is not None:
        request.start_revision = start_revision
    if progress_notify:
        request.progress_notify = True
    if filters is not None:
        request.filters = list(filters)
    if prev_kv:
        request.prev_kv = True
    return request
