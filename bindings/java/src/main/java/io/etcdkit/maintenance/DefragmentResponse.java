package io.etcdkit.maintenance;

import io.etcdkit.AbstractResponse;

/** The answer that free storage is given back. */
public class DefragmentResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public DefragmentResponse(Header header) {
        super(header);
    }
}
