package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the user has the role. */
public class AuthUserGrantRoleResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthUserGrantRoleResponse(Header header) {
        super(header);
    }
}
