package io.etcdkit.auth;

import io.etcdkit.AbstractResponse;
import java.util.List;

/** The users. */
public class AuthUserListResponse extends AbstractResponse {
    private final List<String> users;

    /**
     * Makes a response.
     *
     * @param header which server answered
     * @param users the names of the users
     */
    public AuthUserListResponse(Header header, List<String> users) {
        super(header);
        this.users = List.copyOf(users);
    }

    /** {@return the names of the users} */
    public List<String> getUsers() {
        return users;
    }
}
