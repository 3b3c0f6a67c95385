package clientv3

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"

	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

type (
	// AuthEnableResponse is the answer to AuthEnable.
	AuthEnableResponse pb.AuthEnableResponse
	// AuthDisableResponse is the answer to AuthDisable.
	AuthDisableResponse pb.AuthDisableResponse
	// AuthStatusResponse is the answer to AuthStatus.
	AuthStatusResponse pb.AuthStatusResponse
	// AuthenticateResponse is the answer to Authenticate.
	AuthenticateResponse pb.AuthenticateResponse
	// AuthUserAddResponse is the answer to UserAdd.
	AuthUserAddResponse pb.AuthUserAddResponse
	// AuthUserDeleteResponse is the answer to UserDelete.
	AuthUserDeleteResponse pb.AuthUserDeleteResponse
	// AuthUserChangePasswordResponse is the answer to UserChangePassword.
	AuthUserChangePasswordResponse pb.AuthUserChangePasswordResponse
	// AuthUserGrantRoleResponse is the answer to UserGrantRole.
	AuthUserGrantRoleResponse pb.AuthUserGrantRoleResponse
	// AuthUserGetResponse is the answer to UserGet.
	AuthUserGetResponse pb.AuthUserGetResponse
	// AuthUserRevokeRoleResponse is the answer to UserRevokeRole.
	AuthUserRevokeRoleResponse pb.AuthUserRevokeRoleResponse
	// AuthRoleAddResponse is the answer to RoleAdd.
	AuthRoleAddResponse pb.AuthRoleAddResponse
	// AuthRoleGrantPermissionResponse is the answer to RoleGrantPermission.
	AuthRoleGrantPermissionResponse pb.AuthRoleGrantPermissionResponse
	// AuthRoleGetResponse is the answer to RoleGet.
	AuthRoleGetResponse pb.AuthRoleGetResponse
	// AuthRoleRevokePermissionResponse is the answer to RoleRevokePermission.
	AuthRoleRevokePermissionResponse pb.AuthRoleRevokePermissionResponse
	// AuthRoleDeleteResponse is the answer to RoleDelete.
	AuthRoleDeleteResponse pb.AuthRoleDeleteResponse
	// AuthUserListResponse is the answer to UserList.
	AuthUserListResponse pb.AuthUserListResponse
	// AuthRoleListResponse is the answer to RoleList.
	AuthRoleListResponse pb.AuthRoleListResponse

	// PermissionType is what a permission allows.
	PermissionType authpb.Permission_Type
	// Permission is the right of a role to a range of keys.
	Permission authpb.Permission
)

// What a permission allows.
const (
	PermRead      = authpb.Permission_READ
	PermWrite     = authpb.Permission_WRITE
	PermReadWrite = authpb.Permission_READWRITE
)

// UserAddOptions says how a user logs in.
type UserAddOptions authpb.UserAddOptions

// StrToPermissionType reads "read", "write" or "readwrite".
func StrToPermissionType(s string) (PermissionType, error) {
	value, known := authpb.Permission_Type_value[strings.ToUpper(s)]
	if !known {
		return -1, fmt.Errorf("invalid permission type: %s", s)
	}
	return PermissionType(value), nil
}

