package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;

/** The answer that the permission is taken back. */
public class AuthRoleRevokePermissionResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public AuthRoleRevokePermissionResponse(Header header) {
        super(header);
    }
}
