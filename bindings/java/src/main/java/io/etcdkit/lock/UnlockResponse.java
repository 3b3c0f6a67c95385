package io.etcdkit.lock;

import io.etcdkit.AbstractResponse;

/** The answer that a lock is given back. */
public class UnlockResponse extends AbstractResponse {
    /**
     * Makes a response.
     *
     * @param header which server answered
     */
    public UnlockResponse(Header header) {
        super(header);
    }
}