// Auth administers users and roles (etcdserverpb.Auth).
type Auth interface {
	// Authenticate logs in and returns a token. A client with Config.Username does so by itself.
	Authenticate(ctx context.Context, name string, password string) (*AuthenticateResponse, error)
	// AuthEnable turns authentication on; it needs a user root with the role root.
	AuthEnable(ctx context.Context) (*AuthEnableResponse, error)
	// AuthDisable turns authentication off.
	AuthDisable(ctx context.Context) (*AuthDisableResponse, error)
	// AuthStatus tells whether authentication is on.
	AuthStatus(ctx context.Context) (*AuthStatusResponse, error)
	// UserAdd adds a user with a password.
	UserAdd(ctx context.Context, name string, password string) (*AuthUserAddResponse, error)
	// UserAddWithOptions adds a user, possibly one without a password.
	UserAddWithOptions(ctx context.Context, name string, password string, opt *UserAddOptions) (*AuthUserAddResponse, error)
	// UserDelete deletes a user.
	UserDelete(ctx context.Context, name string) (*AuthUserDeleteResponse, error)
	// UserChangePassword sets a new password.
	UserChangePassword(ctx context.Context, name string, password string) (*AuthUserChangePasswordResponse, error)
	// UserGrantRole gives a role to a user.
	UserGrantRole(ctx context.Context, user string, role string) (*AuthUserGrantRoleResponse, error)
	// UserGet tells the roles of a user.
	UserGet(ctx context.Context, name string) (*AuthUserGetResponse, error)
	// UserList lists the users.
	UserList(ctx context.Context) (*AuthUserListResponse, error)
	// UserRevokeRole takes a role from a user.
	UserRevokeRole(ctx context.Context, name string, role string) (*AuthUserRevokeRoleResponse, error)
	// RoleAdd adds a role.
	RoleAdd(ctx context.Context, name string) (*AuthRoleAddResponse, error)
	// RoleGrantPermission gives a role the right to a key, or to a range of keys.
	RoleGrantPermission(ctx context.Context, name string, key, rangeEnd string, permType PermissionType) (*AuthRoleGrantPermissionResponse, error)
	// RoleGet tells the permissions of a role.
	RoleGet(ctx context.Context, role string) (*AuthRoleGetResponse, error)
	// RoleList lists the roles.
	RoleList(ctx context.Context) (*AuthRoleListResponse, error)
	// RoleRevokePermission takes the right to a key or a range from a role.
	RoleRevokePermission(ctx context.Context, role string, key, rangeEnd string) (*AuthRoleRevokePermissionResponse, error)
	// RoleDelete deletes a role.
	RoleDelete(ctx context.Context, role string) (*AuthRoleDeleteResponse, error)
}

type auth struct {
	remote  pb.AuthClient
	options []grpc.CallOption
}

// NewAuth is the auth service of a client.
func NewAuth(c *Client) Auth { return NewAuthFromAuthClient(RetryAuthClient(c), c) }

// NewAuthFromAuthClient is the auth service over any client of its RPCs.
func NewAuthFromAuthClient(remote pb.AuthClient, _ *Client) Auth { return &auth{remote: remote} }

func (a *auth) Authenticate(ctx context.Context, name string, password string) (*AuthenticateResponse, error) {
	response, err := a.remote.Authenticate(ctx, &pb.AuthenticateRequest{Name: name, Password: password}, a.options...)
	return (*AuthenticateResponse)(response), ContextError(ctx, err)
}

func (a *auth) AuthEnable(ctx context.Context) (*AuthEnableResponse, error) {
	response, err := a.remote.AuthEnable(ctx, &pb.AuthEnableRequest{}, a.options...)
	return (*AuthEnableResponse)(response), ContextError(ctx, err)
}

func (a *auth) AuthDisable(ctx context.Context) (*AuthDisableResponse, error) {
	response, err := a.remote.AuthDisable(ctx, &pb.AuthDisableRequest{}, a.options...)
	return (*AuthDisableResponse)(response), ContextError(ctx, err)
}

