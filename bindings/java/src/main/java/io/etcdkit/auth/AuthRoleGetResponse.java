package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** What a role may do. */
public class AuthRoleGetResponse extends AbstractResponse {
    private final List<Permission> permissions;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param permissions the permissions of the role
     */
    public AuthRoleGetResponse(Header header, List<Permission> permissions) {
        super(header);
        this.permissions = List.copyOf(permissions);
    }

    /** {@return the permissions of the role} */
    public List<Permission> getPermissions() {
        return permissions;
    }
}
