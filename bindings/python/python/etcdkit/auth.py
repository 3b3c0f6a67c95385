"""Users, roles and permissions.

The clients inherit these methods: ``client.user_add("ann", "secret")``. A change is for users with
the role ``root``; RpcError with the code PERMISSION_DENIED tells everybody else so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdkit import _auth_operations as ops
from etcdkit._auth_operations import AuthStatus, KeyLike, Permission, Right

if TYPE_CHECKING:
    from typing import TypeVar

    from etcdkit._operations import Operation

    T = TypeVar("T")

__all__ = ["AuthMethods", "AuthStatus", "Permission", "Right"]


class AuthMethods:
    """What a client does about users, roles and permissions."""

    def _run(self, operation: Operation[T], timeout: float | None = None) -> T:
        raise NotImplementedError

    def auth_enable(self) -> None:
        """Switches authentication on (RPC AuthEnable). Needs the user root with the role root."""
        self._run(ops.auth_enable())

    def auth_disable(self) -> None:
        """Switches authentication off (RPC AuthDisable)."""
        self._run(ops.auth_disable())

    def auth_status(self) -> AuthStatus:
        """Whether authentication is on (RPC AuthStatus)."""
        return self._run(ops.auth_status())

    def user_add(self, name: str, password: str | None = None) -> None:
        """Adds a user; one without a password logs in by certificate alone (RPC UserAdd)."""
        self._run(ops.user_add(name, password))

    def user_delete(self, name: str) -> None:
        """Deletes a user (RPC UserDelete)."""
        self._run(ops.user_delete(name))

    def user_change_password(self, name: str, password: str) -> None:
        """Changes a password (RPC UserChangePassword). The user's tokens end."""
        self._run(ops.user_change_password(name, password))

    def user_roles(self, name: str) -> list[str]:
        """The roles of a user (RPC UserGet)."""
        return self._run(ops.user_roles(name))

    def users(self) -> list[str]:
        """The users (RPC UserList)."""
        return self._run(ops.users())

    def user_grant_role(self, user: str, role: str) -> None:
        """Gives a role to a user (RPC UserGrantRole)."""
        self._run(ops.user_grant_role(user, role))

    def user_revoke_role(self, user: str, role: str) -> None:
        """Takes a role from a user (RPC UserRevokeRole)."""
        self._run(ops.user_revoke_role(user, role))

    def role_add(self, name: str) -> None:
        """Adds a role without permissions (RPC RoleAdd)."""
        self._run(ops.role_add(name))

    def role_delete(self, name: str) -> None:
        """Deletes a role (RPC RoleDelete)."""
        self._run(ops.role_delete(name))

    def roles(self) -> list[str]:
        """The roles (RPC RoleList)."""
        return self._run(ops.roles())

    def role_permissions(self, name: str) -> list[Permission]:
        """The permissions of a role (RPC RoleGet)."""
        return self._run(ops.role_permissions(name))

    def role_grant_permission(
        self,
        role: str,
        key: KeyLike,
        right: Right = "readwrite",
        range_end: KeyLike | None = None,
        *,
        prefix: bool = False,
    ) -> None:
        """Gives a role a right on a key, on ``[key, range_end)`` or on all keys with a prefix.

        Source: RPC RoleGrantPermission. ValueError for an unknown right, or for both kinds of range.
        """
        self._run(ops.role_grant_permission(role, key, right, range_end, prefix))

    def role_revoke_permission(
        self, role: str, key: KeyLike, range_end: KeyLike | None = None, *, prefix: bool = False
    ) -> None:
        """Takes a right from a role; key and range are those of the grant.

        Source: RPC RoleRevokePermission.
        """
        self._run(ops.role_revoke_permission(role, key, range_end, prefix))
