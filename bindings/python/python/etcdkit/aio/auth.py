"""Users, roles and permissions for asyncio: the methods of :mod:`etcdkit.auth`, awaitable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from etcdkit import _auth_operations as ops
from etcdkit._auth_operations import AuthStatus, KeyLike, Permission, Right

if TYPE_CHECKING:
    from typing import TypeVar

    from etcdkit._operations import Operation

    T = TypeVar("T")


class AuthMethods:
    """What an asyncio client does about users, roles and permissions."""

    async def _run(self, operation: Operation[T], timeout: float | None = None) -> T:
        raise NotImplementedError

    async def auth_enable(self) -> None:
        """Switches authentication on (RPC AuthEnable). Needs the user root with the role root."""
        await self._run(ops.auth_enable())

    async def auth_disable(self) -> None:
        """Switches authentication off (RPC AuthDisable)."""
        await self._run(ops.auth_disable())

    async def auth_status(self) -> AuthStatus:
        """Whether authentication is on (RPC AuthStatus)."""
        return await self._run(ops.auth_status())

    async def user_add(self, name: str, password: str | None = None) -> None:
        """Adds a user; one without a password logs in by certificate alone (RPC UserAdd)."""
        await self._run(ops.user_add(name, password))

    async def user_delete(self, name: str) -> None:
        """Deletes a user (RPC UserDelete)."""
        await self._run(ops.user_delete(name))

    async def user_change_password(self, name: str, password: str) -> None:
        """Changes a password (RPC UserChangePassword). The user's tokens end."""
        await self._run(ops.user_change_password(name, password))

    async def user_roles(self, name: str) -> list[str]:
        """The roles of a user (RPC UserGet)."""
        return await self._run(ops.user_roles(name))

    async def users(self) -> list[str]:
        """The users (RPC UserList)."""
        return await self._run(ops.users())

    async def user_grant_role(self, user: str, role: str) -> None:
        """Gives a role to a user (RPC UserGrantRole)."""
        await self._run(ops.user_grant_role(user, role))

    async def user_revoke_role(self, user: str, role: str) -> None:
        """Takes a role from a user (RPC UserRevokeRole)."""
        await self._run(ops.user_revoke_role(user, role))

    async def role_add(self, name: str) -> None:
        """Adds a role without permissions (RPC RoleAdd)."""
        await self._run(ops.role_add(name))

    async def role_delete(self, name: str) -> None:
        """Deletes a role (RPC RoleDelete)."""
        await self._run(ops.role_delete(name))

    async def roles(self) -> list[str]:
        """The roles (RPC RoleList)."""
        return await self._run(ops.roles())

    async def role_permissions(self, name: str) -> list[Permission]:
        """The permissions of a role (RPC RoleGet)."""
        return await self._run(ops.role_permissions(name))

    async def role_grant_permission(
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
        await self._run(ops.role_grant_permission(role, key, right, range_end, prefix))

    async def role_revoke_permission(
        self, role: str, key: KeyLike, range_end: KeyLike | None = None, *, prefix: bool = False
    ) -> None:
        """Takes a right from a role; key and range are those of the grant.

        Source: RPC RoleRevokePermission.
        """
        await self._run(ops.role_revoke_permission(role, key, range_end, prefix))
