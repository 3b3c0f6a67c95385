package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;

/** The answer that another member leads. */
public class MoveLeaderResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public MoveLeaderResponse(Header header) {
        super(header);
    }
}
