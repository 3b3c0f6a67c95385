import static java.nio.charset.StandardCharsets.UTF_8;

import io.etcdkit.Auth;
import io.etcdkit.ByteSequence;
import io.etcdkit.auth.Permission;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;

/** Users, roles and rights. */
final class Administration {
    private final Line line;
    private final Auth auth;

    Administration(Line line, Auth auth) {
        this.line = line;
        this.auth = auth;
    }

    String perform() throws Exception {
        switch (line.text("do")) {
            case "users":
                return names(".user", auth.userList().get().getUsers());
            case "user_get":
                return names(".role", auth.userGet(text("user")).get().getRoles());
            case "roles":
                return names(".role", auth.roleList().get().getRoles());
            case "role_get":
                List<String> rights = new ArrayList<>();
                for (Permission right : auth.roleGet(text("role")).get().getPermissions()) {
                    String kind = right.getPermType().name().toLowerCase(Locale.ROOT);
                    String range = Hex.text(right.getKey()) + ":" + Hex.text(right.getRangeEnd());
                    rights.add(kind + ":" + range);
                }
                return names(".right", rights);
            default:
                change(line.text("do")).get();
                return line.ok();
        }
    }

    private CompletableFuture<?> change(String what) {
        switch (what) {
            case "user_add":
                return auth.userAdd(text("user"), text("password"));
            case "user_delete":
                return auth.userDelete(text("user"));
            case "user_password":
                return auth.userChangePassword(text("user"), text("password"));
            case "user_grant":
                return auth.userGrantRole(text("user"), text("role"));
            case "user_revoke":
                return auth.userRevokeRole(text("user"), text("role"));
            case "role_add":
                return auth.roleAdd(text("role"));
            case "role_delete":
                return auth.roleDelete(text("role"));
            case "role_grant":
                String kind = line.text("right").toUpperCase(Locale.ROOT);
                Permission.Type right = Permission.Type.valueOf(kind);
                return auth.roleGrantPermission(text("role"), line.bytes("key"), end(), right);
            case "role_revoke":
                return auth.roleRevokePermission(text("role"), line.bytes("key"), end());
            case "enable":
                return auth.authEnable();
            case "disable":
                return auth.authDisable();
            default:
                throw new IllegalArgumentException("auth cannot " + what);
        }
    }

    private ByteSequence text(String name) {
        return ByteSequence.from(line.text(name), UTF_8);
    }

    private ByteSequence end() {
        return line.has("end") ? line.bytes("end") : ByteSequence.EMPTY;
    }

    private String names(String field, List<String> names) {
        List<String> parts = new ArrayList<>();
        parts.add("count=" + names.size());
        names.forEach(name -> parts.add(field + "=" + name));
        return line.ok(parts.toArray(String[]::new));
    }
}
