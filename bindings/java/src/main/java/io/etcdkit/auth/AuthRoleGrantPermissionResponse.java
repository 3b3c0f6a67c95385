package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the permission is granted. */
public class AuthRoleGrantPermissionResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthRoleGrantPermissionResponse(Header header) {
        super(header);
    }
}
