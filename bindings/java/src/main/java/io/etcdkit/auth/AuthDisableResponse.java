package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that authentication is off. */
public class AuthDisableResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthDisableResponse(Header header) {
        super(header);
    }
}
