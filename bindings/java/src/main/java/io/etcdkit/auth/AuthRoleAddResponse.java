package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the role exists. */
public class AuthRoleAddResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthRoleAddResponse(Header header) {
        super(header);
    }
}
