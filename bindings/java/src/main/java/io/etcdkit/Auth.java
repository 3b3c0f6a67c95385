package io.etcdkit;

import io.etcdkit.auth.AuthDisableResponse;
import io.etcdkit.auth.AuthEnableResponse;
import io.etcdkit.auth.AuthRoleAddResponse;
import io.etcdkit.auth.AuthRoleDeleteResponse;
import io.etcdkit.auth.AuthRoleGetResponse;
import io.etcdkit.auth.AuthRoleGrantPermissionResponse;
import io.etcdkit.auth.AuthRoleListResponse;
import io.etcdkit.auth.AuthRoleRevokePermissionResponse;
import io.etcdkit.auth.AuthUserAddResponse;
import io.etcdkit.auth.AuthUserChangePasswordResponse;
import io.etcdkit.auth.AuthUserDeleteResponse;
import io.etcdkit.auth.AuthUserGetResponse;
import io.etcdkit.auth.AuthUserGrantRoleResponse;
import io.etcdkit.auth.AuthUserListResponse;
import io.etcdkit.auth.AuthUserRevokeRoleResponse;
import io.etcdkit.auth.Permission;
import io.etcdkit.support.CloseableClient;
import java.util.concurrent.CompletableFuture;

/** Users, roles and what they may do. Safe for use by many threads. */
public interface Auth extends CloseableClient {
    /**
     * Switches authentication on (RPC Auth.AuthEnable). There must be a user root with the role
     * root.
     *
     * @return the answer
     */
    CompletableFuture<AuthEnableResponse> authEnable();

    /**
     * Switches authentication off (RPC Auth.AuthDisable).
     *
     * @return the answer
     */
    CompletableFuture<AuthDisableResponse> authDisable();

    /**
     * Makes a user (RPC Auth.UserAdd).
     *
     * @param user the name of the user
     * @param password the password
     * @return the answer
     */
    CompletableFuture<AuthUserAddResponse> userAdd(ByteSequence user, ByteSequence password);

    /**
     * Removes a user (RPC Auth.UserDelete).
     *
     * @param user the name of the user
     * @return the answer
     */
    CompletableFuture<AuthUserDeleteResponse> userDelete(ByteSequence user);

    /**
     * Changes a password (RPC Auth.UserChangePassword).
     *
     * @param user the name of the user
     * @param password the password
     * @return the answer
     */
    CompletableFuture<AuthUserChangePasswordResponse> userChangePassword(
            ByteSequence user, ByteSequence password);

    /**
     * Tells the roles of a user (RPC Auth.UserGet).
     *
     * @param user the name of the user
     * @return the answer
     */
    CompletableFuture<AuthUserGetResponse> userGet(ByteSequence user);

    /**
     * Lists the users (RPC Auth.UserList).
     *
     * @return the answer
     */
    CompletableFuture<AuthUserListResponse> userList();

    /**
     * Gives a role to a user (RPC Auth.UserGrantRole).
     *
     * @param user the name of the user
     * @param role the name of the role
     * @return the answer
     */
    CompletableFuture<AuthUserGrantRoleResponse> userGrantRole(
            ByteSequence user, ByteSequence role);

    /**
     * Takes a role from a user (RPC Auth.UserRevokeRole).
     *
     * @param user the name of the user
     * @param role the name of the role
     * @return the answer
     */
    CompletableFuture<AuthUserRevokeRoleResponse> userRevokeRole(
            ByteSequence user, ByteSequence role);

    /**
     * Makes a role (RPC Auth.RoleAdd).
     *
     * @param role the name of the role
     * @return the answer
     */
    CompletableFuture<AuthRoleAddResponse> roleAdd(ByteSequence role);

    /**
     * Allows something to a role (RPC Auth.RoleGrantPermission).
     *
     * @param role the name of the role
     * @param key the key, or the first one of the range
     * @param rangeEnd the end of the range; empty for one key
     * @param permType what is allowed
     * @return the answer
     */
    CompletableFuture<AuthRoleGrantPermissionResponse> roleGrantPermission(
            ByteSequence role, ByteSequence key, ByteSequence rangeEnd, Permission.Type permType);

    /**
     * Tells what a role may do (RPC Auth.RoleGet).
     *
     * @param role the name of the role
     * @return the answer
     */
    CompletableFuture<AuthRoleGetResponse> roleGet(ByteSequence role);

    /**
     * Lists the roles (RPC Auth.RoleList).
     *
     * @return the answer
     */
    CompletableFuture<AuthRoleListResponse> roleList();

    /**
     * Takes a permission from a role (RPC Auth.RoleRevokePermission).
     *
     * @param role the name of the role
     * @param key the key, or the first one of the range
     * @param rangeEnd the end of the range; empty for one key
     * @return the answer
     */
    CompletableFuture<AuthRoleRevokePermissionResponse> roleRevokePermission(
            ByteSequence role, ByteSequence key, ByteSequence rangeEnd);

    /**
     * Removes a role (RPC Auth.RoleDelete).
     *
     * @param role the name of the role
     * @return the answer
     */
    CompletableFuture<AuthRoleDeleteResponse> roleDelete(ByteSequence role);
}
