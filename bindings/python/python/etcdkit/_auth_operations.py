"""The operations of the Auth service: the request each sends, and what becomes of the response."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from etcdkit import etcdrpc, utils
from etcdkit._operations import Operation, prefix_range

KeyLike = str | bytes
Right = Literal["read", "write", "readwrite"]


class AuthStatus(NamedTuple):
    """Whether authentication is on.

    Attributes:
        enabled: Whether calls need a user.
        auth_revision: Counts the changes of users, roles and permissions.
    """

    enabled: bool
    auth_revision: int


class Permission(NamedTuple):
    """A right of a role.

    Attributes:
        right: 'read', 'write' or 'readwrite'.
        key: The key, or the first key of the range.
        range_end: The end of the range; empty for one key, a zero byte for all keys from the key on.
    """

    right: Right
    key: bytes
    range_end: bytes


_RIGHTS: dict[str, int] = {
    "read": etcdrpc.Permission.READ,
    "write": etcdrpc.Permission.WRITE,
    "readwrite": etcdrpc.Permission.READWRITE,
}
_NAMES: dict[int, Right] = {
    etcdrpc.Permission.READ: "read",
    etcdrpc.Permission.WRITE: "write",
    etcdrpc.Permission.READWRITE: "readwrite",
}


def _nothing(_response: Any) -> None:
    return None


def auth_enable() -> Operation[None]:
    return Operation("AuthEnable", etcdrpc.AuthEnableRequest(), _nothing)


def auth_disable() -> Operation[None]:
    return Operation("AuthDisable", etcdrpc.AuthDisableRequest(), _nothing)


def auth_status() -> Operation[AuthStatus]:
    def status(response: etcdrpc.AuthStatusResponse) -> AuthStatus:
        return AuthStatus(response.enabled, response.authRevision)

    return Operation("AuthStatus", etcdrpc.AuthStatusRequest(), status)


def user_add(name: str, password: str | None) -> Operation[None]:
    options = etcdrpc.UserAddOptions(no_password=password is None)
    request = etcdrpc.AuthUserAddRequest(name=name, password=password or "", options=options)
    return Operation("UserAdd", request, _nothing)


def user_delete(name: str) -> Operation[None]:
    return Operation("UserDelete", etcdrpc.AuthUserDeleteRequest(name=name), _nothing)


def user_change_password(name: str, password: str) -> Operation[None]:
    request = etcdrpc.AuthUserChangePasswordRequest(name=name, password=password)
    return Operation("UserChangePassword", request, _nothing)


def user_roles(name: str) -> Operation[list[str]]:
    request = etcdrpc.AuthUserGetRequest(name=name)
    return Operation("UserGet", request, lambda response: list(response.roles))


def users() -> Operation[list[str]]:
    request = etcdrpc.AuthUserListRequest()
    return Operation("UserList", request, lambda response: list(response.users))


def user_grant_role(user: str, role: str) -> Operation[None]:
    request = etcdrpc.AuthUserGrantRoleRequest(user=user, role=role)
    return Operation("UserGrantRole", request, _nothing)


def user_revoke_role(user: str, role: str) -> Operation[None]:
    request = etcdrpc.AuthUserRevokeRoleRequest(name=user, role=role)
    return Operation("UserRevokeRole", request, _nothing)


def role_add(name: str) -> Operation[None]:
    return Operation("RoleAdd", etcdrpc.AuthRoleAddRequest(name=name), _nothing)


def role_delete(name: str) -> Operation[None]:
    return Operation("RoleDelete", etcdrpc.AuthRoleDeleteRequest(role=name), _nothing)


def roles() -> Operation[list[str]]:
    request = etcdrpc.AuthRoleListRequest()
    return Operation("RoleList", request, lambda response: list(response.roles))


def role_permissions(name: str) -> Operation[list[Permission]]:
    def permissions(response: etcdrpc.AuthRoleGetResponse) -> list[Permission]:
        return [
            Permission(_NAMES.get(perm.permType, "read"), perm.key, perm.range_end)
            for perm in response.perm
        ]

    return Operation("RoleGet", etcdrpc.AuthRoleGetRequest(role=name), permissions)


def role_grant_permission(
    role: str, key: KeyLike, right: str, range_end: KeyLike | None, prefix: bool
) -> Operation[None]:
    """ValueError for an unknown right, or for both kinds of range."""
    if right not in _RIGHTS:
        raise ValueError(f"unknown right: {right!r} (use 'read', 'write' or 'readwrite')")
    first, end = _range(key, range_end, prefix)
    permission = etcdrpc.Permission(permType=_RIGHTS[right], key=first, range_end=end)
    request = etcdrpc.AuthRoleGrantPermissionRequest(name=role, perm=permission)
    return Operation("RoleGrantPermission", request, _nothing)


def role_revoke_permission(
    role: str, key: KeyLike, range_end: KeyLike | None, prefix: bool
) -> Operation[None]:
    """ValueError for both kinds of range."""
    first, end = _range(key, range_end, prefix)
    request = etcdrpc.AuthRoleRevokePermissionRequest(role=role, key=first, range_end=end)
    return Operation("RoleRevokePermission", request, _nothing)


def _range(key: KeyLike, range_end: KeyLike | None, prefix: bool) -> tuple[bytes, bytes]:
    if prefix:
        if range_end is not None:
            raise ValueError("a range ends at range_end or is all keys with a prefix, not both")
        return prefix_range(key)
    return utils.to_bytes(key), utils.to_bytes(range_end or b"")
