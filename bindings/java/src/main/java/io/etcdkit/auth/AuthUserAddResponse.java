package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the user exists. */
public class AuthUserAddResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthUserAddResponse(Header header) {
        super(header);
    }
}
