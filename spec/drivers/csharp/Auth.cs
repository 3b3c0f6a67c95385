using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Authpb;
using Etcdserverpb;

namespace EtcdKit.SpecDriver;

// Users, roles and rights.
internal sealed partial class Driver
{
    private static async Task<IEnumerable<string>> AuthAsync(Line line, EtcdClient client, CancellationToken cancel)
    {
        string Text(string name) => line.Has(name) ? line.Text(name) : "";
        var (user, password, role) = (Text("user"), Text("password"), Text("role"));
        switch (line.Text("do"))
        {
            case "user_add":
                await client.UserAddAsync(new AuthUserAddRequest { Name = user, Password = password }, cancellationToken: cancel);
                return [];
            case "user_delete":
                await client.UserDeleteAsync(new AuthUserDeleteRequest { Name = user }, cancellationToken: cancel);
                return [];
            case "user_password":
                var change = new AuthUserChangePasswordRequest { Name = user, Password = password };
                await client.UserChangePasswordAsync(change, cancellationToken: cancel);
                return [];
            case "user_grant":
                await client.UserGrantRoleAsync(new AuthUserGrantRoleRequest { User = user, Role = role }, cancellationToken: cancel);
                return [];
            case "user_revoke":
                await client.UserRevokeRoleAsync(new AuthUserRevokeRoleRequest { Name = user, Role = role }, cancellationToken: cancel);
                return [];
            case "user_get":
                return Names(".role", (await client.UserGetAsync(new AuthUserGetRequest { Name = user }, cancellationToken: cancel)).Roles);
            case "users":
                return Names(".user", (await client.UserListAsync(new AuthUserListRequest(), cancellationToken: cancel)).Users);
            case "enable":
                await client.AuthEnableAsync(new AuthEnableRequest(), cancellationToken: cancel);
                return [];
            case "disable":
                await client.AuthDisableAsync(new AuthDisableRequest(), cancellationToken: cancel);
                return [];
            default:
                return await RoleAsync(line, role, client, cancel);
        }
    }

    private static async Task<IEnumerable<string>> RoleAsync(Line line, string role, EtcdClient client, CancellationToken cancel)
    {
        switch (line.Text("do"))
        {
            case "role_add":
                await client.RoleAddAsync(new AuthRoleAddRequest { Name = role }, cancellationToken: cancel);
                return [];
            case "role_delete":
                await client.RoleDeleteAsync(new AuthRoleDeleteRequest { Role = role }, cancellationToken: cancel);
                return [];
            case "role_grant":
                var kind = Enum.Parse<Permission.Types.Type>(line.Text("right"), ignoreCase: true);
                var right = new Permission { PermType = kind, Key = line.Data("key"), RangeEnd = line.Data("end") };
                var grant = new AuthRoleGrantPermissionRequest { Name = role, Perm = right };
                await client.RoleGrantPermissionAsync(grant, cancellationToken: cancel);
                return [];
            case "role_revoke":
                var revoke = new AuthRoleRevokePermissionRequest { Role = role, Key = line.Data("key"), RangeEnd = line.Data("end") };
                await client.RoleRevokePermissionAsync(revoke, cancellationToken: cancel);
                return [];
            case "role_get":
                var found = await client.RoleGetAsync(new AuthRoleGetRequest { Role = role }, cancellationToken: cancel);
                return Names(".right", found.Perm.Select(Right));
            case "roles":
                return Names(".role", (await client.RoleListAsync(new AuthRoleListRequest(), cancellationToken: cancel)).Roles);
            default:
                throw new NotSupportedException();
        }
    }

    private static string Right(Permission right) =>
        $"{right.PermType.ToString().ToLowerInvariant()}:{Line.Hex(right.Key)}:{Line.Hex(right.RangeEnd)}";

    private static IEnumerable<string> Names(string field, IEnumerable<string> names)
    {
        var all = names.ToList();
        return all.Select(name => $"{field}={name}").Prepend($"count={all.Count}");
    }
}
