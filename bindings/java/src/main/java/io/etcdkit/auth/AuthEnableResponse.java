package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that authentication is on. */
public class AuthEnableResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthEnableResponse(Header header) {
        super(header);
    }
}
