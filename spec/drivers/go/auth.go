package main

import (
	"context"
	"fmt"
	"strings"

	clientv3 "github.com/etcdkit/etcdkit/bindings/go"
)

// administer manages users, roles and rights.
func administer(ctx context.Context, client *connection, request *line) (answer, error) {
	do, _ := request.text("do")
	user, _ := request.text("user")
	password, _ := request.text("password")
	role, _ := request.text("role")
	var err error
	switch do {
	case "user_add":
		_, err = client.UserAdd(ctx, user, password)
	case "user_delete":
		_, err = client.UserDelete(ctx, user)
	case "user_password":
		_, err = client.UserChangePassword(ctx, user, password)
	case "user_grant":
		_, err = client.UserGrantRole(ctx, user, role)
	case "user_revoke":
		_, err = client.UserRevokeRole(ctx, user, role)
	case "role_add":
		_, err = client.RoleAdd(ctx, role)
	case "role_delete":
		_, err = client.RoleDelete(ctx, role)
	case "role_grant":
		err = grantRight(ctx, client, role, request)
	case "role_revoke":
		_, err = client.RoleRevokePermission(ctx, role, request.data("key"), request.data("end"))
	case "enable":
		_, err = client.AuthEnable(ctx)
	case "disable":
		_, err = client.AuthDisable(ctx)
	default:
		return listed(ctx, client, do, user, role)
	}
	if err != nil {
		return nil, err
	}
	return answer{}, nil
}

func grantRight(ctx context.Context, client *connection, role string, request *line) error {
	right, _ := request.text("right")
	kind, err := clientv3.StrToPermissionType(right)
	if err != nil {
		return err
	}
	_, err = client.RoleGrantPermission(ctx, role, request.data("key"), request.data("end"), kind)
	return err
}

func listed(ctx context.Context, client *connection, what, user, role string) (answer, error) {
	switch what {
	case "users":
		response, err := client.UserList(ctx)
		if err != nil {
			return nil, err
		}
		return names(".user", response.Users), nil
	case "roles":
		response, err := client.RoleList(ctx)
		if err != nil {
			return nil, err
		}
		return names(".role", response.Roles), nil
	case "user_get":
		response, err := client.UserGet(ctx, user)
		if err != nil {
			return nil, err
		}
		return names(".role", response.Roles), nil
	case "role_get":
		response, err := client.RoleGet(ctx, role)
		if err != nil {
			return nil, err
		}
		var rights []string
		for _, perm := range response.Perm {
			kind := strings.ToLower(perm.PermType.String())
			rights = append(rights, fmt.Sprintf("%s:%x:%x", kind, perm.Key, perm.RangeEnd))
		}
		return names(".right", rights), nil
	default:
		return nil, errUnsupported
	}
}

func names(field string, names []string) answer {
	told := answer{}.with("count", len(names))
	for _, name := range names {
		told = told.with(field, name)
	}
	return told
}
