package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the user is gone. */
public class AuthUserDeleteResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthUserDeleteResponse(Header header) {
        super(header);
    }
}
