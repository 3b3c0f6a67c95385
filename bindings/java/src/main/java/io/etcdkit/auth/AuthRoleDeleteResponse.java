package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the role is gone. */
public class AuthRoleDeleteResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthRoleDeleteResponse(Header header) {
        super(header);
    }
}
