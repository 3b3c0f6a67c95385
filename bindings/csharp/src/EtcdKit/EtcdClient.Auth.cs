using System;
using System.Threading;
using System.Threading.Tasks;
using EtcdKit.Grpc;
using Etcdserverpb;

namespace EtcdKit;

// Users, roles and permissions.
public partial class EtcdClient
{
    /// <inheritdoc/>
    public AuthenticateResponse Authenticate(
        AuthenticateRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.Authenticate(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthenticateResponse> AuthenticateAsync(
        AuthenticateRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthenticateAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthEnableResponse AuthEnable(
        AuthEnableRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthEnable(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthEnableResponse> AuthEnableAsync(
        AuthEnableRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthEnableAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthDisableResponse AuthDisable(
        AuthDisableRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthDisable(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthDisableResponse> AuthDisableAsync(
        AuthDisableRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthDisableAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <summary>Tells whether authentication is on. RPC: Auth.AuthStatus.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public AuthStatusResponse AuthStatus(
        AuthStatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthStatus(Required(request), headers, deadline, cancellationToken);

    /// <summary>Tells whether authentication is on. RPC: Auth.AuthStatus.</summary>
    /// <param name="request">The request.</param>
    /// <param name="headers">Headers of the call; a <c>token</c> makes it as that token's user.</param>
    /// <param name="deadline">When the call is given up, in UTC; none is the client's default.</param>
    /// <param name="cancellationToken">Cancels the call, down to the server.</param>
    public Task<AuthStatusResponse> AuthStatusAsync(
        AuthStatusRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.AuthStatusAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserAddResponse UserAdd(
        AuthUserAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserAdd(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserAddResponse> UserAddAsync(
        AuthUserAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserAddAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserGetResponse UserGet(
        AuthUserGetRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserGet(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserGetResponse> UserGetAsync(
        AuthUserGetRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserGetAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserListResponse UserList(
        AuthUserListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserList(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserListResponse> UserListAsync(
        AuthUserListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserListAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserDeleteResponse UserDelete(
        AuthUserDeleteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserDelete(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserDeleteResponse> UserDeleteAsync(
        AuthUserDeleteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserDeleteAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserChangePasswordResponse UserChangePassword(
        AuthUserChangePasswordRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserChangePassword(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserChangePasswordResponse> UserChangePasswordAsync(
        AuthUserChangePasswordRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserChangePasswordAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserGrantRoleResponse UserGrantRole(
        AuthUserGrantRoleRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserGrantRole(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserGrantRoleResponse> UserGrantRoleAsync(
        AuthUserGrantRoleRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserGrantRoleAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthUserRevokeRoleResponse UserRevokeRole(
        AuthUserRevokeRoleRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserRevokeRole(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthUserRevokeRoleResponse> UserRevokeRoleAsync(
        AuthUserRevokeRoleRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.UserRevokeRoleAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleAddResponse RoleAdd(
        AuthRoleAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleAdd(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleAddResponse> RoleAddAsync(
        AuthRoleAddRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleAddAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleGetResponse RoleGet(
        AuthRoleGetRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleGet(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleGetResponse> RoleGetAsync(
        AuthRoleGetRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleGetAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleListResponse RoleList(
        AuthRoleListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleList(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleListResponse> RoleListAsync(
        AuthRoleListRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleListAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleDeleteResponse RoleDelete(
        AuthRoleDeleteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleDelete(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleDeleteResponse> RoleDeleteAsync(
        AuthRoleDeleteRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleDeleteAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleGrantPermissionResponse RoleGrantPermission(
        AuthRoleGrantPermissionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleGrantPermission(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleGrantPermissionResponse> RoleGrantPermissionAsync(
        AuthRoleGrantPermissionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleGrantPermissionAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;

    /// <inheritdoc/>
    public AuthRoleRevokePermissionResponse RoleRevokePermission(
        AuthRoleRevokePermissionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleRevokePermission(Required(request), headers, deadline, cancellationToken);

    /// <inheritdoc/>
    public Task<AuthRoleRevokePermissionResponse> RoleRevokePermissionAsync(
        AuthRoleRevokePermissionRequest request,
        Metadata? headers = null,
        DateTime? deadline = null,
        CancellationToken cancellationToken = default) =>
        _connection.AuthClient.RoleRevokePermissionAsync(Required(request), headers, deadline, cancellationToken).ResponseAsync;
}
