package io.etcdkit.internal;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.Auth;
import io.etcdkit.ByteSequence;
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
import io.etcdkit.internal.etcdserverpb.AuthDisableRequest;
import io.etcdkit.internal.etcdserverpb.AuthEnableRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleAddRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleDeleteRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleGetRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleGrantPermissionRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleListRequest;
import io.etcdkit.internal.etcdserverpb.AuthRoleRevokePermissionRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserAddRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserChangePasswordRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserDeleteRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserGetRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserGrantRoleRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserListRequest;
import io.etcdkit.internal.etcdserverpb.AuthUserRevokeRoleRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** {@link Auth} on the core. */
final class AuthImpl implements Auth {
    private final Connection connection;

    AuthImpl(Connection connection) {
        this.connection = connection;
    }

    @Override
    public CompletableFuture<AuthEnableResponse> authEnable() {
        return connection.call(
                Methods.AUTH_ENABLE,
                AuthEnableRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.AuthEnableResponse.parser(),
                answer -> new AuthEnableResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthDisableResponse> authDisable() {
        return connection.call(
                Methods.AUTH_DISABLE,
                AuthDisableRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.AuthDisableResponse.parser(),
                answer -> new AuthDisableResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthUserAddResponse> userAdd(
            ByteSequence user, ByteSequence password) {
        return connection.call(
                Methods.AUTH_USER_ADD,
                AuthUserAddRequest.newBuilder()
                        .setName(text(user))
                        .setPassword(text(password))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthUserAddResponse.parser(),
                answer -> new AuthUserAddResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthUserDeleteResponse> userDelete(ByteSequence user) {
        return connection.call(
                Methods.AUTH_USER_DELETE,
                AuthUserDeleteRequest.newBuilder().setName(text(user)).build(),
                io.etcdkit.internal.etcdserverpb.AuthUserDeleteResponse.parser(),
                answer -> new AuthUserDeleteResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthUserChangePasswordResponse> userChangePassword(
            ByteSequence user, ByteSequence password) {
        return connection.call(
                Methods.AUTH_USER_CHANGE_PASSWORD,
                AuthUserChangePasswordRequest.newBuilder()
                        .setName(text(user))
                        .setPassword(text(password))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthUserChangePasswordResponse.parser(),
                answer -> new AuthUserChangePasswordResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthUserGetResponse> userGet(ByteSequence user) {
        return connection.call(
                Methods.AUTH_USER_GET,
                AuthUserGetRequest.newBuilder().setName(text(user)).build(),
                io.etcdkit.internal.etcdserverpb.AuthUserGetResponse.parser(),
                answer ->
                        new AuthUserGetResponse(
                                Responses.header(answer.getHeader()), answer.getRolesList()));
    }

    @Override
    public CompletableFuture<AuthUserListResponse> userList() {
        return connection.call(
                Methods.AUTH_USER_LIST,
                AuthUserListRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.AuthUserListResponse.parser(),
                answer ->
                        new AuthUserListResponse(
                                Responses.header(answer.getHeader()), answer.getUsersList()));
    }

    @Override
    public CompletableFuture<AuthUserGrantRoleResponse> userGrantRole(
            ByteSequence user, ByteSequence role) {
        return connection.call(
                Methods.AUTH_USER_GRANT_ROLE,
                AuthUserGrantRoleRequest.newBuilder()
                        .setUser(text(user))
                        .setRole(text(role))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthUserGrantRoleResponse.parser(),
                answer -> new AuthUserGrantRoleResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthUserRevokeRoleResponse> userRevokeRole(
            ByteSequence user, ByteSequence role) {
        return connection.call(
                Methods.AUTH_USER_REVOKE_ROLE,
                AuthUserRevokeRoleRequest.newBuilder()
                        .setName(text(user))
                        .setRole(text(role))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthUserRevokeRoleResponse.parser(),
                answer -> new AuthUserRevokeRoleResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthRoleAddResponse> roleAdd(ByteSequence role) {
        return connection.call(
                Methods.AUTH_ROLE_ADD,
                AuthRoleAddRequest.newBuilder().setName(text(role)).build(),
                io.etcdkit.internal.etcdserverpb.AuthRoleAddResponse.parser(),
                answer -> new AuthRoleAddResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthRoleGrantPermissionResponse> roleGrantPermission(
            ByteSequence role, ByteSequence key, ByteSequence rangeEnd, Permission.Type permType) {
        return connection.call(
                Methods.AUTH_ROLE_GRANT_PERMISSION,
                AuthRoleGrantPermissionRequest.newBuilder()
                        .setName(text(role))
                        .setPerm(permission(key, rangeEnd, permType))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthRoleGrantPermissionResponse.parser(),
                answer ->
                        new AuthRoleGrantPermissionResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthRoleGetResponse> roleGet(ByteSequence role) {
        return connection.call(
                Methods.AUTH_ROLE_GET,
                AuthRoleGetRequest.newBuilder().setRole(text(role)).build(),
                io.etcdkit.internal.etcdserverpb.AuthRoleGetResponse.parser(),
                answer ->
                        new AuthRoleGetResponse(
                                Responses.header(answer.getHeader()),
                                permissions(answer.getPermList())));
    }

    @Override
    public CompletableFuture<AuthRoleListResponse> roleList() {
        return connection.call(
                Methods.AUTH_ROLE_LIST,
                AuthRoleListRequest.getDefaultInstance(),
                io.etcdkit.internal.etcdserverpb.AuthRoleListResponse.parser(),
                answer ->
                        new AuthRoleListResponse(
                                Responses.header(answer.getHeader()), answer.getRolesList()));
    }

    @Override
    public CompletableFuture<AuthRoleRevokePermissionResponse> roleRevokePermission(
            ByteSequence role, ByteSequence key, ByteSequence rangeEnd) {
        return connection.call(
                Methods.AUTH_ROLE_REVOKE_PERMISSION,
                AuthRoleRevokePermissionRequest.newBuilder()
                        .setRole(text(role))
                        .setKey(Bytes.of(key))
                        .setRangeEnd(Bytes.of(rangeEnd))
                        .build(),
                io.etcdkit.internal.etcdserverpb.AuthRoleRevokePermissionResponse.parser(),
                answer ->
                        new AuthRoleRevokePermissionResponse(Responses.header(answer.getHeader())));
    }

    @Override
    public CompletableFuture<AuthRoleDeleteResponse> roleDelete(ByteSequence role) {
        return connection.call(
                Methods.AUTH_ROLE_DELETE,
                AuthRoleDeleteRequest.newBuilder().setRole(text(role)).build(),
                io.etcdkit.internal.etcdserverpb.AuthRoleDeleteResponse.parser(),
                answer -> new AuthRoleDeleteResponse(Responses.header(answer.getHeader())));
    }

    private static String text(ByteSequence name) {
        return name.toString(UTF_8);
    }

    private static io.etcdkit.internal.authpb.Permission permission(
            ByteSequence key, ByteSequence rangeEnd, Permission.Type type) {
        return io.etcdkit.internal.authpb.Permission.newBuilder()
                .setKey(Bytes.of(key))
                .setRangeEnd(Bytes.of(rangeEnd))
                .setPermType(type(type))
                .build();
    }

    private static List<Permission> permissions(
            List<io.etcdkit.internal.authpb.Permission> messages) {
        List<Permission> permissions = new ArrayList<>(messages.size());
        for (io.etcdkit.internal.authpb.Permission message : messages) {
            permissions.add(
                    new Permission(
                            type(message.getPermType()),
                            Bytes.of(message.getKey()),
                            Bytes.of(message.getRangeEnd())));
        }
        return permissions;
    }

    private static io.etcdkit.internal.authpb.Permission.Type type(Permission.Type type) {
        switch (type) {
            case READ:
                return io.etcdkit.internal.authpb.Permission.Type.READ;
            case WRITE:
                return io.etcdkit.internal.authpb.Permission.Type.WRITE;
            case READWRITE:
                return io.etcdkit.internal.authpb.Permission.Type.READWRITE;
            default:
                throw new IllegalArgumentException("a permission is READ, WRITE or READWRITE");
        }
    }

    private static Permission.Type type(io.etcdkit.internal.authpb.Permission.Type type) {
        switch (type) {
            case READ:
                return Permission.Type.READ;
            case WRITE:
                return Permission.Type.WRITE;
            case READWRITE:
                return Permission.Type.READWRITE;
            default:
                return Permission.Type.UNRECOGNIZED;
        }
    }
}
