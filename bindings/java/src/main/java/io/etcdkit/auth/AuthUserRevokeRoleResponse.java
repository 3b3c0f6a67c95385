package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the user has lost the role. */
public class AuthUserRevokeRoleResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthUserRevokeRoleResponse(Header header) {
        super(header);
    }
}