func (a *auth) AuthStatus(ctx context.Context) (*AuthStatusResponse, error) {
	response, err := a.remote.AuthStatus(ctx, &pb.AuthStatusRequest{}, a.options...)
	return (*AuthStatusResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserAdd(ctx context.Context, name string, password string) (*AuthUserAddResponse, error) {
	response, err := a.remote.UserAdd(ctx, &pb.AuthUserAddRequest{Name: name, Password: password, Options: &authpb.UserAddOptions{}}, a.options...)
	return (*AuthUserAddResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserAddWithOptions(ctx context.Context, name string, password string, opt *UserAddOptions) (*AuthUserAddResponse, error) {
	response, err := a.remote.UserAdd(ctx, &pb.AuthUserAddRequest{Name: name, Password: password, Options: (*authpb.UserAddOptions)(opt)}, a.options...)
	return (*AuthUserAddResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserDelete(ctx context.Context, name string) (*AuthUserDeleteResponse, error) {
	response, err := a.remote.UserDelete(ctx, &pb.AuthUserDeleteRequest{Name: name}, a.options...)
	return (*AuthUserDeleteResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserChangePassword(ctx context.Context, name string, password string) (*AuthUserChangePasswordResponse, error) {
	response, err := a.remote.UserChangePassword(ctx, &pb.AuthUserChangePasswordRequest{Name: name, Password: password}, a.options...)
	return (*AuthUserChangePasswordResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserGrantRole(ctx context.Context, user string, role string) (*AuthUserGrantRoleResponse, error) {
	response, err := a.remote.UserGrantRole(ctx, &pb.AuthUserGrantRoleRequest{User: user, Role: role}, a.options...)
	return (*AuthUserGrantRoleResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserGet(ctx context.Context, name string) (*AuthUserGetResponse, error) {
	response, err := a.remote.UserGet(ctx, &pb.AuthUserGetRequest{Name: name}, a.options...)
	return (*AuthUserGetResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserList(ctx context.Context) (*AuthUserListResponse, error) {
	response, err := a.remote.UserList(ctx, &pb.AuthUserListRequest{}, a.options...)
	return (*AuthUserListResponse)(response), ContextError(ctx, err)
}

func (a *auth) UserRevokeRole(ctx context.Context, name string, role string) (*AuthUserRevokeRoleResponse, error) {
	response, err := a.remote.UserRevokeRole(ctx, &pb.AuthUserRevokeRoleRequest{Name: name, Role: role}, a.options...)
	return (*AuthUserRevokeRoleResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleAdd(ctx context.Context, name string) (*AuthRoleAddResponse, error) {
	response, err := a.remote.RoleAdd(ctx, &pb.AuthRoleAddRequest{Name: name}, a.options...)
	return (*AuthRoleAddResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleGrantPermission(ctx context.Context, name string, key, rangeEnd string, permType PermissionType) (*AuthRoleGrantPermissionResponse, error) {
	permission := &authpb.Permission{Key: []byte(key), RangeEnd: []byte(rangeEnd), PermType: authpb.Permission_Type(permType)}
	response, err := a.remote.RoleGrantPermission(ctx, &pb.AuthRoleGrantPermissionRequest{Name: name, Perm: permission}, a.options...)
	return (*AuthRoleGrantPermissionResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleGet(ctx context.Context, role string) (*AuthRoleGetResponse, error) {
	response, err := a.remote.RoleGet(ctx, &pb.AuthRoleGetRequest{Role: role}, a.options...)
	return (*AuthRoleGetResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleList(ctx context.Context) (*AuthRoleListResponse, error) {
	response, err := a.remote.RoleList(ctx, &pb.AuthRoleListRequest{}, a.options...)
	return (*AuthRoleListResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleRevokePermission(ctx context.Context, role string, key, rangeEnd string) (*AuthRoleRevokePermissionResponse, error) {
	response, err := a.remote.RoleRevokePermission(ctx, &pb.AuthRoleRevokePermissionRequest{Role: role, Key: []byte(key), RangeEnd: []byte(rangeEnd)}, a.options...)
	return (*AuthRoleRevokePermissionResponse)(response), ContextError(ctx, err)
}

func (a *auth) RoleDelete(ctx context.Context, role string) (*AuthRoleDeleteResponse, error) {
	response, err := a.remote.RoleDelete(ctx, &pb.AuthRoleDeleteRequest{Role: role}, a.options...)
	return (*AuthRoleDeleteResponse)(response), ContextError(ctx, err)
}
