package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the password is changed. */
public class AuthUserChangePasswordResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthUserChangePasswordResponse(Header header) {
        super(header);
    }
}
