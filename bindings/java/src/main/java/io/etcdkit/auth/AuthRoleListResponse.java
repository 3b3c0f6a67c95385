package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** The roles. */
public class AuthRoleListResponse extends AbstractResponse {
    private final List<String> roles;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param roles the names of the roles
     */
    public AuthRoleListResponse(Header header, List<String> roles) {
        super(header);
        this.roles = List.copyOf(roles);
    }

    /** {@return the names of the roles} */
    public List<String> getRoles() {
        return roles;
    }
}
